"""A folder of calibration samples: a picture and one line of `samples.jsonl` each, there for good when `add` returns.

Each line says everything that the picture was taken with, so that a folder can be solved anew, anywhere.
"""

import json
import os
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from controllers.pose import Pose
from robot_rl.data.files import make_folder, storing, write_durably
from robot_rl.drivers.lens import Lens
from robot_rl.errors import ConfigError, DataError
from sim2real.charuco import Board, Picture

LINES = "samples.jsonl"
DISTORTION = 5
"""Numbers of plumb_bob"""


@dataclass(frozen=True, slots=True)
class Setup:
    """What is the same for all samples of a folder."""

    camera: str
    """Name of the camera, in front of its topics"""
    frame: str
    """Of its pictures: the optical frame"""
    mounted: str
    """`hand` or `world`"""
    board: Board
    lens: Lens


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture of the board, and where the tool stood."""

    tool: Pose
    """T_base_tcp"""
    stamp_ns: int
    """ROS time of the picture"""
    picture: Path


class SampleFolder:
    """Grows by one sample at a time; one writer."""

    def __init__(self, folder: Path) -> None:
        """Made where it is not there. Raises DataError for a damaged one, StorageError where it cannot be had."""
        make_folder(folder)
        self.folder, self.torn = folder, False
        """`torn`: a last line was cut off in the middle, as by a power failure, and is left out"""
        self.setup: Setup | None = None
        self.samples: list[Sample] = []
        self._file = folder / LINES
        with storing(self._file):
            text = self._file.read_bytes() if self._file.exists() else b""
        *whole, rest = text.split(b"\n")
        self._before = b""
        """What the next line needs in front"""
        if _is_whole(rest):  # as an editor may leave it
            whole, rest, self._before = [*whole, rest], b"", b"\n"
        self.torn, self._found = bool(rest), len(text)
        self._size = len(text) - len(rest)
        """Bytes of the file that are samples; `_found`: that it has"""
        for number, line in enumerate(whole, 1):
            self._take(number, line)

    def use(self, setup: Setup) -> None:
        """All samples are of this setup. Raises ConfigError when those that are here are of another."""
        if self.setup not in (None, setup):
            mine, yours = asdict(self.setup), asdict(setup)
            name = next(name for name in mine if mine[name] != yours[name])
            raise ConfigError(
                f"{self.folder} holds {len(self.samples)} samples of another setup: {name} {mine[name]}, this one is "
                f"{yours[name]}; give another folder"
            )
        self.setup = setup

    def add(self, tool: Pose, stamp_ns: int, picture: Picture) -> Sample:
        """Picture first, then its line. Raises StorageError, and DataError where somebody else has written; then the
        sample is not there."""
        assert self.setup is not None, "use() comes first"
        with storing(self._file):
            self._file.touch()
            self._check_mine()
            path = self._next_picture()
        write_durably(path, _png(picture))
        sample = Sample(tool, stamp_ns, path)
        line = self._before + json.dumps(_record(self.setup, sample)).encode() + b"\n"
        with storing(self._file), self._file.open("r+b") as file:
            file.truncate(self._size)
            file.seek(self._size)
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        self._size += len(line)
        self._found, self._before = self._size, b""
        self.samples.append(sample)
        return sample

    def _check_mine(self) -> None:
        if (found := self._file.stat().st_size) != self._found:
            raise DataError(
                f"{self._file} has {found} bytes, {self._found} when it was last looked at: somebody else writes "
                "there; give another folder, or start anew"
            )

    def _next_picture(self) -> Path:
        """Never one that is there: lines may have been taken out, and their pictures kept."""
        taken = (path.stem for path in self.folder.glob("*.png"))
        last = max((int(stem) for stem in taken if stem.isascii() and stem.isdecimal()), default=0)
        return self.folder / f"{last + 1:04d}.png"

    def _take(self, number: int, line: bytes) -> None:
        try:
            setup, sample = _parsed(json.loads(line), self.folder)
        except (ValueError, KeyError, TypeError, ConfigError) as error:
            raise DataError(f"{self._file} line {number} is no sample ({error!r}); take it out") from error
        if not sample.picture.is_file():
            raise DataError(f"{self._file} line {number}: there is no {sample.picture}; take the line out")
        if self.setup not in (None, setup):
            raise DataError(f"{self._file} line {number} is of another camera, board or lens than line 1; take it out")
        self.setup = setup
        self.samples.append(sample)


def load_picture(path: Path) -> Picture:
    """(H, W) grey levels. Raises DataError for a file that is no picture."""
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("L"))
    except OSError as error:
        raise DataError(f"{path} cannot be read as a picture ({error}); take its line out of {LINES}") from error


def _record(setup: Setup, sample: Sample) -> dict[str, Any]:
    return {
        "picture": sample.picture.name,
        "stamp_ns": sample.stamp_ns,
        "T_base_tcp": {
            "position_m": sample.tool.position_m.tolist(),
            "quat_wxyz": sample.tool.quat_wxyz.tolist(),
        },
        "camera": setup.camera,
        "frame": setup.frame,
        "mounted": setup.mounted,
        "board": str(setup.board),
        "lens": asdict(setup.lens),
    }


def _parsed(record: dict[str, Any], folder: Path) -> tuple[Setup, Sample]:
    """Raises ValueError, KeyError, TypeError, ConfigError for what is none."""
    tool, lens = record["T_base_tcp"], record["lens"]
    position_m, quat = np.array(tool["position_m"], float), np.array(tool["quat_wxyz"], float)
    if not (position_m.shape == (3,) and quat.shape == (4,) and np.isfinite([*position_m, *quat]).all()):
        raise ValueError(f"T_base_tcp is {tool}")
    found = Lens(**lens | {"distortion": tuple(lens["distortion"])})
    numbers = (found.width, found.height, found.fx, found.fy, found.cx, found.cy, *found.distortion)
    if not (np.isfinite(numbers).all() and min(numbers[:4]) > 0 and len(found.distortion) == DISTORTION):
        raise ValueError(f"lens is {lens}")
    board = Board.parse(record["board"])
    return (
        Setup(str(record["camera"]), str(record["frame"]), str(record["mounted"]), board, found),
        Sample(Pose.of(position_m, quat), int(record["stamp_ns"]), folder / Path(record["picture"]).name),
    )


def _is_whole(line: bytes) -> bool:
    """Whether it was cut off nowhere."""
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _png(picture: Picture) -> bytes:
    """8 bits a pixel"""
    file = BytesIO()
    Image.fromarray(picture).convert("L").save(file, "PNG")
    return file.getvalue()

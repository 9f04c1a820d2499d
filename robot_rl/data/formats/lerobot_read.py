"""Reading a LeRobotDataset v3: ours without loss but for the video's, others as far as they tell.

Others have no observation after the last action: the last one is repeated for it, which no learner looks at where the
task ended there. Without `next.reward` and `next.success` an episode counts as a successful demonstration.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from robot_rl.data.facts import Facts
from robot_rl.data.folder import plain_file, plain_tree
from robot_rl.data.formats import optional
from robot_rl.data.formats.lerobot import CAMERA, DATA, EXTRA, INFO, LAST, NAMES, OURS, SEED, VERSION, VIDEO
from robot_rl.data.formats.table import Column, Table, foreign_table, to_episode
from robot_rl.data.formats.video import VideoReader
from robot_rl.errors import DataError
from robot_rl.types import Episode, Image

MAX_ROWS = 10_000_000
"""Of one table file: eleven days at 10 Hz. More is no demonstration but a file made to fill the memory."""
MAX_SIZE = 4096
"""Height and width of a picture"""
FOREIGN = frozenset(NAMES.values())
UNREADABLE = (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, RuntimeError)
"""What json, pyarrow and numpy raise for files that are damaged or of another kind."""


def read_lerobot(folder: Path) -> tuple[Facts, Iterator[Episode]]:
    """What the set says of itself, and its episodes, under no name yet.

    Raises DataError for another version or layout, for links, damaged or missing files, a video shorter than its
    table, and everything that `to_episode` refuses; ConfigError without pyarrow or PyAV.
    """
    plain_tree(folder)
    reader = _Reader(folder)
    return reader.facts, reader.episodes()


class _Reader:
    def __init__(self, folder: Path) -> None:
        self._parquet, self._arrow = optional("pyarrow.parquet"), optional("pyarrow.compute")
        self._folder = folder
        try:
            self._info = _checked_info(folder)
            self._hz = Facts(hz=float(self._info["fps"])).hz
            self._about = self._read_about()
            self._ours = (folder / OURS).exists()
            self.facts = self._facts()
        except UNREADABLE as error:
            raise DataError(f"{folder / INFO}: not of LeRobot {VERSION}, or damaged ({error!r})") from error
        self._part: tuple[str, Any] = ("", None)
        self._videos: dict[str, VideoReader] = {}

    def episodes(self) -> Iterator[Episode]:
        """In the order of their numbers."""
        try:
            for number, about in enumerate(self._about):
                where = f"{self._folder}, episode {number}"
                try:
                    table = self._table(number, about, where)
                except UNREADABLE as error:
                    raise DataError(f"{where}: damaged, or not of LeRobot {VERSION} ({error!r})") from error
                yield to_episode(table, where)
        finally:
            for video in self._videos.values():
                video.close()

    def _facts(self) -> Facts:
        if self._ours:
            return Facts.read_stamped((self._folder / OURS).read_text(encoding="utf-8"), str(self._folder / OURS))
        tasks = sorted({str(task) for about in self._about for task in about["tasks"]})
        features = self._info["features"]
        names = [_names(key, features[key]) for key in (NAMES["state"], NAMES["action"])]
        return Facts(", ".join(tasks), str(self._info.get("robot_type") or ""), self._hz, *names)

    def _read_about(self) -> list[dict[str, Any]]:
        """The table of episodes without its statistics, a dict each."""
        paths = sorted((self._folder / "meta/episodes").glob("*/*.parquet"))
        rows: list[dict[str, Any]] = []
        for path in paths:
            table = self._opened(path)
            wanted = [name for name in table.schema_arrow.names if not name.startswith("stats/")]
            rows += table.read(wanted).to_pylist()
        if not rows or [row["episode_index"] for row in rows] != list(range(len(rows))):
            raise DataError(f"{self._folder}: {len(rows)} episodes, not numbered 0, 1, ...; the set is incomplete")
        if len(rows) != self._info["total_episodes"]:
            raise DataError(
                f"{self._folder}: {INFO} says {self._info['total_episodes']} episodes, there are {len(rows)}"
            )
        return rows

    def _table(self, number: int, about: dict[str, Any], where: str) -> Table:
        columns = self._columns(number, about, where)
        pictures = {key.removeprefix(CAMERA): self._pictures(key, about) for key in self._cameras()}
        return self._our_table(columns, about, pictures) if self._ours else self._foreign_table(columns, pictures)

    def _columns(self, number: int, about: dict[str, Any], where: str) -> dict[str, Column]:
        """(T, ...) by LeRobot's names"""
        name = DATA.format(**_place(about, "data"))
        if self._part[0] != name:
            self._part = (name, self._opened(self._folder / name).read())
        rows = self._part[1]
        rows = rows.filter(self._arrow.equal(rows["episode_index"], number))
        if rows.num_rows != about["length"] or rows["frame_index"].to_pylist() != list(range(rows.num_rows)):
            raise DataError(
                f"{where}: {about['length']} rows expected in {name}, {rows.num_rows} found, or in disorder"
            )
        wanted = {key for key in rows.column_names if key in FOREIGN or (self._ours and key.startswith(EXTRA))}
        return {key: _values(rows[key], f"{where}, {key}") for key in sorted(wanted)}

    def _our_table(self, columns: dict[str, Column], about: dict[str, Any], images: dict[str, list[Image]]) -> Table:
        ours = {lerobot: name for name, lerobot in NAMES.items()}
        named = {ours.get(key, key.removeprefix(EXTRA)): column for key, column in columns.items()}
        last = {key.removeprefix(LAST): np.array([value]) for key, value in about.items() if key.startswith(LAST)}
        frames = {name: np.concatenate((named[name].reshape(-1, *end.shape[1:]), end)) for name, end in last.items()}
        steps = {name: column for name, column in named.items() if name not in last}
        steps |= {name: steps[name].reshape(len(steps[name]), -1) for name in ("action", "requested")}
        return Table(frames, steps, images, int(about[SEED]))

    def _foreign_table(self, columns: dict[str, Column], images: dict[str, list[Image]]) -> Table:
        states, actions = (columns[NAMES[name]].reshape(-1, self._size(name)) for name in ("state", "action"))
        rewards = columns.get(NAMES["reward"])
        reached = columns.get(NAMES["success"], rewards)
        success = reached is None or bool(reached.reshape(-1)[-1] > 0)
        if rewards is None:
            rewards = (np.arange(len(actions)) == len(actions) - 1) * float(success)
        states = np.concatenate((states, states[-1:]))
        pictures = {camera: [*taken, taken[-1]] for camera, taken in images.items()}
        return foreign_table(states, actions, rewards.reshape(-1), success, self._hz, pictures)

    def _size(self, name: str) -> int:
        return int(self._info["features"][NAMES[name]]["shape"][0])

    def _cameras(self) -> list[str]:
        return [key for key, feature in self._info["features"].items() if feature["dtype"] == "video"]

    def _pictures(self, key: str, about: dict[str, Any]) -> list[Image]:
        path = self._folder / VIDEO.format(video_key=key, **_place(about, f"videos/{key}"))
        video = self._videos.get(key)
        if video is None or video.path != path:
            if video:
                video.close()
            video = self._videos[key] = VideoReader(path, tuple(self._info["features"][key]["shape"]))
        start = round(about[f"videos/{key}/from_timestamp"] * self._hz)
        return video.take(start, about["length"] + self._ours)

    def _opened(self, path: Path) -> Any:
        file = self._parquet.ParquetFile(plain_file(path, "parquet file"), page_checksum_verification=True)
        if file.metadata.num_rows > MAX_ROWS:
            raise DataError(f"{path} says it has {file.metadata.num_rows} rows; {MAX_ROWS} are read at most")
        return file


def _checked_info(folder: Path) -> dict[str, Any]:
    """`meta/info.json`. Raises DataError for another version, a layout of files of its own, or no state or action."""
    info = json.loads((folder / INFO).read_text(encoding="utf-8"))
    where = folder / INFO
    if info["codebase_version"] != VERSION:
        raise DataError(
            f"{where} is of version {info['codebase_version']}, this reads {VERSION}; convert it with lerobot"
        )
    if info["data_path"] != DATA or info.get("video_path") not in (None, VIDEO):
        raise DataError(
            f"{where} names files of its own ({info['data_path']}, {info.get('video_path')}); expected {DATA}"
        )
    for name in ("state", "action"):
        if NAMES[name] not in info["features"]:
            raise DataError(f"{where} has no feature {NAMES[name]}; there is nothing to learn from")
    for key, feature in info["features"].items():
        if feature["dtype"] in ("video", "image"):
            _check_camera(where, key, feature)
    return info


def _check_camera(where: Path, key: str, feature: dict[str, Any]) -> None:
    if feature["dtype"] == "image" or not re.fullmatch(re.escape(CAMERA) + r"[A-Za-z0-9_.-]+", key):
        raise DataError(f"{where}: camera {key!r} is not a video called {CAMERA}<letters, digits, '-', '_', '.'>")
    height, width, channels = feature["shape"]
    if not (0 < height <= MAX_SIZE and 0 < width <= MAX_SIZE and channels == 3):
        raise DataError(f"{where}: {key} has shape {feature['shape']}, expected (height, width, 3)")


def _place(about: dict[str, Any], what: str) -> dict[str, int]:
    return {name: int(about[f"{what}/{name}"]) for name in ("chunk_index", "file_index")}


def _names(key: str, feature: dict[str, Any]) -> tuple[str, ...]:
    names = feature.get("names")
    if isinstance(names, dict):
        names = [name for group in names.values() for name in group]
    size = int(feature["shape"][0])
    return tuple(map(str, names)) if names and len(names) == size else tuple(f"{key}[{k}]" for k in range(size))


def _values(column: Any, where: str) -> Column:
    """(T,) or (T, n). Raises DataError for anything but numbers, flags and texts."""
    values = np.array(column.to_pylist())
    if values.dtype.kind not in "biufU":
        raise DataError(f"{where}: holds {column.type}, or gaps; expected numbers")
    return values

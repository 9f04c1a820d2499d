"""What `calibration_node` is told, and what a camera tells of its lens: checked before anything is begun."""

from pathlib import Path
from typing import Any

from sensor_msgs.msg import CameraInfo

from robot_rl.arguments import POSES
from robot_rl.bringup import NAME
from robot_rl.drivers.lens import Lens
from robot_rl.errors import ConfigError, StorageError
from sim2real.calibrate import RESULT
from sim2real.charuco import EXAMPLE, MOUNTS, Board
from sim2real.samples import SampleFolder

PARAMETERS = {
    "camera": "",
    "mounted": "hand",
    "board": EXAMPLE,
    "poses": 15,
    "out": "",
    "corners": 12,
    "still_s": 0.5,
    "still_m": 0.0002,
    "still_deg": 0.05,
    "apart_m": 0.03,
    "apart_deg": 10.0,
}
"""`camera`: its name, in front of its topics. `mounted`: hand (board in the world) or world (board on the tool). `out`:
folder for the samples; one with samples of the same camera, board and lens is gone on with. `corners`: that must be
seen. `still_*`: for how long the tool stands, within what. `apart_*`: from every earlier sample, one of the two."""
RANGES = {
    "poses": POSES,
    "corners": (6, 1000),
    "still_s": (0.1, 60),
    "still_m": (1e-6, 0.01),
    "still_deg": (1e-4, 1.0),
    "apart_m": (1e-3, 1.0),
    "apart_deg": (0.5, 90.0),
}
PLAIN = ("", "plumb_bob", "rational_polynomial")
"""Distortion models that are plumb_bob while only the first five numbers are not zero"""


def checked(given: dict[str, Any]) -> tuple[str, str, Board]:
    """Camera, mount and board of PARAMETERS. Raises ConfigError."""
    if not NAME.fullmatch(given["camera"]):
        raise ConfigError(f"camera={given['camera']!r} is no camera's name; give the one in front of its topics")
    if given["mounted"] not in MOUNTS:
        raise ConfigError(f"mounted={given['mounted']!r} is none of {', '.join(MOUNTS)}")
    if not given["out"]:
        raise ConfigError("out is empty; give a folder for the samples")
    for name, (least, most) in RANGES.items():
        if not least <= given[name] <= most:
            raise ConfigError(f"{name}={given[name]} is out of range; allowed: {least:g} to {most:g}")
    board = Board.parse(given["board"])
    if given["corners"] > board.corners:
        raise ConfigError(f"corners={given['corners']}, but board {board} has {board.corners}; ask for fewer")
    return given["camera"], given["mounted"], board


def open_samples(folder: Path) -> SampleFolder:
    """Raises ConfigError for a folder that is finished with, damaged, or not to be had."""
    if (folder / RESULT).exists():
        raise ConfigError(f"out={folder} holds a calibration already; give another folder, or take {RESULT} out")
    try:
        return SampleFolder(folder)
    except StorageError as error:
        raise ConfigError(f"out={folder}: {error}") from error


def lens_of(camera: str, info: CameraInfo) -> Lens:
    """Raises ConfigError for a camera that does not know its lens, or bends pictures otherwise than plumb_bob."""
    fx, fy, cx, cy = info.k[0], info.k[4], info.k[2], info.k[5]
    if not (fx > 0 and fy > 0):
        raise ConfigError(
            f"camera {camera} does not say its intrinsics (camera_info.k is {fx:g} at its start); use a camera that "
            "knows its lens, such as a RealSense, or one whose node publishes a calibrated camera_info"
        )
    bent = [float(value) for value in info.d]
    if info.distortion_model not in PLAIN or any(bent[5:]):
        raise ConfigError(f"camera {camera} has distortion {info.distortion_model!r} {bent}; allowed: plumb_bob")
    k1, k2, p1, p2, k3 = (*bent[:5], *[0.0] * (5 - len(bent[:5])))
    return Lens(info.width, info.height, float(fx), float(fy), float(cx), float(cy), (k1, k2, p1, p2, k3))

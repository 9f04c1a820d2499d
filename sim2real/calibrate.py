"""`python -m sim2real.calibrate FOLDER`: solve a folder of samples; `--board-picture FILE`: a board to print.

What it finds is in FOLDER/calibration.yaml.
"""

import argparse
import math
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml

from controllers.pose import Pose
from robot_rl.data.files import write_durably
from robot_rl.errors import ConfigError, RobotRLError
from sim2real.charuco import EXAMPLE, Board, Finder
from sim2real.handeye import Given, HandEye, solve
from sim2real.samples import SampleFolder, Setup, load_picture
from sim2real.views import Spread, View

RESULT = "calibration.yaml"
PARENTS = {"hand": ("tcp", "base"), "world": ("base", "tcp")}
"""Frames that the camera and the board are in"""
PACKAGES = ("robot_rl", "numpy", "scipy", "opencv-python-headless", "opencv-python")


def calibrate(samples: SampleFolder) -> HandEye:
    """Find the board in every picture, solve, and write RESULT into the folder.

    Raises ConfigError for an empty folder, and as `solve`.
    """
    setup = samples.setup
    if setup is None:
        raise ConfigError(f"{samples.folder} holds no samples; take some with `robot-rl up calibrate`")
    finder, views = Finder(setup.board), []
    for sample in samples.samples:
        seen = finder.find(load_picture(sample.picture))
        views.append(View(sample.tool, seen.points_m, seen.pixels))
    found = solve(views, setup.lens, setup.mounted)
    names = [sample.picture.name for sample in samples.samples]
    text = yaml.safe_dump(record(setup, found, names), sort_keys=False, default_flow_style=None)
    write_durably(samples.folder / RESULT, text.encode())
    return found


def told(setup: Setup, found: HandEye) -> str:
    """The result in one line."""
    x, y, z = found.camera.position_m
    quat = ", ".join(f"{value:.5f}" for value in found.camera.quat_wxyz)
    return (
        f"{setup.frame} in {PARENTS[setup.mounted][0]}: [{x:.5f}, {y:.5f}, {z:.5f}] m, wxyz [{quat}]; "
        f"deviation {_said(found.deviation)}, leaving one out {_said(found.leave_one_out)}; "
        f"{found.reprojection_px:.2f} px; the arm's own error {_said(found.arm)}; {len(found.residuals)} poses"
        + _doubt("the focal length in camera_info", found.focal)
        + _doubt("the board's square", found.square)
    )


def record(setup: Setup, found: HandEye, names: Sequence[str]) -> dict[str, Any]:
    """What RESULT holds; lengths that are no position are in mm, angles in deg."""
    camera_in, board_in = PARENTS[setup.mounted]
    lens = setup.lens
    return {
        "camera": {"name": setup.camera, "frame": setup.frame, "in": camera_in, **_pose(found.camera)},
        "deviation": _mm_deg(found.deviation),
        "leave_one_out": _mm_deg(found.leave_one_out),
        "arm_error": _mm_deg(found.arm),
        "focal_length": _given(found.focal),
        "square": _given(found.square),
        "reprojection_rms_px": round(found.reprojection_px, 4),
        "poses": len(names),
        "mounted": setup.mounted,
        "board": {"made": str(setup.board), "in": board_in, **_pose(found.board)},
        "intrinsics": {
            "width": lens.width,
            "height": lens.height,
            "fx": lens.fx,
            "fy": lens.fy,
            "cx": lens.cx,
            "cy": lens.cy,
            "plumb_bob": list(lens.distortion),
        },
        "residuals": [
            {
                "picture": name,
                "rms_px": round(residual.pixel_rms, 4),
                "arm": _mm_deg(residual.arm),
                "shift_without": _mm_deg(residual.shift),
            }
            for name, residual in zip(names, found.residuals, strict=True)
        ],
        "versions": {"python": platform.python_version(), **_versions()},
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0, 2 for a request or samples that cannot be used, 1 for a disk that takes nothing."""
    parser = argparse.ArgumentParser(prog="python -m sim2real.calibrate", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", help="of samples, as `robot-rl up calibrate` takes them")
    parser.add_argument("--board-picture", type=Path, metavar="FILE", help="write a PNG of --board, to print at 100 %%")
    parser.add_argument("--board", default=EXAMPLE, help="squares, square in m, marker in m, dictionary (%(default)s)")
    given = parser.parse_args(arguments)
    if (given.folder is None) == (given.board_picture is None):
        parser.error("give a folder of samples, or --board-picture FILE")
    try:
        said = _print_board(given.board, given.board_picture) if given.board_picture else _solve(given.folder)
    except RobotRLError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2 if isinstance(error, ConfigError) else 1
    sys.stdout.write(f"{said}\n")
    return 0


def _print_board(text: str, path: Path) -> str:
    board = Board.parse(text)
    write_durably(path, board.printable())
    return f"{path}: print it at 100 %, then measure: {board.columns} squares are {board.columns * board.square_m:g} m"


def _solve(folder: Path) -> str:
    if not folder.is_dir():
        raise ConfigError(f"there is no folder {folder}")
    samples = SampleFolder(folder)
    found = calibrate(samples)
    assert samples.setup is not None
    torn = "; the last line was cut off in the middle and is left out" if samples.torn else ""
    return f"{told(samples.setup, found)}; written to {folder / RESULT}{torn}"


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _pose(pose: Pose) -> dict[str, list[float]]:
    return {"position_m": pose.position_m.tolist(), "quat_wxyz": pose.quat_wxyz.tolist()}


def _mm_deg(spread: Spread) -> dict[str, float]:
    return {"mm": round(spread.position_m * 1e3, 4), "deg": round(math.degrees(spread.rotation_rad), 5)}


def _given(given: Given) -> dict[str, Any]:
    return {
        "seems_off_percent": round(100 * given.off, 4),
        "deviation_percent": round(100 * given.deviation, 4),
        "doubtful": given.is_doubtful,
        "per_percent": _mm_deg(given.shift),
    }


def _doubt(what: str, given: Given) -> str:
    """What a wrong size makes of the result; empty while the pictures agree with it."""
    if not given.is_doubtful:
        return ""
    percent, moved_m = 100 * abs(given.off), 100 * abs(given.off) * given.shift.position_m
    return (
        f"; DO NOT USE: {what} seems {percent:.2f} % too {'small' if given.off > 0 else 'large'} (deviation "
        f"{100 * given.deviation:.2f} %), which puts the camera {moved_m * 1e3:.1f} mm off: measure it anew"
    )


def _said(spread: Spread) -> str:
    return f"{spread.position_m * 1e3:.2f} mm {math.degrees(spread.rotation_rad):.3f} deg"


if __name__ == "__main__":
    raise SystemExit(main())

"""A folder of pictures is solved without ROS, and the result says what it is."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from controllers.models import home_q
from controllers.pose import Pose
from sim2real.calibrate import RESULT, main
from sim2real.samples import LINES, SampleFolder, Setup
from sim2real.views import distance
from tests.sim2real.scene import (
    BESIDE_THE_ARM,
    BOARD,
    ON_THE_TOOL,
    PLAIN_LENS,
    Truth,
    arm,
    board_before_camera,
    picture,
)

pytest.importorskip("cv2", reason="OpenCV is not installed: pip install 'robot_rl[opencv]'")


def photographed(folder: Path, truth: Truth, count: int = 8) -> SampleFolder:
    """Pictures from `count` poses of an arm without error."""
    samples, rng = SampleFolder(folder), np.random.default_rng(1)
    samples.use(Setup("wrist", "wrist_color_optical_frame", truth.mounted, BOARD, PLAIN_LENS))
    while len(samples.samples) < count:
        try:
            arm().solve(truth.tool(board_before_camera(rng)), home_q("panda"))
        except ValueError:
            continue
        tool = arm().tcp()
        samples.add(tool, len(samples.samples), picture(truth.seen(tool)))
    return samples


@pytest.mark.parametrize("truth", [ON_THE_TOOL, BESIDE_THE_ARM], ids=["hand", "world"])
def test_pictures_of_a_board_tell_where_the_camera_is(
    truth: Truth, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photographed(tmp_path, truth)
    assert main([str(tmp_path)]) == 0
    found = yaml.safe_load((tmp_path / RESULT).read_text())
    camera = Pose.of(found["camera"]["position_m"], found["camera"]["quat_wxyz"])
    off = distance(camera, truth.camera)
    assert off.position_m < 0.5e-3 and off.rotation_rad < np.radians(0.05)
    assert off.position_m < 3 * found["deviation"]["mm"] * 1e-3
    assert found["camera"]["in"] == ("tcp" if truth.mounted == "hand" else "base")
    assert (found["poses"], len(found["residuals"]), found["board"]["made"]) == (8, 8, str(BOARD))
    assert found["intrinsics"]["fx"] == PLAIN_LENS.fx and {"numpy", "scipy", "robot_rl"} <= found["versions"].keys()
    said = capsys.readouterr().out
    assert "deviation" in said and str(tmp_path / RESULT) in said and said.count("\n") == 1


@pytest.mark.parametrize(
    ("entry", "word", "change"),
    [
        ("focal_length", "focal length", (r'"f([xy])": 600.0', r'"f\1": 612.0')),
        ("square", "square", (":0.03:", ":0.0306:")),
    ],
)
def test_a_lens_or_a_square_that_the_pictures_contradict_is_told_with_the_result(
    entry: str, word: str, change: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photographed(tmp_path, ON_THE_TOOL, 10)
    lines = (tmp_path / LINES).read_text()
    assert main([str(tmp_path)]) == 0 and "DO NOT USE" not in capsys.readouterr().out
    (tmp_path / LINES).write_text(re.sub(*change, lines))
    assert main([str(tmp_path)]) == 0
    found, said = yaml.safe_load((tmp_path / RESULT).read_text()), capsys.readouterr().out
    assert found[entry]["doubtful"] and found[entry]["seems_off_percent"] == pytest.approx(-2.0, abs=0.3)
    off_mm = 1e3 * np.linalg.norm(np.array(found["camera"]["position_m"]) - ON_THE_TOOL.camera.position_m)
    assert off_mm == pytest.approx(2 * found[entry]["per_percent"]["mm"], rel=0.3)
    assert word in said and "too large" in said and "DO NOT USE" in said and said.count("\n") == 1


def test_a_torn_line_is_told_and_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photographed(tmp_path, ON_THE_TOOL)
    with (tmp_path / LINES).open("ab") as file:
        file.write(b'{"picture": "0009')
    assert main([str(tmp_path)]) == 0
    assert "cut off in the middle" in capsys.readouterr().out
    assert yaml.safe_load((tmp_path / RESULT).read_text())["poses"] == 8


def test_what_cannot_be_solved_is_an_error_of_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder, said in ((tmp_path / "none", "there is no folder"), (tmp_path, "holds no samples")):
        assert main([str(folder)]) == 2
        assert said in capsys.readouterr().err
    photographed(tmp_path / "few", ON_THE_TOOL, 3)
    assert main([str(tmp_path / "few")]) == 2
    error = capsys.readouterr().err
    assert "3 views of the board" in error and error.count("\n") == 1
    assert not (tmp_path / "few" / RESULT).exists()


def test_a_board_to_print_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--board-picture", str(tmp_path / "board.png"), "--board", "5x7:0.04:0.02:DICT_4X4_50"]) == 0
    assert (tmp_path / "board.png").read_bytes().startswith(b"\x89PNG")
    assert "5 squares are 0.2 m" in capsys.readouterr().out
    assert main(["--board-picture", str(tmp_path / "board.png"), "--board", "5x7"]) == 2


@pytest.mark.parametrize("words", [[], ["--help"], ["folder", "--board-picture", "x.png"]])
def test_the_command_says_how_it_is_used(words: list[str]) -> None:
    command = [sys.executable, "-m", "sim2real.calibrate", *words]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ran.returncode == (0 if words == ["--help"] else 2)
    assert "usage: python -m sim2real.calibrate" in ran.stdout + ran.stderr

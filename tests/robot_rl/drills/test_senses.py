"""Some drills of cameras, readings and clocks, and that they fail where nobody looks."""

import time
from pathlib import Path

import pytest

from robot_rl import env, sight
from robot_rl.drills.blind import spoilt
from robot_rl.drills.cell import Cell
from robot_rl.drills.drill import DRILLS
from robot_rl.drills.senses import wall_clock


@pytest.mark.parametrize("number", [11, 17])
def test_a_drill_passes_and_is_the_same_each_time(number: int, tmp_path: Path) -> None:
    outcome = DRILLS[number](tmp_path, 3)
    assert outcome.passed, outcome.seen
    assert outcome.lost == 0 and outcome.restarted
    assert outcome == DRILLS[number](tmp_path, 3)


def test_a_stale_reading_that_nobody_minds_fails_its_drill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(env, "MAX_AGE_S", 1.0)
    outcome = DRILLS[17](tmp_path, 0)
    assert not outcome.passed and "noticed" in outcome.seen


def test_a_frame_from_the_future_that_nobody_minds_fails_its_drill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sight.Sight, "look", lambda self: self._camera.read().image)
    assert not DRILLS[19](tmp_path, 0).passed


def test_a_camera_with_the_noise_of_a_sensor_is_not_taken_for_frozen() -> None:
    cell = Cell(0, cameras=("wrist",))
    blind = spoilt(cell, lambda frame, good: frame)
    assert not blind.error and len(blind.kept) > 20
    cell.env.close()


def test_the_wall_clock_jumps_and_is_put_back() -> None:
    before, true = time.time(), time.time  # noqa: TID251
    with wall_clock(lambda k: 3600.0):
        assert time.time() > before + 3599  # noqa: TID251
        assert time.time_ns() / 1e9 > before + 3599
    assert time.time is true  # noqa: TID251

"""The cell that drills are run in, and some drills of numbers."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot_rl.drills import numbers
from robot_rl.drills.cell import ASIDE, FORWARD, Cell, said
from robot_rl.drills.drill import DRILLS
from robot_rl.drills.tape import REST_M_S
from robot_rl.drills.watched import Tick
from robot_rl.drills.yard import Yard
from robot_rl.env import RobotEnv
from robot_rl.errors import HeldError
from robot_rl.operator import State


@pytest.fixture(scope="module")
def driven() -> Cell:
    """A cell after an episode's beginning, a second of motion, and a second of silence."""
    cell = Cell(0)
    cell.begin()
    cell.to_and_fro(5)
    cell.wait(1.0)
    return cell


def test_a_motion_and_its_end_have_no_breach(driven: Cell) -> None:
    assert driven.tape.breaches() == []
    assert driven.tape.way_m(0.6) > 0.03


def _spoilt(driven: Cell, index: int, **changes: Any) -> list[str]:
    kept = driven.tape.ticks
    driven.tape.ticks = list(kept)
    driven.tape.ticks[index] = replace(kept[index], **changes)
    try:
        return driven.tape.breaches()
    finally:
        driven.tape.ticks = kept


BEYOND: dict[str, Callable[[Tick], dict[str, Any]]] = {
    "torque, Nm": lambda tick: {"tau_nm": tick.tau_nm + [0, 0, 0, 0, 0, 0, 12.5]},
    "torque rate": lambda tick: {"tau_nm": tick.tau_nm + 2.5},
    "joint position": lambda tick: {"q_rad": tick.q_rad * [1, 1, 1, 0, 1, 1, 1]},
    "joint speed": lambda tick: {"dq_rad_s": tick.dq_rad_s - [0, 2.3, 0, 0, 0, 0, 0]},
    "tool outside": lambda tick: {"tool_m": tick.tool_m + [0.0, 0.3, 0.0]},
    "reference speed": lambda tick: {"reference_m": tick.reference_m + [0.0, 0.0, 0.001]},
}


@pytest.mark.parametrize("kind", BEYOND)
def test_what_is_beyond_a_limit_for_one_period_is_found(driven: Cell, kind: str) -> None:
    found = _spoilt(driven, 700, **BEYOND[kind](driven.tape.ticks[700]))
    assert any(text.startswith(kind) for text in found)


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(["q_rad", "dq_rad_s", "tau_nm", "tool_m", "reference_m"]),
    st.integers(0, 900),
    st.sampled_from([np.nan, np.inf, -np.inf]),
)
def test_what_is_no_number_is_a_breach_wherever_it_is(driven: Cell, column: str, index: int, bad: float) -> None:
    values = getattr(driven.tape.ticks[index], column).copy()
    values[index % len(values)] = bad
    with np.errstate(invalid="ignore"):
        assert _spoilt(driven, index, **{column: values})


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 60), st.integers(1, 60), st.floats(0.01, 0.2))
def test_a_tool_is_at_rest_from_its_last_motion_on(driven: Cell, moving: int, still: int, speed_m_s: float) -> None:
    kept, dt = driven.tape.ticks, driven.period_s
    way = np.minimum(np.arange(moving + still + 1), moving) * speed_m_s * dt
    driven.tape.ticks = [replace(kept[0], time_s=k * dt, tool_m=np.array([x, 0.0, 0.0])) for k, x in enumerate(way)]
    try:
        assert driven.tape.rest_s(0.0) == pytest.approx(moving * dt)
        driven.tape.ticks = driven.tape.ticks[: moving + 1]
        assert driven.tape.rest_s(0.0) is None
    finally:
        driven.tape.ticks = kept
    assert speed_m_s > REST_M_S


def test_while_the_arms_process_stands_still_nothing_is_sent() -> None:
    cell = Cell(0)
    cell.begin()
    cell.drive(ASIDE, 2)
    since_s = cell.now_s
    cell.stalled = True
    cell.wait(0.05)
    cell.stalled = False
    cell.wait(0.05)
    sent = cell.tape.column("tau_nm", since_s)
    assert np.array_equal(sent[0], sent[24]) and not np.array_equal(sent[24], sent[30])


def test_without_a_person_a_stopped_arm_stays_stopped_and_with_one_it_goes_on() -> None:
    cell = Cell(0)
    cell.begin()
    cell.world.guard.authority.stop("somebody", "a test")
    cell.person = False
    with pytest.raises(HeldError, match="nobody came"):
        cell.begin()
    assert cell.state is State.STOPPED
    assert cell.goes_on()


def test_an_action_of_six_is_enough_where_there_is_a_gripper() -> None:
    cell = Cell(0, task=Yard(gripper=True))
    cell.begin()
    cell.drive(FORWARD, 3)
    assert cell.tape.ticks[-1].tool_m[0] > cell.tape.ticks[cell.tape.cuts[-1]].tool_m[0] + 0.01


def test_what_an_error_says_is_told_with_its_kind() -> None:
    assert said(int, "x").startswith("ValueError: invalid literal")
    assert said(int, "1") == ""


@pytest.mark.parametrize("number", [1, 6])
def test_a_drill_passes_and_is_the_same_each_time(number: int, tmp_path: Path) -> None:
    outcome = DRILLS[number](tmp_path, 3)
    assert outcome.passed, outcome.seen
    assert outcome == DRILLS[number](tmp_path, 3)


def test_an_environment_that_takes_nan_for_zero_fails_its_drill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    legal = RobotEnv._legal
    monkeypatch.setattr(RobotEnv, "_legal", lambda env, action: legal(env, np.nan_to_num(action)))
    outcome = numbers.nan_in_one_component(tmp_path, 0)
    assert not outcome.passed and "refused before anything moved" in outcome.seen

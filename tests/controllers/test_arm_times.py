"""Late periods, gaps, clocks that do not grow, and how long a command lives."""

import numpy as np
import pytest

from controllers.records import PoseCommand
from tests.controllers.parts import state_at
from tests.controllers.test_arm_loop import PERIOD_S, Rig, moved, tick


def test_after_a_late_period_joints_may_be_further_on() -> None:
    rig = Rig()
    tick(rig, now_s=1.0)
    tick(rig, now_s=1.1, q=moved(rig, 2, 0.3))
    assert rig.loop.fault == "" and rig.loop.overruns == 1


@pytest.mark.parametrize("now_s", [1.0, 0.5, float("nan"), float("-inf")])
def test_a_clock_that_does_not_grow_latches(now_s: float) -> None:
    rig = Rig()
    tick(rig, now_s=1.0)
    assert np.isfinite(tick(rig, now_s=now_s)).all() and rig.loop.overruns == 0
    assert rig.loop.fault.startswith("clock went from 1.000000 s to ") and rig.loop.fault.endswith(", it must grow")


def test_a_clock_that_is_no_number_at_first_latches() -> None:
    tick(rig := Rig(), now_s=float("nan"))
    assert rig.loop.fault.startswith("clock went from -inf s to nan s")


def test_after_a_reset_time_may_begin_anywhere() -> None:
    rig = Rig()
    tick(rig, now_s=5.0)
    rig.loop.reset(rig.q)
    tick(rig, now_s=1.0)
    assert rig.loop.fault == "" and rig.loop.overruns == 0


@pytest.mark.parametrize(("periods", "late"), [(1.0, 0), (1.49, 0), (1.51, 1), (90.0, 1), (110.0, 1)])
def test_late_periods_are_counted(periods: float, late: int) -> None:
    rig = Rig()
    tick(rig, now_s=1.0)
    tick(rig, now_s=1.0 + periods * PERIOD_S)
    assert rig.loop.overruns == late and rig.loop.fault == ""


def test_one_and_a_half_periods_are_not_late() -> None:
    rig = Rig()
    for now_s in (0.0, 1.5 * PERIOD_S):
        tick(rig, now_s=now_s)
    assert rig.loop.overruns == 0


@pytest.mark.parametrize(
    ("given_s", "times_s"),
    [
        (0.0, (0.1, 0.2, 0.3)),  # late, and no gap
        (-0.1, (0.0, 0.2)),  # a gap is longer than 0.2 s
        (0.0, (-0.05, 0.2)),  # and so is the time since the command
    ],
)
def test_periods_that_come_late_without_a_gap_leave_a_command_alive(given_s: float, times_s: tuple) -> None:
    rig = Rig()
    rig.now_s = given_s
    rig.command(rig.tcp(), 0)
    for now_s in times_s:
        tick(rig, now_s=now_s)
    assert not rig.loop.holding and rig.loop.overruns == len(times_s) - 1


@pytest.mark.parametrize(
    ("gap_s", "given_before", "holds"), [(0.19, True, False), (0.21, True, True), (0.21, False, False)]
)
def test_after_a_long_gap_only_a_command_from_within_it_is_alive(gap_s: float, given_before: bool, holds: bool) -> None:
    rig = Rig()
    tick(rig, now_s=1.0)
    if given_before:
        rig.command(rig.tcp(), 0)
    else:
        rig.now_s += gap_s / 2
        rig.command(rig.tcp(), 0)
    tick(rig, now_s=1.0 + gap_s)
    assert rig.loop.holding is holds


def test_validity_runs_from_arrival() -> None:
    rig = Rig()
    tick(rig, now_s=1.0)
    rig.now_s = 1.05
    verdict = rig.loop.command(PoseCommand(rig.tcp(), 0, 0.1), state_at(rig.tcp()), 1.0, 1.05)
    assert not verdict.refused
    for now_s in (1.0999, 1.0 + 0.1 - 1e-9):
        tick(rig, now_s=now_s)
        assert not rig.loop.holding
    tick(rig, now_s=1.1)
    assert rig.loop.holding

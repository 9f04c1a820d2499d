"""The referee sees every kind of breach when there is one, names it, and sees none in a clean run."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from controllers.models import arm_limits
from tests.faults.referee import Promise, Referee, Sample
from tests.faults.vendors import VENDORS

DT = 0.001
START = 10
"""Sample in which motion begins."""
BOX = Promise(
    low_m=np.array([0.3, -0.2, 0.1]),
    high_m=np.array([0.6, 0.2, 0.5]),
    step_m=0.03,
    step_rad=0.1,
    tool_m=(0.25, 2.5, 100.0),
    tool_rad=(1.0, 10.0, 400.0),
    lag_m=0.015,
    force_n=40.0,
    tau_rate_nm_s=1000.0,
)
HOME = {"panda": [0.0, -0.785, 0.0, -2.356, 0.0, 1.571, 0.785], "ur5e": [0.3, -1.44, -1.9, -1.36, 1.57, -1.27]}
Q0 = np.array([0.0, 1.0, 0.0, 0.0])
# Jerk in m/s^3 and milliseconds: off to 0.14 m/s, along, and the quickest stop from there.
OFF, ALONG, QUICK = [(100.0, 20), (0.0, 50), (-100.0, 20)], [(0.0, 50)], [(-100.0, 25), (0.0, 31), (100.0, 25)]
# The same in rad/s^3: off to 0.8 rad/s, along, and the quickest stop.
SPIN_OFF, SPIN_QUICK = [(400.0, 25), (0.0, 55), (-400.0, 25)], [(-400.0, 25), (0.0, 55), (400.0, 25)]


def course(pieces: list[tuple[float, int]], ticks: int) -> tuple[np.ndarray, np.ndarray]:
    """Place and speed after each period, exact for piecewise constant jerk; afterwards the speed is kept."""
    jerks = [0.0] * START + [jerk for jerk, count in pieces for _ in range(count)]
    place, speed, acceleration, rows = 0.0, 0.0, 0.0, []
    for jerk in jerks + [0.0] * (ticks - len(jerks)):
        place += speed * DT + acceleration * DT**2 / 2 + jerk * DT**3 / 6
        speed += acceleration * DT + jerk * DT**2 / 2
        acceleration += jerk * DT
        rows.append((place, speed))
    return np.array(rows)[:, 0], np.array(rows)[:, 1]


def run(
    moves: list[tuple[float, int]] = OFF + ALONG + QUICK,
    turns: Sequence[tuple[float, int]] = (),
    valid_s: float = 0.14,
    arm: str = "panda",
    ticks: int = 400,
) -> Referee:
    """A run along x, and about z: one command, and silence after it."""
    referee, q = Referee(arm, BOX, DT), np.array(HOME.get(arm, HOME["panda"]))
    here = np.array([0.45, 0.0, 0.3])
    referee.admitted(START * DT, valid_s, (here + [0.03, 0.0, 0.0], Q0), (here, Q0))
    place, speed = course(moves, ticks)
    angle, _ = course(list(turns), ticks)
    for k in range(ticks):
        at = here + [place[k], 0.0, 0.0]
        half = angle[k] / 2
        quat = np.array([0.0, np.cos(half), np.sin(half), 0.0])  # the start turned about z
        rate = np.array([speed[k], 0.0, 0.0])
        referee.saw(Sample(k * DT, q, 0.0 * q, 0.1 * q, at, rate, quat, at, np.zeros(3)))
    return referee


def kinds(referee: Referee) -> set[str]:
    return {breach.kind.split(",")[0] for breach in referee.breaches()}


def spoil(referee: Referee, change: Callable[[Sample], dict[str, Any]], ticks: slice = slice(200, 203)) -> Referee:
    for k in range(len(referee.samples))[ticks]:
        referee.samples[k] = replace(referee.samples[k], **change(referee.samples[k]))
    return referee


def with_entry(values: np.ndarray, index: int, value: float) -> np.ndarray:
    values = np.array(values)
    values[index] = value
    return values


@pytest.mark.parametrize("arm", VENDORS)
def test_a_clean_run_has_no_breach(arm: str) -> None:
    assert run(arm=arm).breaches() == []
    assert run(OFF + ALONG + QUICK, SPIN_OFF + [(0.0, 35)] + SPIN_QUICK, arm=arm).breaches() == []


@pytest.mark.parametrize("name", VENDORS)
def test_the_referees_tables_agree_with_those_of_the_arms(name: str) -> None:
    mine, theirs = VENDORS[name], arm_limits(name)
    for row in ("q_min_rad", "q_max_rad", "dq_max_rad_s", "tau_max_nm"):
        np.testing.assert_allclose(getattr(mine, row), getattr(theirs, row), rtol=1e-12)


MOTOR_FAULTS: dict[str, tuple[str, Callable[[Sample], dict[str, Any]]]] = {
    "torque too large": ("torque over its range", lambda s: {"tau_nm": with_entry(s.tau_nm, 0, 87.0 + 2e-9)}),
    "torque too small": ("torque over its range", lambda s: {"tau_nm": with_entry(s.tau_nm, 6, -12.1)}),
    "torque not a number": ("torque over its range", lambda s: {"tau_nm": with_entry(s.tau_nm, 3, np.nan)}),
    "torque infinite": ("torque over its range", lambda s: {"tau_nm": with_entry(s.tau_nm, 3, -np.inf)}),
    "joint too low": ("joint beyond its range", lambda s: {"q_rad": with_entry(s.q_rad, 3, -3.0718 - 2e-9)}),
    "joint too high": ("joint beyond its range", lambda s: {"q_rad": with_entry(s.q_rad, 3, -0.0697)}),
    "joint unknown": ("joint beyond its range", lambda s: {"q_rad": with_entry(s.q_rad, 3, np.nan)}),
    "joint too fast": ("joint speed over its limit", lambda s: {"dq_rad_s": with_entry(s.dq_rad_s, 1, -2.176)}),
    "contact": ("contact force", lambda s: {"force_n": np.array([0.0, -30.0, 30.0])}),
    "force unknown": ("contact force", lambda s: {"force_n": np.full(3, np.nan)}),
    "tool out": ("tool outside the box", lambda s: {"tool_m": s.tool_m + [0.0, 0.0, 0.216]}),
    "tool left behind": ("tool behind or beyond its", lambda s: {"tool_m": s.tool_m - [0.0, 0.052, 0.0]}),
    "tool jumps": ("vendor's tool speed", lambda s: {"tool_m": s.tool_m + [0.002, 0.0, 0.0]}),
    "reference out": ("reference outside the box", lambda s: {"reference_m": s.reference_m + [0.0, 0.0, 0.3]}),
    "reference unknown": ("reference outside the box", lambda s: {"reference_m": np.full(3, np.nan)}),
}


@pytest.mark.parametrize("fault", MOTOR_FAULTS)
def test_each_fault_of_motors_and_places_is_seen(fault: str) -> None:
    kind, change = MOTOR_FAULTS[fault]
    assert any(found.startswith(kind) for found in kinds(spoil(run(), change)))


def test_a_torque_that_jumps_is_seen_and_one_at_its_rate_is_not() -> None:
    assert kinds(spoil(run(), lambda s: {"tau_nm": s.tau_nm + 1.0})) == set()
    assert kinds(spoil(run(), lambda s: {"tau_nm": s.tau_nm + 1.001})) == {"torque rate"}


def test_what_is_beyond_by_less_than_the_tolerance_is_none_and_a_little_more_is() -> None:
    for excess, seen in ((5e-10, set()), (2e-9, {"reference outside the box"})):
        referee = run()
        wall = replace(BOX, high_m=BOX.high_m * [0, 1, 1] + [referee.samples[-1].reference_m[0] - excess, 0, 0])
        referee.promise = replace(wall, step_m=1.0)
        assert kinds(referee) - {"target outside the box"} == seen


@pytest.mark.parametrize(
    ("moves", "kind"),
    [
        ([(100.0, 20), (0.0, 110), (-100.0, 20)], "reference speed"),  # 0.26 m/s
        ([(100.0, 26), (0.0, 20), (-100.0, 26)], "reference acceleration"),  # 2.6 m/s^2
        ([(101.0, 20), (0.0, 20), (-101.0, 20)], "reference jerk"),
    ],
)
def test_each_limit_of_the_reference_is_seen_alone(moves: list[tuple[float, int]], kind: str) -> None:
    assert kinds(run(moves, valid_s=10.0)) == {kind}


@pytest.mark.parametrize(
    ("turns", "arm", "kind"),
    [
        ([(400.0, 25), (0.0, 155), (-400.0, 25)], "panda", "reference turning speed"),  # 1.8 rad/s > sqrt(3)
        ([(600.0, 30), (0.0, 1), (-600.0, 30)], "panda", "reference turning acceleration"),  # 18 rad/s^2 > 10 sqrt(3)
        ([(700.0, 10), (0.0, 20), (-700.0, 10)], "panda", "reference turning jerk"),  # > 400 sqrt(3)
        ([(600.0, 28), (0.0, 1), (-600.0, 28)], "panda", None),  # 16.8 rad/s^2
        (
            [(600.0, 28), (300.0, 1), (0.0, 3), (-300.0, 1), (-600.0, 28)],
            "fr3",
            "vendor's turning acceleration",
        ),  # 17.1 > 17
    ],
)
def test_each_limit_of_turning_is_seen_alone(turns: list[tuple[float, int]], arm: str, kind: str | None) -> None:
    seen = kinds(run([], turns, valid_s=10.0, arm=arm))
    assert seen == ({kind} if kind else set())


def test_a_path_that_is_not_that_of_its_speed_is_seen() -> None:
    drift = spoil(run(), lambda s: {"reference_m": s.reference_m + [0.0, 1e-3 * s.time_s, 0.0]}, slice(20, 100))
    assert kinds(drift) == {"reference path against its speed"}


def test_an_orientation_that_flips_its_sign_has_not_turned() -> None:
    flipped = spoil(run(), lambda s: {"reference_quat": -s.reference_quat})
    assert flipped.breaches() == []


def test_a_half_turn_at_once_is_seen() -> None:
    turned = spoil(run(), lambda s: {"reference_quat": np.array([1.0, 0.0, 0.0, 0.0])})
    assert {"reference turning speed", "vendor's turning speed"} <= kinds(turned)


# Silence


@pytest.mark.parametrize("late_ms", [3, 100])
def test_braking_that_begins_late_is_seen(late_ms: int) -> None:
    assert "way beyond the distance to stop" in kinds(run([*OFF, *ALONG, (0.0, late_ms), *QUICK]))
    assert "speed after the time to stop" in kinds(run([*OFF, *ALONG, (0.0, late_ms), *QUICK]))


def test_braking_that_is_weak_is_seen() -> None:
    weak = [(-50.0, 25), (0.0, 87), (50.0, 25)]
    assert "speed after the time to stop" in kinds(run(OFF + ALONG + weak))


def test_turning_on_in_silence_is_seen() -> None:
    assert kinds(run([], SPIN_OFF + [(0.0, 100)] + SPIN_QUICK, valid_s=0.14)) == {"turning after the time to stop"}


def test_a_reference_that_creeps_after_its_rest_is_seen() -> None:
    creep = run(OFF + ALONG + QUICK + [(1.0, 10), (-1.0, 10)])
    assert "speed after the time to stop" in kinds(creep)


def test_a_reference_that_is_no_number_is_not_at_rest() -> None:
    lost = {name: np.full(3, np.nan) for name in ("reference_m", "reference_m_s", "tool_m")}
    seen = kinds(spoil(run(), lambda s: lost, slice(140, None)))
    assert {"speed after the time to stop", "way beyond the distance to stop", "reference speed"} <= seen


@pytest.mark.parametrize("column", ["reference_quat", "reference_m_s"])
def test_the_referee_survives_whatever_it_sees(column: str) -> None:
    for bad in (np.nan, np.inf, 1e308, 0.0):
        assert spoil(run(), lambda s, bad=bad: {column: np.full_like(getattr(s, column), bad)}).breaches()


@pytest.mark.parametrize(("metres", "seen"), [(0.010, False), (0.016, True)])
def test_a_tool_that_coasts_on_is_seen(metres: float, seen: bool) -> None:
    coasting = spoil(run(), lambda s: {"tool_m": s.tool_m + [metres, 0.0, 0.0]}, slice(151, None))
    assert ("tool beyond the distance to stop" in kinds(coasting)) is seen


@pytest.mark.parametrize(("metres", "seen"), [(0.024, False), (0.026, True)])
def test_a_tool_that_trailed_may_come_to_its_reference_and_a_little_further(metres: float, seen: bool) -> None:
    """10 mm behind when permission ends, and 15 mm of overshoot."""
    behind = spoil(run(), lambda s: {"tool_m": s.tool_m - [0.010, 0.0, 0.0]}, slice(100, 151))
    behind = spoil(behind, lambda s: {"tool_m": s.tool_m + [metres - 0.010, 0.0, 0.0]}, slice(151, None))
    assert ("tool beyond the distance to stop" in kinds(behind)) is seen


def test_stop_ends_permission_at_once_and_a_new_command_gives_it_again() -> None:
    stopped = run(OFF + ALONG + QUICK, valid_s=10.0)
    stopped.stopped(0.100)
    assert "speed after the time to stop" in kinds(stopped)
    again = run(OFF + ALONG + QUICK, valid_s=10.0)
    again.stopped(0.100)
    here = np.array([0.45, 0.0, 0.3])
    again.admitted(0.110, 0.04, (here, Q0), (here, Q0))
    assert again.breaches() == []


# What the gate let through


@pytest.mark.parametrize(
    ("target", "quat", "kind"),
    [
        ([0.45, 0.2 + 2e-9, 0.3], Q0, "target outside the box"),
        ([0.45, np.nan, 0.3], Q0, "target outside the box"),
        ([0.45, np.inf, 0.3], Q0, "target outside the box"),
        ([0.45, 0.19, 0.331], Q0, "target step"),
        ([0.45, 0.19, 0.3], [0.0, np.cos(0.051), np.sin(0.051), 0.0], "target turn"),
        ([0.45, 0.19, 0.3], [0.0, 1.002, 0.0, 0.0], "target quaternion's length"),
        ([0.45, 0.19, 0.3], [0.0, np.nan, 0.0, 0.0], "target quaternion's length"),
        ([0.45, 0.2, 0.33], [0.0, -np.cos(0.0499), -np.sin(0.0499), 0.0], None),
    ],
)
def test_targets_that_should_not_have_passed_are_seen(target: list[float], quat: Any, kind: str | None) -> None:
    referee = run([], valid_s=0.1)
    here = np.array([0.45, 0.19, 0.3])
    referee.admitted(0.3, 0.05, (np.array(target), np.array(quat)), (here, Q0))
    seen = kinds(referee)
    assert kind in seen if kind else seen == set()


def test_from_outside_the_box_a_target_may_be_as_far_out_and_no_further() -> None:
    here = np.array([0.45, 0.21, 0.3])
    for y, seen in ((0.21, set()), (0.211, {"target outside the box"})):
        referee = run([], valid_s=0.1)
        referee.admitted(0.3, 0.05, (np.array([0.45, y, 0.3]), Q0), (here, Q0))
        assert kinds(referee) == seen


def test_a_breach_says_what_how_much_how_often_and_when() -> None:
    breach = next(b for b in spoil(run(), MOTOR_FAULTS["joint too fast"][1]).breaches())
    assert str(breach) == "joint speed over its limit, rad/s: 0.001, allowed 0; 3 times, first at 0.2000 s"

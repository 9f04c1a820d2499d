"""When a tool stands still."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from controllers.pose import Pose, quat_from_rotvec
from sim2real.standstill import GAP_S, Nearness, Standstill, is_elsewhere

NEAR = Nearness(2e-4, math.radians(0.05))
PERIOD_S = 0.01


def at(x_m: float, turn_rad: float = 0.0) -> Pose:
    return Pose.of([x_m, 0.0, 0.0], quat_from_rotvec(np.array([0.0, 0.0, turn_rad])))


def after(poses: list[Pose], stamps_s: list[float] | None = None) -> Standstill:
    found = Standstill(NEAR)
    for i, pose in enumerate(poses):
        found.take(stamps_s[i] if stamps_s else i * PERIOD_S, pose)
    return found


def test_before_the_first_pose_nothing_stands() -> None:
    assert Standstill(NEAR).lasted_s == 0.0


@given(wobble=st.lists(st.floats(-0.9e-4, 0.9e-4), min_size=2, max_size=50))
def test_a_tool_that_only_trembles_stands(wobble: list[float]) -> None:
    found = after([at(x_m) for x_m in wobble])
    assert found.since_s == 0.0 and math.isclose(found.lasted_s, (len(wobble) - 1) * PERIOD_S)
    assert found.tool.position_m[0] == wobble[-1]


@given(step=st.one_of(st.floats(2.1e-4, 1.0), st.just(math.nan)), before=st.integers(1, 20), behind=st.integers(1, 20))
def test_a_step_begins_the_time_anew(step: float, before: int, behind: int) -> None:
    found = after([at(0.0)] * before + [at(step)] * behind)
    if math.isnan(step):
        assert found.lasted_s == 0.0
    else:
        assert math.isclose(found.since_s, before * PERIOD_S)


def test_turning_on_the_spot_is_no_rest() -> None:
    assert after([at(0.0, 0.001 * i) for i in range(10)]).lasted_s == 0.0


@given(gap_s=st.one_of(st.floats(GAP_S + 0.01, 10.0), st.floats(-10.0, -0.01)))
def test_a_silence_or_a_stamp_that_goes_back_begins_the_time_anew(gap_s: float) -> None:
    assert after([at(0.0)] * 3, [0.0, 0.1, 0.1 + gap_s]).lasted_s == 0.0


def test_a_slow_creep_never_stands_for_long() -> None:
    found = Standstill(NEAR)
    longest_s = 0.0
    for i in range(1000):
        found.take(i * PERIOD_S, at(1e-5 * i))
        longest_s = max(longest_s, found.lasted_s)
    assert longest_s <= 0.2 + PERIOD_S


def test_elsewhere_is_far_or_turned() -> None:
    near = Nearness(0.03, math.radians(10.0))
    assert is_elsewhere(at(0.0), [], near)
    assert not is_elsewhere(at(0.02, 0.1), [at(0.5), at(0.0)], near)
    assert is_elsewhere(at(0.031), [at(0.0)], near) and is_elsewhere(at(0.0, 0.2), [at(0.0)], near)

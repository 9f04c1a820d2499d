import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from controllers.pose import Pose, rotation_between_rad
from controllers.reference import MotionLimits
from controllers.trajectory import StraightMove

LIMITS = MotionLimits(0.1, 0.5, 5.0, 0.5, 2.0, 20.0)
START = Pose.of([0.4, 0.0, 0.3], [0.0, 1.0, 0.0, 0.0])
ways = st.tuples(*[st.floats(-0.3, 0.3)] * 3).map(np.array)
turns = st.tuples(*[st.floats(-1.0, 1.0)] * 3).map(np.array)


@settings(max_examples=40, deadline=None)
@given(ways, turns)
@example(np.array([0.0, 0.0, 0.01]), np.zeros(3))  # 2 a^3 / j^2: where the acceleration is just reached
def test_it_goes_from_start_to_goal_within_its_limits_on_a_straight_line(way: np.ndarray, turn: np.ndarray) -> None:
    goal = START.moved(way, turn)
    move = StraightMove(START, goal, LIMITS)
    dt = 1e-3
    poses = [move.at(t) for t in np.arange(0.0, move.duration_s + 2 * dt, dt)]
    places = np.array([pose.position_m for pose in poses])
    angles = np.array([rotation_between_rad(START.quat_wxyz, pose.quat_wxyz) for pose in poses])
    assert np.allclose(places[0], START.position_m) and np.allclose(places[-1], goal.position_m, atol=1e-9)
    assert rotation_between_rad(poses[-1].quat_wxyz, goal.quat_wxyz) < 1e-6
    speed = np.linalg.norm(np.diff(places, axis=0), axis=1) / dt
    assert speed.max(initial=0.0) <= 0.1 + 1e-6
    assert np.abs(np.diff(angles)).max(initial=0.0) / dt <= 0.5 + 1e-4
    assert np.abs(np.diff(speed)).max(initial=0.0) / dt <= 0.5 + 1e-3
    line = goal.position_m - START.position_m
    aside = np.cross(places - START.position_m, line) / max(float(np.linalg.norm(line)), 1e-9)
    assert np.abs(aside).max() < 1e-9


@pytest.mark.parametrize("time_s", [-1.0, 0.0])
def test_before_the_start_it_is_at_the_start(time_s: float) -> None:
    move = StraightMove(START, START.moved(np.array([0.1, 0.0, 0.0]), np.zeros(3)), LIMITS)
    assert np.array_equal(move.at(time_s).position_m, START.position_m)


def test_nowhere_to_go_takes_no_time_to_speak_of() -> None:
    move = StraightMove(START, START, LIMITS)
    assert move.duration_s < 0.2 and np.allclose(move.at(1.0).position_m, START.position_m)


@pytest.mark.parametrize(("metres", "turn_rad"), [(0.2, 0.1), (0.05, 1.5), (0.0, 1.5), (0.2, 0.0)])
def test_it_is_as_fast_as_the_slower_of_way_and_turn_allows(metres: float, turn_rad: float) -> None:
    move = StraightMove(START, START.moved(np.array([metres, 0.0, 0.0]), np.array([0.0, turn_rad, 0.0])), LIMITS)
    before, after = (move.at(move.duration_s / 2 + side * 0.005) for side in (-1, 1))
    speed = np.linalg.norm(after.position_m - before.position_m) / 0.01
    turning = rotation_between_rad(before.quat_wxyz, after.quat_wxyz) / 0.01
    assert max(speed / 0.1, turning / 0.5) == pytest.approx(1.0, rel=1e-6)


def test_where_the_acceleration_is_just_reached_it_takes_no_longer() -> None:
    move = StraightMove(START, START.moved(np.array([0.0, 0.0, 0.01]), np.zeros(3)), LIMITS)
    assert move.duration_s == pytest.approx(4 * 0.5 / 5.0, rel=2e-3)

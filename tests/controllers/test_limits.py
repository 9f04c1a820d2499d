"""Half-spaces, and the look-ahead of the joint margin."""

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.limits import HalfSpace, JointMargin, Planes, PoseStep, WorkspaceBox
from controllers.models import arm_limits, home_q
from controllers.pose import Pose
from tests.controllers.parts import DOWN, arm_model, state_at

HERE = Pose.of([0.45, 0.0, 0.3], DOWN)
FLOOR = HalfSpace(np.array([0.0, 0.0, 1.0]), 0.1)
SLOPE = HalfSpace(np.array([0.6, 0.0, 0.8]), 0.4)
places = st.lists(st.floats(-2, 2), min_size=3, max_size=3).map(np.array)


def test_a_target_behind_a_plane_is_projected_onto_it() -> None:
    allowed = Planes((FLOOR,)).apply(Pose(np.array([0.5, 0.2, -0.3]), HERE.quat_wxyz), state_at(HERE))
    np.testing.assert_allclose(allowed.position_m, [0.5, 0.2, 0.1], atol=1e-12)


@pytest.mark.parametrize(
    ("z_m", "free"), [(0.1, True), (0.1 - 1e-13, True), (0.1 - 1e-12, True), (0.1 - 1e-11, False), (5.0, True)]
)
def test_on_the_plane_is_allowed_and_behind_it_is_not(z_m: float, free: bool) -> None:
    target = Pose(np.array([0.5, 0.0, z_m]), HERE.quat_wxyz)
    assert (Planes((FLOOR,)).apply(target, state_at(HERE)) is target) is free


@settings(deadline=None)
@given(places)
def test_planes_are_kept_applied_twice_as_once_and_leave_their_input_alone(position: np.ndarray) -> None:
    planes, target, before = Planes((FLOOR, SLOPE)), Pose(position, HERE.quat_wxyz), position.copy()
    once = planes.apply(target, state_at(HERE))
    for plane in (FLOOR, SLOPE):
        assert plane.normal @ once.position_m >= plane.offset_m - 1e-11
    assert planes.apply(once, state_at(HERE)) is once and np.array_equal(position, before)


def test_where_planes_leave_no_room_the_arm_holds_where_it_is() -> None:
    gap = (FLOOR, HalfSpace(np.array([0.0, 0.0, -1.0]), -0.05))  # above 0.1 m and below 0.05 m
    state = state_at(HERE)
    held = Planes(gap).apply(Pose(np.array([0.5, 0.0, 0.2]), HERE.quat_wxyz), state)
    assert held is state.tcp and Planes(gap).apply(held, state) is held


def test_a_plane_that_the_target_is_well_inside_of_does_not_move_it() -> None:
    wall = HalfSpace(np.array([1.0, 0.0, 0.0]), 0.0)
    allowed = Planes((wall, FLOOR)).apply(Pose(np.array([0.5, 0.2, -0.3]), HERE.quat_wxyz), state_at(HERE))
    np.testing.assert_allclose(allowed.position_m, [0.5, 0.2, 0.1], atol=1e-12)


@pytest.mark.parametrize(("behind_m", "held"), [(1.0, False), (1.15, True)])
def test_where_planes_meet_sharply_twenty_passes_are_made(behind_m: float, held: bool) -> None:
    """Each pass leaves a quarter of the way: 0.25**20 m is 0.91e-12 m, and what misses a plane by 1e-12 m is on it."""
    roof = HalfSpace(np.array([np.sqrt(0.75), 0.0, -0.5]), 0.0)
    ground, state = HalfSpace(np.array([0.0, 0.0, 1.0]), 0.0), state_at(HERE)
    target = Pose(behind_m * np.array([-np.sqrt(1 / 3), 0.0, -1.0]), HERE.quat_wxyz)
    assert (Planes((ground, roof)).apply(target, state) is state.tcp) is held


def test_an_arm_that_is_behind_a_plane_may_stand_there() -> None:
    state = state_at(Pose.of([0.5, 0.0, 0.05], DOWN))
    assert Planes((FLOOR,)).apply(state.tcp, state) is state.tcp


def test_no_planes_are_no_limit_and_nan_is_held() -> None:
    lost = Pose(np.full(3, np.nan), HERE.quat_wxyz)
    assert Planes(()).apply(lost, state_at(HERE)) is lost
    state = state_at(HERE)
    assert Planes((FLOOR,)).apply(lost, state) is state.tcp


@pytest.mark.parametrize(
    ("normal", "offset_m"), [([0, 0, 2.0], 0.0), ([0, 0, 0], 0.0), ([np.nan, 0, 1], 0.0), ([0, 0, 1], np.nan)]
)
def test_a_half_space_needs_a_unit_normal_and_a_finite_offset(normal: list[float], offset_m: float) -> None:
    with pytest.raises(ValueError, match="the normal must have length 1"):
        HalfSpace(np.array(normal), offset_m)


def test_a_step_at_its_limit_passes_and_one_unit_beyond_is_cut() -> None:
    step, state = PoseStep(0.25, 0.5), state_at(Pose.of([0.5, 0.0, 0.5], DOWN))
    inside = Pose(np.array([0.75, -0.25, 0.25]), state.tcp.quat_wxyz)
    beyond = Pose(np.array([np.nextafter(0.75, 1), -0.25, 0.25]), state.tcp.quat_wxyz)
    assert step.apply(inside, state) is inside
    assert np.array_equal(step.apply(beyond, state).position_m, inside.position_m)


def test_a_cut_of_the_way_leaves_the_turn_alone_and_a_cut_of_the_turn_the_way() -> None:
    state = state_at(Pose.of([0.5, 0.0, 0.5], DOWN))
    turned = state.tcp.moved(np.array([0.75, 0.0, 0.0]), np.array([0.0, 0.0, 0.25]))
    cut = PoseStep(0.5, 0.5).apply(turned, state)
    assert np.array_equal(cut.quat_wxyz, turned.quat_wxyz) and cut.position_m[0] == 1.0
    cut = PoseStep(1.0, 0.125).apply(turned, state)
    assert np.array_equal(cut.position_m, turned.position_m)
    np.testing.assert_allclose((state.tcp.inverse() @ cut).rotvec_rad(), [0.0, 0.0, 0.125], atol=1e-12)


@pytest.mark.parametrize(("turn_rad", "cut"), [(0.5 * (1 + 0.5e-9), False), (0.5 * (1 + 2e-9), True)])
def test_a_turn_may_miss_its_step_by_rounding(turn_rad: float, cut: bool) -> None:
    state = state_at(Pose.of([0.5, 0.0, 0.5], DOWN))
    target = state.tcp.moved(np.zeros(3), np.array([0.0, 0.0, turn_rad]))
    assert (PoseStep(0.25, 0.5).apply(target, state) is not target) is cut


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_box_without_room_along_an_axis_is_refused(axis: int) -> None:
    low, high = np.zeros(3), np.ones(3)
    high[axis] = 0.0
    with pytest.raises(ValueError, match="each low must be below its high"):
        WorkspaceBox(low, high)


def test_a_box_of_two_axes_is_no_box() -> None:
    with pytest.raises(ValueError, match=r"shorter than|longer than"):
        WorkspaceBox(np.zeros(2), np.ones(2)).apply(HERE, state_at(HERE))


def test_no_limit_can_be_edited() -> None:
    margin = JointMargin(arm_model(), np.zeros(7), np.ones(7), 0.05)
    for limit in (WorkspaceBox(np.zeros(3), np.ones(3)), FLOOR, PoseStep(0.1, 0.1), margin):
        with pytest.raises(FrozenInstanceError):
            setattr(limit, next(iter(limit.__slots__)), 0.0)


def at_joints(q: np.ndarray, model: object) -> Pose:
    model.update(q, 0 * q)
    return model.tcp()


@pytest.mark.parametrize(
    ("start_rad", "step_rad", "allowed"),
    [(-0.10, 0.03, True), (-0.06, 0.03, False), (-0.06, -0.03, True), (-0.01, 0.01, False), (-0.01, -0.01, True)],
)
@pytest.mark.parametrize("side", [1.0, -1.0])
def test_the_joint_margin_looks_ahead_to_where_the_joints_will_be(
    start_rad: float, step_rad: float, allowed: bool, side: float
) -> None:
    model, limits, q = arm_model(), arm_limits("panda"), home_q("panda").copy()
    end = limits.q_max_rad[6] if side > 0 else limits.q_min_rad[6]
    q[6] = end + side * start_rad
    ahead = q.copy()
    ahead[6] += side * step_rad
    target, here = at_joints(ahead, model), at_joints(q, model)
    state = state_at(here, q)
    margin = JointMargin(model, limits.q_min_rad, limits.q_max_rad, 0.05)
    held = margin.apply(target, state)
    assert (held is target) is allowed and (held is state.tcp) is not allowed
    assert margin.apply(held, state) is held


def test_a_joint_that_is_no_number_holds() -> None:
    model, limits, q = arm_model(), arm_limits("panda"), home_q("panda")
    here = at_joints(q, model)
    state = replace(state_at(here, q), q_rad=np.full(7, np.nan))
    target = here.moved(np.array([0.01, 0.0, 0.0]), np.zeros(3))
    assert JointMargin(model, limits.q_min_rad, limits.q_max_rad, 0.05).apply(target, state) is state.tcp


class Steps:
    """A model in which every target is one given joint step away."""

    def __init__(self, step_rad: float) -> None:
        self._step = np.array([step_rad])

    def joint_step(self, start: Pose, end: Pose) -> np.ndarray:
        return self._step


@pytest.mark.parametrize(
    ("q_rad", "step_rad", "allowed"),
    [
        (0.5, 0.25, True),  # onto the margin
        (0.5, 0.375, False),
        (-0.5, -0.25, True),
        (-0.5, -0.375, False),
        (0.875, 0.0, True),  # in it already
        (-0.875, 0.0, True),
        (0.875, -0.0625, True),
        (-0.875, 0.0625, True),
        (0.875, 0.0625, False),
        (-0.875, -0.0625, False),
    ],
)
def test_a_joint_may_go_up_to_its_margin_and_stay_in_it(q_rad: float, step_rad: float, allowed: bool) -> None:
    margin = JointMargin(Steps(step_rad), -np.ones(1), np.ones(1), 0.25)
    state, target = state_at(HERE, np.array([q_rad])), Pose.of([0.5, 0.0, 0.3], DOWN)
    assert margin.apply(target, state) is (target if allowed else state.tcp)

"""Half-spaces, and the look-ahead of the joint margin."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.limits import HalfSpace, JointMargin, Planes, PoseStep
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


@pytest.mark.parametrize(("z_m", "free"), [(0.1, True), (0.1 - 1e-13, True), (0.1 - 1e-11, False), (5.0, True)])
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

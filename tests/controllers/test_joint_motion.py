"""Speeds that shrink towards the ends, and what motion of the tool asks of the joints."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.joint_motion import CREEP_RAD_S, JointMotion, JointRoom
from controllers.models import ArmLimits, SpeedCurve, arm_limits, home_q
from tests.controllers.parts import arm_model

ONE = np.ones(2)
TABLE = ArmLimits(-2 * ONE, 2 * ONE, 3 * ONE, 4 * ONE, 50 * ONE, ONE)


def speeds(q: float, table: ArmLimits = TABLE) -> tuple[float, float]:
    low, high = JointMotion(table, 0.5).speeds_rad_s(np.array([q, 0.0]))
    return float(low[0]), float(high[0])


@pytest.mark.parametrize(
    ("q", "low", "high"),
    [
        (0.0, -3.0, 3.0),
        (1.0, -3.0, 2.0),  # sqrt(2 x 4 x 0.5)
        (-1.0, -2.0, 3.0),
        (1.5, -3.0, CREEP_RAD_S),
        (1.9, -3.0, CREEP_RAD_S),
        (-1.9, -CREEP_RAD_S, 3.0),
    ],
)
def test_a_joint_may_go_as_fast_as_it_can_stop_before_its_margin(q: float, low: float, high: float) -> None:
    assert speeds(q) == pytest.approx((low, high))


def test_a_vendors_curve_is_kept_as_well() -> None:
    curve = SpeedCurve(-2.2 * ONE, 2.2 * ONE, 0.5 * ONE, 2.0 * ONE)
    table = ArmLimits(-2 * ONE, 2 * ONE, 3 * ONE, 40 * ONE, 50 * ONE, ONE, curve)
    assert speeds(0.2, table) == pytest.approx((np.sqrt(4.8) * -1 + 0.5, 1.5))
    assert speeds(-0.2, table) == pytest.approx((-1.5, np.sqrt(4.8) - 0.5))
    assert speeds(1.49, table)[1] == pytest.approx(np.sqrt(1.42) - 0.5)
    assert speeds(3.0, table)[1] == CREEP_RAD_S and speeds(-3.0, table)[0] == -CREEP_RAD_S


def test_near_its_end_a_vendors_curve_is_slower_than_the_joint_could_stop() -> None:
    curve = SpeedCurve(-1.8 * ONE, 1.8 * ONE, 0.5 * ONE, 2.0 * ONE)
    table = ArmLimits(-2 * ONE, 2 * ONE, 3 * ONE, 40 * ONE, 50 * ONE, ONE, curve)
    for side in (-1, 1):
        assert min(np.abs(speeds(side * 1.4, table))) == pytest.approx(np.sqrt(0.8) - 0.5)


@settings(deadline=None)
@given(st.lists(st.floats(-3.2, 3.2), min_size=7, max_size=7))
def test_the_fr3_is_never_faster_than_its_vendors_formula(q_list: list[float]) -> None:
    limits = arm_limits("fr3")
    q = np.clip(q_list, limits.q_min_rad + 0.05, limits.q_max_rad - 0.05)
    low, high = JointMotion(limits, 0.05).speeds_rad_s(q)
    ends, offset, gain = (
        np.array([2.7501, 1.7918, 2.9065, -0.1458, 2.8101, 4.5205, 3.0196]),
        limits.curve.offset_rad_s,
        limits.curve.gain,
    )
    assert (high <= np.sqrt(gain * (ends - q)) - offset + 1e-12).all()
    assert (high <= limits.dq_max_rad_s).all() and (low >= -limits.dq_max_rad_s).all()


def room(inverse: list[list[float]]) -> JointRoom:
    return JointRoom(
        np.array(inverse), np.array([-1.0, -0.5]), np.array([2.0, 4.0]), np.array([[10.0, 10.0], [100.0, 100.0]])
    )


MOVES = [[1.0, 2.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0, 0.0, 0.0]]
BOTH = [[1.0, 2.0, 0.0, 0.0, 3.0, 0.0], [0.0, 0.0, 1.0, 0.0, 0.0, 1.0]]


@pytest.mark.parametrize(
    ("inverse", "acceleration", "move", "turn"),
    [
        (MOVES, [2.0, 4.0], 1.0, 1.0),  # 2 + 4 of 10
        (MOVES, [4.0, 4.0], 10 / 12, 1.0),
        (BOTH, [2.0, 1.0], 1.0, 1.0),  # 6 + 3
        (BOTH, [2.0, 2.0], 1.0, 4 / 6),  # 6 + 6: moving first
        (BOTH, [4.0, 4.0], 8 / 12, 2 / 12),  # 12 + 12: moving keeps 8
        (BOTH, [4.0, 1 / 3], 9 / 12, 1.0),  # 12 + 1: turning leaves 9
    ],
)
def test_moving_has_what_turning_leaves_and_its_part_in_any_case(
    inverse: list, acceleration: list[float], move: float, turn: float
) -> None:
    a, b = acceleration
    rows = np.array([[a] * 3 + [b] * 3, [1e-3] * 6])
    np.testing.assert_allclose(room(inverse).shares(rows), [[move, turn], [1.0, 1.0]], rtol=1e-6)


def test_jerk_has_a_share_of_its_own() -> None:
    rows = np.array([[1e-3] * 6, [50.0] * 3 + [1e-3] * 3])
    np.testing.assert_allclose(room(MOVES).shares(rows), [[1.0, 1.0], [100 / 150, 1.0]], rtol=1e-6)


@settings(deadline=None)
@given(st.integers(0, 10**6))
def test_within_the_shares_no_motion_of_the_axes_asks_too_much(seed: int) -> None:
    rng = np.random.default_rng(seed)
    some = JointRoom(rng.normal(size=(7, 6)), -np.ones(7), np.ones(7), rng.uniform(0.5, 20.0, (2, 7)))
    rows = rng.uniform(0.1, 50.0, (2, 6))
    allowed = rows * some.shares(rows).repeat(3, axis=1)
    corners = allowed[:, None, :] * rng.choice([-1.0, 1.0], (2, 64, 6))
    assert (np.abs(corners @ some.inverse.T) <= some.most[:, None] * (1 + 1e-9)).all()


@pytest.mark.parametrize(
    ("low", "high", "share"),
    [
        ([0.0] * 6, [0.5, 0.5, 0, 0, 0, 0], 1.0),  # 0.5 + 1 of 2
        ([0.0] * 6, [2.0, 1.0, 0, 0, 0, 0], 0.5),
        ([-1.0, 0, 0, 0, 0, 0], [0.0] * 6, 1.0),
        ([-4.0, 0, 0, 0, 0, 0], [0.0] * 6, 0.25),  # the low end is nearer
        ([0, 0, -2.0, 0, 0, 0], [0.0] * 6, 0.25),
        ([0.0] * 6, [0, 0, 4.0, 0, 0, 0], 1.0),
        ([-0.5, 0, 0, 0, 0, 0], [4.0, 0, 0, 0, 0, 0], 0.5),  # both at once do not help each other
    ],
)
def test_speed_has_a_side(low: list[float], high: list[float], share: float) -> None:
    assert room(MOVES).speed_share(np.array(low), np.array(high)) == pytest.approx(share)


def test_a_negative_entry_of_the_inverse_swaps_the_sides() -> None:
    mirrored = room([[-1.0, 0, 0, 0, 0, 0], [0.0] * 6])
    assert mirrored.speed_share(np.zeros(6), np.array([4.0, 0, 0, 0, 0, 0])) == pytest.approx(0.25)
    assert mirrored.speed_share(np.array([-4.0, 0, 0, 0, 0, 0]), np.zeros(6)) == pytest.approx(0.5)
    both = np.array([-4.0, 0, 0, 0, 0, 0]), np.array([0.5, 0, 0, 0, 0, 0])
    assert mirrored.speed_share(*both) == pytest.approx(0.5)


def test_what_joints_can_do_cannot_be_edited() -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(room(MOVES), next(iter(JointRoom.__slots__)), 0.0)


def test_the_room_of_an_arm_is_its_share_of_the_table() -> None:
    model, q, limits = arm_model(), home_q("panda"), arm_limits("panda")
    model.update(q, 0 * q)
    some = JointMotion(limits, 0.05, 0.5).room(model, q)
    np.testing.assert_allclose(some.most, 0.5 * np.array([limits.ddq_max_rad_s2, limits.dddq_max_rad_s3]))
    np.testing.assert_allclose(some.high_rad_s, 0.5 * limits.dq_max_rad_s)
    np.testing.assert_allclose(some.low_rad_s, -0.5 * limits.dq_max_rad_s)
    np.testing.assert_allclose(model.jacobian @ some.inverse, np.eye(6), atol=2e-3)


@pytest.mark.parametrize("share", [0.0, -0.5, 1.0001, np.nan])
def test_a_share_is_above_zero_and_at_most_one(share: float) -> None:
    with pytest.raises(ValueError, match="allowed above 0, at most 1"):
        JointMotion(TABLE, 0.05, share)
    JointMotion(TABLE, 0.05, 1.0)

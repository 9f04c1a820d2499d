"""The reference between two commands: smooth turns, gentle joints, known stops, no overshoot when limits fall."""

from dataclasses import FrozenInstanceError
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from controllers.joint_motion import JointRoom
from controllers.pose import Pose, frozen, quat_conj, quat_from_rotvec, quat_mul, quat_to_rotvec
from controllers.reference import SAID, TURN_SHARE, MotionLimits, ReferenceMotion

PERIOD_S = 0.001
LIMITS = MotionLimits(0.25, 2.5, 100.0, 1.0, 10.0, 400.0)
START = Pose.of([0.4, 0.0, 0.3], [0.0, 1.0, 0.0, 0.0])
FREE = JointRoom(np.eye(6), -np.full(6, 1e9), np.full(6, 1e9), np.full((2, 6), 1e9))


def aside(metres: float = 0.0, turn_rad: float = 0.0) -> Pose:
    """A target along x, and turned about x of the base."""
    turn = quat_from_rotvec(np.array([turn_rad, 0.0, 0.0]))
    return Pose(START.position_m + [metres, 0.0, 0.0], frozen(quat_mul(turn, START.quat_wxyz)))


def room(speed: float = 1e9, acceleration: float = 1e9, jerk: float = 1e9) -> JointRoom:
    """One joint for each axis."""
    return JointRoom(
        np.eye(6), np.full(6, -speed), np.full(6, speed), np.array([np.full(6, acceleration), np.full(6, jerk)])
    )


def path(motion: ReferenceMotion, ticks: int) -> np.ndarray:
    """(ticks, 6) velocities, base frame."""
    nows = [motion.tick() for _ in range(ticks)]
    return np.hstack(([now.linear_m_s for now in nows], [now.angular_rad_s for now in nows])).reshape(ticks, 6)


def test_the_rows_are_the_limits_with_a_little_left_for_the_curvature_of_turns() -> None:
    expected = [[0.25] * 3 + [1.0] * 3, [2.5] * 3 + [TURN_SHARE * 10] * 3, [100.0] * 3 + [TURN_SHARE * 400] * 3]
    np.testing.assert_allclose(LIMITS.rows(), expected)


def test_a_stop_takes_the_time_and_way_of_an_s() -> None:
    seconds, metres = LIMITS.stop(0.25)  # v/a + a/j and v/2 of that
    assert (seconds, metres) == pytest.approx((0.125, 0.015625))
    assert LIMITS.stop(0.0) == pytest.approx((0.0, 0.0))
    assert LIMITS.stop(-0.25) == pytest.approx((0.125, 0.015625))
    assert LIMITS.stop(0.04)[0] == pytest.approx(2 * np.sqrt(0.04 / 100))


def test_the_stop_from_the_present_motion_is_what_braking_takes() -> None:
    motion = ReferenceMotion(LIMITS, PERIOD_S, START)
    assert motion.stopping() == pytest.approx((0.0, 0.0))
    motion.aim(Pose(START.position_m + [0.3, -0.2, 0.1], aside(turn_rad=0.3).quat_wxyz))
    path(motion, 70)
    seconds, metres = motion.stopping()
    motion.brake()
    before = motion.now.tcp.position_m
    speeds = np.abs(path(motion, 400)).max(axis=1)
    assert np.flatnonzero(speeds > 1e-9)[-1] * PERIOD_S == pytest.approx(seconds, abs=3 * PERIOD_S)
    assert np.linalg.norm(motion.now.tcp.position_m - before) == pytest.approx(metres, abs=1e-9)


def test_turning_is_smooth_through_new_anchors_and_is_that_of_the_orientation() -> None:
    motion, rng = ReferenceMotion(LIMITS, PERIOD_S, START), np.random.default_rng(0)
    rates, quats = [], [START.quat_wxyz]
    for k in range(2000):
        if k % 37 == 0:
            turn = quat_from_rotvec(rng.uniform(-0.12, 0.12, 3))
            place = START.position_m + rng.uniform(-0.02, 0.02, 3)
            motion.aim(Pose(place, frozen(quat_mul(turn, motion.now.tcp.quat_wxyz))))
        now = motion.tick()
        rates.append(now.angular_rad_s)
        quats.append(now.tcp.quat_wxyz)
    means = np.array([quat_to_rotvec(quat_mul(b, quat_conj(a))) for a, b in pairwise(quats)]) / PERIOD_S
    rates = np.array(rates)
    np.testing.assert_allclose(means[1:], (rates[1:] + rates[:-1]) / 2, atol=400 * PERIOD_S**2)
    change = np.diff(rates, axis=0) / PERIOD_S
    assert np.linalg.norm(rates, axis=1).max() <= np.sqrt(3) * (1 + 1e-9)
    assert np.linalg.norm(change, axis=1).max() <= np.sqrt(3) * 10
    assert np.linalg.norm(np.diff(change, axis=0), axis=1).max() / PERIOD_S <= np.sqrt(3) * 400
    assert np.linalg.norm(change, axis=1).max() > 5.0, "it has turned"


def test_a_new_anchor_begins_with_the_angular_acceleration_of_a_tool_that_moves_and_turns() -> None:
    period_s, turn = 1e-4, quat_from_rotvec(np.array([0.3, 0.6, -0.4]))
    target = Pose(START.position_m + [0.0, 0.0, 0.3], frozen(quat_mul(turn, START.quat_wxyz)))
    motion, twin = (ReferenceMotion(LIMITS, period_s, START) for _ in range(2))
    motion.aim(target)
    twin.aim(target)
    path(motion, 3500)
    rates = path(twin, 3501)[:, 3:]
    motion.brake()
    np.testing.assert_allclose(motion._in.current_acceleration[3:], (rates[-1] - rates[-3]) / (2 * period_s), atol=1e-3)


@pytest.mark.parametrize("share", [1.0, 0.5, 0.1])
def test_a_share_of_the_speed_is_kept(share: float) -> None:
    motion = ReferenceMotion(LIMITS, PERIOD_S, START)
    assert motion.aim(aside(0.3), share, FREE) == ()
    assert path(motion, 500)[:, 0].max() == pytest.approx(share * 0.25)


@pytest.mark.parametrize(
    ("joints", "names", "column", "peak"),
    [
        (room(speed=0.1), ("joint_speed",), 0, 0.1),
        (room(acceleration=1.0), ("joint_acceleration",), 1, 1.0),
        (room(acceleration=2.0), (), 1, 2.0),
        (room(jerk=40.0), ("joint_jerk",), 2, 40.0),
    ],
)
def test_joints_that_can_do_less_make_the_reference_gentler(
    joints: JointRoom, names: tuple, column: int, peak: float
) -> None:
    motion = ReferenceMotion(LIMITS, PERIOD_S, START)
    assert motion.aim(aside(0.1), 1.0, joints)[: len(names)] == names
    speed = path(motion, 1500)[:, 0]
    values = [speed, np.diff(speed) / PERIOD_S, np.diff(speed, n=2) / PERIOD_S**2][column]
    assert np.abs(values).max() == pytest.approx(peak, rel=1e-3)
    assert motion.now.tcp.position_m[0] == pytest.approx(0.5)


@pytest.mark.parametrize(("left", "said"), [(SAID * 0.99, True), (SAID * 1.01, False)])
def test_a_cut_is_said_when_less_than_half_is_left(left: float, said: bool) -> None:
    motion = ReferenceMotion(LIMITS, PERIOD_S, START)
    joints = room()
    joints.most[0, :3] = 2.5 * left
    names = motion.aim(aside(0.1), 1.0, joints)
    assert ("joint_acceleration" in names) is said


@pytest.mark.parametrize("side", [1, -1])
def test_limits_that_fall_in_full_speed_do_not_carry_the_tool_past_its_target(side: int) -> None:
    motion = ReferenceMotion(LIMITS, PERIOD_S, START)
    motion.aim(aside(side * 0.05), 1.0, FREE)
    path(motion, 215)  # about to brake with all it has
    weak = room(acceleration=0.5)
    ways = []
    for k in range(600):
        if k % 50 == 0:
            motion.aim(aside(side * 0.05), 1.0, weak)
        ways.append(side * (motion.tick().tcp.position_m[0] - START.position_m[0]))
    assert max(ways) <= 0.05 + 1e-9 and ways[-1] == pytest.approx(0.05)
    motion.aim(aside(0.0), 1.0, weak)
    speed = path(motion, 1000)[:, 0]
    assert np.abs(np.diff(speed)).max() / PERIOD_S == pytest.approx(0.5, rel=1e-6), "afterwards they hold"


@pytest.mark.parametrize("side", [1, -1])
def test_limits_fall_at_once_for_an_axis_that_goes_straight(side: int) -> None:
    motion = ReferenceMotion(LIMITS, PERIOD_S, START)
    motion.aim(aside(side * 0.2), 1.0, FREE)
    path(motion, 60)
    motion.aim(aside(side * 0.2), 1.0, room(acceleration=0.5))
    speed = path(motion, 1500)[:, 0]
    assert np.abs(np.diff(speed)[40:]).max() / PERIOD_S == pytest.approx(0.5, rel=1e-6)


@pytest.mark.parametrize("side", [1, -1])
def test_a_speed_that_is_still_growing_counts_with_what_it_will_be(side: int) -> None:
    """One axis speeds up as its target jumps behind it: its plan peaks between two corners."""
    motion = ReferenceMotion(LIMITS, PERIOD_S, START)
    motion.aim(aside(side * 0.2))
    path(motion, 40)
    motion._lay_anchor()
    motion._in.target_position = [0.4 - side * 0.1, *motion._in.target_position[1:]]
    motion._calculate(motion._rows)
    low, high = motion._speeds(motion._rows)
    speeds = [motion._plan.at_time(t)[1][0] for t in np.linspace(0.0, motion._plan.duration, 5000)]
    assert (low[0], high[0]) == pytest.approx((min(speeds), max(speeds)), abs=1e-6)


def test_braking_keeps_the_limits_last_in_force_and_reset_gives_all_back() -> None:
    motion = ReferenceMotion(LIMITS, PERIOD_S, START)
    motion.aim(aside(0.2), 1.0, room(acceleration=0.5))
    path(motion, 300)
    motion.brake()
    motion.brake()
    assert np.abs(np.diff(path(motion, 800)[:, 0])).max() / PERIOD_S == pytest.approx(0.5, rel=1e-6)
    motion.reset(START)
    assert not motion.braking
    motion.aim(aside(0.2))
    assert np.abs(np.diff(path(motion, 200)[:, 0])).max() / PERIOD_S == pytest.approx(2.5, rel=1e-6)


def test_hold_stands_still_at_once_and_is_braked() -> None:
    motion = ReferenceMotion(LIMITS, PERIOD_S, START)
    motion.aim(aside(0.2))
    path(motion, 60)
    motion.hold(aside(0.01))
    assert motion.braking and np.abs(path(motion, 20)).max() == 0.0
    assert np.array_equal(motion.now.tcp.position_m, aside(0.01).position_m)


def test_a_target_to_which_there_is_no_motion_is_given_up_and_counted() -> None:
    motion = ReferenceMotion(LIMITS, PERIOD_S, START)
    motion.aim(aside(0.1))
    path(motion, 50)
    motion.aim(Pose(np.full(3, np.nan), START.quat_wxyz), 1.0, FREE)
    path(motion, 300)
    assert motion.lost == 1 and motion.braking and np.abs(path(motion, 1)).max() < 1e-9


def test_limits_for_joints_are_those_that_they_can_follow() -> None:
    gentle = LIMITS.for_joints(room(acceleration=2.0, jerk=1e9))
    assert gentle.acceleration_m_s2 == pytest.approx(2.0, rel=1e-6)
    assert gentle.rotation_acceleration_rad_s2 * TURN_SHARE == pytest.approx(2.0, rel=1e-6)
    assert (gentle.speed_m_s, gentle.jerk_m_s3, gentle.rotation_jerk_rad_s3) == (0.25, 100.0, 400.0)
    assert LIMITS.for_joints(FREE) == LIMITS
    stiff = LIMITS.for_joints(room(jerk=50.0))
    assert (stiff.jerk_m_s3, stiff.rotation_jerk_rad_s3 * TURN_SHARE) == pytest.approx((50.0, 50.0), rel=1e-6)


def test_joints_slow_every_axis_by_the_same_share_of_what_it_reaches() -> None:
    motion = ReferenceMotion(LIMITS, PERIOD_S, START)
    target = Pose(START.position_m + [0.02, 0.005, 0.0], START.quat_wxyz)
    motion.aim(target)
    free = path(motion, 600)[:, :2].max(axis=0)
    motion.reset(START)
    assert motion.aim(target, 1.0, room(speed=0.5 * free[0])) == ("joint_speed",)
    np.testing.assert_allclose(path(motion, 900)[:, :2].max(axis=0), 0.5 * free, rtol=2e-3)
    assert motion.lost == 0 and np.linalg.norm(motion.now.tcp.position_m - target.position_m) < 1e-8


@pytest.mark.parametrize("period_s", [0.0, -0.002, 1.0, float("nan"), float("inf")])
def test_a_period_that_is_none_is_refused_with_its_value(period_s: float) -> None:
    with pytest.raises(ValueError, match="allowed: above 0, below 1 s"):
        ReferenceMotion(MotionLimits(0.25, 2.5, 100.0, 1.0, 10.0, 400.0), period_s, START)


def test_where_there_is_no_way_even_to_brake_it_stands_still_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    motion = ReferenceMotion(LIMITS, PERIOD_S, START)
    motion.aim(aside(0.1))
    path(motion, 50)
    here = motion.now.tcp.position_m
    monkeypatch.setattr(motion, "_step", lambda: False)
    assert np.array_equal(motion.tick().tcp.position_m, here) and motion.lost == 1 and motion.braking
    monkeypatch.undo()
    assert np.abs(path(motion, 20)).max() < 1e-12
    assert np.array_equal(motion.now.tcp.position_m, here)


def test_the_limits_in_force_are_those_of_the_motion_and_less_where_joints_can_do_less() -> None:
    motion = ReferenceMotion(LIMITS, PERIOD_S, START)
    np.testing.assert_array_equal(motion.in_force, LIMITS.rows())
    motion.aim(aside(0.1), 0.5)
    assert motion.in_force[0, 0] == 0.5 * LIMITS.speed_m_s and motion.in_force[1, 0] == LIMITS.acceleration_m_s2


def test_limits_cannot_be_edited() -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(LIMITS, next(iter(LIMITS.__slots__)), 1.0)


def test_joints_with_room_enough_leave_every_limit_as_it_is() -> None:
    motion = ReferenceMotion(LIMITS, PERIOD_S, START)
    assert motion.aim(aside(0.01), 1.0, FREE) == ()
    np.testing.assert_array_equal(motion.in_force, LIMITS.rows())


def test_half_of_the_limits_is_no_cut_to_speak_of() -> None:
    motion = ReferenceMotion(LIMITS, PERIOD_S, START)
    half = SimpleNamespace(shares=lambda rows: np.full((2, 2), SAID), speed_share=lambda low, high: 1.0)
    assert motion.aim(aside(0.1), 1.0, half) == ()


@pytest.mark.parametrize(
    ("weak", "column", "peak"),
    [(room(acceleration=0.5), 1, 2.5), (room(jerk=20.0), 2, 100.0), (room(acceleration=0.5, jerk=20.0), 2, 100.0)],
)
def test_limits_that_rise_count_at_once_though_the_tool_passes_its_target(
    weak: JointRoom, column: int, peak: float
) -> None:
    motion = ReferenceMotion(LIMITS, PERIOD_S, START)
    motion.aim(aside(0.5), 1.0, weak)
    path(motion, 900)
    assert motion.now.linear_m_s[0] == pytest.approx(0.25)
    here = motion.now.tcp.position_m
    motion.aim(Pose(here + [0.001, 0.0, 0.0], START.quat_wxyz), 1.0, FREE)
    speed = path(motion, 300)[:, 0]
    values = [speed, np.diff(speed) / PERIOD_S, np.diff(speed, n=2) / PERIOD_S**2][column]
    assert np.abs(values).max() == pytest.approx(peak, rel=1e-3)


def test_joints_slow_the_tool_either_way_and_an_axis_at_rest_keeps_a_thousandth_of_its_speed() -> None:
    motion = ReferenceMotion(LIMITS, PERIOD_S, START)
    assert motion.aim(aside(-0.1), 1.0, room(speed=0.1)) == ("joint_speed",)
    np.testing.assert_allclose(motion.in_force[0], [0.1, 0.25e-3, 0.25e-3, 1e-3, 1e-3, 1e-3], rtol=1e-6)
    assert path(motion, 1000)[:, 0].min() == pytest.approx(-0.1)


def test_where_no_share_is_named_the_whole_speed_is_meant() -> None:
    motion = ReferenceMotion(LIMITS, PERIOD_S, START)
    motion.aim(aside(0.3))
    assert path(motion, 500)[:, 0].max() == pytest.approx(0.25)


def test_before_the_first_period_it_stands_still_at_its_start() -> None:
    motion = ReferenceMotion(LIMITS, PERIOD_S, START)
    now = motion.now
    assert now.tcp is START
    assert np.array_equal(now.linear_m_s, np.zeros(3)) and np.array_equal(now.angular_rad_s, np.zeros(3))
    then = motion.tick()
    np.testing.assert_allclose(then.tcp.quat_wxyz, START.quat_wxyz, atol=1e-15)
    assert np.array_equal(then.tcp.position_m, START.position_m)


def test_joints_do_not_raise_a_speed_that_was_just_lowered() -> None:
    motion = ReferenceMotion(LIMITS, PERIOD_S, START)
    motion.aim(aside(0.3))
    path(motion, 300)
    motion.aim(aside(0.3), 0.1, room(speed=0.2))
    assert motion.in_force[0, 0] == 0.1 * 0.25

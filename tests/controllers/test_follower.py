import sys
from functools import lru_cache

import mujoco
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.follower import GIVE_M, _Touch
from controllers.joint_motion import JointMotion
from controllers.models import arm_limits, home_q
from controllers.pose import Pose, rotation_between_rad
from controllers.records import Reference
from controllers.reference import ReferenceMotion
from tests.controllers import position_arm
from tests.controllers.parts import arm_model as made_model
from tests.controllers.position_arm import FILTER_S, GAINS, KP, KV, MOTION, PERIOD_S, PositionArm, follower, press

FREE = np.zeros(6)
ANY = st.floats(allow_nan=True, allow_infinity=True, width=64)
PART = st.one_of(st.floats(-2.0, 2.0), ANY)


arm_model = lru_cache(made_model)


def tool(name: str, q_rad=None) -> Pose:
    model = arm_model(name)
    model.update(home_q(name) if q_rad is None else q_rad, 0.0 * home_q(name))
    return model.tcp()


START = {name: tool(name) for name in ("panda", "ur5e")}


def still(pose: Pose) -> Reference:
    return Reference(pose, np.zeros(3), np.zeros(3))


@given(
    st.sampled_from(["panda", "ur5e"]),
    st.lists(
        st.tuples(
            st.lists(PART, min_size=3, max_size=3),
            st.lists(PART, min_size=6, max_size=6),
            st.lists(st.one_of(st.floats(-500.0, 500.0), ANY), min_size=6, max_size=6),
            st.booleans(),
            st.integers(1, 40),
        ),
        min_size=1,
        max_size=6,
    ),
)
@settings(max_examples=30, deadline=None)
def test_whatever_it_is_told_no_command_leaves_speed_acceleration_or_range_of_the_joints(name, story) -> None:
    joints, limits = follower(name), arm_limits(name)
    last, rate = home_q(name), np.zeros(len(home_q(name)))
    start = START[name]
    for place, twist, wrench, fault, periods in story:
        pose = Pose(start.position_m + np.array(place), start.quat_wxyz)
        reference = Reference(pose, np.array(twist[:3]), np.array(twist[3:]))
        for _ in range(periods):
            with np.errstate(invalid="ignore", over="ignore"):
                q_rad = joints.tick(reference, np.array(wrench), fault)
            speed = (q_rad - last) / PERIOD_S
            assert (np.abs(speed) <= limits.dq_max_rad_s + 1e-9).all()
            assert (np.abs(speed - rate) <= limits.ddq_max_rad_s2 * PERIOD_S + 1e-9).all()
            assert (q_rad >= limits.q_min_rad - 1e-9).all() and (q_rad <= limits.q_max_rad + 1e-9).all()
            last, rate = q_rad, speed


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_a_joint_driven_at_the_end_of_its_range_stops_there_within_its_acceleration(side: float) -> None:
    joints, limits = follower("panda"), arm_limits("panda")
    pose, last, rate = START["panda"], home_q("panda"), np.zeros(7)
    reference = Reference(pose, np.zeros(3), np.array([0.0, 0.0, side * 3.0]))  # joints turn with the tool
    for _ in range(4000):
        q_rad = joints.tick(reference, FREE, False)
        speed = (q_rad - last) / PERIOD_S
        assert (np.abs(speed - rate) <= limits.ddq_max_rad_s2 * PERIOD_S + 1e-9).all()
        assert (q_rad >= limits.q_min_rad).all() and (q_rad <= limits.q_max_rad).all()
        last, rate = q_rad, speed
    room = np.minimum(last - limits.q_min_rad, limits.q_max_rad - last)
    assert room.min() < 0.1


@given(st.sampled_from(["panda", "ur5e"]), st.lists(st.floats(-0.3, 0.3), min_size=7, max_size=7))
@settings(max_examples=20, deadline=None)
def test_the_first_command_after_a_reset_equals_the_measured_joints(name: str, offsets: list[float]) -> None:
    home = home_q(name)
    q_rad = home + np.array(offsets[: len(home)])
    joints = follower(name)
    joints.tick(still(START[name]), FREE, False)
    joints.reset(q_rad)
    np.testing.assert_allclose(joints.tick(still(tool(name, q_rad)), FREE, False), q_rad, atol=1e-9)


def test_at_rest_it_stands_still_to_the_bit() -> None:
    joints = follower("ur5e")
    first = joints.tick(still(START["ur5e"]), FREE, False)
    for _ in range(1000):
        last = joints.tick(still(START["ur5e"]), FREE, False)
    np.testing.assert_allclose(last, first, atol=1e-9)
    np.testing.assert_allclose(first, home_q("ur5e"), atol=1e-9)


@given(st.lists(st.floats(-0.1, 0.1), min_size=3, max_size=3), st.lists(st.floats(-0.4, 0.4), min_size=3, max_size=3))
@settings(max_examples=6, deadline=None)
def test_it_follows_the_reference_without_lag_and_ends_on_it(move: list[float], turn: list[float]) -> None:
    for name in ("panda", "ur5e"):
        joints, model = follower(name), arm_model(name)
        model.update(home_q(name), np.zeros(model.joints))
        room = JointMotion(arm_limits(name), 0.05).room(model, home_q(name))
        motion = ReferenceMotion(MOTION.for_joints(room), PERIOD_S, START[name])
        motion.aim(START[name].moved(np.array(move), np.array(turn)), 0.5, room)
        for _ in range(1500):
            reference = motion.tick()
            model.update(joints.tick(reference, FREE, False), np.zeros(model.joints))
            assert np.linalg.norm(model.tcp_position_m() - reference.tcp.position_m) < 2e-3
        assert np.linalg.norm(model.tcp_position_m() - reference.tcp.position_m) < 1e-4
        assert rotation_between_rad(model.tcp_quat_wxyz(), reference.tcp.quat_wxyz) < 1e-3


def test_a_steady_push_moves_it_by_force_over_stiffness_and_no_further() -> None:
    joints, model = follower("ur5e"), arm_model("ur5e")
    wrench = np.array([0.0, 0.0, -20.0, 0.0, 0.0, 0.0])  # against the tool's z axis, which points down: upwards
    for _ in range(4000):
        q_rad = joints.tick(still(START["ur5e"]), wrench, False)
    model.update(q_rad, np.zeros(6))
    given_m = model.tcp_position_m() - START["ur5e"].position_m
    np.testing.assert_allclose(given_m, [0.0, 0.0, 20.0 / GAINS.stiffness_n_m], atol=2e-4)


def test_a_push_beyond_the_spring_moves_it_until_it_says_so_and_stops() -> None:
    joints, model = follower("ur5e"), arm_model("ur5e")
    wrench = np.array([0.0, 0.0, -60.0, 0.0, 0.0, 0.0])
    for _ in range(5000):
        q_rad = joints.tick(still(START["ur5e"]), wrench, bool(joints.fault))
    model.update(q_rad, np.zeros(6))
    given_m = np.linalg.norm(model.tcp_position_m() - START["ur5e"].position_m)
    assert "gave way" in joints.fault and "60.0 N" in joints.fault
    assert GIVE_M < given_m < GIVE_M + GAINS.clip_m + 0.005
    joints.reset(q_rad)
    assert joints.fault == ""


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_without_a_finite_wrench_it_brakes_and_stays_where_it_is(bad: float) -> None:
    joints = follower("ur5e")
    moving = Reference(START["ur5e"], np.array([0.0, 0.2, 0.0]), np.zeros(3))
    for _ in range(100):
        joints.tick(moving, FREE, False)
    blind = FREE.copy()
    blind[2] = bad
    way = [joints.tick(moving, blind, False) for _ in range(300)]
    np.testing.assert_array_equal(way[-1], way[-100])
    assert 0.0 < np.abs(way[-1] - way[0]).max() < 0.02


def test_at_fault_it_leaves_the_reference_and_gives_way_by_the_clip_at_most() -> None:
    joints, model = follower("ur5e"), arm_model("ur5e")
    far = still(START["ur5e"].moved(np.array([0.1, 0.0, 0.0]), np.zeros(3)))
    held = joints.tick(still(START["ur5e"]), FREE, False)
    for _ in range(500):
        q_rad = joints.tick(far, FREE, True)
    np.testing.assert_allclose(q_rad, held, atol=1e-6)
    for _ in range(4000):
        q_rad = joints.tick(far, np.array([0.0, 0.0, -500.0, 0.0, 0.0, 0.0]), True)
    model.update(q_rad, np.zeros(6))
    given_m = float(np.linalg.norm(model.tcp_position_m() - START["ur5e"].position_m))
    assert 0.9 * GAINS.clip_m < given_m < 1.1 * GAINS.clip_m


def impact_n(arm: PositionArm, speed_m_s: float, late: int = 0) -> float:
    """What the drives press with before a force that comes late, and joints that brake, have turned them round; and
    the arm's own momentum."""
    jac, mass = np.zeros((3, arm.model.nv)), np.zeros((arm.model.nv, arm.model.nv))
    mujoco.mj_jacSite(arm.model, arm.data, jac, None, arm.model.site("tcp").id)
    mujoco.mj_fullM(arm.model, arm.data, mass)
    down = jac[2, :6]
    stiffness = 1.0 / float(down @ (down / np.array(KP)))
    inertia = 1.0 / float(down @ np.linalg.solve(mass[:6, :6], down))
    model = arm_model("ur5e")
    model.update(home_q("ur5e"), np.zeros(6))
    brake = float((arm_limits("ur5e").ddq_max_rad_s2 / np.abs(model.inverse[:, 2])).min())
    late_m = speed_m_s * (KV[0] / KP[0] + FILTER_S + 2 * (1 + late) * arm.period_s) + speed_m_s**2 / (2 * brake)
    return stiffness * late_m + speed_m_s * np.sqrt(stiffness * inertia)


@pytest.mark.parametrize(("solref", "wall"), [((0.02, 1.0), "soft"), ((-2e5, -500.0), "steel")])
@pytest.mark.parametrize("speed_m_s", [0.04, 0.25])
@pytest.mark.parametrize(("rate_hz", "late"), [(500, 0), (500, 2), (125, 1), (100, 1)])
def test_pressed_into_a_wall_it_stays_within_the_force_budget_and_the_force_of_impact(
    solref: tuple[float, float], wall: str, speed_m_s: float, rate_hz: int, late: int
) -> None:
    arm = PositionArm(0.28, solref, 1.0 / rate_hz)
    impact = impact_n(arm, speed_m_s, late)
    forces = press(arm, 0.04, 3.0, speed_m_s / MOTION.speed_m_s, late)
    at_rest = forces[-rate_hz:]
    sys.stdout.write(f"{rate_hz} Hz, {late} late, {wall} wall, {speed_m_s} m/s: peak {forces.max():.1f} N, ")
    sys.stdout.write(f"at rest {at_rest.mean():.1f} N, allowed {GAINS.force_limit_n:.0f} + {impact:.0f} N\n")
    assert forces.max() <= GAINS.force_limit_n + impact
    assert at_rest.max() <= GAINS.force_limit_n and np.ptp(at_rest) < 1.0
    np.testing.assert_allclose(at_rest.mean(), GAINS.stiffness_n_m * GAINS.clip_m, rtol=0.02)


def test_drives_twice_as_stiff_come_to_rest_at_a_slow_loop_too(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, values in (("KP", KP), ("KV", KV)):
        monkeypatch.setattr(position_arm, name, tuple(2.0 * value for value in values))
    forces = press(PositionArm(0.28, (-2e5, -500.0), 0.01), 0.04, 3.0, 0.04 / MOTION.speed_m_s, late=1)
    assert np.ptp(forces[-100:]) < 1.0


# The law for three axes alone

DAMPING, DOWN = 200.0, np.array([0.0, 0.0, -0.1])
PUSH = np.array([0.0, 0.0, 20.0])
"""Of something below; firm."""


def touch(period_s: float = PERIOD_S) -> _Touch:
    return _Touch(DAMPING, 2.0, 6.0, period_s)


def test_without_contact_the_reference_s_speed_is_kept_and_its_distance_made_up_for() -> None:
    spring = np.array([30.0, -10.0, 0.0])
    np.testing.assert_allclose(touch().speed(DOWN, spring, np.zeros(3), 80.0), DOWN + spring / DAMPING)


@pytest.mark.parametrize(("period_s", "stiffer"), [(0.002, 11.0), (0.01, 15.0)])
def test_in_contact_the_reference_s_speed_does_not_press_and_all_else_is_slow(period_s: float, stiffer: float) -> None:
    spring, across = np.array([12.0, 0.0, -30.0]), np.array([0.03, -0.02, 0.0])
    speed = touch(period_s).speed(DOWN + across, spring, PUSH, 80.0)
    np.testing.assert_allclose(speed, across + (spring + PUSH) / (stiffer * DAMPING))


def test_from_a_contact_the_reference_leads_away_at_its_own_speed() -> None:
    speed = touch().speed(-DOWN, np.zeros(3), PUSH, 80.0)
    np.testing.assert_allclose(speed, -DOWN + PUSH / (11.0 * DAMPING))


def test_half_firm_a_contact_is_half_of_each() -> None:
    push = np.array([0.0, 0.0, 4.0])
    speed = touch().speed(DOWN, np.zeros(3), push, 80.0)
    np.testing.assert_allclose(speed, 0.5 * DOWN + push * 0.5 * (1.0 + 1.0 / 11.0) / DAMPING)


@given(st.floats(0.0, 2 * np.pi), st.floats(0.0, 120.0))
def test_a_force_that_friction_turns_about_moves_the_tool_no_faster_across_than_its_damping_says(
    angle_rad: float, friction_n: float
) -> None:
    side = friction_n * np.array([np.cos(angle_rad), np.sin(angle_rad), 0.0])
    law, spring = touch(), np.array([0.0, 0.0, -30.0])
    speed = law.speed(np.zeros(3), spring, PUSH + side, np.inf)
    assert np.linalg.norm(speed[:2]) <= friction_n / (11.0 * DAMPING) + 1e-12


def test_a_contact_that_has_ended_is_forgotten() -> None:
    law, spring = touch(), np.array([0.0, 0.0, -30.0])
    law.speed(DOWN, spring, PUSH, 80.0)
    speeds = [law.speed(DOWN, spring, np.zeros(3), 80.0)[2] for _ in range(1000)]
    assert (np.diff(speeds) < 0.0).all()
    np.testing.assert_allclose(speeds[-1], -0.1 - 30.0 / DAMPING, rtol=0.01)


def elbow_aside() -> np.ndarray:
    """A Panda away from its posture, as somebody may have left it."""
    return home_q("panda") + np.array([0.3, -0.1, -0.3, 0.2, 0.1, 0.0, 0.2])


@pytest.mark.parametrize("fault", [False, True])
def test_an_arm_with_spare_joints_stays_where_it_stands_until_the_reference_moves(fault: bool) -> None:
    joints, start = follower("panda"), elbow_aside()
    joints.reset(start)
    for _ in range(1000):
        q_rad = joints.tick(still(tool("panda", start)), FREE, fault)
    np.testing.assert_allclose(q_rad, start, atol=1e-9)


def test_spare_joints_return_to_the_posture_while_the_tool_moves_and_the_tool_keeps_to_its_way() -> None:
    joints, start = follower("panda"), elbow_aside()
    joints.reset(start)
    before = tool("panda", start)
    speed_m_s = np.array([0.0, 0.0, 0.05])
    steps = np.concatenate((np.linspace(0, 1, 100), np.ones(800), np.linspace(1, 0, 100), np.zeros(200)))
    way_m = np.zeros(3)
    for step in steps:
        way_m = way_m + step * speed_m_s * PERIOD_S
        place = Pose(before.position_m + way_m, before.quat_wxyz)
        q_rad = joints.tick(Reference(place, step * speed_m_s, np.zeros(3)), FREE, False)
    after = tool("panda", q_rad)
    np.testing.assert_allclose(after.position_m, before.position_m + way_m, atol=5e-4)
    assert rotation_between_rad(after.quat_wxyz, before.quat_wxyz) < 2e-3
    assert abs(q_rad[2] - home_q("panda")[2]) < 0.9 * abs(start[2] - home_q("panda")[2])

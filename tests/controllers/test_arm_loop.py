"""Reference, impedance and expiry together, on a simulated arm without scene."""

from dataclasses import replace

import mujoco
import numpy as np
import pytest

from controllers.build import LoopSettings, build_loop
from controllers.gate import anyone
from controllers.impedance import CartesianImpedance, ImpedanceGains
from controllers.joint_motion import JointMotion
from controllers.limits import WorkspaceBox
from controllers.models import arm_limits, arm_spec, home_q
from controllers.pose import Pose, quat_from_rotvec, rotation_between_rad
from controllers.records import PoseCommand, Reference
from controllers.reference import MotionLimits, ReferenceMotion
from tests.controllers.parts import arm_model, state_at

PERIOD_S = 0.002
MOTION = MotionLimits(0.25, 2.5, 100.0, 1.0, 10.0, 400.0)
GAINS = ImpedanceGains(2000.0, 100.0, 0.015, 0.15, 200.0, 12.0)


class Rig:
    """An arm hanging in the air, driven by the loop."""

    def __init__(self, name: str = "panda") -> None:
        self.model = arm_spec(name).compile()
        self.model.opt.timestep = PERIOD_S
        self.data = mujoco.MjData(self.model)
        self.q = home_q(name)
        self.n = len(self.q)
        self.own = arm_model(name)
        self.data.qpos[: self.n] = self.q
        mujoco.mj_forward(self.model, self.data)
        self.own.update(self.q, 0 * self.q)
        start = self.own.tcp()
        box = WorkspaceBox(start.position_m - 0.3, start.position_m + 0.3)
        self.settings = LoopSettings(1.0 / PERIOD_S, box, 0.05, 0.3, 0.05, MOTION, GAINS)
        self.loop = build_loop(self.own, arm_limits(name), self.settings, self.q)
        self.loop.gate.permit = anyone
        self.loop.reset(self.q)
        self.now_s = 0.0

    def run(self, seconds: float) -> np.ndarray:
        """Tool speeds (m/s) tick by tick."""
        speeds, before = [], self.tcp()
        for _ in range(round(seconds / PERIOD_S)):
            tau = self.loop.tick(self.data.qpos[: self.n], self.data.qvel[: self.n], 0.0, self.now_s)
            self.data.ctrl[: self.n] = tau
            mujoco.mj_step(self.model, self.data)
            self.now_s += PERIOD_S
            here = self.tcp()
            speeds.append(float(np.linalg.norm(here.position_m - before.position_m)) / PERIOD_S)
            before = here
        return np.array(speeds)

    def tcp(self) -> Pose:
        site = self.data.site("tcp")
        quat = np.zeros(4)
        mujoco.mju_mat2Quat(quat, site.xmat)
        return Pose.of(site.xpos, quat)

    def command(self, target: Pose, sequence: int, valid_for_s: float = 0.5) -> None:
        verdict = self.loop.command(
            PoseCommand(target, sequence, valid_for_s),
            state_at(self.tcp(), self.data.qpos[: self.n]),
            self.now_s,
            self.now_s,
        )
        assert not verdict.refused


@pytest.mark.parametrize("name", ["panda", "ur5e"])
def test_the_tool_arrives_within_two_millimetres_and_two_hundredths_rad(name: str) -> None:
    rig = Rig(name)
    target = rig.tcp().moved(np.array([0.03, -0.02, 0.02]), np.array([0.0, 0.0, 0.2]))
    for k in range(4):
        rig.command(target, k)
        rig.run(0.4)
    assert np.linalg.norm(rig.tcp().position_m - target.position_m) < 2e-3
    assert rotation_between_rad(rig.tcp().quat_wxyz, target.quat_wxyz) < 2e-2


def test_silence_brakes_the_arm_within_validity_and_it_holds() -> None:
    rig = Rig()
    rig.command(rig.tcp().moved(np.array([0.05, 0, 0]), np.zeros(3)), 0, valid_for_s=0.1)
    moving = rig.run(0.1)
    rig.run(0.8)
    rested = rig.tcp()
    resting = rig.run(0.5)
    assert moving.max() > 0.05
    assert rig.loop.holding
    assert resting.max() < 0.01
    assert np.linalg.norm(rig.tcp().position_m - rested.position_m) < 1e-3


def test_stop_brakes_at_once_and_the_next_command_moves_again() -> None:
    rig = Rig()
    target = rig.tcp().moved(np.array([0.05, 0, 0]), np.zeros(3))
    rig.command(target, 0)
    rig.run(0.1)
    rig.loop.stop()
    rig.run(0.8)
    assert rig.run(0.2).max() < 0.01
    rig.command(target, 1)
    assert rig.run(0.3).max() > 0.02


def test_the_reference_never_exceeds_its_limits_whatever_is_aimed_at() -> None:
    rng = np.random.default_rng(0)
    motion = ReferenceMotion(MOTION, PERIOD_S, Pose.of([0.4, 0, 0.3]))
    place, rates = [], []
    for k in range(3000):
        if k % 37 == 0:
            target = Pose.of(rng.uniform(-0.5, 0.5, 3), quat_from_rotvec(rng.uniform(-1, 1, 3)))
            motion.brake() if rng.random() < 0.2 else motion.aim(target)
        now = motion.tick()
        place.append(now.tcp.position_m)
        rates.append(now.linear_m_s)
    speed, acceleration = np.array(rates), np.diff(rates, axis=0) / PERIOD_S
    assert np.abs(speed).max() <= MOTION.speed_m_s * (1 + 1e-6)
    assert np.abs(acceleration).max() <= MOTION.acceleration_m_s2 * (1 + 1e-6)
    assert np.abs(np.diff(acceleration, axis=0)).max() / PERIOD_S <= 2 * MOTION.jerk_m_s3
    assert np.allclose(np.diff(place, axis=0) / PERIOD_S, speed[1:], atol=MOTION.acceleration_m_s2 * PERIOD_S)


def tool_wrench(rig: Rig, reference: Reference, dq_rad_s: np.ndarray | None = None) -> np.ndarray:
    """What the impedance law presses with, (6,) N and Nm, read back from its torques."""
    dq = 0 * rig.q if dq_rad_s is None else dq_rad_s
    impedance = CartesianImpedance(rig.own, GAINS, arm_limits("panda"), rig.q, PERIOD_S)
    rig.own.update(rig.q, dq)
    tau = impedance.torque_nm(reference, rig.q, dq) - rig.own.bias_nm()
    return np.linalg.lstsq(rig.own.jacobian.T, tau, rcond=None)[0]


def test_the_spring_presses_with_stiffness_times_clip_however_far_the_reference_is() -> None:
    rig = Rig()
    far = Reference(rig.tcp().moved(np.array([0.3, 0.0, 0.0]), np.zeros(3)), np.zeros(3), np.zeros(3))
    wrench = tool_wrench(rig, far)
    assert np.linalg.norm(wrench[:3]) == pytest.approx(GAINS.stiffness_n_m * GAINS.clip_m, rel=1e-3)


def test_spring_and_damper_together_never_press_with_more_than_the_limit() -> None:
    rig, rng = Rig(), np.random.default_rng(0)
    largest = 0.0
    for _ in range(50):
        place = rig.tcp().moved(rng.uniform(-0.3, 0.3, 3), np.zeros(3))
        wrench = tool_wrench(rig, Reference(place, rng.uniform(-1, 1, 3), np.zeros(3)))
        largest = max(largest, float(np.linalg.norm(wrench[:3])))
        turned = rig.tcp().moved(np.zeros(3), rng.uniform(-0.5, 0.5, 3))
        wrench = tool_wrench(rig, Reference(turned, np.zeros(3), rng.uniform(-1, 1, 3)))
        assert np.linalg.norm(wrench[3:]) <= GAINS.torque_limit_nm * (1 + 1e-6)
    assert largest == pytest.approx(GAINS.force_limit_n, rel=1e-6)


def test_a_joint_near_its_top_speed_is_braked() -> None:
    rig = Rig()
    still = Reference(rig.tcp(), np.zeros(3), np.zeros(3))
    limits = arm_limits("panda")
    law = CartesianImpedance(rig.own, GAINS, limits, rig.q, PERIOD_S)
    torques = []
    for share in (GAINS.brake_from, 0.8):
        dq = np.zeros(7)
        dq[6] = share * limits.dq_max_rad_s[6]
        law.reset()
        rig.own.update(rig.q, dq)
        torques.append(law.torque_nm(still, rig.q, dq)[6])
    excess = (0.8 - GAINS.brake_from) * limits.dq_max_rad_s[6]
    assert torques[0] - torques[1] >= min(GAINS.brake_nms_rad * excess * 0.9, limits.tau_max_nm[6] - abs(torques[0]))


def test_a_joint_reading_that_is_not_finite_latches_a_fault_and_never_makes_a_torque() -> None:
    rig = Rig()
    rig.run(0.05)
    bad = rig.data.qpos[: rig.n].copy()
    bad[2] = np.nan
    assert np.isfinite(rig.loop.tick(bad, rig.data.qvel[: rig.n], 0.0, rig.now_s)).all()
    assert rig.run(0.3).max() < 0.05
    assert rig.loop.fault
    verdict = rig.loop.command(PoseCommand(rig.tcp(), 1), state_at(rig.tcp()), rig.now_s, rig.now_s)
    assert verdict.refused and verdict.reasons == ("fault",)
    rig.loop.reset(rig.data.qpos[: rig.n])
    assert not rig.loop.fault


def test_torques_stay_in_their_table_and_change_no_faster_than_allowed() -> None:
    rig = Rig()
    torques = []
    for k in range(300):
        if k % 40 == 0:
            step = np.random.default_rng(k).uniform(-0.05, 0.05, 3)
            rig.command(rig.tcp().moved(step, np.zeros(3)), k)
        rig.run(PERIOD_S)
        torques.append(rig.data.ctrl[: rig.n].copy())
    changes = np.abs(np.diff(torques, axis=0)) / PERIOD_S
    assert changes.max() <= GAINS.torque_rate_nm_s * (1 + 1e-9)
    assert np.all(np.abs(torques) <= arm_limits("panda").tau_max_nm)


def test_an_unreachable_start_is_refused_with_what_remains() -> None:
    with pytest.raises(ValueError, match="move the start pose closer"):
        arm_model().solve(Pose.of([2.0, 0, 0.3], [0, 1, 0, 0]), home_q("panda"))


# Faults latch, with a sentence; only a reset clears them


def tick(rig: Rig, now_s: float | None = None, force_n: float = 0.0, q: np.ndarray | None = None) -> np.ndarray:
    """One period with chosen readings; the arm does not move."""
    rig.now_s = rig.now_s + PERIOD_S if now_s is None else now_s
    return rig.loop.tick(rig.q if q is None else q, 0 * rig.q, force_n, rig.now_s)


def faulty(rig: Rig) -> str:
    """The reason a command is refused now."""
    verdict = rig.loop.command(PoseCommand(rig.tcp(), 99), state_at(rig.tcp()), rig.now_s, rig.now_s)
    assert verdict.refused and verdict.reasons[0] == "fault" and verdict.why == f"fault: {rig.loop.fault}"
    return rig.loop.fault


def moved(rig: Rig, joint: int, rad: float) -> np.ndarray:
    q = rig.q.copy()
    q[joint] += rad
    return q


def test_a_reading_that_jumps_repeats_the_torque_once_and_latches() -> None:
    rig = Rig()
    before = tick(rig)
    assert np.array_equal(tick(rig, q=moved(rig, 2, 0.1)), before)
    assert faulty(rig) == "joint 3 jumped 0.1000 rad, at most 0.0587 rad" and rig.loop.holding
    assert not np.array_equal(tick(rig, q=moved(rig, 2, 0.1)), before), "and goes on from what it reads"
    rig.own.update(moved(rig, 2, 0.1), 0 * rig.q)
    np.testing.assert_allclose(rig.loop.motion.now.tcp.position_m, rig.own.tcp_position_m(), atol=1e-12)
    tick(rig, q=moved(rig, 4, 9.0))
    assert faulty(rig).startswith("joint 3 jumped"), "the first fault stays"
    rig.loop.reset(rig.q)
    assert rig.loop.fault == "" and not rig.loop.motion.braking


def test_the_first_reading_after_a_reset_is_held_against_it() -> None:
    rig = Rig()
    tick(rig, q=moved(rig, 2, 0.1))
    assert faulty(rig).startswith("joint 3 jumped 0.1000 rad, at most 0.05")


def test_as_it_is_built_a_loop_stands_still_at_its_posture() -> None:
    rig = Rig()
    loop = build_loop(rig.own, arm_limits("panda"), rig.settings, rig.q)
    loop.tick(moved(rig, 2, 0.001), 0 * rig.q, 0.0, 1.0)
    rig.own.update(rig.q, 0 * rig.q)
    assert loop.fault == "" and loop.overruns == 0 and loop.holding
    np.testing.assert_allclose(loop.motion.now.tcp.position_m, rig.own.tcp_position_m(), atol=1e-12)


def test_while_a_fault_is_latched_a_reading_that_is_not_finite_repeats_the_torque() -> None:
    rig = Rig()
    before = tick(rig)
    for _ in range(3):
        assert np.array_equal(tick(rig, q=moved(rig, 0, np.nan)), before)
    assert faulty(rig) == "joint reading not finite"


def test_without_any_torque_yet_a_bad_reading_is_answered_with_what_keeps_the_arm_from_falling() -> None:
    rig, other = Rig(), arm_model()
    other.update(rig.q, 0 * rig.q)
    weight = np.array(other.bias_nm())
    np.testing.assert_allclose(tick(rig, q=moved(rig, 0, np.nan)), weight)


def test_commands_that_shake_the_arm_are_said_and_counted() -> None:
    rig = Rig()
    for k in range(20):
        side = np.array([0.04 * (-1.0) ** k, 0.0, 0.0])
        target = Pose(rig.tcp().position_m + side, rig.tcp().quat_wxyz)
        told = rig.loop.command(PoseCommand(target, k), state_at(rig.tcp()), 0.0, 0.0)
    assert told.reasons[-1] == "chatter" and not told.refused
    assert 0 < rig.loop.gate.counts["chatter"] < 20


def test_a_contact_is_said_in_the_next_verdict_and_once() -> None:
    rig = Rig()
    tick(rig, force_n=20.5)
    told = [rig.loop.command(PoseCommand(rig.tcp(), k), state_at(rig.tcp()), rig.now_s, rig.now_s) for k in range(2)]
    assert [verdict.reasons for verdict in told] == [("contact",), ()] and not told[0].refused
    assert rig.loop.gate.counts == {"contact": 1}


def test_a_contact_is_said_in_a_refusal_too_after_its_reason() -> None:
    rig = Rig()
    tick(rig, force_n=20.5)
    verdict = rig.loop.command(PoseCommand(rig.tcp(), -5), state_at(rig.tcp()), rig.now_s, rig.now_s)
    assert verdict.reasons == ("sequence", "contact") and verdict.why.startswith("sequence: ")
    assert rig.loop.gate.counts == {"sequence": 1, "contact": 1}


@pytest.mark.parametrize("force_n", [163.2, float("nan")])
def test_a_blow_stops_in_the_same_period_at_the_measured_pose(force_n: float) -> None:
    rig = Rig()
    rig.command(rig.tcp().moved(np.array([0.05, 0.0, 0.0]), np.zeros(3)), 0)
    rig.run(0.15)
    q = rig.data.qpos[: rig.n].copy()
    before = rig.data.ctrl[: rig.n].copy()
    tau = rig.loop.tick(q, rig.data.qvel[: rig.n], force_n, rig.now_s)
    reference = rig.loop.motion.now
    rig.own.update(q, 0 * q)
    np.testing.assert_allclose(reference.tcp.position_m, rig.own.tcp_position_m(), atol=1e-12)
    assert not reference.linear_m_s.any() and not reference.angular_rad_s.any() and rig.loop.holding
    assert (np.abs(tau - before) <= GAINS.torque_rate_nm_s * PERIOD_S * (1 + 1e-9)).all()
    assert faulty(rig) == f"contact force {force_n:.1f} N, at most 150 N"
    later = rig.loop.motion.now
    rig.now_s += PERIOD_S
    rig.loop.tick(q + 0.001, 0 * q, force_n, rig.now_s)
    assert rig.loop.motion.now.tcp.position_m == pytest.approx(later.tcp.position_m), "it holds the first pose"


def test_faults_and_their_refusals_are_counted() -> None:
    rig = Rig()
    tick(rig, force_n=200.0)
    faulty(rig)
    assert rig.loop.gate.counts == {"fault": 1, "contact": 1}
    rig.loop.reset(rig.q)
    tick(rig)
    rig.command(rig.tcp(), 0)
    assert rig.loop.gate.counts == {"fault": 1, "contact": 1}


def test_the_arm_keeps_moving_slower_where_the_gate_says_so() -> None:
    rig = Rig()

    class Half:
        name = "half"

        def share(self, target: Pose, state: object) -> float:
            return 0.5

    rig.loop.gate._slowdowns = (Half(),)
    target = rig.tcp().moved(np.array([0.05, 0.0, 0.0]), np.zeros(3))
    verdict = rig.loop.command(PoseCommand(target, 0, 0.5), state_at(rig.tcp()), 0.0, 0.0)
    assert verdict.reasons == ("half",) and verdict.speed == 0.5
    fastest = max(np.abs(rig.loop.motion.now.linear_m_s).max() for _ in range(200) if tick(rig) is not None)
    assert fastest == pytest.approx(0.5 * MOTION.speed_m_s)


def test_joints_that_cannot_follow_slow_the_motion_and_are_named() -> None:
    rig = Rig()
    slow = replace(arm_limits("panda"), dq_max_rad_s=np.full(7, 0.1))
    rig.loop._joints = JointMotion(slow, 0.05, 0.9)
    target = rig.tcp().moved(np.array([0.05, 0.0, 0.0]), np.zeros(3))
    verdict = rig.loop.command(PoseCommand(target, 0, 0.5), state_at(rig.tcp()), 0.0, 0.0)
    assert verdict.reasons == ("joint_speed",) and not verdict.refused
    assert rig.loop.gate.counts == {"joint_speed": 1}
    rig.own.update(rig.q, 0 * rig.q)
    inverse = np.linalg.pinv(rig.own.jacobian)
    peaks = []
    for _ in range(200):
        tick(rig)
        now = rig.loop.motion.now
        peaks.append(np.abs(inverse @ [*now.linear_m_s, *now.angular_rad_s]).max())
    assert max(peaks) == pytest.approx(0.09, rel=5e-3)

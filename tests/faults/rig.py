"""An arm hanging in the air with its loop in front, as `robot_rl.make` joins them, and the referee beside it."""

from dataclasses import dataclass

import mujoco
import numpy as np

from controllers.build import LoopSettings, build_loop
from controllers.gate import anyone
from controllers.impedance import ImpedanceGains
from controllers.kinematics import ArmModel
from controllers.limits import WorkspaceBox
from controllers.models import arm_limits, arm_spec, home_q
from controllers.pose import Pose, frozen
from controllers.records import ArmState, PoseCommand, Verdict
from controllers.reference import MotionLimits
from robot_rl.config import SafetyConfig
from tests.faults.referee import Promise, Referee, Sample

ARMS = {"panda": "panda", "ur5e": "ur5e", "fr3": "panda"}
"""Arm and the model of its links: an FR3 has those of the Panda, with a table of its own."""
JERK_S = 0.025
FORCE_N = 40.0
STEP_M, STEP_RAD = 0.036, 0.12
"""The largest of the tasks here, with the gate's margin of a fifth."""
LOW_M, HIGH_M = frozen([0.3, -0.2, 0.1]), frozen([0.6, 0.2, 0.5])


@dataclass(frozen=True)
class Parts:
    """What many runs share."""

    arm: str
    model: mujoco.MjModel
    own: ArmModel


def parts(arm: str) -> Parts:
    model = arm_spec(ARMS[arm]).compile()
    return Parts(arm, model, ArmModel(arm_spec(ARMS[arm]).compile(), len(home_q(arm))))


class Rig:
    """One run."""

    def __init__(self, shared: Parts, control_hz: float, settings: SafetyConfig | None = None) -> None:
        s = settings or SafetyConfig()
        self.period_s, self.ticks = 1.0 / control_hz, 0
        limits, home, self._own = arm_limits(shared.arm), home_q(shared.arm), shared.own
        self.n = len(home)
        motion = MotionLimits(
            s.max_speed_m_s,
            s.max_acceleration_m_s2,
            s.max_acceleration_m_s2 / JERK_S,
            s.max_rotation_rad_s,
            s.max_rotation_acceleration_rad_s2,
            s.max_rotation_acceleration_rad_s2 / JERK_S,
        )
        gains = ImpedanceGains(
            s.stiffness_n_m,
            s.rotational_stiffness_nm_rad,
            s.clip_m,
            s.clip_rad,
            s.damping_ns_m,
            s.rotational_damping_nms_rad,
            FORCE_N,
        )
        settings_ = LoopSettings(
            control_hz, WorkspaceBox(LOW_M, HIGH_M), STEP_M, STEP_RAD, s.joint_margin_rad, motion, gains
        )
        self.loop = build_loop(self._own, limits, settings_, home)
        self.loop.gate.permit = anyone
        self.motion = self.loop.motion
        self.loop.reset(home)
        self.model, self.data = shared.model, mujoco.MjData(shared.model)
        self._substeps = max(1, round(self.period_s / 0.002))
        self.model.opt.timestep = self.period_s / self._substeps
        self.data.qpos[: self.n] = home
        mujoco.mj_forward(self.model, self.data)
        self._tool = self.data.site("tcp")
        promise = Promise(
            low_m=np.array(LOW_M),
            high_m=np.array(HIGH_M),
            step_m=STEP_M,
            step_rad=STEP_RAD,
            tool_m=(s.max_speed_m_s, s.max_acceleration_m_s2, s.max_acceleration_m_s2 / JERK_S),
            tool_rad=(
                s.max_rotation_rad_s,
                s.max_rotation_acceleration_rad_s2,
                s.max_rotation_acceleration_rad_s2 / JERK_S,
            ),
            lag_m=s.clip_m,
            force_n=FORCE_N,
            tau_rate_nm_s=gains.torque_rate_nm_s,
        )
        self.referee = Referee(shared.arm, promise, self.period_s)

    @property
    def now_s(self) -> float:
        return self.ticks * self.period_s

    def state(self) -> ArmState:
        """What the arm measures; nothing touches it here, so it feels no force."""
        quat, zero = np.zeros(4), np.zeros(3)
        mujoco.mju_mat2Quat(quat, self._tool.xmat)
        tcp = Pose(frozen(self._tool.xpos), frozen(quat))
        q, dq = self.data.qpos[: self.n], self.data.qvel[: self.n]
        return ArmState(self.now_s, frozen(q), frozen(dq), tcp, zero, zero, zero, zero)

    def note(self, command: PoseCommand, verdict: Verdict, state: ArmState, now_s: float) -> None:
        """Tell the referee of a command that the loop has admitted."""
        target, here = verdict.target, state.tcp
        self.referee.admitted(
            now_s,
            command.valid_for_s,
            (target.position_m, target.quat_wxyz),
            (here.position_m, here.quat_wxyz),
        )

    def run(self, ticks: int) -> None:
        """So many control periods."""
        data, n = self.data, self.n
        for _ in range(ticks):
            q, dq = data.qpos[:n].copy(), data.qvel[:n].copy()
            tau = self.loop.tick(q, dq, 0.0, self.now_s)
            reference = self.motion.now
            self.referee.saw(
                Sample(
                    self.now_s,
                    q,
                    dq,
                    np.array(tau),
                    reference.tcp.position_m,
                    np.array(reference.linear_m_s),
                    reference.tcp.quat_wxyz,
                    self._tool.xpos.copy(),
                    np.zeros(3),
                )
            )
            data.ctrl[:n] = tau
            mujoco.mj_step(self.model, data, self._substeps)
            self.ticks += 1

"""An arm hanging in the air with its loop in front, set as a run sets it, and the referee beside it."""

from dataclasses import dataclass

import mujoco
import numpy as np

from controllers.build import build_loop
from controllers.kinematics import ArmModel
from controllers.limits import WorkspaceBox
from controllers.models import arm_limits, arm_spec, home_q
from controllers.pose import Array, Pose, frozen
from controllers.records import ArmState, PoseCommand, Reference, Verdict
from robot_rl.config import SafetyConfig, TaskConfig
from robot_rl.loop_settings import loop_settings
from tests.faults.referee import Promise, Referee, Sample

ARMS = {"panda": "panda", "ur5e": "ur5e", "fr3": "panda"}
"""Arm and the model of its links: an FR3 has those of the Panda, with a table of its own."""
FORCE_N = 40.0
STEP_M, STEP_RAD = 0.036, 0.12
"""The largest of the tasks here, with the gate's margin of a fifth."""
LOW_M, HIGH_M = frozen([0.3, -0.2, 0.1]), frozen([0.6, 0.2, 0.5])
WIDE_LOW_M, WIDE_HIGH_M = frozen([-0.3, -0.6, 0.1]), frozen([0.75, 0.6, 0.8])
"""A box from which an arm can reach its joint ends, its singularities, itself and the table."""
FENCE = 7
"""The only sender whom the rig's authority knows."""


def one_sender(fence: int, mode: str) -> str:
    """An authority that knows one sender and three modes."""
    if fence == FENCE and mode in ("policy", "human", "reset"):
        return ""
    return f"fence {fence} in mode {mode!r}: only {FENCE} may command this arm"


@dataclass(frozen=True)
class Parts:
    """What many runs share."""

    arm: str
    model: mujoco.MjModel
    own: ArmModel


def parts(arm: str, wall_m: float | None = None) -> Parts:
    """An arm above a table, and if wanted before a wall at x = `wall_m`. Its own model knows neither."""
    spec = arm_spec(ARMS[arm])
    spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_PLANE, size=[2, 2, 0.1])
    if wall_m is not None:
        spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_BOX, size=[0.1, 1, 1], pos=[wall_m + 0.1, 0, 0.3])
    model = spec.compile()
    return Parts(arm, model, ArmModel(arm_spec(ARMS[arm]).compile(), len(home_q(arm))))


class Rig:
    """One run."""

    stopped = ""
    """Why drives are told nothing any more, or only to stay; for those that take joint positions."""

    def __init__(
        self,
        shared: Parts,
        control_hz: float,
        settings: SafetyConfig | None = None,
        wide: bool = False,
        stop_n: float = 150.0,
    ) -> None:
        s = settings or SafetyConfig()
        low, high = (WIDE_LOW_M, WIDE_HIGH_M) if wide else (LOW_M, HIGH_M)
        self.period_s, self.ticks = 1.0 / control_hz, 0
        limits, home, self._own = arm_limits(shared.arm), home_q(shared.arm), shared.own
        self.n = len(home)
        task = TaskConfig(force_budget_n=FORCE_N, force_stop_n=stop_n)
        bounds = loop_settings(s, task, control_hz, WorkspaceBox(low, high), STEP_M, STEP_RAD)
        self.loop = build_loop(self._own, limits, bounds, home)
        self.loop.gate.permit = one_sender
        self.motion = self.loop.motion
        motion = self.motion.limits
        self.loop.reset(home)
        self.model, self.data = shared.model, mujoco.MjData(shared.model)
        self._substeps = max(1, round(self.period_s / 0.002))
        self.model.opt.timestep = self.period_s / self._substeps
        self.data.qpos[: self.n] = home
        mujoco.mj_forward(self.model, self.data)
        self._tool, self._site = self.data.site("tcp"), self.model.site("tcp").id
        self._jacobian = np.zeros((6, self.model.nv))
        promise = Promise(
            low_m=np.array(low),
            high_m=np.array(high),
            step_m=STEP_M,
            step_rad=STEP_RAD,
            tool_m=(motion.speed_m_s, motion.acceleration_m_s2, motion.jerk_m_s3),
            tool_rad=(motion.rotation_rad_s, motion.rotation_acceleration_rad_s2, motion.rotation_jerk_rad_s3),
            lag_m=s.clip_m,
            force_n=min(FORCE_N, stop_n),
            tau_rate_nm_s=bounds.gains.torque_rate_nm_s,
            ddq_rad_s2=np.array(limits.ddq_max_rad_s2),
            dddq_rad_s3=np.array(limits.dddq_max_rad_s3),
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
            force = self._push_n()
            faulty = self.loop.fault
            tau = self.loop.tick(q, dq, float(np.linalg.norm(force)), self.now_s)
            if self.loop.fault and not faulty:
                self.referee.struck.append(self.now_s)
            self._show(q, dq, tau, self.motion.now, force)
            data.ctrl[:n] = tau
            mujoco.mj_step(self.model, data, self._substeps)
            self.ticks += 1

    def _show(
        self, q: Array, dq: Array, tau: Array, reference: Reference, force: Array, told: Array | None = None
    ) -> None:
        """Everything of this period to the referee."""
        mujoco.mj_jacSite(self.model, self.data, self._jacobian[:3], self._jacobian[3:], self._site)
        sample = Sample(
            time_s=self.now_s,
            q_rad=q,
            dq_rad_s=dq,
            tau_nm=np.array(tau),
            reference_m=reference.tcp.position_m,
            reference_m_s=np.array(reference.linear_m_s),
            reference_quat=reference.tcp.quat_wxyz,
            tool_m=self._tool.xpos.copy(),
            force_n=force,
            jacobian=self._jacobian[:, : self.n].copy(),
            contacts=self._touching(),
            told_rad=told,
        )
        self.referee.saw(sample)

    def _push_n(self) -> np.ndarray:
        """(3,) N, base frame: what walls press the arm with."""
        wrench, push = np.zeros(6), np.zeros(3)
        for k in range(self.data.ncon):
            mujoco.mj_contactForce(self.model, self.data, k, wrench)
            push += wrench[:3] @ self.data.contact.frame[k].reshape(3, 3)
        return push

    def _touching(self) -> int:
        """Contacts of which a wall has no part."""
        walls = (self.model.geom_bodyid[self.data.contact.geom] == 0) & (
            self.model.geom_type[self.data.contact.geom] == mujoco.mjtGeom.mjGEOM_BOX
        )
        return int((~walls.any(axis=1)).sum()) if self.data.ncon else 0

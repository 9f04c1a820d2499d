"""A UR5e with position drives in the air, behind its loop, its follower and what may be sent to drives; the referee
beside it."""

import mujoco
import numpy as np

from controllers.follower import JointFollower
from controllers.kinematics import ArmModel
from controllers.models import arm_limits, arm_spec, home_q
from robot_rl.cell.following import Following
from robot_rl.cell.motors import Reading
from robot_rl.config import SafetyConfig, TaskConfig
from robot_rl.loop_settings import loop_settings
from tests.controllers.position_arm import with_drives
from tests.faults.rig import FORCE_N, STEP_M, STEP_RAD, Parts, Rig


def position_parts() -> Parts:
    """Drives with a lag of 30 ms above a table."""
    spec = arm_spec("ur5e")
    spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_PLANE, size=[2, 2, 0.1])
    return Parts("ur5e", with_drives(spec), ArmModel(arm_spec("ur5e").compile(), 6))


class PositionRig(Rig):
    """One run. The joints told are taken up one period later: the controller is another process, not in step."""

    def __init__(self, shared: Parts, control_hz: float, settings: SafetyConfig | None = None, wide: bool = False):
        super().__init__(shared, control_hz, settings, wide)
        s, home, task = settings or SafetyConfig(), home_q("ur5e"), TaskConfig(force_budget_n=FORCE_N)
        bounds = loop_settings(s, task, control_hz, self.loop.gate._box, STEP_M, STEP_RAD)
        own, limits, margin_rad = ArmModel(arm_spec("ur5e").compile(), 6), arm_limits("ur5e"), bounds.joint_margin_rad
        follower = JointFollower(own, limits, bounds.gains, margin_rad, home, self.period_s)
        self.following = Following(follower, self.n, self.period_s)
        self.following.stand_still(home)
        self.data.ctrl[: self.n] = self._due = home

    @property
    def stopped(self) -> str:  # type: ignore[override]
        return self.loop.fault or self.following.fault

    def run(self, ticks: int) -> None:
        """So many control periods."""
        data, n = self.data, self.n
        for _ in range(ticks):
            q, dq = data.qpos[:n].copy(), data.qvel[:n].copy()
            force = self._push_n()
            self.loop.tick(q, dq, float(np.linalg.norm(force)), self.now_s)
            reference = self.motion.now
            told = self.following.tick(reference, Reading(q, dq, np.zeros(6)), bool(self.loop.fault))
            if told is not None:
                self.following.sent(told)
            self._show(q, dq, np.zeros(n), reference, force, self._due if told is None else told)
            data.ctrl[:n], self._due = self._due, self._due if told is None else told
            mujoco.mj_step(self.model, data, self._substeps)
            self.ticks += 1

"""A UR5e with position drives before a wall, in MuJoCo: what a follower is tried on."""

from functools import lru_cache

import mujoco
import numpy as np

from controllers.follower import JointFollower
from controllers.impedance import ImpedanceGains
from controllers.kinematics import ArmModel
from controllers.models import arm_limits, arm_spec, home_q
from controllers.pose import Array, quat_conj, quat_rotate
from controllers.reference import MotionLimits, ReferenceMotion

PERIOD_S = 0.002
GAINS = ImpedanceGains(2000.0, 100.0, 0.015, 0.15, 200.0, 12.0, 40.0)
MOTION = MotionLimits(0.25, 2.5, 100.0, 1.0, 10.0, 400.0)
KP, KV = (12000.0, 12000.0, 12000.0, 2000.0, 2000.0, 2000.0), (360.0, 360.0, 360.0, 60.0, 60.0, 60.0)
"""Drives with a lag of 30 ms, the least that a UR's `servoj` has (its look-ahead)."""
FILTER_S = 0.008
"""Low-pass of the force sensor."""


def follower(name: str = "ur5e", period_s: float = PERIOD_S) -> JointFollower:
    """With the default gains, at its home pose; one object for each arm and period."""
    joints = _follower(name, period_s)
    joints.reset(home_q(name))
    return joints


@lru_cache
def _follower(name: str, period_s: float) -> JointFollower:
    limits, home = arm_limits(name), home_q(name)
    model = ArmModel(arm_spec(name).compile(), len(home))
    return JointFollower(model, limits, GAINS, 0.05, home, period_s)


def with_drives(spec: mujoco.MjSpec) -> mujoco.MjModel:
    """A UR5e's model whose motors are position drives, which carry the arm's own weight."""
    for motor, kp, kv in zip(spec.actuators[:6], KP, KV, strict=True):
        motor.gainprm[0], motor.biasprm[:3], motor.biastype = kp, [0.0, -kp, -kv], mujoco.mjtBias.mjBIAS_AFFINE
        motor.ctrllimited = False
    for body in spec.bodies:  # before it is compiled: afterwards it is ignored
        body.gravcomp = 1.0
    return spec.compile()


class PositionArm:
    """Drives, wall and force sensor. The wall is the half-space above `wall_z_m` turned over: the tool meets it from
    above."""

    def __init__(
        self,
        wall_z_m: float | None = None,
        solref: tuple[float, float] = (0.004, 1.0),
        period_s: float = PERIOD_S,
    ) -> None:
        """`period_s` is that of the commands; the drives' own is as fine as the physics."""
        spec = arm_spec("ur5e")
        if wall_z_m is not None:
            spec.worldbody.add_geom(
                type=mujoco.mjtGeom.mjGEOM_BOX, size=[0.3, 0.3, 0.05], pos=[0.45, 0.0, wall_z_m - 0.05],
                solref=solref, priority=2,
            )  # fmt: skip
        self.model = with_drives(spec)
        self.period_s, self._substeps = period_s, max(1, round(period_s / self.model.opt.timestep))
        self.model.opt.timestep = period_s / self._substeps
        self.data = mujoco.MjData(self.model)
        self.data.qpos[:6] = home_q("ur5e")
        self.data.ctrl[:6] = home_q("ur5e")
        mujoco.mj_forward(self.model, self.data)
        self.wrench = np.zeros(6)

    @property
    def tool_m(self) -> Array:
        return self.data.site("tcp").xpos.copy()

    def step(self, q_rad: Array) -> None:
        """One period of the drives."""
        self.data.ctrl[:6] = q_rad
        step_s = self.model.opt.timestep
        for _ in range(self._substeps):
            mujoco.mj_step(self.model, self.data)
            self.wrench += step_s / (step_s + FILTER_S) * (self._contact() - self.wrench)

    def _contact(self) -> Array:
        """(6,) of all contacts on the hand, about the tool point, tool frame."""
        force, torque, one = np.zeros(3), np.zeros(3), np.zeros(6)
        for i in range(self.data.ncon):
            contact = self.data.contact[i]
            mujoco.mj_contactForce(self.model, self.data, i, one)
            pushed = contact.frame.reshape(3, 3).T @ one[:3]
            pushed = -pushed if self.model.geom_bodyid[contact.geom1] else pushed  # it acts on the second geom
            force += pushed
            torque += np.cross(contact.pos - self.tool_m, pushed)
        quat = np.zeros(4)
        mujoco.mju_mat2Quat(quat, self.data.site("tcp").xmat)
        return np.concatenate((quat_rotate(quat_conj(quat), force), quat_rotate(quat_conj(quat), torque)))


def press(arm: PositionArm, down_m: float, seconds: float, speed: float = 1.0, late: int = 0) -> Array:
    """(T,) contact force in N while the reference goes straight down by `down_m` and stays there.

    `late` periods pass until a force is read, and as many until joints are taken up: a loop and a controller that are
    not in step, with messages between them.
    """
    joints = follower(period_s=arm.period_s)
    start = ArmModel(arm_spec("ur5e").compile(), 6)
    start.update(home_q("ur5e"), np.zeros(6))
    motion = ReferenceMotion(MOTION, arm.period_s, start.tcp())
    target = start.tcp().moved(np.array([0.0, 0.0, down_m]), np.zeros(3))
    motion.aim(target, speed)
    read, told, forces = [np.zeros(6)] * (late + 1), [home_q("ur5e")] * (late + 1), []
    for _ in range(round(seconds / arm.period_s)):
        read.append(arm.wrench.copy())
        told.append(joints.tick(motion.tick(), read[-1 - late], False))
        arm.step(told[-1 - late])
        forces.append(float(np.linalg.norm(arm.wrench[:3])))
    return np.array(forces)

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


def follower(name: str = "ur5e") -> JointFollower:
    """With the default gains, at its home pose; one object for each arm."""
    joints = _follower(name)
    joints.reset(home_q(name))
    return joints


@lru_cache
def _follower(name: str) -> JointFollower:
    limits, home = arm_limits(name), home_q(name)
    model = ArmModel(arm_spec(name).compile(), len(home))
    return JointFollower(model, limits, GAINS, 0.05, home, PERIOD_S)


class PositionArm:
    """Drives, wall and force sensor. The wall is the half-space above `wall_z_m` turned over: the tool meets it from
    above."""

    def __init__(self, wall_z_m: float | None = None, solref: tuple[float, float] = (0.004, 1.0)) -> None:
        spec = arm_spec("ur5e")
        for motor, kp, kv in zip(spec.actuators[:6], KP, KV, strict=True):
            motor.gainprm[0], motor.biasprm[:3], motor.biastype = kp, [0.0, -kp, -kv], mujoco.mjtBias.mjBIAS_AFFINE
            motor.ctrllimited = False
        if wall_z_m is not None:
            spec.worldbody.add_geom(
                type=mujoco.mjtGeom.mjGEOM_BOX, size=[0.3, 0.3, 0.05], pos=[0.45, 0.0, wall_z_m - 0.05],
                solref=solref, priority=2,
            )  # fmt: skip
        self.model = spec.compile()
        for body in range(self.model.nbody):  # a real controller's drives hold the arm's own weight
            self.model.body_gravcomp[body] = 1.0
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
        mujoco.mj_step(self.model, self.data)
        share = PERIOD_S / (PERIOD_S + FILTER_S)
        self.wrench += share * (self._contact() - self.wrench)

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


def press(arm: PositionArm, down_m: float, seconds: float, speed: float = 1.0) -> Array:
    """(T,) contact force in N while the reference goes straight down by `down_m` and stays there."""
    joints = follower()
    start = ArmModel(arm_spec("ur5e").compile(), 6)
    start.update(home_q("ur5e"), np.zeros(6))
    motion = ReferenceMotion(MOTION, PERIOD_S, start.tcp())
    target = start.tcp().moved(np.array([0.0, 0.0, down_m]), np.zeros(3))
    motion.aim(target, speed)
    forces = []
    for _ in range(round(seconds / PERIOD_S)):
        arm.step(joints.tick(motion.tick(), arm.wrench, False))
        forces.append(float(np.linalg.norm(arm.wrench[:3])))
    return np.array(forces)

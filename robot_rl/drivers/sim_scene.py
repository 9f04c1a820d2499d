"""The physics of one task's scene: an arm with its gripper among the bodies of a task."""

import mujoco
import numpy as np

from controllers.limits import WorkspaceBox
from controllers.models import ArmLimits
from controllers.pose import Array, Pose, frozen, quat_conj, quat_rotate
from robot_rl.errors import SimulationError

WRIST_CUTOFF_HZ = 20.0
"""Low-pass of the simulated wrist sensor; real ones filter too, or one tick of impact would pass for a push."""
SPEED_TOLERANCE = 1.05
"""Measured joint speed may overshoot its table value by this factor before it counts as a breach: contact
can push a compliant arm faster than it was told to go."""
BOX_TOLERANCE_M = 0.015
"""A compliant tool may pass the workspace's edge by the reference clip before that counts as a breach."""


class ScenePhysics:
    """A world that moves on by one control period per `step`, and whose bodies a person may put elsewhere.

    For one thread.
    """

    def __init__(self, model: mujoco.MjModel, limits: ArmLimits, box: WorkspaceBox, control_hz: float) -> None:
        """`model` is this object's own from here on. What passes `limits` or `box` is counted, not stopped."""
        self.model, self.data = model, mujoco.MjData(model)
        self._limits = limits
        self.joints = len(limits.q_min_rad)
        """Of the arm: the first ones of the model"""
        self._site, self._wrist = model.site("tcp").id, model.site("wrist_ft").id
        self._tool_m = self.data.site("tcp").xpos
        self._low_m, self._high_m = box.low_m - BOX_TOLERANCE_M, box.high_m + BOX_TOLERANCE_M
        self._period_s = 1.0 / control_hz
        self._substeps = max(1, round(self._period_s / model.opt.timestep))
        model.opt.timestep = self._period_s / self._substeps
        self._ticks = 0
        wrist = model.sensor("wrist_force").adr[0]
        self._wrist_raw = self.data.sensordata[wrist : wrist + 6]
        self._wrist_gain = 1.0 - np.exp(-2 * np.pi * WRIST_CUTOFF_HZ * self._period_s)
        self.wrist = np.zeros(6)
        """Force then torque that the arm exerts on the hand, hand frame, filtered."""
        self._hand = model.body("hand").id
        self._hand_axes = self.data.body("hand").xmat.reshape(3, 3)
        self._hand_weight_n = model.body_subtreemass[self._hand] * model.opt.gravity
        self.max_force_n = 0.0
        """Largest filtered contact force on the tool so far."""
        self.breaches: dict[str, int] = {}
        """Periods outside a limit, by kind"""

    def now_s(self) -> float:
        """Time in this world."""
        return self._ticks * self._period_s

    # Scene

    def reset(self, q_rad: Array, opening_m: float = 0.0) -> None:
        """A person puts everything back: the arm at `q_rad` (n,), the fingers `opening_m` apart. Time goes on."""
        mujoco.mj_resetData(self.model, self.data)
        self.data.qpos[: self.joints] = q_rad
        for finger in ("finger_joint1", "finger_joint2"):
            self.data.joint(finger).qpos[0] = opening_m / 2
        self.data.actuator("gripper").ctrl[0] = opening_m
        self.data.time = self.now_s()
        self.settle()

    def settle(self) -> None:
        """Take changes to the scene into account, with nothing remembered of the forces before them."""
        self.data.qacc_warmstart[:] = 0.0
        mujoco.mj_forward(self.model, self.data)
        self.wrist[:] = self._wrist_raw

    def place(self, body: str, position_m: Array, yaw_rad: float = 0.0) -> None:
        """Put a free body at a position (3,) of the base frame, turned about the vertical."""
        joint = self.model.body(body).jntadr[0]
        start = self.model.jnt_qposadr[joint]
        half = 0.5 * yaw_rad
        self.data.qpos[start : start + 7] = [*position_m, np.cos(half), 0.0, 0.0, np.sin(half)]
        velocity = self.model.jnt_dofadr[joint]
        self.data.qvel[velocity : velocity + 6] = 0.0
        self.settle()

    def move_fixed(self, body: str, position_m: Array, yaw_rad: float = 0.0) -> None:
        """Put a body that has no joint (a fixture) at a position (3,) of the base frame."""
        index = self.model.body(body).id
        self.model.body_pos[index] = position_m
        self.model.body_quat[index] = [np.cos(yaw_rad / 2), 0.0, 0.0, np.sin(yaw_rad / 2)]
        self.settle()

    # Physics

    def step(self, tau_nm: Array) -> None:
        """One control period with these torques (n,) at the motors. Raises SimulationError."""
        data = self.data
        data.ctrl[: self.joints] = tau_nm
        before_s = data.time
        mujoco.mj_step(self.model, data, self._substeps)
        self._ticks += 1
        self.wrist += self._wrist_gain * (self._wrist_raw - self.wrist)
        self.max_force_n = max(self.max_force_n, self.contact_force_n())
        self._check(before_s)

    def tool(self) -> Pose:
        """T_base_tcp"""
        quat = np.zeros(4)
        mujoco.mju_mat2Quat(quat, self.data.site_xmat[self._site])
        return Pose(frozen(self.data.site_xpos[self._site]), frozen(quat))

    def wrench(self) -> Array:
        """(6,) force in N and torque in Nm of contacts on the tool about the tool point, tool frame.

        What a wrist sensor gives after the weight of the hand is taken off; inertial forces stay in.
        """
        model, data = self.model, self.data
        to_tool = quat_conj(self.tool().quat_wxyz)
        weight = quat_rotate(to_tool, model.body_subtreemass[self._hand] * model.opt.gravity)
        to_mass = quat_rotate(to_tool, data.subtree_com[self._hand] - data.site_xpos[self._wrist])
        to_tcp = quat_rotate(to_tool, data.site_xpos[self._site] - data.site_xpos[self._wrist])
        # MuJoCo's sensors give what the arm exerts on the hand; the contact is what balances it beside the weight.
        force = -self.wrist[:3] - weight
        torque = -self.wrist[3:] - np.cross(to_mass, weight) - np.cross(to_tcp, force)
        return np.concatenate((force, torque))

    def contact_force_n(self) -> float:
        """What is left of the wrist's reading beside the weight of the hand."""
        return float(np.linalg.norm(self.wrist[:3] + self._hand_weight_n @ self._hand_axes))

    def _check(self, before_s: float) -> None:
        data, n, limits = self.data, self.joints, self._limits
        if not data.time > before_s or data.warning.number.any():
            raise SimulationError(
                f"MuJoCo warned {data.warning.number.tolist()} times (by kind) at {self.now_s():.3f} s, "
                f"time went {before_s:.3f} -> {data.time:.3f} s: the run is worthless from here on; "
                "use a smaller timestep or softer contacts"
            )
        q, dq = data.qpos[:n], np.abs(data.qvel[:n])
        if not ((q >= limits.q_min_rad) & (q <= limits.q_max_rad)).all():
            self._breach("joint_position")
        if not (dq <= limits.dq_max_rad_s * SPEED_TOLERANCE).all():
            self._breach("joint_velocity")
        if not ((self._tool_m >= self._low_m) & (self._tool_m <= self._high_m)).all():
            self._breach("workspace")

    def _breach(self, kind: str) -> None:
        self.breaches[kind] = self.breaches.get(kind, 0) + 1

"""One simulated robot cell: physics, the arm's fast loop, and a clock that is the physics itself."""

import time
from collections.abc import Callable

import mujoco
import numpy as np

from controllers.arm_loop import ArmLoop
from controllers.limits import WorkspaceBox
from controllers.models import ArmLimits
from controllers.pose import Array
from robot_rl.errors import SimulationError
from robot_rl.guard import Guard

WRIST_CUTOFF_HZ = 20.0
"""Low-pass of the simulated wrist sensor; real ones filter too, or one tick of impact would pass for a push."""
SPEED_TOLERANCE = 1.05
"""Measured joint speed may overshoot its table value by this factor before it counts as a breach: contact
can push a compliant arm faster than it was told to go."""
BOX_TOLERANCE_M = 0.015
"""A compliant tool may pass the workspace's edge by the reference clip before that counts as a breach."""


class SimWorld:
    """Implements `Clock`: sleeping advances the world.

    Lockstep by default; with `realtime` each control period also waits for the wall clock.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        loop: ArmLoop,
        limits: ArmLimits,
        box: WorkspaceBox,
        control_hz: float,
        realtime: bool,
    ) -> None:
        self.model, self.data, self.loop = model, mujoco.MjData(model), loop
        self._limits = limits
        self._tool_m = self.data.site("tcp").xpos
        self._low_m, self._high_m = box.low_m - BOX_TOLERANCE_M, box.high_m + BOX_TOLERANCE_M
        self._joints = len(limits.q_min_rad)
        self._period_s = 1.0 / control_hz
        self._substeps = max(1, round(self._period_s / model.opt.timestep))
        model.opt.timestep = self._period_s / self._substeps
        self._ticks = 0
        wrist = model.sensor("wrist_force").adr[0]
        self._wrist_raw = self.data.sensordata[wrist : wrist + 6]
        self._wrist_gain = 1.0 - np.exp(-2 * np.pi * WRIST_CUTOFF_HZ * self._period_s)
        self.wrist = np.zeros(6)
        """Force then torque that the arm exerts on the hand, hand frame, filtered."""
        self._hand_axes = self.data.body("hand").xmat.reshape(3, 3)
        self._hand_weight_n = model.body_subtreemass[model.body("hand").id] * model.opt.gravity
        self.max_force_n = 0.0
        """Largest filtered contact force on the tool so far."""
        self._wall_start_s = time.monotonic() if realtime else None
        self.breaches: dict[str, int] = {}
        self.guard = Guard(loop, self, control_hz, hardware=False)
        self.watcher: Callable[[], None] = lambda: None
        """Called whenever the world has moved on by one sleep."""

    # Clock

    def now_s(self) -> float:
        return self._ticks * self._period_s

    def sleep_until(self, deadline_s: float) -> None:
        while self.now_s() < deadline_s - 1e-9:
            self._tick()
        self.watcher()

    # Scene

    def reset(self, q_rad: Array, opening_m: float = 0.0) -> None:
        """The person at the cell puts everything back: the arm at `q_rad` (n,), the fingers `opening_m` apart.

        Time goes on; the arm loop holds the new pose.
        """
        mujoco.mj_resetData(self.model, self.data)
        self.data.qpos[: self._joints] = q_rad
        for finger in ("finger_joint1", "finger_joint2"):
            self.data.joint(finger).qpos[0] = opening_m / 2
        self.data.actuator("gripper").ctrl[0] = opening_m
        self.data.time = self.now_s()
        self.loop.reset(np.array(q_rad))
        self.guard.tick()
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

    def _tick(self) -> None:
        data, n = self.data, self._joints
        self.guard.tick()
        data.ctrl[:n] = self.loop.tick(data.qpos[:n], data.qvel[:n], self._contact_force_n(), self.now_s())
        before_s = data.time
        mujoco.mj_step(self.model, data, self._substeps)
        self._ticks += 1
        self.wrist += self._wrist_gain * (self._wrist_raw - self.wrist)
        self.max_force_n = max(self.max_force_n, self._contact_force_n())
        self._check(before_s)
        if self._wall_start_s is not None:
            time.sleep(max(0.0, self._wall_start_s + self.now_s() - time.monotonic()))

    def _contact_force_n(self) -> float:
        """What is left of the wrist's reading beside the weight of the hand."""
        return float(np.linalg.norm(self.wrist[:3] + self._hand_weight_n @ self._hand_axes))

    def _check(self, before_s: float) -> None:
        data, n, limits = self.data, self._joints, self._limits
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

"""One simulated robot cell: a scene, the arm's fast loop, and a clock that is the physics itself."""

import time
from collections.abc import Callable

import numpy as np

from controllers.arm_loop import ArmLoop
from controllers.pose import Array
from robot_rl.drivers.sim_scene import ScenePhysics
from robot_rl.guard import Guard


class SimWorld:
    """Implements `Clock`: sleeping advances the world.

    Lockstep by default; with `realtime` each control period also waits for the wall clock.
    """

    def __init__(self, physics: ScenePhysics, loop: ArmLoop, control_hz: float, realtime: bool) -> None:
        self.physics, self.loop = physics, loop
        self.model, self.data, self.wrist, self.breaches = physics.model, physics.data, physics.wrist, physics.breaches
        self.now_s, self.settle = physics.now_s, physics.settle
        self.place, self.move_fixed = physics.place, physics.move_fixed
        self._joints = physics.joints
        self._wall_start_s = time.monotonic() if realtime else None
        self.guard = Guard(loop, self, control_hz, hardware=False)
        self.watcher: Callable[[], None] = lambda: None
        """Called whenever the world has moved on by one sleep."""

    @property
    def max_force_n(self) -> float:
        """Largest filtered contact force on the tool so far."""
        return self.physics.max_force_n

    def sleep_until(self, deadline_s: float) -> None:
        while self.now_s() < deadline_s - 1e-9:
            self._tick()
        self.watcher()

    def reset(self, q_rad: Array, opening_m: float = 0.0) -> None:
        """The person at the cell puts everything back: the arm at `q_rad` (n,), the fingers `opening_m` apart.

        Time goes on; the arm loop holds the new pose.
        """
        self.physics.reset(q_rad, opening_m)
        self.loop.reset(np.array(q_rad))
        self.guard.tick()

    def _tick(self) -> None:
        data, n = self.data, self._joints
        self.guard.tick()
        tau_nm = self.loop.tick(data.qpos[:n], data.qvel[:n], self.physics.contact_force_n(), self.now_s())
        self.physics.step(tau_nm)
        if self._wall_start_s is not None:
            time.sleep(max(0.0, self._wall_start_s + self.now_s() - time.monotonic()))

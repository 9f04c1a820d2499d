"""One task's scene in real time: the arm behind the same door as a real one, its gripper and cameras beside it.

One MuJoCo world serves all of them, and one thread steps it. Others hand it short jobs, which are done between two
periods, and draw from snapshots.
"""

import gc
import math
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import mujoco
import numpy as np

from controllers.pose import Pose, frozen
from robot_rl.cell.server import CellServer
from robot_rl.cell.verbs import OWN_PARTS
from robot_rl.clock import Clock, MonotonicClock
from robot_rl.config import Config
from robot_rl.drivers.sim import SimGripper
from robot_rl.drivers.sim_camera import SceneCamera, Snapshot, snapshot
from robot_rl.drivers.sim_handover import Handover
from robot_rl.drivers.sim_motors import SceneMotors
from robot_rl.errors import ConfigError, HeldError
from robot_rl.hardware import GripperState
from robot_rl.operator import MOVING, State
from robot_rl.sim_parts import build_parts, lay_out
from robot_rl.tasks import make_task
from robot_rl.tasks.base import Task

REST_S = 3.0
"""Longest wait for rest before the cell ends."""
SWITCH_S = 0.001
"""Longest time for which another thread keeps Python's lock while a period waits; Python's own 5 ms are two and a half
periods."""


class SimCell:
    """Listens from the start and answers while it runs. `run` is for one thread, the rest for any other."""

    def __init__(self, config: Config, socket_path: Path, task: Task | None = None) -> None:
        """The scene is laid out for `config.seed`; `task` overrides the one that the config names.

        Raises ConfigError for a request that cannot be built, or a path that cannot be had.
        """
        self.task = task or make_task(config.task)
        parts, hz = build_parts(config, self.task), config.robot.control_hz
        self.clock: Clock = MonotonicClock()
        self._physics, self._q_home, self._period_s = parts.physics, parts.q_home_rad, 1.0 / hz
        self._handover = Handover()
        self.gripper: CellGripper | None = None
        if self.task.action.gripper:
            gripper = SimGripper(_Stage(parts.physics.data, self.clock.now_s))
            self.gripper = CellGripper(self._handover, gripper)
        self.periods = 0
        """Done so far"""
        lay_out(self.task, self._physics, np.random.default_rng(config.seed))
        self._look()
        fence = time.monotonic_ns() // 1000  # above every number of a process before this one
        motors = SceneMotors(parts.physics)
        self.server = CellServer(socket_path, motors, parts.arm, parts.loop, self.clock, hz, fence)

    # The thread that steps the world

    def run(self, stop: threading.Event) -> None:
        """Periods on a fixed grid until `stop`, then brake, come to rest and close.

        Raises SimulationError when the physics is worthless from there on.
        """
        gc.collect()
        gc.freeze()  # a full collection in the middle of a period need not look at what is there already
        before_s = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_S)
        try:
            self._keep_time(stop)
        finally:
            self.close()
            sys.setswitchinterval(before_s)
            gc.unfreeze()

    def _keep_time(self, stop: threading.Event) -> None:
        """Periods that are missed are left out, never made up for in a burst."""
        authority = self.server.guard.authority
        for part in OWN_PARTS:  # their time counts from here
            self.server.guard.supervisor.watch(part, part, self._period_s)
        deadline_s, leave_s = self.clock.now_s(), math.inf
        while leave_s == math.inf or not (self.server.at_rest or self.clock.now_s() > leave_s):
            self.server.tick(deadline_s)
            self._handover.work()
            self.periods += 1
            self._look()
            if stop.is_set():
                leave_s = min(leave_s, self.clock.now_s() + REST_S)
                if authority.state is not State.STOPPED:  # whatever a client has made of it
                    authority.stop("simulated cell", "told to end")
            deadline_s += self._period_s * max(1, math.ceil((self.clock.now_s() - deadline_s) / self._period_s))
            self.clock.sleep_until(deadline_s)

    def close(self) -> None:
        """Hang up and refuse jobs; allowed twice. A cell that runs does it by itself."""
        self._handover.end()
        self.server.close()

    def _look(self) -> None:
        self._shot = snapshot(self._physics.model, self._physics.data, self.clock.now_s(), self.periods)

    def _reset(self, seed: int) -> Pose:
        state = self.server.guard.authority.state
        if state in MOVING:
            raise HeldError(f"the scene is not reset while the arm moves ({state.value}); hold it, then reset")
        self._physics.reset(self._q_home, self.task.opening_m)
        self.server.loop.reset(self._q_home.copy())
        self.server.guard.tick()  # the authority hears of it before anybody asks to start
        return lay_out(self.task, self._physics, np.random.default_rng(seed))

    # Other threads

    def reset(self, seed: int) -> Pose:
        """Arm and objects as if put back by hand, where the task draws them from `seed`; a latched fault of the arm's
        loop is seen to. The pose T_base_tcp where the tool starts; the arm holds at home.

        Raises HeldError while the arm may be moving, ConfigError for a seed that is none, and as `Handover.do`.
        """
        if not 0 <= seed < 1 << 63:
            raise ConfigError(f"seed={seed}: a whole number from 0 to 2^63 - 1")
        return self._handover.do(lambda: self._reset(seed))

    def counts(self) -> Mapping[str, int]:
        """How often each limit has acted. Raises as `Handover.do`."""
        return self._handover.do(lambda: dict(self.server.loop.gate.counts))

    def snapshot(self) -> Snapshot:
        """The scene at the end of the last period: a record that nobody changes."""
        return self._shot

    def camera(self, name: str, height: int, width: int) -> SceneCamera:
        """Raises ConfigError when the scene has no such camera."""
        if self.periods == 0:  # nothing has moved since it was laid out, however long ago that was
            self._look()
        return SceneCamera(self._physics.model, name, height, width, self.snapshot, self.clock)

    def objects(self) -> tuple[float, Mapping[str, Pose]]:
        """Where the bodies are that move freely (T_base_body by name), and since when that is known."""
        shot, model = self._shot, self._physics.model
        found = {}
        for joint in np.flatnonzero(model.jnt_type == mujoco.mjtJoint.mjJNT_FREE):
            start = model.jnt_qposadr[joint]
            pose = Pose(frozen(shot.qpos[start : start + 3]), frozen(shot.qpos[start + 3 : start + 7]))
            found[model.body(model.jnt_bodyid[joint]).name] = pose
        return shot.stamp_s, found


class CellGripper:
    """The gripper of a cell, for any thread: each call waits for the end of a period at most."""

    def __init__(self, handover: Handover, gripper: SimGripper) -> None:
        self._handover, self._gripper = handover, gripper

    def read(self) -> GripperState:
        return self._handover.do(self._gripper.read)

    def command(self, closing: bool) -> None:
        self._handover.do(lambda: self._gripper.command(closing))

    def close(self) -> None:
        self._gripper.close()


@dataclass(frozen=True, slots=True)
class _Stage:
    """The scene on the machine's clock."""

    data: mujoco.MjData
    now_s: Callable[[], float]

"""The dry run's cell with its motor's reference written down at every control period."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from controllers.pose import Array
from controllers.records import PoseCommand, Verdict
from robot_rl.compose import load_config
from robot_rl.drills.runs import SMALL
from robot_rl.drivers.sim_world import SimWorld
from robot_rl.env import RobotEnv
from robot_rl.errors import RobotRLError
from robot_rl.make import open_devices
from robot_rl.operator import Pilot
from robot_rl.tasks import make_task

AT_REST_M_S = 1e-3
JERK_S = 0.025
"""Time in which the reference may reach its full acceleration: a figure of the drills' own, for their own arithmetic"""
TOLERANCE = 1 + 1e-6


class OutOfTime(RobotRLError):
    """Ends a wait in a cell whose time would go on for ever."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One control period."""

    time_s: float
    reference_m: Array
    """(3,) where the tool should be"""
    velocity_m_s: Array
    """(3,) of the reference"""
    q_rad: Array
    """(n,) of the motors, measured in the physics"""


class TrackedCell:
    """A `Clock` over the cell's own, one control period at a time."""

    def __init__(self, seed: int, *settings: str, simulated: bool = True) -> None:
        """Without `simulated` nobody stands in for the person who arms and clears."""
        config = load_config([*SMALL, f"seed={seed}", *settings])
        self.safety, self.period_s = config.safety, 1.0 / config.robot.control_hz
        devices = open_devices(config, make_task(config.task))
        assert isinstance(devices.clock, SimWorld)
        self.world = devices.clock
        self.authority = self.world.guard.authority
        pilot = Pilot(self.authority, self, "actor", simulated=simulated)
        rates = config.robot.policy_hz, config.task.max_steps
        self.env = RobotEnv(
            devices.arm, devices.gripper, devices.cameras, self, pilot, devices.scene, *rates, simulated=True
        )
        self.samples: list[Sample] = []
        self.at_every_period: Callable[[], None] = lambda: None
        self.ends_s = float("inf")
        self._sequence = 10**6

    def now_s(self) -> float:
        return self.world.now_s()

    def sleep_until(self, deadline_s: float) -> None:
        """Raises OutOfTime after `ends_s`."""
        world, n = self.world, len(self.env.arm.read().q_rad)
        while self.now_s() < deadline_s - 1e-9:
            if self.now_s() > self.ends_s:
                raise OutOfTime(f"the cell's time ended at {self.ends_s:.3f} s")
            world.sleep_until(self.now_s() + self.period_s)
            now = world.loop.motion.now
            q = world.data.qpos[:n].copy()
            self.samples.append(Sample(self.now_s(), now.tcp.position_m.copy(), np.array(now.linear_m_s), q))
            self.at_every_period()

    def wait(self, seconds: float) -> None:
        self.sleep_until(self.now_s() + seconds)

    def send(self, offset_m: Array, fence: int, mode: str, valid_for_s: float = 0.2) -> Verdict:
        """A command from outside the environment: the tool is to go by (3,) from where it is."""
        self._sequence += 1
        target = self.env.arm.read().tcp.moved(offset_m, np.zeros(3))
        return self.env.arm.command(PoseCommand(target, self._sequence, valid_for_s, fence, mode))

    @property
    def speed_m_s(self) -> float:
        """Of the reference."""
        return float(np.linalg.norm(self.world.loop.motion.now.linear_m_s))

    def since(self, time_s: float) -> list[Sample]:
        return [sample for sample in self.samples if sample.time_s > time_s - 1e-9]

    def at_rest_after_s(self, time_s: float) -> float | None:
        """From then until the reference came to rest and stayed so; None when it did not."""
        after = self.since(time_s)
        moving = [s.time_s for s in after if np.linalg.norm(s.velocity_m_s) > AT_REST_M_S]
        if not after or (moving and moving[-1] >= after[-1].time_s - 1e-9):
            return None
        return max(0.0, max(moving, default=time_s) - time_s + self.period_s)

    def braking_s(self, speed_m_s: float) -> float:
        """Time in which the limits in force allow a stop from this speed, jerk-limited, with one period to notice."""
        _, acceleration, jerk = self.world.loop.motion.in_force[:, :3].min(axis=1)
        return float(speed_m_s / acceleration + 2 * acceleration / jerk + self.period_s)

    def roughest(self, since_s: float) -> tuple[float, float, float]:
        """Of the reference, per axis, at most: step beyond its speed limit in m, acceleration in m/s2, jerk in m/s3."""
        after, dt = self.since(since_s), self.period_s
        position = np.array([s.reference_m for s in after])
        velocity = np.array([s.velocity_m_s for s in after])
        acceleration = np.diff(velocity, axis=0) / dt
        jerk = np.abs(np.diff(acceleration, axis=0) / dt).max()
        beyond = np.abs(np.diff(position, axis=0)).max() - self.safety.max_speed_m_s * dt
        return float(max(0.0, beyond)), float(np.abs(acceleration).max()), float(jerk)

    def smooth(self, since_s: float) -> tuple[bool, str]:
        """Whether the reference has kept its limits since then, and how close it came."""
        beyond, acceleration, jerk = self.roughest(since_s)
        a = self.safety.max_acceleration_m_s2
        kept = beyond <= 1e-9 and acceleration <= a * TOLERANCE and jerk <= a / JERK_S * TOLERANCE
        return kept, f"acceleration {acceleration:.2f} of {a:.2f} m/s2, jerk {jerk:.0f} of {a / JERK_S:.0f} m/s3"

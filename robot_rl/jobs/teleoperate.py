"""Moving the arm by hand: no episodes, no records."""

import logging
from math import inf
from typing import NoReturn

import numpy as np

from controllers.pose import Pose
from controllers.records import ArmState
from robot_rl.config import Config
from robot_rl.devices import Devices
from robot_rl.env import MAX_AGE_S
from robot_rl.errors import ConfigError, HardwareError, HeldError, StaleError
from robot_rl.human import Human, at_device
from robot_rl.jobs.folder import Outcome
from robot_rl.make import open_devices
from robot_rl.mover import Mover
from robot_rl.operator import Pilot, State
from robot_rl.specs import AXES, ActionSpec
from robot_rl.tasks import make_task
from robot_rl.tasks.base import Reading
from robot_rl.types import Float32

NAME = "teleop"
"""Towards the authority"""
BRAKE_S = 0.3
"""What a motion takes to end: held to where it was before that, the tool would go back"""
log = logging.getLogger(__name__)


def teleop(config: Config) -> Outcome:
    """Move the arm as a person asks, along the axes of the task, until told to end.

    Raises ConfigError where the person's device cannot be reached, HardwareError when the arm cannot be any more.
    """
    if config.robot.driver != "ros":
        raise ConfigError(f"teleop with robot.driver={config.robot.driver}: a person's device is a node; use robot=ros")
    task = make_task(config.task)
    with at_device(config, task.action) as human:
        devices = open_devices(config, task)
        session = Teleoperation(devices, human, task.action, 1.0 / config.robot.policy_hz)
        try:
            session.run()
        except KeyboardInterrupt:
            return Outcome("teleop has ended; the arm holds")
        finally:
            session.close()


class Teleoperation:
    """One command per period while hands are on, a hold while they are not."""

    def __init__(self, devices: Devices, human: Human, action: ActionSpec, period_s: float) -> None:
        self._devices, self._human, self._spec, self._period_s = devices, human, action, period_s
        self._pilot = Pilot(devices.port, devices.clock, NAME, simulated=devices.simulated)
        self._mover = Mover(devices.arm, devices.gripper, devices.clock, self._pilot, action, period_s)
        self._steering: Steering | None = None
        self._told: tuple[str, ...] = ()
        """Why the last command was refused"""

    def run(self) -> NoReturn:
        """Where the arm may not move, it says why, and waits for a person to arm it.

        Raises HardwareError when the arm, or the device's topics, cannot be reached any more.
        """
        while True:
            try:
                self._pilot.begin()
                self._human.new_episode()
                log.info("the arm moves as the device asks; Ctrl-C ends this")
                while True:
                    self._period()
            except (HeldError, StaleError) as error:
                log.warning("the arm is out of hand: %s", error)

    def close(self) -> None:
        """Give the arm back. A lease that cannot be given back runs out, and the arm holds by itself."""
        devices = self._devices
        try:
            self._pilot.close()
            for device in (devices.arm, devices.gripper):
                if device is not None:
                    device.close()
        except HardwareError as error:
            log.warning("the arm was not told that this is over (%s); it holds by itself", error)
        finally:
            devices.close()

    def _period(self) -> None:
        clock = self._devices.clock
        started_s, arm = clock.now_s(), self._devices.arm.read()
        age_s = clock.now_s() - arm.stamp_s
        if not 0.0 <= age_s <= MAX_AGE_S:
            raise StaleError(f"the arm's reading is {age_s:.3f} s old; allowed: 0 to {MAX_AGE_S} s")
        action = self._human.choose(Reading(arm, None))
        if action is None:
            self._rest()
        else:
            self._move(arm, action)
        clock.sleep_until(started_s + self._period_s)

    def _rest(self) -> None:
        """Hold, and keep the lease. Raises HeldError when somebody else holds, stops or disarms the arm."""
        self._steering = None
        view = self._pilot.pause("hands are off")
        if view.state is not State.HOLD or view.by != NAME:
            raise HeldError(f"it is {view.state.value} by {view.by or 'nobody'}: {view.why}")
        if refusal := self._devices.port.renew(self._pilot.fence).refused:
            raise HeldError(refusal)

    def _move(self, arm: ArmState, action: Float32) -> None:
        """Raises HeldError when the arm may not move."""
        self._pilot.enter(State.HUMAN)
        self._steering = self._steering or Steering(self._spec)
        verdict = self._mover.send(self._steering.target(arm.tcp, action, self._devices.clock.now_s()))
        if "authority" in verdict.reasons:
            raise HeldError(verdict.why)
        reasons = verdict.reasons if verdict.refused else ()
        if reasons and reasons != self._told:
            log.warning("not obeyed: %s", verdict.why)
        self._told = reasons
        gripper = self._devices.gripper
        if gripper and self._spec.gripper and action[-1]:
            gripper.command(closing=bool(action[-1] < 0))


class Steering:
    """From hands on to hands off: what nobody asks to change stays as it was, however the tool gives way meanwhile."""

    def __init__(self, spec: ActionSpec) -> None:
        self._spec = spec
        self._driven = np.array([axis in spec.axes for axis in AXES])
        self._asked_s = np.full(2, -inf)
        """When it was last asked to move, and to turn"""
        self._held: Pose | None = None
        """T_base_tcp that is asked for but for the motion"""

    def target(self, here: Pose, action: Float32, now_s: float) -> Pose:
        """T_base_tcp for an action (a,) taken at `here`."""
        motion = self._spec.to_motion(action)
        self._asked_s[motion.reshape(2, 3).any(axis=1)] = now_s
        free = self._driven & np.repeat(now_s - self._asked_s <= BRAKE_S, 3)
        held = self._held or here
        off = held.inverse() @ here
        gone = np.where(free, np.concatenate((off.position_m, off.rotvec_rad())), 0.0)
        self._held = held.moved(gone[:3], gone[3:])
        return self._held.moved(motion[:3], motion[3:])

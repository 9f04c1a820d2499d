"""Devices that give a new, well-known value at every reading, and remember what they were told."""

import numpy as np

from controllers.pose import Pose, frozen
from controllers.records import ArmState, PoseCommand, Verdict
from robot_rl.clock import Clock
from robot_rl.hardware import Frame, GripperState

HOME = Pose.of(np.array([0.4, 0.0, 0.3]), np.array([1.0, 0.0, 0.0, 0.0]))


class PlainArm:
    fault = ""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.readings = 0
        self.told: list[PoseCommand] = []
        self.stops = self.closes = 0

    def read(self) -> ArmState:
        self.readings += 1
        q, zero = frozen(np.full(7, 0.1 * self.readings)), frozen(np.zeros(3))
        return ArmState(self._clock.now_s(), q, q, HOME, zero, zero, zero, zero)

    def command(self, command: PoseCommand) -> Verdict:
        self.told.append(command)
        return Verdict(command.target, ("box",))

    def stop(self) -> None:
        self.stops += 1

    def close(self) -> None:
        self.closes += 1


class PlainGripper:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.told: list[bool] = []
        self.width_m = 0.08

    def read(self) -> GripperState:
        self.width_m -= 0.001
        return GripperState(self._clock.now_s(), self.width_m, bool(self.told and self.told[-1]))

    def command(self, closing: bool) -> None:
        self.told.append(closing)

    def close(self) -> None:
        pass


class PlainCamera:
    name = "wrist"

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.frames = 0

    def read(self) -> Frame:
        self.frames += 1
        image = np.random.default_rng(self.frames).integers(1, 255, (8, 6, 3), np.uint8)
        return Frame(self._clock.now_s(), self.frames, image)

    def close(self) -> None:
        pass

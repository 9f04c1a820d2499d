"""Devices that are no more than their protocol, on the topics of real ones."""

import time

import numpy as np
from rclpy.clock import Clock as RosClock
from rclpy.node import Node
from sensor_msgs.msg import Image

from robot_rl.clock import Clock
from robot_rl.errors import HardwareError
from robot_rl.hardware import GripperState
from robot_rl.ros import qos
from robot_rl.ros.convert import image_message, to_stamp
from robot_rl.tasks.base import Task


class FakeGripper:
    """Moves its fingers 0.08 m in 0.4 s. With the address `broken` it does not read."""

    def __init__(self, address: str = "", clock: Clock | None = None) -> None:
        self.address, self.closing, self.since_s, self.from_m = address, False, -10.0, 0.08
        self.commands: list[bool] = []
        self.closed = False

    def read(self) -> GripperState:
        if self.address == "broken":
            raise HardwareError("the fake gripper does not answer")
        now_s = time.monotonic()
        way_m = 0.2 * (now_s - self.since_s)
        width_m = max(0.0, self.from_m - way_m) if self.closing else min(0.08, self.from_m + way_m)
        return GripperState(now_s, width_m, self.closing)

    def command(self, closing: bool) -> None:
        self.commands.append(closing)
        if closing is not self.closing:
            self.from_m, self.since_s, self.closing = self.read().width_m, time.monotonic(), closing

    def close(self) -> None:
        self.closed = True


class FakeCamera:
    """Publishes noise of a fixed size at 30 Hz."""

    def __init__(self, node: Node, name: str) -> None:
        self._publisher = node.create_publisher(Image, f"{name}/color/image_raw", qos.PICTURE)
        self._rng = np.random.default_rng(0)
        self.timer = node.create_timer(1 / 30, self.publish)

    def publish(self, age_s: float = 0.0) -> None:
        picture = self._rng.integers(0, 256, (24, 32, 3), np.uint8)
        self._publisher.publish(image_message(picture, to_stamp(RosClock(), time.monotonic() - age_s), "optical"))


class Notes:
    """A world that takes notes of where a task puts things."""

    def __init__(self) -> None:
        self.places: dict[str, np.ndarray] = {}

    def place(self, body: str, position_m: np.ndarray, yaw_rad: float = 0.0) -> None:
        self.places[body] = position_m

    move_fixed = place

    def answer(self, task: Task, body: dict) -> dict:
        """What a scene's node says to a reset."""
        start = task.reset(self, np.random.default_rng(body["reset"]["seed"]))
        return {"position_m": start.position_m.tolist(), "quat_wxyz": start.quat_wxyz.tolist()}

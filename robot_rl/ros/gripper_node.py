"""`python -m robot_rl.ros.gripper_node`: one gripper in a process of its own."""

import importlib
from collections.abc import Mapping

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.context import Context

from robot_rl.clock import MonotonicClock
from robot_rl.errors import ConfigError
from robot_rl.hardware import Gripper
from robot_rl.ros.gripper_topics import GripperTopics
from robot_rl.ros.node import DeviceNode
from robot_rl.ros.run import run
from robot_rl.suggest import nearest

DRIVERS: Mapping[str, str] = {
    "franka": "robot_rl.drivers.franka_gripper:open_franka_gripper",
    "robotiq": "robot_rl.drivers.robotiq:open_robotiq",
}
"""Module, and what in it makes a `Gripper` of an address and a clock. Imported when asked for: each has its own SDK."""


class GripperNode(DeviceNode):
    """`driver`: a key of `DRIVERS`, or `MODULE:NAME` of your own. `address`: where the driver finds the device."""

    def __init__(self, context: Context | None = None) -> None:
        super().__init__("gripper_node", {"driver": "", "address": ""}, context)
        self._gripper: Gripper | None = None
        self._topics: GripperTopics | None = None

    def open(self) -> None:
        self._gripper = open_gripper(self.get_parameter("driver").value, self.get_parameter("address").value)

    def start(self) -> None:
        assert self._gripper
        self._topics = GripperTopics(self, self._gripper)

    def pause(self) -> None:
        """The gripper stays as it is: what it holds is not dropped."""
        topics, self._topics = self._topics, None
        if topics:
            topics.close()

    def release(self) -> None:
        gripper, self._gripper = self._gripper, None
        if gripper:
            gripper.close()

    def health(self) -> list[DiagnosticStatus]:
        return [self._topics.health()] if self._topics else []


def open_gripper(driver: str, address: str) -> Gripper:
    """Raises ConfigError for a driver that is not there, HardwareError for a device that does not answer."""
    path = DRIVERS.get(driver, driver)
    module, _, name = path.partition(":")
    if not (module and name):
        raise ConfigError(f"driver={driver!r} is not known{nearest(driver, DRIVERS)}; or write MODULE:NAME")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"driver={driver}: {path} cannot be imported ({error}); install what it needs") from error
    gripper: Gripper = found(address, MonotonicClock())
    return gripper


def main() -> int:
    """Exit code: 0 when told to end, 1 after a failure, 2 for settings that cannot be used."""
    return run(GripperNode)


if __name__ == "__main__":
    raise SystemExit(main())

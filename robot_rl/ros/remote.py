"""A gripper and cameras on topics, behind the protocols of hardware.py: for any thread but the one that spins."""

import threading
import time

from rclpy.node import Node
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Bool

from robot_rl.errors import HardwareError, StaleError
from robot_rl.hardware import Frame, GripperState
from robot_rl.ros import qos
from robot_rl.ros.ask import KILLED
from robot_rl.ros.convert import gripper_width_m, to_monotonic, to_picture
from robot_rl.ros.gripper_topics import CLOSING, COMMAND, WIDTH

MAX_AGE_S = 0.5
"""Of a reading: as many periods as a slow camera may miss."""
ECHO_S = 0.5
"""How long a command of ours counts as the last one, until the gripper's own word has come."""


class RosGripper:
    """`Gripper` over the topics of `GripperTopics`."""

    def __init__(self, node: Node) -> None:
        self._node, self._shut = node, False
        self._seen: tuple[float, JointState] | None = None
        self._closing: bool | None = None
        self._told: tuple[float, bool] | None = None
        self._command = node.create_publisher(Bool, COMMAND, qos.COMMAND)
        self._parts = (
            node.create_subscription(JointState, WIDTH, self._take_width, qos.LATEST),
            node.create_subscription(Bool, CLOSING, self._take_closing, qos.LATCHED),
        )

    @property
    def ready(self) -> bool:
        """Its state has come, and it listens."""
        known = self._seen is not None and self._closing is not None
        return known and self._command.get_subscription_count() > 0

    @property
    def masters(self) -> int:
        """How many publish commands, this one among them."""
        return int(self._node.count_publishers(COMMAND))

    def read(self) -> GripperState:
        self._check_open()
        if self._seen is None or self._closing is None:
            raise StaleError(f"the gripper has not said yet how it is ({WIDTH}, {CLOSING}); see whether its node runs")
        stamp_s, message = self._seen
        _check_age(time.monotonic() - stamp_s, WIDTH)
        closing = self._closing
        if self._told and time.monotonic() - self._told[0] < ECHO_S:
            closing = self._told[1]
        return GripperState(stamp_s, gripper_width_m(message), closing)

    def command(self, closing: bool) -> None:
        """Raises HardwareError, and sends nothing, where no gripper listens, or it would obey nobody."""
        self._check_open()
        if self._command.get_subscription_count() == 0:
            raise HardwareError(f"no gripper listens on {COMMAND}; see whether its node runs")
        if (masters := self.masters) > 1:
            raise HardwareError(f"{masters} publish on {COMMAND}, nobody would be obeyed: leave one; {KILLED}, so wait")
        self._told = time.monotonic(), closing
        self._command.publish(Bool(data=closing))

    def close(self) -> None:
        if not self._shut:
            self._node.destroy_publisher(self._command)
            for part in self._parts:
                self._node.destroy_subscription(part)
        self._shut = True

    def _check_open(self) -> None:
        if self._shut:
            raise HardwareError("the gripper is closed; open it anew to use it")

    def _take_width(self, message: JointState) -> None:
        self._seen = to_monotonic(self._node.get_clock(), message.header.stamp), message

    def _take_closing(self, message: Bool) -> None:
        self._closing = bool(message.data)


class RosCamera:
    """`Camera` over NAME/color/image_raw: the newest picture, never a queue."""

    def __init__(self, node: Node, name: str) -> None:
        self._node, self._name, self._shut = node, name, False
        self._lock = threading.Lock()
        self._seen: tuple[float, int, Image] | None = None
        self._frame: Frame | None = None
        self.topic = f"{name}/color/image_raw"
        self._subscription = node.create_subscription(Image, self.topic, self._take, qos.LATEST)

    @property
    def name(self) -> str:
        return self._name

    @property
    def ready(self) -> bool:
        """A picture has come."""
        return self._seen is not None

    def read(self) -> Frame:
        """Raises StaleError when the newest is too old, HardwareError when it is no colour picture."""
        if self._shut:
            raise HardwareError(f"camera {self._name} is closed; open it anew to read it")
        with self._lock:
            if self._seen is None:
                raise StaleError(f"no picture on {self.topic} yet; see whether the camera's node runs")
            stamp_s, sequence, message = self._seen
        _check_age(time.monotonic() - stamp_s, self.topic)
        if self._frame is None or self._frame.sequence != sequence:
            self._frame = Frame(stamp_s, sequence, to_picture(message))
        return self._frame

    def close(self) -> None:
        if not self._shut:
            self._node.destroy_subscription(self._subscription)
        self._shut = True

    def _take(self, message: Image) -> None:
        stamp_s = to_monotonic(self._node.get_clock(), message.header.stamp)
        with self._lock:
            before = self._seen
            if before is None or message.header.stamp != before[2].header.stamp:
                self._seen = stamp_s, before[1] + 1 if before else 1, message


def _check_age(age_s: float, topic: str) -> None:
    if not 0.0 <= age_s <= MAX_AGE_S:
        raise StaleError(f"the newest message on {topic} is {age_s:.3f} s old; allowed: 0 to {MAX_AGE_S} s")

"""A gripper on the topics `gripper/...`: its width, what it was last told, and the one who tells it."""

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool

from robot_rl.errors import HardwareError
from robot_rl.hardware import Gripper
from robot_rl.ros import qos
from robot_rl.ros.convert import gripper_message, to_stamp
from robot_rl.ros.node import ERROR, OK, WARN, status

STATE_HZ = 50.0
COMMAND, CLOSING, WIDTH = "gripper/command", "gripper/closing", "gripper/joint_states"


class GripperTopics:
    """Publishes what the gripper reads and passes commands on. On the executor's thread; the gripper never blocks.

    With a second publisher on `gripper/command` nobody is obeyed: two masters are a mistake of whoever started them.
    """

    def __init__(self, node: Node, gripper: Gripper) -> None:
        self._node, self._gripper = node, gripper
        self.refused = self.missed = 0
        """Commands that were not obeyed; readings that failed"""
        self._trouble, self._told = "", ""
        self._closing: bool | None = None
        self._width = node.create_publisher(JointState, WIDTH, qos.STATE)
        self._state = node.create_publisher(Bool, CLOSING, qos.LATCHED)
        self._command = node.create_subscription(Bool, COMMAND, self._take, qos.COMMAND)
        self._timer = node.create_timer(1 / STATE_HZ, self._tell, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def close(self) -> None:
        """Leave the topics; the gripper is still the caller's."""
        self._node.destroy_timer(self._timer)
        self._node.destroy_subscription(self._command)
        for publisher in (self._width, self._state):
            self._node.destroy_publisher(publisher)

    def health(self) -> DiagnosticStatus:
        masters = self._node.count_publishers(COMMAND)
        values = {"refused": self.refused, "missed": self.missed, "masters": masters, "closing": self._closing}
        if self._trouble:
            return status("gripper", ERROR, self._trouble, **values)
        crowded = f"{masters} publish on {COMMAND}: nobody is obeyed; leave one" if masters > 1 else ""
        return status("gripper", WARN if crowded else OK, crowded or "in order", **values)

    def _take(self, message: Bool) -> None:
        masters = self._node.count_publishers(COMMAND)
        if masters > 1:
            self.refused += 1
            self._say(f"{masters} publish on {COMMAND}: nobody is obeyed, the gripper stays as it is; leave one")
            return
        self._told = ""
        self._gripper.command(bool(message.data))

    def _tell(self) -> None:
        try:
            state = self._gripper.read()
        except HardwareError as error:
            self.missed += 1
            self._trouble = str(error)
            self._say(self._trouble)
            return
        self._trouble = ""
        self._width.publish(gripper_message(state, to_stamp(self._node.get_clock(), state.stamp_s)))
        if state.closing is not self._closing:
            self._closing = state.closing
            self._state.publish(Bool(data=state.closing))

    def _say(self, text: str) -> None:
        """Once, until something else is to be said."""
        if text != self._told:
            self._node.get_logger().error(text)
        self._told = text

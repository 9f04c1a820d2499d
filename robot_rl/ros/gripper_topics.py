"""A gripper on the standard topics, whichever it is."""

import math
import threading
import time

from diagnostic_msgs.msg import DiagnosticStatus
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool

from robot_rl.errors import HardwareError
from robot_rl.hardware import Gripper, GripperState
from robot_rl.ros import qos
from robot_rl.ros.convert import gripper_message, to_stamp
from robot_rl.ros.node import ERROR, OK, DeviceNode, status

STATE_HZ = 100.0


class GripperTopics:
    """A thread that publishes the gripper's readings; commands come on the executor's thread.

    Of two who command nobody is obeyed: the fingers stay as they were last told.
    """

    def __init__(self, node: DeviceNode, gripper: Gripper) -> None:
        self._node, self._gripper = node, gripper
        self._joints = node.create_publisher(JointState, "gripper/joint_states", qos.STATE)
        self._closing = node.create_publisher(Bool, "gripper/closing", qos.LATCHED)
        self._commands = node.create_subscription(Bool, "gripper/command", self._take, qos.COMMAND)
        self._told: bool | None = None
        self._trouble = ""
        self.refused = self.missed = 0
        """Commands that were not obeyed; readings that were due and did not come."""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watch the gripper", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread and leave the topics; the gripper is still the caller's."""
        self._ended.set()
        self._thread.join(timeout=2.0)
        self._node.destroy_subscription(self._commands)
        for publisher in (self._joints, self._closing):
            self._node.destroy_publisher(publisher)

    def health(self) -> DiagnosticStatus:
        """How the gripper is."""
        why = self._trouble or self._rivals()
        closing = "unknown" if self._told is None else self._told
        values = {"closing": closing, "refused": self.refused, "missed": self.missed}
        return status("gripper", ERROR if why else OK, why or "follows its commands", **values)

    def _take(self, message: Bool) -> None:
        why = self._rivals()
        if why:
            self.refused += 1
            self._node.get_logger().error(why, throttle_duration_sec=1.0)
            return
        try:
            self._gripper.command(message.data)
        except HardwareError as error:
            self.refused += 1
            self._node.get_logger().error(str(error), throttle_duration_sec=1.0)

    def _rivals(self) -> str:
        """Why no command is obeyed; empty while one at most may command."""
        count = self._node.count_publishers(self._commands.topic_name)
        if count <= 1:
            return ""
        return f"{count} publishers on {self._commands.topic_name}: none is obeyed; stop all but one"

    def _watch(self) -> None:
        deadline_s = time.monotonic()
        while not self._ended.wait(max(0.0, deadline_s - time.monotonic())):
            try:
                self._tell(self._gripper.read())
                self._trouble = ""
            except HardwareError as error:
                self.missed += 1
                self._trouble = str(error)
            deadline_s += math.ceil(max(1.0, (time.monotonic() - deadline_s) * STATE_HZ)) / STATE_HZ

    def _tell(self, state: GripperState) -> None:
        self._joints.publish(gripper_message(state, to_stamp(self._node.get_clock(), state.stamp_s)))
        if state.closing is not self._told:
            self._told = state.closing
            self._closing.publish(Bool(data=state.closing))

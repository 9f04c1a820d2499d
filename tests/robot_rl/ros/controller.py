"""A controller of ros2_control as its topics show it, here or as a process: `python -m ... PRESET`, orders on standard
input, until that is closed."""

import math
import os
import sys
import time
from collections.abc import Sequence
from functools import partial

from rclpy.clock import Clock
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray

from controllers.models import home_q
from robot_rl.ros import qos
from robot_rl.ros.control import PRESETS
from robot_rl.ros.convert import to_stamp
from tests.robot_rl.ros.graph import graph, spun

NAMES = tuple(f"joint{i}" for i in range(1, 7))
SHUFFLED = ("joint3", "finger", "joint1", "joint6", "joint2", "joint5", "joint4")
PERIOD_S = 0.005


class Controller:
    """Broadcaster and position controller of an arm that goes at once where it is told, while it is `active`."""

    def __init__(self, node: Node, preset: str) -> None:
        self.q_rad = dict.fromkeys(SHUFFLED, 0.1)
        self.left_out, self.age_s, self.told, self._node = "", 0.0, [], node
        self.active, self.lost, self._before_rad = True, "", dict(self.q_rad)
        self._states = node.create_publisher(JointState, "joint_states", qos.STATE)
        self.others: list[Other] = []
        self.timer = node.create_timer(PERIOD_S, self.publish)
        self._kind = PRESETS[preset].kind
        self.subscription = node.create_subscription(self._kind, PRESETS[preset].topic, self._take, qos.COMMAND)

    def publish(self) -> None:
        there = [name for name in SHUFFLED if name != self.left_out]
        speeds = [(self.q_rad[n] - self._before_rad[n]) / PERIOD_S for n in there]
        self._before_rad = dict(self.q_rad)
        positions = [math.nan if n == self.lost else self.q_rad[n] for n in there]
        message = JointState(name=there, position=positions, velocity=speeds)
        message.header.stamp = to_stamp(Clock(), time.monotonic() - self.age_s)
        self._states.publish(message)
        for other in self.others:  # at once, as broadcasters of one controller manager do
            other.publish()

    def _take(self, message) -> None:
        self.told.append(message)
        if not self.active:
            return
        point = message.points[0] if hasattr(message, "points") else message
        positions = (
            point.data
            if isinstance(message, Float64MultiArray)
            else point.positions
            if hasattr(message, "points")
            else message.position
        )
        names = getattr(message, "joint_names", None) or getattr(message, "name", None) or NAMES
        self.q_rad.update(zip(names, positions, strict=True))

    def obey(self, line: str) -> None:
        """One order."""
        verb, _, word = line.strip().partition(" ")
        if verb == "leave_out":
            self.left_out = word
        elif verb == "age":
            self.age_s = float(word)
        elif verb == "nan":
            self.lost = word
        elif verb == "deaf":
            self._node.destroy_subscription(self.subscription)
        elif verb == "inactive":
            self.active = False
        elif verb == "mute":
            self.timer.cancel()
        elif verb == "double":
            self._node.create_publisher(JointState, "joint_states", qos.STATE)
        elif verb == "other":
            self.others.append(Other(self._node, word.split()))


class Other:
    """A broadcaster of its own on the same topic, with these joints."""

    def __init__(self, node: Node, names: Sequence[str]) -> None:
        self.publisher = node.create_publisher(JointState, "joint_states", qos.STATE)
        self.message = JointState(name=names, position=[0.5] * len(names), velocity=[0.0] * len(names))

    def publish(self) -> None:
        self.message.header.stamp = to_stamp(Clock(), time.monotonic())
        self.publisher.publish(self.message)


def main() -> None:
    with graph(int(os.environ["ROS_DOMAIN_ID"])) as context, spun(Node("controller", context=context)) as spinner:
        controller = Controller(spinner.node, sys.argv[1])
        controller.q_rad.update(zip(NAMES, home_q("ur5e"), strict=True))
        for line in sys.stdin:
            spinner.do(partial(controller.obey, line), 5.0)


if __name__ == "__main__":
    main()

"""A person's hand in place of a device: `python -m tests.robot_rl.ros.fake_person`.

While a line `push` is the last on its standard input it pushes towards the target of the task `reach`, which it learns
from what the scene is asked for, or forward where nobody has asked. After `rest` it sends one zero, then nothing.
"""

import json
import sys
import threading
from typing import Any

import numpy as np
import rclpy
from geometry_msgs.msg import PoseStamped, TwistStamped
from rclpy.node import Node
from std_msgs.msg import String

from robot_rl.compose import load_config
from robot_rl.ros import qos
from robot_rl.ros.convert import BASE
from robot_rl.ros.run import Spinner
from robot_rl.tasks import make_task
from tests.robot_rl.ros.fakes import Notes

PERIOD_S = 0.02
FORWARD_M = np.array([0.01, 0.0, 0.0])
"""Half a step"""


class FakePerson(Node):
    """Behind `teleop/twist`, as `teleop_node` is."""

    def __init__(self) -> None:
        super().__init__("fake_person")
        self._task, self._notes = make_task(load_config(["task=reach"]).task), Notes()
        self._here_m: np.ndarray | None = None
        self._twist = self.create_publisher(TwistStamped, "teleop/twist", qos.COMMAND)
        self.create_subscription(PoseStamped, "current_pose", self._look, qos.LATEST)
        self.create_subscription(String, "scene/request", self._listen, qos.REQUEST)

    def _look(self, message: PoseStamped) -> None:
        at = message.pose.position
        self._here_m = np.array([at.x, at.y, at.z])

    def _listen(self, message: String) -> None:
        self._notes.answer(self._task, json.loads(message.data)["body"])

    def push(self, share: float = 1.0) -> None:
        """One message; nothing while it is not known where the tool is."""
        if self._here_m is None:
            return
        goal_m = self._notes.places.get("target", self._here_m + FORWARD_M)
        message: Any = TwistStamped()
        message.header.stamp, message.header.frame_id = self.get_clock().now().to_msg(), BASE
        way = share * np.clip((goal_m - self._here_m) / self._task.action.step_m, -1.0, 1.0)
        linear = message.twist.linear
        linear.x, linear.y, linear.z = way.tolist()
        self._twist.publish(message)


def main() -> None:
    """Until its standard input ends."""
    rclpy.init()
    person, pushing, over = FakePerson(), threading.Event(), threading.Event()

    def obey() -> None:
        for line in sys.stdin:
            if line.strip() == "push":
                pushing.set()
            elif pushing.is_set():
                pushing.clear()
                person.push(0.0)
        over.set()

    spinner = Spinner(person)
    threading.Thread(target=obey, daemon=True).start()
    while not over.wait(PERIOD_S):
        if pushing.is_set():
            person.push()
    spinner.close()
    person.destroy_node()
    rclpy.try_shutdown()


if __name__ == "__main__":
    main()

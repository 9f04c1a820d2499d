"""Objects of a scene in another process, as a task finds them: their poses come on `objects/NAME`."""

import threading
import time
from typing import NamedTuple

from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from rclpy.subscription import Subscription

from controllers.pose import Array
from robot_rl.errors import StaleError
from robot_rl.ros import qos
from robot_rl.ros.convert import to_monotonic, to_pose

MAX_AGE_S = 0.2
"""Of a pose that a task may go by."""
WAIT_S = 2.0
"""Longest wait for the first pose after an object was put elsewhere."""


class Tracked(NamedTuple):
    """What MuJoCo calls a body."""

    xpos: Array
    """(3,) m, base frame"""


class Tracker:
    """What `Task.reset` gets instead of a world: others put the objects there, this one looks where they are.

    For any thread but the one that spins `node`.
    """

    def __init__(self, node: Node) -> None:
        self._node, self._news = node, threading.Condition()
        self._since_s: dict[str, float] = {}
        self._seen: dict[str, tuple[float, Array]] = {}
        self._subscriptions: list[Subscription] = []

    def place(self, body: str, position_m: Array, yaw_rad: float = 0.0) -> None:
        """A free body was put somewhere: only poses measured from here on count."""
        if body not in self._since_s:
            topic = f"objects/{body}"
            take = self._node.create_subscription(PoseStamped, topic, lambda m: self._take(body, m), qos.STATE)
            self._subscriptions.append(take)
        self._since_s[body] = time.monotonic()

    def move_fixed(self, body: str, position_m: Array, yaw_rad: float = 0.0) -> None:
        """A fixture stays where the task has drawn it: nobody need look."""

    @property
    def data(self) -> "Tracker":
        """As of a world, whose `data.body(name).xpos` a task reads."""
        return self

    def body(self, name: str) -> Tracked:
        """Where a placed body is. Waits for the first pose; raises StaleError when there is none, or none lately."""
        with self._news:
            since_s = self._since_s.get(name, float("inf"))
            wait_s = WAIT_S if name in self._since_s else 0.0
            fresh = self._news.wait_for(lambda: self._stamp_s(name) >= since_s, wait_s)
            age_s = time.monotonic() - self._stamp_s(name)
            if not (fresh and age_s <= MAX_AGE_S):
                raise StaleError(
                    f"the pose of {name!r} is {age_s:.3f} s old (at most {MAX_AGE_S} s); see whether the scene's node "
                    f"publishes objects/{name}"
                )
            return Tracked(self._seen[name][1])

    def close(self) -> None:
        """Look no more."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions, self._since_s = [], {}

    def _stamp_s(self, name: str) -> float:
        return self._seen[name][0] if name in self._seen else -float("inf")

    def _take(self, name: str, message: PoseStamped) -> None:
        found = to_monotonic(self._node.get_clock(), message.header.stamp), to_pose(message).position_m
        with self._news:
            self._seen[name] = found
            self._news.notify_all()

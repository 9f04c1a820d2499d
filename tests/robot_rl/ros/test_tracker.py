import math
import time

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped
from rclpy.node import Node

from robot_rl.compose import load_config
from robot_rl.errors import StaleError
from robot_rl.ros import qos, tracker
from robot_rl.ros.convert import to_stamp
from robot_rl.ros.tracker import Tracker
from robot_rl.tasks import make_task
from tests.robot_rl.ros.graph import graph, spun, until

pytestmark = pytest.mark.real_time


class Teller:
    """Says where the cube is."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._publisher = node.create_publisher(PoseStamped, "objects/cube", qos.STATE)

    def tell(self, x_m: float, stamp_s: float | None = None) -> None:
        message = PoseStamped()
        message.header.stamp = to_stamp(self._node.get_clock(), stamp_s or time.monotonic())
        message.pose.position.x = x_m
        self._publisher.publish(message)

    @property
    def heard(self) -> bool:
        return self._publisher.get_subscription_count() > 0


def test_a_task_finds_a_placed_object_where_it_was_measured_last(domain: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracker, "MAX_AGE_S", 20.0)
    with graph(domain) as context, spun(node := Node("eyes", context=context)):
        world, teller = Tracker(node), Teller(node)
        task = make_task(load_config(["task=pick_cube"]).task)
        task.reset(world, np.random.default_rng(1))
        assert until(lambda: teller.heard)
        for x_m in (0.4, 0.5):
            teller.tell(x_m)
            assert until(lambda x_m=x_m: task._cube_m()[0] == x_m)
        world.close()


def test_a_pose_from_before_the_object_was_put_elsewhere_does_not_count(
    domain: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracker, "WAIT_S", 0.2)
    monkeypatch.setattr(tracker, "MAX_AGE_S", 20.0)
    with graph(domain) as context, spun(node := Node("eyes", context=context)):
        world, teller = Tracker(node), Teller(node)
        world.place("cube", np.zeros(3))
        assert until(lambda: teller.heard)
        before_s = time.monotonic()
        world.place("cube", np.zeros(3))
        teller.tell(0.1, before_s - 0.01)
        with pytest.raises(StaleError, match="objects/cube"):
            world.body("cube")
        teller.tell(0.2)
        assert until(lambda: world._stamp_s("cube") > before_s) and world.body("cube").xpos[0] == 0.2


def test_a_pose_that_is_too_old_is_refused_with_its_age(domain: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracker, "MAX_AGE_S", 0.05)
    with graph(domain) as context, spun(node := Node("eyes", context=context)):
        world, teller = Tracker(node), Teller(node)
        world.place("cube", np.zeros(3))
        assert until(lambda: teller.heard)
        teller.tell(0.1)
        assert until(lambda: world._stamp_s("cube") > -math.inf)
        stamp_s = world._stamp_s("cube")
        assert until(lambda: time.monotonic() - stamp_s > 0.1)
        with pytest.raises(StaleError, match=r"is 0\.\d+ s old \(at most 0\.05 s\)"):
            world.body("cube")


def test_an_object_that_nobody_placed_is_not_waited_for(domain: int) -> None:
    with (
        graph(domain) as context,
        spun(node := Node("eyes", context=context)),
        pytest.raises(StaleError, match="'ball'"),
    ):
        Tracker(node).body("ball")

"""What a person at a device asks for becomes the task's actions, or nothing."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from geometry_msgs.msg import TwistStamped
from hypothesis import given
from hypothesis import strategies as st
from rclpy.node import Node
from sensor_msgs.msg import Joy

from controllers.pose import Pose, quat_from_rotvec, quat_rotate
from controllers.records import ArmState
from robot_rl.clock import ManualClock
from robot_rl.errors import HardwareError
from robot_rl.ros import qos
from robot_rl.ros.convert import to_stamp
from robot_rl.ros.session import Session
from robot_rl.ros.teleop_person import DISCOVERY_S, FRESH_S, JOY, KEEP_S, TWIST, TeleopPerson, to_action
from robot_rl.specs import AXES, ActionSpec
from robot_rl.tasks.base import TOOL_DOWN, Reading
from tests.robot_rl.ros.graph import graph, spun, until

STEP_M, STEP_RAD = 0.02, 0.1
FULL = ActionSpec(AXES, STEP_M, STEP_RAD, gripper=False)
SIDEWAYS = ActionSpec(("x", "y"), STEP_M, STEP_RAD, gripper=False)
HAND = ActionSpec(("x", "y", "z"), STEP_M, STEP_RAD, gripper=True)
READ_S = 0.001
"""More than what two readings of the clocks may be apart"""
share = st.floats(-1.0, 1.0)


def turned(*rotvec_rad: float) -> np.ndarray:
    return quat_from_rotvec(np.array(rotvec_rad))


def reading(quat_wxyz: object = TOOL_DOWN) -> Reading:
    zero = np.zeros(3)
    state = ArmState(0.0, np.zeros(7), np.zeros(7), Pose.of([0.4, 0, 0.3], quat_wxyz), zero, zero, zero, zero)
    return Reading(state, None)


# Frames


def test_a_push_along_base_x_is_along_the_axis_of_the_tool_that_points_there() -> None:
    push = np.array([0.5, 0, 0, 0, 0, 0])
    quarter = turned(0, 0, np.pi / 2)  # the tool's -y points along base x
    assert to_action(push, 0.0, quarter, FULL) == pytest.approx([0, -0.5, 0, 0, 0, 0], abs=1e-6)
    assert to_action(push, 0.0, turned(0, 0, 0), FULL) == pytest.approx([0.5, 0, 0, 0, 0, 0])


def test_a_turn_about_base_z_of_a_tool_that_points_down_is_about_its_minus_z() -> None:
    turn = np.array([0, 0, 0, 0, 0, 1.0])
    assert to_action(turn, 0.0, TOOL_DOWN, FULL) == pytest.approx([0, 0, 0, 0, 0, -1], abs=1e-6)


@given(st.tuples(*[share] * 6), st.tuples(*[st.floats(-3.0, 3.0)] * 3))
def test_the_tool_moves_where_it_is_pushed_however_it_is_turned_and_within_one_step(twist: Any, rotvec: Any) -> None:
    quat = turned(*rotvec)
    action = to_action(np.array(twist), 0.0, quat, FULL)
    assert np.abs(action).max() <= 1.0
    motion = FULL.to_motion(action)
    moved = np.concatenate((quat_rotate(quat, motion[:3]) / STEP_M, quat_rotate(quat, motion[3:]) / STEP_RAD))
    size = float(np.abs(twist).max())
    scale = float(np.linalg.norm(moved) / np.linalg.norm(twist)) if size > 1e-3 else 1.0
    assert moved == pytest.approx(scale * np.array(twist), abs=1e-5) and scale <= 1.0 + 1e-5


def test_what_the_task_does_not_drive_is_left_out() -> None:
    assert to_action(np.array([0, 0, 1.0, 1.0, 0, 0]), 0.0, TOOL_DOWN, SIDEWAYS) == pytest.approx([0, 0], abs=1e-6)


# Time


class Ear:
    """A person who is spoken to as if by messages, without waiting for any."""

    def __init__(self, session: Session, spec: ActionSpec) -> None:
        self.clock = ManualClock(time.monotonic() - 100.0)  # so that no stamp is in the future
        self.person = TeleopPerson(session, spec, self.clock)
        self._ros = session.node.get_clock()

    def pass_s(self, duration_s: float) -> None:
        self.clock.sleep_until(self.clock.now_s() + duration_s)

    def stamp(self, age_s: float) -> Time:
        return to_stamp(self._ros, self.clock.now_s() - age_s - READ_S)

    def twist(self, *parts: float, age_s: float = 0.0, frame: str = "base") -> None:
        message = TwistStamped()
        message.header.stamp, message.header.frame_id = self.stamp(age_s), frame
        linear, angular = message.twist.linear, message.twist.angular
        linear.x, linear.y, linear.z, angular.x, angular.y, angular.z = (*parts, *[0.0] * (6 - len(parts)))
        self.person.take_twist(message)

    def joy(self, *buttons: int, age_s: float = 0.0) -> None:
        message = Joy(buttons=list(buttons))
        message.header.stamp = self.stamp(age_s)
        self.person.take_joy(message)

    def choose(self) -> list[float] | None:
        action = self.person.choose(reading(turned(0, 0, 0)))
        return None if action is None else action.tolist()


@contextmanager
def listening(spec: ActionSpec) -> Iterator[Ear]:
    session = Session("person")
    try:
        yield Ear(session, spec)
    finally:
        session.close()


@pytest.fixture
def ear(domain: int) -> Iterator[Ear]:
    with listening(SIDEWAYS) as ear:
        yield ear


@pytest.fixture
def gripping(domain: int) -> Iterator[Ear]:
    with listening(HAND) as ear:
        yield ear


def test_a_deflection_acts_while_it_is_fresh_then_the_person_keeps_the_arm_still_then_lets_go(ear: Ear) -> None:
    assert ear.choose() is None, "nobody has pushed yet"
    ear.twist(1.0)
    assert ear.choose() == [1.0, 0.0]
    ear.pass_s(FRESH_S - 2 * READ_S)
    assert ear.choose() == [1.0, 0.0]
    ear.pass_s(2 * READ_S)
    assert ear.choose() == [0.0, 0.0], "what is old moves nothing"
    ear.pass_s(KEEP_S - FRESH_S - 2 * READ_S)
    assert ear.choose() == [0.0, 0.0]
    ear.pass_s(2 * READ_S)
    assert ear.choose() is None


def test_a_release_stops_at_once_and_keeps_the_arm_for_half_a_second_from_the_last_push(ear: Ear) -> None:
    ear.twist(1.0)
    ear.twist(0.0)
    assert ear.choose() == [0.0, 0.0]
    ear.pass_s(KEEP_S - 2 * READ_S)
    assert ear.choose() == [0.0, 0.0]
    ear.pass_s(2 * READ_S)
    assert ear.choose() is None


def test_the_age_of_a_twist_is_that_of_its_stamp(ear: Ear) -> None:
    ear.twist(1.0, age_s=FRESH_S - 2 * READ_S)
    assert ear.choose() == [1.0, 0.0]
    ear.twist(1.0, age_s=FRESH_S)
    assert ear.choose() == [0.0, 0.0]
    ear.twist(1.0, age_s=3600.0)
    assert ear.choose() is None


def test_an_episode_begins_with_hands_off_until_the_device_is_deflected(ear: Ear) -> None:
    ear.twist(1.0)
    ear.twist(0.0)
    ear.person.new_episode()
    assert ear.choose() is None
    ear.twist(0.0, 1.0)
    assert ear.choose() == [0.0, 1.0]


# What is not believed


@pytest.mark.parametrize(
    ("parts", "frame", "said"),
    [
        ((float("nan"),), "base", "each part must be from -1 to 1"),
        ((0.0, float("-inf")), "base", "each part must be from -1 to 1"),
        ((0.1, 0.0, 1.01), "base", "each part must be from -1 to 1"),
        ((1.0,), "tcp", "it must be in 'base'"),
    ],
)
def test_a_twist_that_is_none_is_ignored_and_said_once(
    ear: Ear, parts: tuple[float, ...], frame: str, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    for _ in range(3):
        ear.twist(*parts, frame=frame)
    assert ear.choose() is None
    assert capfd.readouterr().err.count(said) == 1
    ear.twist(0.5)
    ear.twist(*parts, frame=frame)
    assert ear.choose() == [0.5, 0.0], "what was good before still holds"


def test_clocks_that_are_apart_are_said_once(ear: Ear, capfd: pytest.CaptureFixture[str]) -> None:
    for _ in range(3):
        ear.twist(1.0, age_s=2.0)
    assert ear.choose() is None
    assert capfd.readouterr().err.count("see to the clocks") == 1


def test_while_two_publish_nobody_is_obeyed_and_one_line_says_so(
    ear: Ear, domain: int, capfd: pytest.CaptureFixture[str]
) -> None:
    with graph(domain) as context, spun(node := Node("device", context=context)):
        own = node.create_publisher(TwistStamped, TWIST, qos.COMMAND)
        push = pusher(node, own, ear)
        assert until(lambda: push() and ear.choose() == [1.0, 0.0])
        second = node.create_publisher(TwistStamped, TWIST, qos.COMMAND)
        assert until(lambda: ear.person._node.count_publishers(TWIST) == 2)
        ear.pass_s(KEEP_S)
        assert push() and not until(lambda: push() and ear.choose() is not None, 0.3)
        node.destroy_publisher(second)
        assert until(lambda: push() and ear.choose() == [1.0, 0.0])
    assert capfd.readouterr().err.count("2 publish on teleop/twist: nobody is obeyed") == 1


def pusher(node: Node, publisher: Any, ear: Ear) -> Callable[[], bool]:
    def push() -> bool:
        message = TwistStamped()
        message.header.stamp, message.header.frame_id = ear.stamp(0.0), "base"
        message.twist.linear.x = 1.0
        publisher.publish(message)
        return True

    return push


def test_without_a_device_it_is_said_once_that_no_hand_is_on_the_arm(
    ear: Ear, domain: int, capfd: pytest.CaptureFixture[str]
) -> None:
    def said() -> int:
        return capfd.readouterr().err.count("nobody publishes on teleop/twist")

    assert ear.choose() is None and not said(), "it may not have been seen yet"
    ear.pass_s(DISCOVERY_S + READ_S)
    assert ear.choose() is ear.choose() is None
    assert said() == 1
    with graph(domain) as context, spun(node := Node("device", context=context)):
        node.create_publisher(TwistStamped, TWIST, qos.COMMAND)
        assert until(lambda: ear.person._node.count_publishers(TWIST))
        assert ear.choose() is None
    assert until(lambda: not ear.person._node.count_publishers(TWIST))
    assert ear.choose() is ear.choose() is None
    assert said() == 1, "it was there in between"


def test_a_person_who_is_not_heard_any_more_is_an_error_not_a_hand_that_is_off(domain: int) -> None:
    session = Session("person")
    person = TeleopPerson(session, SIDEWAYS)
    session.close()
    with pytest.raises(HardwareError, match="left the ROS graph"):
        person.choose(reading())


# The gripper


@pytest.mark.parametrize(("buttons", "asked"), [((1, 0), -1.0), ((0, 1), 1.0), ((1, 1), 0.0), ((0, 0), 0.0), ((), 0.0)])
def test_buttons_close_and_open_the_gripper_while_the_device_is_deflected(
    gripping: Ear, buttons: tuple[int, ...], asked: float
) -> None:
    gripping.twist(0.0, 0.0, 0.5)
    gripping.joy(*buttons)
    assert gripping.choose() == [0.0, 0.0, 0.5, asked]


def test_a_short_press_between_two_looks_counts_and_an_old_one_does_not(gripping: Ear) -> None:
    gripping.joy(1, 0)
    gripping.joy(0, 0)
    gripping.twist(1.0)
    assert gripping.choose() == [1.0, 0.0, 0.0, -1.0]
    gripping.pass_s(FRESH_S)
    gripping.twist(1.0)
    assert gripping.choose() == [1.0, 0.0, 0.0, 0.0]


def test_a_button_alone_moves_nothing_not_even_the_gripper(gripping: Ear) -> None:
    gripping.joy(1, 0)
    assert gripping.choose() is None
    gripping.twist(1.0)
    gripping.twist(0.0)
    gripping.joy(1, 0)
    assert gripping.choose() == [0.0, 0.0, 0.0, 0.0]


def test_a_second_publisher_of_buttons_closes_nothing(gripping: Ear, domain: int) -> None:
    with graph(domain) as context, spun(node := Node("device", context=context)):
        for _ in range(2):
            node.create_publisher(Joy, JOY, qos.STATE)
        assert until(lambda: gripping.person._node.count_publishers(JOY) == 2)
        gripping.joy(1, 0)
        gripping.twist(1.0)
        assert gripping.choose() == [1.0, 0.0, 0.0, 0.0]

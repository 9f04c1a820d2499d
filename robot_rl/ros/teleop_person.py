"""A person at a hand-held device, as `Human`: what comes on `teleop/twist` and `teleop/joy`, as a task's actions.

The dead man's handle is the deflection: without a twist that is fresh and not zero nothing is asked to move, neither
the arm nor the gripper.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf

import numpy as np
from geometry_msgs.msg import TwistStamped
from sensor_msgs.msg import Joy

from controllers.pose import Array, quat_conj, quat_rotate
from robot_rl.clock import Clock, MonotonicClock
from robot_rl.errors import HardwareError
from robot_rl.ros import qos
from robot_rl.ros.ask import KILLED
from robot_rl.ros.convert import BASE, to_monotonic
from robot_rl.ros.session import Session
from robot_rl.specs import ActionSpec
from robot_rl.tasks.base import Reading
from robot_rl.types import Float32

TWIST, JOY = "teleop/twist", "teleop/joy"
FRESH_S = 0.2
"""Age of a twist, or of a pressed button, that is not acted on any more"""
KEEP_S = 0.5
"""How long the person stays in charge after letting go, as in HIL-SERL's SpacemouseIntervention (Luo et al. 2024)"""
DISCOVERY_S = 3.0
"""How long a device may take to be seen: without the profile of launch/config ROS looks around once in this time"""
CLOSE, OPEN = 0, 1
"""Buttons of the gripper: left and right of a SpaceMouse, A and B (cross and circle) of a gamepad"""


class TeleopPerson:
    """Messages are stored by the thread that spins the session; the methods are for another one."""

    def __init__(self, session: Session, action: ActionSpec, clock: Clock | None = None) -> None:
        self._session, self._spec, self._clock = session, action, clock or MonotonicClock()
        self._lock, self._told = threading.Lock(), set[str]()
        self._twist, self._twist_s = np.zeros(6), -inf
        self._moved_s = -inf
        """Stamp of the newest twist that is not zero"""
        self._grip, self._grip_s = 0.0, -inf
        self._node, self._since_s = session.node, self._clock.now_s()
        self._node.create_subscription(TwistStamped, TWIST, self.take_twist, qos.COMMAND)
        self._node.create_subscription(Joy, JOY, self.take_joy, qos.STATE)

    def new_episode(self) -> None:
        """The person is not in charge of it from the last one."""
        with self._lock:
            self._moved_s = -inf

    def choose(self, reading: Reading) -> Float32 | None:
        """The action (a,) that the deflection asks for; zeros for KEEP_S after letting go; then None.

        Raises HardwareError when this process hears nothing any more.
        """
        if not self._session.alive:
            raise HardwareError(f"{TWIST} is not heard any more: this process has left the ROS graph; start it again")
        with self._lock:
            now_s = self._clock.now_s()
            twist, age_s, let_go_s = self._twist, now_s - self._twist_s, now_s - self._moved_s
            grip = self._grip if now_s - self._grip_s <= FRESH_S else 0.0
        if twist.any() and 0.0 <= age_s <= FRESH_S:
            return to_action(twist, grip, reading.arm.tcp.quat_wxyz, self._spec)
        if let_go_s <= KEEP_S:
            return np.zeros(self._spec.size, np.float32)
        self._look_for_device(now_s)
        return None

    def _look_for_device(self, now_s: float) -> None:
        if self._node.count_publishers(TWIST):
            self._told.discard("nobody")
        elif now_s - self._since_s > DISCOVERY_S:
            self._say("nobody", f"nobody publishes on {TWIST}: no hand is on the arm until a teleop node runs")

    # The thread that spins

    def take_twist(self, message: TwistStamped) -> None:
        """Keep it, unless nobody should act on it."""
        if self._crowded(TWIST):
            return
        linear, angular = message.twist.linear, message.twist.angular
        twist = np.array([linear.x, linear.y, linear.z, angular.x, angular.y, angular.z])
        stamp_s = to_monotonic(self._node.get_clock(), message.header.stamp)
        if not (np.abs(twist) <= 1.0).all():
            self._say("range", f"ignored: {TWIST} is {twist.tolist()}; each part must be from -1 to 1")
        elif message.header.frame_id not in ("", BASE):
            self._say("frame", f"ignored: {TWIST} is in frame {message.header.frame_id!r}; it must be in {BASE!r}")
        else:
            with self._lock:
                self._twist, self._twist_s = twist, stamp_s
                self._moved_s = stamp_s if twist.any() else self._moved_s
            late_s = self._clock.now_s() - stamp_s
            if twist.any() and not late_s <= FRESH_S:
                self._say(
                    "late", f"{TWIST} is {late_s:.2f} s old when it comes (at most {FRESH_S} s): see to the clocks"
                )

    def take_joy(self, message: Joy) -> None:
        """Keep which way the gripper is asked to go."""
        down = [number < len(message.buttons) and message.buttons[number] != 0 for number in (CLOSE, OPEN)]
        if self._crowded(JOY) or not any(down):
            return
        with self._lock:
            self._grip = float(down[1]) - float(down[0])
            self._grip_s = to_monotonic(self._node.get_clock(), message.header.stamp)

    def _crowded(self, topic: str) -> bool:
        """Whether nobody knows who asks."""
        senders = self._node.count_publishers(topic)
        if senders > 1:
            self._say(topic, f"{senders} publish on {topic}: nobody is obeyed; leave one; {KILLED}")
        else:
            self._told.discard(topic)
        return senders > 1

    def _say(self, kind: str, text: str) -> None:
        """Once for each kind of trouble."""
        if kind not in self._told:
            self._node.get_logger().warning(text)
        self._told.add(kind)


def to_action(twist: Array, grip: float, quat_wxyz: Array, spec: ActionSpec) -> Float32:
    """From a twist (6,) in the base frame, parts in [-1, 1] as shares of the largest step, to the action (a,) of a tool
    that is turned so, in its own frame.

    Directions are kept: what would be beyond 1 along an axis of the tool makes the whole motion smaller.
    """
    to_tool = quat_conj(quat_wxyz)
    motion = np.concatenate(
        (quat_rotate(to_tool, twist[:3] * spec.step_m), quat_rotate(to_tool, twist[3:] * spec.step_rad))
    )
    action = spec.from_motion(motion)
    action /= max(1.0, float(np.abs(action).max()))
    return np.append(action, grip).astype(np.float32) if spec.gripper else action


@contextmanager
def listening(namespace: str, action: ActionSpec) -> Iterator[TeleopPerson]:
    """A person whose device is a node of this namespace, heard while the block lasts."""
    session = Session("person", namespace)
    try:
        yield TeleopPerson(session, action)
    finally:
        session.close()

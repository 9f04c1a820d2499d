"""Any arm behind ros2_control, by its topics: joint states come by name, joint positions go to a running controller.

The controller manager, the vendor's driver and its real-time loop are other processes; what they do without a next
command is theirs: a position controller keeps the last position.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from builtin_interfaces.msg import Duration
from geometry_msgs.msg import WrenchStamped
from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from controllers.pose import Array
from robot_rl.cell.motors import Reading
from robot_rl.errors import ConfigError, HardwareError, StaleError
from robot_rl.operator import Finding
from robot_rl.ros import qos
from robot_rl.ros.ask import KILLED
from robot_rl.ros.convert import TCP, to_monotonic
from robot_rl.ros.session import Session
from robot_rl.suggest import nearest

STALE_S = 0.1
"""Age of joint states and wrenches that are not believed any more: a broadcaster sends them at 100 Hz at least."""
READY_S = 10.0
"""Longest wait for the first joint states and for the controller"""
BLIND_S = 0.5
"""For so long after the last reading the arm is still told how to brake; then nothing, wherever it may be."""
JUMP_RAD, LAG_S = 0.02, 0.1
"""How far a commanded joint may be from the measured one: JUMP_RAD, and in the direction of its motion by what it moves
in LAG_S. A drive that accelerates by 10 rad/s2 and is read 60 ms late stays within (10 * 0.06**2 / 2 = 0.018 rad). An
arm that stands still, as under a controller that is subscribed but inactive, is never led further than JUMP_RAD: so far
it jumps at most when somebody activates that controller."""
SHARED = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
"""For a topic of many senders: with a depth of one, a message that comes right after the arm's replaces it unread."""
log = logging.getLogger(__name__)


def _array(names: Sequence[str], q_rad: Array, ahead_s: float) -> Float64MultiArray:
    """In the order of the controller's own `joints`, which must be that of the arm."""
    return Float64MultiArray(data=q_rad.tolist())


def _trajectory(names: Sequence[str], q_rad: Array, ahead_s: float) -> JointTrajectory:
    """One point, to be reached when the command after the next is due; a stamp of zero means now."""
    whole_s = int(ahead_s)
    due = Duration(sec=whole_s, nanosec=round((ahead_s - whole_s) * 1e9))
    point = JointTrajectoryPoint(positions=q_rad.tolist(), time_from_start=due)
    return JointTrajectory(joint_names=list(names), points=[point])


def _joints(names: Sequence[str], q_rad: Array, ahead_s: float) -> JointState:
    return JointState(name=list(names), position=q_rad.tolist())


@dataclass(frozen=True, slots=True)
class Preset:
    """How a controller is spoken to."""

    topic: str
    kind: type
    message: Callable[[Sequence[str], Array, float], Any]
    """From joint names, positions (n,) in rad, and the time in s in which they should be reached"""


PRESETS: Mapping[str, Preset] = {
    "forward_position_controller": Preset("forward_position_controller/commands", Float64MultiArray, _array),
    "joint_trajectory_controller": Preset("joint_trajectory_controller/joint_trajectory", JointTrajectory, _trajectory),
    "crisp": Preset("target_joint", JointState, _joints),
}
"""Names and types as in ros2_controllers and in crisp_controllers (there with joint impedance)."""


class Ros2ControlMotors:
    """`Motors` over topics: joint positions in, joint states out. Without `wrench_topic` no contact force is measured,
    and nothing here stops at one."""

    kind: Literal["position"] = "position"
    simulated = False

    def __init__(
        self, names: Sequence[str], preset: str, period_s: float, namespace: str = "", wrench_topic: str = ""
    ) -> None:
        """`names` of the joints, base to tip. Raises ConfigError for an unknown preset, HardwareError where joint
        states or controller are missing."""
        if preset not in PRESETS:
            raise ConfigError(f"controller {preset!r} is not known{nearest(preset, PRESETS)}")
        self._names, self._preset, self._ahead_s = tuple(names), PRESETS[preset], 2 * period_s
        self._session = Session("ros2_control", namespace)
        node = self._session.node
        self._joints = _Newest(node, JointState, "joint_states", "joint states", self._names)
        self._wrench = _Newest(node, WrenchStamped, wrench_topic, "wrench") if wrench_topic else None
        self._sources = (self._joints, self._wrench) if self._wrench else (self._joints,)
        self._command = node.create_publisher(self._preset.kind, self._preset.topic, qos.COMMAND)
        self._q_rad = self._dq_rad_s = np.full(len(self._names), np.nan)
        self._read_s, self._closed = -np.inf, False
        if not wrench_topic:
            log.warning("no wrench_topic is set: no contact is felt, and nothing here stops at one")
        try:
            wait = self._session.wait_for
            for source in self._sources:
                wait(f"no {source.what} on {source.topic}", partial(_seen, source), READY_S)
                wait(f"{source.topic} has not exactly one publisher for the arm", partial(_alone, source), READY_S)
            wait(f"no controller listens on {self._preset.topic}", lambda: not self._unheard(), READY_S)
            self.read()
        except HardwareError:
            self.close()
            raise

    @property
    def lost(self) -> str:
        """Why no message will be taken any more; empty while they are."""
        here = self._closed or self._session.alive
        return "" if here else "this process is no part of the ROS graph any more; start it again"

    def read(self) -> Reading:
        """Raises StaleError for what is old, HardwareError for what is incomplete, or has not exactly one sender."""
        q_rad, dq_rad_s = by_name(self._joints.fresh(), self._names)
        wrench = tool_wrench(self._wrench.fresh()) if self._wrench else np.zeros(6)
        self._q_rad, self._dq_rad_s, self._read_s = q_rad, dq_rad_s, time.monotonic()
        return Reading(q_rad, dq_rad_s, wrench)

    def apply(self, values: Array) -> None:
        """Joint positions (n,) in rad.

        Raises HardwareError, and sends nothing, for what is not near the last reading, while nobody listens or somebody
        else speaks, and as `read` when there was no reading for BLIND_S.
        """
        if trouble := self._unheard():
            raise HardwareError(trouble)
        if not time.monotonic() - self._read_s <= BLIND_S:
            self.read()
        if not near(values, self._q_rad, self._dq_rad_s):
            raise HardwareError(
                f"joint positions {np.round(values, 3).tolist()} rad are not within {JUMP_RAD} rad of the measured "
                f"{np.round(self._q_rad, 3).tolist()}, nothing was sent: the arm does not follow; see whether its "
                "controller is active: ros2 control list_controllers"
            )
        self._command.publish(self._preset.message(self._names, values, self._ahead_s))

    def objections(self, now_s: float) -> tuple[Finding, ...]:
        """Nobody is armed towards a controller that does not listen or listens to others too, nor by states of which
        nobody knows whose they are."""
        trouble = self._unheard() or next(filter(None, (source.crowd() for source in self._sources)), "")
        return (Finding("first_command", False, now_s, "ros2_control", trouble),) if trouble else ()

    def clear(self) -> None:
        """Nothing: stops of the vendor's are cleared where they are shown."""

    def close(self) -> None:
        self._closed = True
        self._session.close()

    def _unheard(self) -> str:
        """Why a command would not be what the arm does; empty when it would."""
        topic = self._preset.topic
        if self._command.get_subscription_count() == 0:
            return f"no controller listens on {topic}; activate it: ros2 control switch_controllers --activate NAME"
        others = self._session.node.count_publishers(topic) - 1
        return f"{others} more publish on {topic}; stop them: an arm has one master" if others > 0 else ""


class _Newest:
    """The newest message of a topic, with its time."""

    def __init__(self, node: Node, kind: type, topic: str, what: str, joints: Sequence[str] = ()) -> None:
        """With `joints` the topic may be shared: messages with none of them are somebody else's, and passed over."""
        self.topic, self.what = topic, what
        self._node, self._clock, self._lock = node, node.get_clock(), threading.Lock()
        self._found: tuple[float, Any] | None = None
        self._mine, self._senders = frozenset(joints), 0
        self._others: list[frozenset[str]] = []
        """Joints of each other sender that was heard since their number has last changed"""
        node.create_subscription(kind, topic, self._take, SHARED if joints else qos.LATEST)

    @property
    def seen(self) -> bool:
        return self._found is not None

    def crowd(self) -> str:
        """Why nobody knows whose the newest message is; empty when it has one sender.

        ROS does not tell who sent a message: a sender counts as another robot's once that one's joints were heard.
        """
        senders = self._node.count_publishers(self.topic)
        with self._lock:
            if senders != self._senders:
                self._senders, self._others = senders, []
            others = len(self._others)
        if senders and senders - others <= 1:
            return ""
        whose = f" for this arm ({others} are heard with other joints)" if self._mine else ""
        look = f"see `ros2 topic info -v {self.topic}`; {KILLED}"
        return f"{senders} publish on {self.topic}, exactly one must{whose}: {look}"

    def fresh(self) -> Any:
        """Raises StaleError when there is none, or none lately, HardwareError when it may be anybody's."""
        if crowd := self.crowd():
            raise HardwareError(crowd)
        with self._lock:
            stamp_s, message = self._found or (-np.inf, None)
        age_s = time.monotonic() - stamp_s
        if not 0.0 <= age_s <= STALE_S:
            raise StaleError(
                f"the newest message on {self.topic} is {age_s:.3f} s old; allowed: 0 to {STALE_S} s; see whether its "
                "broadcaster runs, and the clocks"
            )
        return message

    def _take(self, message: Any) -> None:
        with self._lock:
            if self._mine and self._mine.isdisjoint(message.name):
                self._pass_over(frozenset(message.name))
            else:
                self._found = to_monotonic(self._clock, message.header.stamp), message

    def _pass_over(self, names: frozenset[str]) -> None:
        """Messages that have a joint in common count as one sender's."""
        if names:
            self._others = [*(other for other in self._others if other.isdisjoint(names)), names]


def _seen(source: _Newest) -> bool:
    return source.seen


def _alone(source: _Newest) -> bool:
    return source.crowd() == ""


def near(values: Array, q_rad: Array, dq_rad_s: Array) -> bool:
    """Whether commanded joints (n,) in rad are such that drives follow them that are there, and that fast."""
    ahead = LAG_S * dq_rad_s
    low, high = np.minimum(ahead, 0.0) - JUMP_RAD, np.maximum(ahead, 0.0) + JUMP_RAD
    return values.shape == q_rad.shape and bool(((low <= values - q_rad) & (values - q_rad <= high)).all())


def tool_wrench(message: WrenchStamped) -> Array:
    """(6,) N and Nm, tool frame. Raises HardwareError for a wrench that says it is in another frame."""
    if message.header.frame_id not in ("", TCP):
        raise HardwareError(
            f"the wrench is in frame {message.header.frame_id!r}, not {TCP!r}: turn it into the tool's frame, with its "
            f"torque about the tool point, and name that {TCP!r}"
        )
    force, torque = message.wrench.force, message.wrench.torque
    return np.array([force.x, force.y, force.z, torque.x, torque.y, torque.z])


def by_name(message: JointState, names: Sequence[str]) -> tuple[Array, Array]:
    """Positions (n,) in rad and velocities (n,) in rad/s of these joints: the order of a JointState means nothing.

    Raises HardwareError for a joint that is missing or there twice, and for numbers that are missing or not finite.
    """
    there = list(message.name)
    if wrong := [name for name in names if there.count(name) != 1]:
        raise HardwareError(f"joint states have {', '.join(there) or 'no joint'}; needed once each: {', '.join(wrong)}")
    if not len(there) == len(message.position) == len(message.velocity):
        raise HardwareError(
            f"joint states have {len(there)} names, {len(message.position)} positions, {len(message.velocity)} "
            "velocities; as many of each are needed: let joint_state_broadcaster publish both interfaces"
        )
    order = [there.index(name) for name in names]
    q_rad, dq_rad_s = (np.array(values, np.float64)[order] for values in (message.position, message.velocity))
    if not (np.isfinite(q_rad).all() and np.isfinite(dq_rad_s).all()):
        raise HardwareError(f"joint states {q_rad.tolist()} rad, {dq_rad_s.tolist()} rad/s are not all finite")
    return q_rad, dq_rad_s

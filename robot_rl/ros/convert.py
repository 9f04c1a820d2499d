"""Records to messages and back. Quaternions are xyzw on the wire and wxyz inside; stamps are ROS time on the wire and
this machine's steady clock inside."""

import array
import time
from collections.abc import Sequence

import numpy as np
from builtin_interfaces.msg import Time as Stamp
from geometry_msgs.msg import PoseStamped, Quaternion, TwistStamped, Vector3, WrenchStamped
from rclpy.clock import Clock
from rclpy.time import Time
from sensor_msgs.msg import Image, JointState

from controllers.pose import Array, Pose, frozen
from controllers.records import ArmState
from robot_rl.errors import HardwareError
from robot_rl.hardware import GripperState
from robot_rl.types import Image as Picture

BASE, TCP = "base", "tcp"
"""Frames that poses, twists and wrenches are in"""
FINGERS = "gripper_width"
"""Name of the one joint of a gripper's JointState"""
CHANNELS = {"rgb8": slice(None), "bgr8": slice(None, None, -1)}
"""Encodings of colour pictures, and how their channels become RGB"""


def to_stamp(clock: Clock, stamp_s: float) -> Stamp:
    """A reading of this machine's steady clock as ROS time."""
    age_ns = round((time.monotonic() - stamp_s) * 1e9)
    return Time(nanoseconds=max(0, clock.now().nanoseconds - age_ns), clock_type=clock.clock_type).to_msg()


def to_monotonic(clock: Clock, stamp: Stamp) -> float:
    """ROS time as a reading of this machine's steady clock, never later than now: a sender's clock may be ahead."""
    age_ns = clock.now().nanoseconds - (stamp.sec * 10**9 + stamp.nanosec)
    return time.monotonic() - max(0, age_ns) * 1e-9


def arm_messages(
    state: ArmState, names: Sequence[str], stamp: Stamp
) -> tuple[JointState, PoseStamped, TwistStamped, WrenchStamped]:
    """Joints in rad, the tool's pose and velocity in frame `base`, the contact wrench in frame `tcp`."""
    joints = JointState(name=list(names), position=state.q_rad.tolist(), velocity=state.dq_rad_s.tolist())
    pose, twist, wrench = PoseStamped(), TwistStamped(), WrenchStamped()
    position, target = state.tcp.position_m.tolist(), pose.pose.position
    target.x, target.y, target.z = position
    pose.pose.orientation = _quaternion(state.tcp.quat_wxyz)
    twist.twist.linear, twist.twist.angular = _vector(state.linear_m_s), _vector(state.angular_rad_s)
    wrench.wrench.force, wrench.wrench.torque = _vector(state.force_n), _vector(state.torque_nm)
    for message, frame in ((joints, ""), (pose, BASE), (twist, BASE), (wrench, TCP)):
        message.header.stamp, message.header.frame_id = stamp, frame
    return joints, pose, twist, wrench


def arm_state(
    joints: JointState, pose: PoseStamped, twist: TwistStamped, wrench: WrenchStamped, stamp_s: float
) -> ArmState:
    """The reading that these four messages are of."""
    return ArmState(
        stamp_s,
        frozen(joints.position),
        frozen(joints.velocity),
        to_pose(pose),
        _array(twist.twist.linear),
        _array(twist.twist.angular),
        _array(wrench.wrench.force),
        _array(wrench.wrench.torque),
    )


def to_pose(message: PoseStamped) -> Pose:
    """T_frame_tool as it came: whoever uses it judges it."""
    o = message.pose.orientation
    return Pose(_array(message.pose.position), frozen([o.w, o.x, o.y, o.z]))


def gripper_message(state: GripperState, stamp: Stamp) -> JointState:
    message = JointState(name=[FINGERS], position=[state.width_m])
    message.header.stamp = stamp
    return message


def gripper_width_m(message: JointState) -> float:
    """Raises HardwareError when it is not in there."""
    if FINGERS not in message.name or len(message.position) != len(message.name):
        raise HardwareError(f"gripper joint states have {list(message.name)}; {FINGERS!r} with a position is needed")
    return float(message.position[list(message.name).index(FINGERS)])


def image_message(picture: Picture, stamp: Stamp, frame_id: str) -> Image:
    """(H, W, 3) uint8 RGB to `rgb8`."""
    height, width, _ = picture.shape
    message = Image(height=height, width=width, encoding="rgb8", step=3 * width)
    message.header.stamp, message.header.frame_id = stamp, frame_id
    # An array that is given as it is, is checked byte by byte: 56 ms for VGA instead of 0.8.
    message.data = array.array("B", picture.tobytes())
    return message


def to_picture(message: Image) -> Picture:
    """(H, W, 3) uint8 RGB, a copy. Raises HardwareError for another encoding, and for a size that does not fit."""
    height, width, step = message.height, message.width, message.step
    if message.encoding not in CHANNELS:
        raise HardwareError(f"image encoding {message.encoding!r}; allowed: {', '.join(CHANNELS)}")
    if not (step >= 3 * width and len(message.data) == step * height and height * width > 0):
        raise HardwareError(f"an image of {height} x {width} pixels, {step} bytes a row, has {len(message.data)} bytes")
    rows = np.frombuffer(message.data, np.uint8).reshape(height, step)[:, : 3 * width]
    return np.array(rows.reshape(height, width, 3)[:, :, CHANNELS[message.encoding]], order="C")


def _quaternion(wxyz: Array) -> Quaternion:
    w, x, y, z = wxyz.tolist()
    return Quaternion(x=x, y=y, z=z, w=w)


def _vector(values: Array) -> Vector3:
    x, y, z = values.tolist()
    return Vector3(x=x, y=y, z=z)


def _array(vector: Vector3) -> Array:
    return frozen([vector.x, vector.y, vector.z])

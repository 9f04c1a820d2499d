"""Frames and labels as ROS 2 messages, and back, without ROS."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from controllers.pose import Pose
from controllers.records import ArmState
from robot_rl.data import schemas
from robot_rl.data.schemas import STORE
from robot_rl.errors import DataError
from robot_rl.types import Frame, Image, Label, Mark, Source, Transition

TYPES = {
    "transition": schemas.TRANSITION,
    "joint_states": schemas.JOINT_STATE,
    "tcp_pose": schemas.POSE,
    "wrench": schemas.WRENCH,
    "camera": schemas.IMAGE,
    "label": schemas.LABEL,
}
"""Message type by kind of topic"""
for _name in TYPES.values():
    STORE.get_msgdef(_name)  # makes the code that encodes it: a tenth of a second, which no control loop should meet

WXYZ_TO_XYZW = [1, 2, 3, 0]
XYZW_TO_WXYZ = [3, 0, 1, 2]
_NONE = np.zeros(0, np.float32)

_Transition = STORE.types[schemas.TRANSITION]
_ArmState = STORE.types[schemas.ARM_STATE]
_Label = STORE.types[schemas.LABEL]
_Image = STORE.types[schemas.IMAGE]
_JointState = STORE.types[schemas.JOINT_STATE]
_PoseStamped = STORE.types[schemas.POSE]
_WrenchStamped = STORE.types[schemas.WRENCH]
_Pose = STORE.types["geometry_msgs/msg/Pose"]
_Point = STORE.types["geometry_msgs/msg/Point"]
_Quaternion = STORE.types["geometry_msgs/msg/Quaternion"]
_Wrench = STORE.types["geometry_msgs/msg/Wrench"]
_Vector3 = STORE.types["geometry_msgs/msg/Vector3"]
_Header = STORE.types["std_msgs/msg/Header"]
_Time = STORE.types["builtin_interfaces/msg/Time"]


@dataclass(frozen=True, slots=True)
class Route:
    """The channel that a message goes to."""

    actor: str
    kind: str
    """A key of `TYPES`"""
    camera: str = ""
    """For the kind `camera` only"""

    @property
    def topic(self) -> str:
        """`/<actor>/<kind>` or `/<actor>/camera/<name>`, with what ROS 2 does not allow in a name made `_`."""
        parts = (self.actor, self.kind, self.camera) if self.camera else (self.actor, self.kind)
        return "".join("/" + re.sub(r"^(?=\d)|[^A-Za-z0-9_]", "_", part) for part in parts)


Encoded = list[tuple[Route, bytes]]


def encode_frame(frame: Frame) -> Encoded:
    """A frame's messages; its transition, which completes it, comes last."""
    messages = [(Route(frame.actor, "camera", name), _image(frame, name)) for name in frame.images]
    if frame.arm is not None:
        messages += [(Route(frame.actor, kind), view(frame)) for kind, view in _VIEWS.items()]
    messages.append((Route(frame.actor, "transition"), _transition(frame)))
    return [(route, bytes(STORE.serialize_cdr(message, TYPES[route.kind]))) for route, message in messages]


def encode_label(label: Label) -> Encoded:
    message = _Label(label.actor, label.episode, label.mark.value, label.note)
    return [(Route(label.actor, "label"), bytes(STORE.serialize_cdr(message, schemas.LABEL)))]


def decode_frame(data: bytes, images: Mapping[str, bytes]) -> Frame:
    """The frame of a transition message and the image messages of its cameras.

    Raises DataError when an image is missing or a value is not one of ours, rosbags' SerdeError for other bytes.
    """
    m: Any = STORE.deserialize_cdr(data, schemas.TRANSITION)
    if missing := set(m.cameras) - set(images):
        raise DataError(f"frame {m.sequence} of actor {m.actor!r}: no image of {', '.join(sorted(missing))}")
    return Frame(
        actor=m.actor,
        sequence=m.sequence,
        episode=m.episode,
        step=m.step,
        seed=m.seed,
        stamp_s=m.stamp_s,
        state=m.state,
        transition=_decode_transition(m) if m.step else None,
        images={name: _decode_image(images[name]) for name in m.cameras},
        arm=_decode_arm(m.arm[0]) if m.arm else None,
        demo_set=m.demo_set,
    )


def decode_label(data: bytes) -> Label:
    m: Any = STORE.deserialize_cdr(data, schemas.LABEL)
    if m.mark not in set(Mark):
        raise DataError(f"label of episode {m.episode} of actor {m.actor!r}: {m.mark!r} is none of {', '.join(Mark)}")
    return Label(m.actor, m.episode, Mark(m.mark), m.note)


def nanoseconds(stamp_s: float) -> int:
    """For the header's stamp, which viewers show; the exact stamp is a field of the transition."""
    return int(min(max(stamp_s, 0.0), 2**31 - 1) * 1e9)


def _header(stamp_s: float, frame_id: str) -> Any:
    return _Header(_Time(*divmod(nanoseconds(stamp_s), 10**9)), frame_id)


def _transition(frame: Frame) -> Any:
    t = frame.transition or _FIRST
    return _Transition(
        header=_header(frame.stamp_s, ""),
        actor=frame.actor,
        sequence=frame.sequence,
        episode=frame.episode,
        step=frame.step,
        seed=frame.seed,
        stamp_s=frame.stamp_s,
        state=frame.state,
        cameras=list(frame.images),
        arm=[_arm(frame.arm)] if frame.arm else [],
        demo_set=frame.demo_set,
        requested=t.requested,
        executed=t.executed,
        source=int(t.source),
        reward=t.reward,
        terminated=t.terminated,
        truncated=t.truncated,
        success=t.success,
        duration_s=t.duration_s,
        gripper_changed=t.gripper_changed,
        reasons=list(t.reasons),
        policy_version=t.policy_version,
        success_probability=np.array([] if t.success_probability is None else [t.success_probability], np.float64),
    )


_FIRST = Transition(_NONE, _NONE, Source.POLICY, 0.0, False, False, False, 0.0)


def _decode_transition(m: Any) -> Transition:
    if m.source not in set(Source):
        raise DataError(f"frame {m.sequence} of actor {m.actor!r}: source {m.source} is none of {list(Source)}")
    return Transition(
        requested=m.requested,
        executed=m.executed,
        source=Source(m.source),
        reward=m.reward,
        terminated=m.terminated,
        truncated=m.truncated,
        success=m.success,
        duration_s=m.duration_s,
        gripper_changed=m.gripper_changed,
        reasons=tuple(m.reasons),
        policy_version=m.policy_version,
        success_probability=float(m.success_probability[0]) if len(m.success_probability) else None,
    )


def _arm(arm: ArmState) -> Any:
    return _ArmState(
        stamp_s=arm.stamp_s,
        q_rad=arm.q_rad,
        dq_rad_s=arm.dq_rad_s,
        position_m=arm.tcp.position_m,
        quat_xyzw=arm.tcp.quat_wxyz[WXYZ_TO_XYZW],
        linear_m_s=arm.linear_m_s,
        angular_rad_s=arm.angular_rad_s,
        force_n=arm.force_n,
        torque_nm=arm.torque_nm,
    )


def _decode_arm(m: Any) -> ArmState:
    return ArmState(
        stamp_s=m.stamp_s,
        q_rad=m.q_rad,
        dq_rad_s=m.dq_rad_s,
        tcp=Pose(m.position_m, m.quat_xyzw[XYZW_TO_WXYZ]),
        linear_m_s=m.linear_m_s,
        angular_rad_s=m.angular_rad_s,
        force_n=m.force_n,
        torque_nm=m.torque_nm,
    )


def _image(frame: Frame, name: str) -> Any:
    image = frame.images[name]
    height, width, _ = image.shape
    header = _header(frame.stamp_s, name)
    return _Image(header, height, width, "rgb8", 0, 3 * width, np.ascontiguousarray(image).reshape(-1))


def _decode_image(data: bytes) -> Image:
    m: Any = STORE.deserialize_cdr(data, schemas.IMAGE)
    if m.encoding != "rgb8" or m.step != 3 * m.width or len(m.data) != m.height * m.step:
        raise DataError(f"image of {m.header.frame_id}: {m.height} × {m.width} {m.encoding}, {len(m.data)} bytes")
    return m.data.reshape(m.height, m.width, 3)


def _joint_states(frame: Frame) -> Any:
    arm = _arm_of(frame)
    names = [f"joint{i + 1}" for i in range(len(arm.q_rad))]
    return _JointState(_header(frame.stamp_s, "base"), names, arm.q_rad, arm.dq_rad_s, np.zeros(0))


def _tcp_pose(frame: Frame) -> Any:
    tcp = _arm_of(frame).tcp
    orientation = _Quaternion(*tcp.quat_wxyz[WXYZ_TO_XYZW].tolist())
    return _PoseStamped(_header(frame.stamp_s, "base"), _Pose(_Point(*tcp.position_m.tolist()), orientation))


def _wrench(frame: Frame) -> Any:
    arm = _arm_of(frame)
    wrench = _Wrench(_Vector3(*arm.force_n.tolist()), _Vector3(*arm.torque_nm.tolist()))
    return _WrenchStamped(_header(frame.stamp_s, "tcp"), wrench)


def _arm_of(frame: Frame) -> ArmState:
    assert frame.arm is not None
    return frame.arm


_VIEWS = {"joint_states": _joint_states, "tcp_pose": _tcp_pose, "wrench": _wrench}

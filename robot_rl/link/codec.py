"""Frames to messages and back, bit for bit. What comes from outside is checked here, before anyone uses it."""

import math
import re
from collections.abc import Iterator, Sequence

import numpy as np

from controllers.pose import Pose
from controllers.records import ArmState
from robot_rl.errors import DataError
from robot_rl.link import link_pb2 as pb
from robot_rl.types import Array, Float32, Frame, Image, Source, Transition

NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
COUNTS = ("sequence", "episode", "step", "demo_set")
AXES = ("linear_m_s", "angular_rad_s", "force_n", "torque_nm")


def encode(frame: Frame) -> pb.Frame:
    """One frame as a message."""
    return pb.Frame(
        actor=frame.actor,
        sequence=frame.sequence,
        episode=frame.episode,
        step=frame.step,
        seed=frame.seed,
        stamp_s=frame.stamp_s,
        state=frame.state.tolist(),
        transition=_encode_transition(frame.transition) if frame.transition else None,
        images=[_encode_image(camera, image) for camera, image in frame.images.items()],
        arm=_encode_arm(frame.arm) if frame.arm else None,
        demo_set=frame.demo_set,
    )


def _encode_transition(t: Transition) -> pb.Transition:
    return pb.Transition(
        requested=t.requested.tolist(),
        executed=t.executed.tolist(),
        source=t.source,
        reward=t.reward,
        terminated=t.terminated,
        truncated=t.truncated,
        success=t.success,
        duration_s=t.duration_s,
        gripper_changed=t.gripper_changed,
        reasons=t.reasons,
        policy_version=t.policy_version,
        success_probability=t.success_probability,
    )


def _encode_image(camera: str, image: Image) -> pb.Image:
    height, width, _ = image.shape
    return pb.Image(camera=camera, height=height, width=width, rgb=image.tobytes())


def _encode_arm(arm: ArmState) -> pb.ArmState:
    return pb.ArmState(
        stamp_s=arm.stamp_s,
        q_rad=arm.q_rad.tolist(),
        dq_rad_s=arm.dq_rad_s.tolist(),
        tcp_position_m=arm.tcp.position_m.tolist(),
        tcp_quat_wxyz=arm.tcp.quat_wxyz.tolist(),
        **{name: getattr(arm, name).tolist() for name in AXES},
    )


def decode(message: pb.Frame, actor: str) -> Frame:
    """One frame of this actor.

    Raises DataError with actor, sequence and reason when any field is not what a frame must have.
    """
    problem = next(_problems(message, actor), None)
    if problem:
        raise DataError(f"frame {message.sequence} of actor {message.actor!r}: {problem}; nothing was taken")
    return Frame(
        message.actor,
        message.sequence,
        message.episode,
        message.step,
        message.seed,
        message.stamp_s,
        _float32(message.state),
        _decode_transition(message.transition) if message.HasField("transition") else None,
        {image.camera: _decode_image(image) for image in message.images},
        _decode_arm(message.arm) if message.HasField("arm") else None,
        message.demo_set,
    )


def _decode_transition(t: pb.Transition) -> Transition:
    return Transition(
        _float32(t.requested),
        _float32(t.executed),
        Source(t.source),
        t.reward,
        t.terminated,
        t.truncated,
        t.success,
        t.duration_s,
        t.gripper_changed,
        tuple(t.reasons),
        t.policy_version,
        t.success_probability if t.HasField("success_probability") else None,
    )


def _decode_image(image: pb.Image) -> Image:
    return np.frombuffer(image.rgb, np.uint8).reshape(image.height, image.width, 3)


def _decode_arm(arm: pb.ArmState) -> ArmState:
    tcp = Pose(_float64(arm.tcp_position_m), _float64(arm.tcp_quat_wxyz))
    axes = {name: _float64(getattr(arm, name)) for name in AXES}
    return ArmState(arm.stamp_s, _float64(arm.q_rad), _float64(arm.dq_rad_s), tcp, **axes)


def _float32(values: Sequence[float]) -> Float32:
    return np.array(values, np.float32)


def _float64(values: Sequence[float]) -> Array:
    return np.array(values, np.float64)


def _problems(m: pb.Frame, actor: str) -> Iterator[str]:
    """What is wrong with names, counts, sizes and numbers."""
    if m.actor != actor or not NAME.fullmatch(m.actor):
        yield f"it came from actor {actor!r}; names are letters, digits, '-', '_' and '.'"
    for name in COUNTS:
        if getattr(m, name) < 0:
            yield f"{name} is {getattr(m, name)}, it must be 0 or more"
    if m.HasField("transition") == (m.step == 0):
        yield f"step is {m.step}, but the transition is {'missing' if m.step else 'there'}"
    yield from _not_finite("", m, ("stamp_s", "state"))
    if len({image.camera for image in m.images}) < len(m.images):
        yield "two images are of one camera"
    for image in m.images:
        yield from _image_problems(image)
    if m.HasField("transition"):
        yield from _transition_problems(m.transition)
    if m.HasField("arm"):
        yield from _arm_problems(m.arm)


def _image_problems(image: pb.Image) -> Iterator[str]:
    if not NAME.fullmatch(image.camera):
        yield f"camera {image.camera!r} is not a name of letters, digits, '-', '_' and '.'"
    if min(image.height, image.width) < 1 or len(image.rgb) != image.height * image.width * 3:
        yield f"image of camera {image.camera} has {len(image.rgb)} bytes for {image.height} x {image.width} x 3"


def _transition_problems(t: pb.Transition) -> Iterator[str]:
    if t.source not in list(Source):
        yield f"source is {t.source}, it must be one of {', '.join(f'{s.value} ({s.name})' for s in Source)}"
    if len(t.requested) != len(t.executed):
        yield f"{len(t.requested)} numbers were requested, {len(t.executed)} executed"
    yield from _not_finite("", t, ("requested", "executed", "reward", "duration_s", "success_probability"))


def _arm_problems(arm: pb.ArmState) -> Iterator[str]:
    sizes = {"dq_rad_s": len(arm.q_rad), "tcp_position_m": 3, "tcp_quat_wxyz": 4, **dict.fromkeys(AXES, 3)}
    for name, size in sizes.items():
        if len(getattr(arm, name)) != size:
            yield f"arm.{name} has {len(getattr(arm, name))} numbers, it must have {size}"
    yield from _not_finite("arm.", arm, ("stamp_s", "q_rad", *sizes))


def _not_finite(prefix: str, message: object, names: Sequence[str]) -> Iterator[str]:
    for name in names:
        value = getattr(message, name)
        if isinstance(value, float):
            if not math.isfinite(value):
                yield f"{prefix}{name} is {value}, it must be finite"
        elif not all(map(math.isfinite, value)):
            at, number = next((i, v) for i, v in enumerate(value) if not math.isfinite(v))
            yield f"{prefix}{name}[{at}] is {number}, it must be finite"

"""What a frame or a label must be before it may enter a log, or leave one."""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from robot_rl.errors import DataError, NonFiniteError
from robot_rl.types import Frame, Label, Mark, Source

NAME = re.compile(r"[A-Za-z0-9._-]+")
ARM_SIZES = {"linear_m_s": 3, "angular_rad_s": 3, "force_n": 3, "torque_nm": 3}
INT64 = range(-(2**63), 2**63)
COUNT = range(2**63)


def check_frame(frame: Frame) -> None:
    """Accept what a log restores exactly and a learner can use.

    Raises:
        NonFiniteError: a number is NaN or infinite.
        DataError: a name, count, shape or type is not as `robot_rl.types` says.
    """
    problem = next(_problems(frame), None)
    if problem:
        raise DataError(f"frame {frame.sequence} of actor {frame.actor!r}: {problem}; the frame was refused")
    for name, value in _floats(frame):
        if not np.isfinite(value).all():
            raise NonFiniteError(
                f"frame {frame.sequence} of actor {frame.actor!r}: {name} is {value}; every number must be finite: "
                "the frame was refused"
            )


def check_label(label: Label) -> None:
    """Raises DataError for a name, number or mark that cannot be."""
    if not _is_name(label.actor) or not _is_count(label.episode, COUNT):
        raise DataError(f"label for episode {label.episode!r} of actor {label.actor!r}: there is no such episode")
    if not isinstance(label.mark, Mark) or not _is_text(label.note):
        raise DataError(f"label {label.mark!r} with note {label.note!r}: use one of {', '.join(Mark)} and a text")


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(NAME.fullmatch(value))


def _is_text(value: object) -> bool:
    """What UTF-8 can hold: not half a surrogate pair."""
    return isinstance(value, str) and value.encode(errors="ignore").decode() == value


def _is_count(value: object, allowed: range) -> bool:
    return isinstance(value, int | np.integer) and int(value) in allowed


def _is_vector(value: object, dtype: type, size: int | None = None) -> bool:
    return (
        isinstance(value, np.ndarray)
        and value.dtype == dtype
        and value.ndim == 1
        and (size is None or len(value) == size)
    )


def _floats(frame: Frame) -> Iterator[tuple[str, Any]]:
    """Every floating-point field by name."""
    yield "stamp_s", frame.stamp_s
    yield "state", frame.state
    if (t := frame.transition) is not None:
        yield "requested", t.requested
        yield "executed", t.executed
        yield "reward", t.reward
        yield "duration_s", t.duration_s
        if t.success_probability is not None:
            yield "success_probability", t.success_probability
    if (arm := frame.arm) is not None:
        yield "arm.stamp_s", arm.stamp_s
        yield "arm.tcp.position_m", arm.tcp.position_m
        yield "arm.tcp.quat_wxyz", arm.tcp.quat_wxyz
        for name in ("q_rad", "dq_rad_s", *ARM_SIZES):
            yield f"arm.{name}", getattr(arm, name)


def _problems(frame: Frame) -> Iterator[str]:
    """What is wrong with types, shapes and counts."""
    if not _is_name(frame.actor):
        yield "the actor's name must be letters, digits, '-', '_' and '.'"
    for name in ("sequence", "episode", "step", "demo_set"):
        if not _is_count(getattr(frame, name), COUNT):
            yield f"{name} is {getattr(frame, name)!r}, it must be a whole number from 0"
    if not _is_count(frame.seed, INT64):
        yield f"seed is {frame.seed!r}, it must be a whole number of 64 bits"
    if not _is_vector(frame.state, np.float32):
        yield f"state is {_shape(frame.state)}, it must be (n,) float32"
    if (frame.transition is None) != (frame.step == 0):
        yield f"step is {frame.step}, but the transition is {'missing' if frame.step else 'there'}"
    for name, image in frame.images.items():
        if not _is_name(name):
            yield f"camera {name!r}: its name must be letters, digits, '-', '_' and '.'"
        if not (isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.shape[2:] == (3,) and image.size):
            yield f"image of camera {name} is {_shape(image)}, it must be (H, W, 3) uint8"
    yield from _transition_problems(frame)
    yield from _arm_problems(frame)


def _transition_problems(frame: Frame) -> Iterator[str]:
    if (t := frame.transition) is None:
        return
    if not _is_vector(t.requested, np.float32) or not _is_vector(t.executed, np.float32, len(t.requested)):
        yield f"requested is {_shape(t.requested)}, executed is {_shape(t.executed)}: both must be (a,) float32"
    if not isinstance(t.source, Source):
        yield f"source is {t.source!r}, it must be one of {', '.join(Source.__members__)}"
    if not _is_count(t.policy_version, INT64):
        yield f"policy_version is {t.policy_version!r}, it must be a whole number of 64 bits"
    if not all(_is_text(reason) for reason in t.reasons):
        yield f"reasons are {t.reasons!r}, they must be texts"


def _arm_problems(frame: Frame) -> Iterator[str]:
    if (arm := frame.arm) is None:
        return
    sizes = {"q_rad": None, "dq_rad_s": np.size(arm.q_rad), **ARM_SIZES}
    arrays = {name: (getattr(arm, name), size) for name, size in sizes.items()}
    arrays |= {"tcp.position_m": (arm.tcp.position_m, 3), "tcp.quat_wxyz": (arm.tcp.quat_wxyz, 4)}
    for name, (value, size) in arrays.items():
        if not _is_vector(value, np.float64, size):
            yield f"arm.{name} is {_shape(value)}, it must be ({size or 'n'},) float64"


def _shape(value: object) -> str:
    return f"{value.shape} {value.dtype}" if isinstance(value, np.ndarray) else repr(value)

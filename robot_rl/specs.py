"""Named, unit-bearing layouts of the state and action vectors. The only place that knows the scales."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from robot_rl.errors import NonFiniteError
from robot_rl.types import Float32


@dataclass(frozen=True, slots=True)
class Field:
    """One named part of the state."""

    name: str
    size: int
    unit: str
    scale: float
    """Typical magnitude; policies divide by it."""


@dataclass(frozen=True, slots=True)
class StateSpec:
    """The state vector: fields in order."""

    fields: tuple[Field, ...]

    @property
    def size(self) -> int:
        return sum(f.size for f in self.fields)

    @property
    def scale(self) -> Float32:
        """(n,) typical magnitude of each entry."""
        return np.concatenate([np.full(f.size, f.scale, np.float32) for f in self.fields])

    @property
    def names(self) -> tuple[str, ...]:
        """`name[i]` of each entry."""
        return tuple(f"{f.name}[{i}]" for f in self.fields for i in range(f.size))

    def pack(self, values: Mapping[str, object]) -> Float32:
        """Named arrays to one vector (n,).

        Raises ValueError for a missing field or wrong size, NonFiniteError for NaN or infinity.
        """
        out = np.empty(self.size, np.float32)
        at = 0
        for f in self.fields:
            part = np.atleast_1d(np.asarray(values[f.name], dtype=np.float64))
            if part.shape != (f.size,):
                raise ValueError(f"state field {f.name} has shape {part.shape}, expected ({f.size},)")
            if not np.isfinite(part).all():
                raise NonFiniteError(f"state field {f.name} is {part.tolist()} {f.unit}; check that sensor")
            out[at : at + f.size] = part
            at += f.size
        return out

    def unpack(self, state: Float32) -> dict[str, Float32]:
        """One vector (n,) to named arrays (views)."""
        parts, at = {}, 0
        for f in self.fields:
            parts[f.name] = state[at : at + f.size]
            at += f.size
        return parts


@dataclass(frozen=True, slots=True)
class Layout:
    """What the vectors of an environment mean: all that a learner needs to know of it."""

    state: StateSpec
    action_names: tuple[str, ...]
    has_gripper: bool
    """The last entry of the action is the gripper's."""
    has_success: bool = True
    """Episodes either succeed or not; otherwise only their return counts."""


AXES = ("x", "y", "z", "rx", "ry", "rz")


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """What the entries of an action in [-1, 1] mean: motions of the tool in its own frame, then the gripper."""

    axes: tuple[str, ...]
    """Subset of x, y, z, rx, ry, rz that the policy drives; the others keep their pose at reset."""
    step_m: float
    """Motion for 1.0 along x, y, z in one policy step."""
    step_rad: float
    """Turn for 1.0 about rx, ry, rz in one policy step."""
    gripper: bool

    def __post_init__(self) -> None:
        unknown = [axis for axis in self.axes if axis not in AXES]
        if unknown or not self.axes:
            raise ValueError(f"action axes {unknown or self.axes} are not among {', '.join(AXES)}")

    @property
    def size(self) -> int:
        return len(self.axes) + int(self.gripper)

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.axes, "gripper") if self.gripper else self.axes

    def to_motion(self, action: Float32) -> np.ndarray:
        """An action (a,) to a tool-frame motion (6,): metres then radians."""
        motion = np.zeros(6)
        for value, axis in zip(action, self.axes, strict=False):
            row = AXES.index(axis)
            motion[row] = float(value) * (self.step_m if row < 3 else self.step_rad)
        return motion

    def from_motion(self, motion: np.ndarray) -> Float32:
        """The axes' part of an action for a tool-frame motion (6,); not clipped."""
        rows = [AXES.index(axis) for axis in self.axes]
        scale = [self.step_m if row < 3 else self.step_rad for row in rows]
        return (motion[rows] / scale).astype(np.float32)

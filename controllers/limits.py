"""The gate's limits on a commanded pose. One limit is one small class; its docstring is its rule.

A limit takes the wanted target and the measured state and returns the target it allows. It never edits its
input, applying it twice equals applying it once, and it is written so that NaN fails ("not inside").
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from controllers.kinematics import ArmModel
from controllers.pose import Array, Pose, frozen, length, quat_conj, quat_from_rotvec, quat_mul, quat_to_rotvec
from controllers.records import ArmState

TOUCH_M = 1e-12
"""A projection onto a plane misses it by its rounding."""


def _between(low: Array, value: Array, high: Array) -> bool:
    """Each entry is inside; NaN is not."""
    return all(a <= b <= c for a, b, c in zip(low.tolist(), value.tolist(), high.tolist(), strict=True))


class Limit(Protocol):
    """One rule. `name` is what record, learner and operator see when it acts."""

    @property
    def name(self) -> str: ...

    def apply(self, target: Pose, state: ArmState) -> Pose:
        """The nearest allowed target; `target` itself when it is allowed."""
        ...


@dataclass(frozen=True, slots=True)
class WorkspaceBox:
    """The tool point stays inside an axis-aligned box of the base frame: each coordinate is clamped to it."""

    low_m: Array
    """(3,)"""
    high_m: Array
    """(3,)"""
    name: str = "workspace_box"

    def __post_init__(self) -> None:
        if not np.all(self.low_m < self.high_m):
            raise ValueError(f"workspace box {self.low_m} .. {self.high_m} m: each low must be below its high")

    def apply(self, target: Pose, state: ArmState) -> Pose:
        if _between(self.low_m, target.position_m, self.high_m):
            return target
        return Pose(frozen(np.clip(target.position_m, self.low_m, self.high_m)), target.quat_wxyz)


@dataclass(frozen=True, slots=True)
class HalfSpace:
    """The points x of the base frame with `normal @ x >= offset_m`. ValueError unless the normal has length 1."""

    normal: Array
    """(3,) unit, towards the side where the arm may be"""
    offset_m: float

    def __post_init__(self) -> None:
        if not abs(float(np.linalg.norm(self.normal)) - 1.0) < 1e-6 or not np.isfinite(self.offset_m):
            raise ValueError(
                f"half-space with normal {list(self.normal)} and offset {self.offset_m} m: "
                "the normal must have length 1 and the offset must be finite"
            )


class Planes:
    """The tool point stays in every half-space: it is projected onto the planes it is behind.

    Where planes meet at an angle one pass of projections may not do; after `PASSES` the target becomes the measured
    pose. The measured pose itself is always allowed, so that an arm behind a plane may stand and come back.
    """

    PASSES = 20

    def __init__(self, planes: Sequence[HalfSpace], name: str = "planes") -> None:
        self.name = name
        self._planes = tuple(planes)
        self._normals = np.array([plane.normal for plane in planes]).reshape(len(planes), 3)
        self._offsets = np.array([plane.offset_m for plane in planes])

    def apply(self, target: Pose, state: ArmState) -> Pose:
        if target is state.tcp or self._inside(target.position_m):
            return target
        position = target.position_m
        for _ in range(self.PASSES):
            for plane in self._planes:
                position = position + max(0.0, float(plane.offset_m - plane.normal @ position)) * plane.normal
            if self._inside(position):
                return Pose(frozen(position), target.quat_wxyz)
        return state.tcp

    def _inside(self, position_m: Array) -> bool:
        return bool((self._normals @ position_m >= self._offsets - TOUCH_M).all())


@dataclass(frozen=True, slots=True)
class PoseStep:
    """One command moves the tool at most `step_m` per axis and `step_rad` in all from the measured pose."""

    step_m: float
    step_rad: float
    name: str = "pose_step"

    def apply(self, target: Pose, state: ArmState) -> Pose:
        here = state.tcp
        low, high = here.position_m - self.step_m, here.position_m + self.step_m
        turn = quat_to_rotvec(quat_mul(quat_conj(here.quat_wxyz), target.quat_wxyz))
        angle = length(turn)
        if _between(low, target.position_m, high) and angle <= self.step_rad * (1 + 1e-9):
            return target
        position, quat = np.clip(target.position_m, low, high), target.quat_wxyz
        if angle > self.step_rad:
            quat = frozen(quat_mul(here.quat_wxyz, quat_from_rotvec(turn * (self.step_rad / angle))))
        return Pose(frozen(position), quat)


@dataclass(frozen=True, slots=True)
class JointMargin:
    """No joint is driven into the margin before its end, or deeper into it: such a target becomes the measured pose."""

    model: ArmModel
    q_min_rad: Array
    q_max_rad: Array
    margin_rad: float
    name: str = "joint_margin"

    def apply(self, target: Pose, state: ArmState) -> Pose:
        margin, step = self.margin_rad, self.model.joint_step(state.tcp, target)
        rows = zip(state.q_rad.tolist(), step.tolist(), self.q_min_rad.tolist(), self.q_max_rad.tolist(), strict=True)
        for q, dq, low, high in rows:  # four numbers at a time: half the time of NumPy
            if not ((q + dq >= low + margin or dq >= 0.0) and (q + dq <= high - margin or dq <= 0.0)):
                return state.tcp
        return target

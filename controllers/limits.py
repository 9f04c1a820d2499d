"""The gate's limits on a commanded pose. One limit is one small class; its docstring is its rule.

A limit takes the wanted target and the measured state and returns the target it allows. It never edits its
input, applying it twice equals applying it once, and it is written so that NaN fails ("not inside").
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from controllers.kinematics import ArmModel
from controllers.pose import Array, Pose, frozen, quat_conj, quat_from_rotvec, quat_mul, quat_to_rotvec
from controllers.records import ArmState


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
        inside = np.clip(target.position_m, self.low_m, self.high_m)
        if np.array_equal(inside, target.position_m):
            return target
        return Pose(frozen(inside), target.quat_wxyz)


@dataclass(frozen=True, slots=True)
class PoseStep:
    """One command moves the tool at most `step_m` per axis and `step_rad` in all from the measured pose."""

    step_m: float
    step_rad: float
    name: str = "pose_step"

    def apply(self, target: Pose, state: ArmState) -> Pose:
        here = state.tcp
        position = np.clip(target.position_m, here.position_m - self.step_m, here.position_m + self.step_m)
        turn = quat_to_rotvec(quat_mul(quat_conj(here.quat_wxyz), target.quat_wxyz))
        angle = float(np.linalg.norm(turn))
        if np.array_equal(position, target.position_m) and angle <= self.step_rad * (1 + 1e-9):
            return target
        quat = target.quat_wxyz
        if angle > self.step_rad:
            quat = frozen(quat_mul(here.quat_wxyz, quat_from_rotvec(turn * (self.step_rad / angle))))
        return Pose(frozen(position), quat)


@dataclass(frozen=True, slots=True)
class JointMargin:
    """No joint is driven deeper into the margin before its end: such a target becomes the measured pose."""

    model: ArmModel
    q_min_rad: Array
    q_max_rad: Array
    margin_rad: float
    name: str = "joint_margin"

    def apply(self, target: Pose, state: ArmState) -> Pose:
        low, high = self.q_min_rad + self.margin_rad, self.q_max_rad - self.margin_rad
        q = state.q_rad
        if bool(np.all((q >= low) & (q <= high))):
            return target
        jac = self.model.jacobian
        turn = quat_to_rotvec(quat_mul(target.quat_wxyz, quat_conj(state.tcp.quat_wxyz)))
        move = np.concatenate((target.position_m - state.tcp.position_m, turn))
        dq = jac.T @ np.linalg.solve(jac @ jac.T + 1e-4 * np.eye(6), move)
        deeper = ((q < low) & (dq < 0)) | ((q > high) & (dq > 0))
        return state.tcp if bool(np.any(deeper)) else target

"""What the arm's process needs of a motor driver, and a simulated one."""

from dataclasses import dataclass
from typing import Literal, Protocol

import mujoco
import numpy as np

from controllers.pose import Array
from robot_rl.operator import Finding


@dataclass(frozen=True, slots=True)
class Reading:
    """What the drives measure, and what they say of themselves."""

    q_rad: Array
    """(n,)"""
    dq_rad_s: Array
    """(n,)"""
    wrench: Array
    """(6,) contact force in N and torque in Nm on the tool, about its tool point, tool frame"""
    fault: str = ""
    """Why the drives have stopped by themselves, until that is cleared; empty while they have not"""

    @classmethod
    def unknown(cls, joints: int) -> "Reading":
        """Nothing but NaN."""
        return cls(np.full(joints, np.nan), np.full(joints, np.nan), np.full(6, np.nan))

    @property
    def seen(self) -> bool:
        """The joints are known."""
        return bool(np.isfinite(self.q_rad).all() and np.isfinite(self.dq_rad_s).all())


class Motors(Protocol):
    """The drives of one arm. No call may block for longer than a small part of a control period."""

    @property
    def kind(self) -> Literal["torque", "position"]:
        """What `apply` takes."""
        ...

    @property
    def simulated(self) -> bool:
        """Nothing real moves: the pre-flight list passes itself."""
        ...

    @property
    def lost(self) -> str:
        """Why this process reaches the drives no more, for good; empty while it may. It holds, says so and ends."""
        ...

    def read(self) -> Reading:
        """The present state. Raises HardwareError when the drives do not tell it."""
        ...

    def apply(self, values: Array) -> None:
        """Torques (n,) in Nm or joint positions (n,) in rad, by `kind`, until the next call.

        Raises HardwareError when the drives do not take them. Without a next call the arm must come to rest.
        """
        ...

    def objections(self, now_s: float) -> tuple[Finding, ...]:
        """Failed pre-flight checks that the drives know of themselves: no person's tick outweighs them."""
        ...

    def clear(self) -> None:
        """A person has seen to the arm: take up work again, in the background, as far as the drives allow it."""
        ...

    def close(self) -> None:
        """Release the drives; allowed twice."""
        ...


class SimMotors:
    """An arm with its gripper in free space. Every `apply` is one control period of physics."""

    simulated = True
    lost = ""

    def __init__(self, model: mujoco.MjModel, joints: int, q_rad: Array, period_s: float) -> None:
        """`model` is this object's own from here on; the arm starts at rest at `q_rad` (n,)."""
        self._model, self._joints = model, joints
        self._substeps = max(1, round(period_s / model.opt.timestep))
        model.opt.timestep = period_s / self._substeps
        self._data = mujoco.MjData(model)
        self._data.qpos[:joints] = q_rad
        mujoco.mj_forward(model, self._data)
        self._wrench = np.zeros(6)  # nothing to touch

    def read(self) -> Reading:
        data, n = self._data, self._joints
        return Reading(data.qpos[:n].copy(), data.qvel[:n].copy(), self._wrench)

    @property
    def kind(self) -> Literal["torque"]:
        return "torque"

    def apply(self, values: Array) -> None:
        self._data.ctrl[: self._joints] = values
        mujoco.mj_step(self._model, self._data, self._substeps)

    def objections(self, now_s: float) -> tuple[Finding, ...]:
        return ()

    def clear(self) -> None:
        """There is nothing to clear."""

    def close(self) -> None:
        """Nothing to release."""

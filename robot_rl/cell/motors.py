"""What the arm's process needs of a motor driver, and a simulated one."""

from typing import NamedTuple, Protocol

import mujoco
import numpy as np

from controllers.pose import Array


class Reading(NamedTuple):
    """What the drives measure."""

    q_rad: Array
    """(n,)"""
    dq_rad_s: Array
    """(n,)"""
    wrench: Array
    """(6,) contact force in N and torque in Nm on the tool, tool frame"""


class Motors(Protocol):
    """The drives of one arm. Neither call may block for longer than a small part of a control period."""

    @property
    def simulated(self) -> bool:
        """Nothing real moves: the pre-flight list passes itself."""
        ...

    def read(self) -> Reading:
        """The present state. Raises HardwareError when the drives do not tell it."""
        ...

    def apply(self, tau_nm: Array) -> None:
        """Torques (n,) in Nm until the next call. Raises HardwareError when the drives do not take them."""
        ...

    def close(self) -> None:
        """Release the drives; allowed twice."""
        ...


class SimMotors:
    """An arm with its gripper in free space. Every `apply` is one control period of physics."""

    simulated = True

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

    def apply(self, tau_nm: Array) -> None:
        self._data.ctrl[: self._joints] = tau_nm
        mujoco.mj_step(self._model, self._data, self._substeps)

    def close(self) -> None:
        """Nothing to release."""

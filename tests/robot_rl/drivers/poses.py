"""Where the Panda's own model has its tool."""

from functools import lru_cache

import mujoco
import numpy as np

from controllers.kinematics import ArmModel
from controllers.models import arm_spec


@lru_cache
def _model() -> ArmModel:
    return ArmModel(arm_spec("panda").compile(), 7)


def tool_matrix(q_rad: np.ndarray) -> np.ndarray:
    """(4, 4) T_base_tcp."""
    model, turned, matrix = _model(), np.zeros(9), np.eye(4)
    model.update(q_rad, np.zeros(7))
    mujoco.mju_quat2Mat(turned, model.tcp_quat_wxyz())
    matrix[:3, :3], matrix[:3, 3] = turned.reshape(3, 3), model.tcp_position_m()
    return matrix

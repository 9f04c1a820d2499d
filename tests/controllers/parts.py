"""Small pieces for the controller tests."""

from collections.abc import Sequence

import numpy as np

from controllers.gate import Gate, anyone
from controllers.kinematics import ArmModel
from controllers.limits import Limit, WorkspaceBox
from controllers.models import arm_limits, arm_spec, home_q
from controllers.pose import Pose
from controllers.records import ArmState

DOWN = (0.0, 1.0, 0.0, 0.0)
HOME = home_q("panda")


def arm_model(name: str = "panda") -> ArmModel:
    return ArmModel(arm_spec(name).compile(), len(arm_limits(name).q_min_rad))


def open_gate(box: WorkspaceBox, limits: Sequence[Limit]) -> Gate:
    """A gate that asks nobody."""
    gate = Gate(box, limits)
    gate.permit = anyone
    return gate


def state_at(pose: Pose, q_rad: np.ndarray | None = None) -> ArmState:
    q = HOME if q_rad is None else q_rad
    zero = np.zeros(3)
    return ArmState(0.0, q, 0.0 * q, pose, zero, zero, zero, zero)

"""What a robot's controller must have been told of the tool: without it, weight is taken for contact."""

import numpy as np

from controllers.pose import Pose, rotation_between_rad
from robot_rl.operator import Finding

TCP_M, TCP_RAD = 0.01, 0.05
"""How far robot and model may disagree about the tool point: calibration differs by millimetres from arm to arm."""


def objections(by: str, payload_kg: float, told: Pose, model: Pose, now_s: float) -> tuple[Finding, ...]:
    """The failed pre-flight check `payload`, if it has failed. `told` and `model` are T_base_tcp at the same joints."""
    wrong = []
    if not payload_kg > 0.0:
        wrong.append(f"the robot's payload is {payload_kg:g} kg; set mass and centre of the gripper in its controller")
    apart_m = float(np.linalg.norm(told.position_m - model.position_m))
    apart_rad = rotation_between_rad(told.quat_wxyz, model.quat_wxyz)
    if not (apart_m <= TCP_M and apart_rad <= TCP_RAD):
        wrong.append(
            f"the robot's tool point is {apart_m * 1e3:.0f} mm and {apart_rad:.2f} rad from the model's (at most "
            f"{TCP_M * 1e3:.0f} mm, {TCP_RAD} rad); set the tool in its controller, or give the model of this arm"
        )
    return (Finding("payload", False, now_s, by, "; ".join(wrong)),) if wrong else ()

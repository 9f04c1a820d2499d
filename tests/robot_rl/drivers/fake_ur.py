"""The part of ur_rtde that the driver uses, without a robot: for what depends on joints, wrench or time alone."""

import numpy as np
import pytest

from controllers.kinematics import ArmModel
from controllers.models import arm_spec
from robot_rl.clock import ManualClock
from robot_rl.drivers import ur
from robot_rl.drivers.ur import UrMotors


class Ur:
    """Both of the library's interfaces, for a robot that stands still and takes every command."""

    def __init__(self, q_rad: np.ndarray, wrench: list[float]) -> None:
        """`wrench` (6,) as an e-Series tells it."""
        self.says = {
            "getActualQ": q_rad, "getActualQd": np.zeros(6), "getActualTCPForce": wrench, "getSafetyMode": 1,
            "getRobotMode": 7, "getRuntimeState": 2, "getTimestamp": 1.0, "isConnected": True, "servoJ": True,
        }  # fmt: skip

    def __getattr__(self, name: str):
        return lambda *_: self.says[name]


def motors_of(robot: Ur, clock: ManualClock, control_hz: float = 500.0) -> UrMotors:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ur, "_sdk", lambda: (lambda _: robot, lambda _: robot))
        patch.setattr(ur, "_reachable", lambda address: None)
        tool, flange = (ArmModel(arm_spec("ur5e").compile(), 6, site) for site in ("tcp", "flange"))
        return UrMotors("10.0.0.1", tool, flange, clock, control_hz)

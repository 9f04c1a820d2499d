"""What the vendors allow, typed from their documents a second time, for the referee alone.

Franka: Franka Control Interface documentation, "Robot and interface specifications" (joint and Cartesian limits,
rotatum; the FR3's curves as in libfranka, rate_limiting.h). Universal Robots: UR5e user manual, technical data (joint
range, 180 deg/s); support article "Max. joint torques"; no limit of acceleration, jerk or tool motion is published.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Vendor:
    """One arm. Joint rows are (n,); tool motion is the norm of the vector; None is not published."""

    q_min_rad: Floats
    q_max_rad: Floats
    dq_max_rad_s: Floats
    tau_max_nm: Floats
    tau_rate_nm_s: float | None
    tool_m: tuple[float, float, float] | None
    """Speed, acceleration, jerk."""
    tool_rad: tuple[float, float, float] | None
    ddq_max_rad_s2: Floats | None = None
    dddq_max_rad_s3: Floats | None = None
    curve: tuple[Floats, Floats, Floats, Floats] | None = None
    """Speed near the ends of the range, at most -offset + sqrt(gain (end - q)): low ends, high ends, offsets, gains."""


def _row(*values: float) -> Floats:
    return np.array(values)


VENDORS = {
    "panda": Vendor(
        q_min_rad=_row(-2.8973, -1.7628, -2.8973, -3.0718, -2.8973, -0.0175, -2.8973),
        q_max_rad=_row(2.8973, 1.7628, 2.8973, -0.0698, 2.8973, 3.7525, 2.8973),
        dq_max_rad_s=_row(2.175, 2.175, 2.175, 2.175, 2.61, 2.61, 2.61),
        tau_max_nm=_row(87, 87, 87, 87, 12, 12, 12),
        tau_rate_nm_s=1000.0,
        tool_m=(1.7, 13.0, 6500.0),
        tool_rad=(2.5, 25.0, 12500.0),
        ddq_max_rad_s2=_row(15, 7.5, 10, 12.5, 15, 20, 20),
        dddq_max_rad_s3=_row(7500, 3750, 5000, 6250, 7500, 10000, 10000),
    ),
    "fr3": Vendor(
        q_min_rad=_row(-2.7437, -1.7837, -2.9007, -3.0421, -2.8065, 0.5445, -3.0159),
        q_max_rad=_row(2.7437, 1.7837, 2.9007, -0.1518, 2.8065, 4.5169, 3.0159),
        dq_max_rad_s=_row(2.62, 2.62, 2.62, 2.62, 5.26, 4.18, 5.26),
        tau_max_nm=_row(87, 87, 87, 87, 12, 12, 12),
        tau_rate_nm_s=1000.0,
        tool_m=(3.0, 9.0, 4500.0),
        tool_rad=(2.5, 17.0, 8500.0),
        ddq_max_rad_s2=_row(10, 10, 10, 10, 10, 10, 10),
        dddq_max_rad_s3=_row(5000, 5000, 5000, 5000, 5000, 5000, 5000),
        curve=(
            _row(-2.7501, -1.7918, -2.9065, -3.0481, -2.8101, 0.54092, -3.0196),
            _row(2.7501, 1.7918, 2.9065, -0.1458, 2.8101, 4.5205, 3.0196),
            _row(0.30, 0.20, 0.20, 0.30, 0.35, 0.35, 0.35),
            _row(12.0, 5.17, 7.0, 8.0, 34.0, 11.0, 34.0),
        ),
    ),
    "ur5e": Vendor(
        q_min_rad=np.radians([-360, -360, -180, -360, -360, -360]),
        q_max_rad=np.radians([360, 360, 180, 360, 360, 360]),
        dq_max_rad_s=np.radians([180, 180, 180, 180, 180, 180]),
        tau_max_nm=_row(150, 150, 150, 28, 28, 28),
        tau_rate_nm_s=None,
        tool_m=None,
        tool_rad=None,
    ),
}

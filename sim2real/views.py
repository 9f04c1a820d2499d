"""Views of a board by an arm's camera, and whether they tell enough."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from controllers.pose import Array, Pose, rotation_between_rad

TURN_DEG = 20.0
"""How far the tool must turn about each of two axes, from one extreme to the other"""


@dataclass(frozen=True, slots=True)
class View:
    """One picture of the board, and where the arm says it was taken."""

    tool: Pose
    """T_base_tcp"""
    points_m: Array
    """(n, 3) corners, board frame"""
    pixels: Array
    """(n, 2)"""


@dataclass(frozen=True, slots=True)
class Spread:
    """The length of an error of a pose: root mean square, all three axes together."""

    position_m: float
    rotation_rad: float


@dataclass(frozen=True, slots=True)
class Turning:
    """How far the tool has turned."""

    about_deg: tuple[float, float, float]
    """About its x, y and z, from one extreme to the other"""
    missing: str
    """The axis of the tool about which it should turn more; empty: enough"""
    second_deg: float
    """About the second of the axes, across each other, about which it has turned most"""

    def __str__(self) -> str:
        x, y, z = self.about_deg
        said = f"the tool has turned {x:.0f} deg about its x, {y:.0f} about y, {z:.0f} about z"
        # of a slanted axis these three alone look like enough
        return (
            f"{said}, but only by {self.second_deg:.0f} about a second axis across the first" if self.missing else said
        )


def turned(tools: Sequence[Pose]) -> Turning:
    """Rotation about two axes that are not parallel is what hand-eye calibration sees by (Tsai & Lenz 1989)."""
    turns = Rotation.from_quat([tool.quat_wxyz[[1, 2, 3, 0]] for tool in tools])
    away_deg = np.degrees((turns.mean().inv() * turns).as_rotvec())
    x, y, z = about_deg = np.ptp(away_deg, axis=0)
    axes = np.linalg.svd(away_deg - away_deg.mean(axis=0))[2]
    _, second, _ = sorted(np.ptp(away_deg @ axes.T, axis=0), reverse=True)
    weakest = "xyz"[int(np.argmin(np.abs(axes[0]) + about_deg / 360.0))]
    return Turning((float(x), float(y), float(z)), "" if second >= TURN_DEG else weakest, float(second))


def distance(a: Pose, b: Pose) -> Spread:
    """Between two poses."""
    return Spread(float(np.linalg.norm(a.position_m - b.position_m)), rotation_between_rad(a.quat_wxyz, b.quat_wxyz))

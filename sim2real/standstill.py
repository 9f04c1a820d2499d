"""Whether a tool stands still, and whether it stands where it has not stood before."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from controllers.pose import Pose, rotation_between_rad

GAP_S = 0.2
"""Without a pose for longer nobody knows."""


@dataclass(frozen=True, slots=True)
class Nearness:
    """Two poses within both are the same."""

    position_m: float
    rotation_rad: float

    def holds(self, a: Pose, b: Pose) -> bool:
        """Never for what is no number."""
        apart_m = float(np.linalg.norm(a.position_m - b.position_m))
        return apart_m < self.position_m and rotation_between_rad(a.quat_wxyz, b.quat_wxyz) < self.rotation_rad


class Standstill:
    """Since when a tool has been within `near` of where it came to rest."""

    def __init__(self, near: Nearness) -> None:
        self._near = near
        self._rest: Pose | None = None
        self.since_s, self.until_s, self.tool = math.inf, -math.inf, Pose.of([math.nan] * 3)
        """Stamps of the first and last pose of this rest, and the last one, T_base_tcp"""

    def take(self, stamp_s: float, tool: Pose) -> None:
        """A pose; stamps that go back count as a new beginning."""
        gap_s = stamp_s - self.until_s
        if self._rest is None or not 0.0 <= gap_s <= GAP_S or not self._near.holds(self._rest, tool):
            self._rest, self.since_s = tool, stamp_s
        self.until_s, self.tool = stamp_s, tool

    @property
    def lasted_s(self) -> float:
        """0 before the first pose"""
        return max(0.0, self.until_s - self.since_s)


def is_elsewhere(tool: Pose, before: Iterable[Pose], near: Nearness) -> bool:
    """Not near any of those before."""
    return not any(near.holds(tool, other) for other in before)

"""What motion of the tool asks of the joints, against what they can do where they are.

Speed shrinks towards the end of a joint's range, so that the joint can always stop before its margin:
dq <= sqrt(2 ddq_max (q_max - margin - q)), the border of what is viable under bounded acceleration (Del Prete 2018).
A vendor's own curve, dq <= -offset + sqrt(gain (end - q)), is kept as well where there is one.
"""

from dataclasses import dataclass

import numpy as np

from controllers.kinematics import ArmModel
from controllers.models import ArmLimits
from controllers.pose import Array

CREEP_RAD_S = 0.05
"""Speed left to a joint at its margin, where the gate no longer lets it go deeper: it must be able to turn round."""
NAMES = ("joint_speed", "joint_acceleration", "joint_jerk")
KEPT = 0.8
"""Share of what the joints can do that moving has in any case, before turning."""
LEAST = 1e-9
"""Added to a load, to divide by it."""


@dataclass(frozen=True, slots=True)
class JointRoom:
    """What the joints can do at one reading. The Jacobian is taken to stay."""

    inverse: Array
    """(n, 6) from motion of the tool to that of the joints"""
    low_rad_s: Array
    """(n,) lowest speed, negative"""
    high_rad_s: Array
    most: Array
    """(2, n) largest acceleration and jerk"""

    def shares(self, rows: Array) -> Array:
        """(2, 2): shares of acceleration and of jerk (rows), for moving and for turning (columns), with which the
        joints can follow the tool whatever its axes do together. `rows` (2, 6) are its limits, m and rad per axis.

        Moving may have what turning leaves, and `KEPT` in any case; turning has the rest.
        """
        loads = np.abs(self.inverse.T) * rows[:, :, None]
        loads = loads.reshape(2, 2, 3, loads.shape[2]).sum(axis=2) / self.most[:, None] + LEAST
        moves, turns = loads[:, 0], loads[:, 1]
        shares = np.ones((2, 2))
        np.minimum((np.maximum(KEPT, 1.0 - turns) / moves).min(axis=1), 1.0, out=shares[:, 0])
        np.minimum(((1.0 - shares[:, :1] * moves) / turns).min(axis=1), 1.0, out=shares[:, 1])
        return shares

    def speed_share(self, low: Array, high: Array) -> float:
        """Share, at most 1, with which the joints can follow a tool whose speeds stay between `low` and `high` (6,)."""
        up, down = np.maximum(self.inverse, 0.0), np.minimum(self.inverse, 0.0)
        most, least = up @ high + down @ low, up @ low + down @ high
        return float(1.0 / max(1.0, (most / self.high_rad_s).max(), (least / self.low_rad_s).max()))


class JointMotion:
    """The joints' limits of one arm, of which motion may use `share`: the rest is for how the Jacobian changes on the
    way."""

    def __init__(self, limits: ArmLimits, margin_rad: float, share: float = 0.75) -> None:
        """Raises ValueError unless 0 < share <= 1."""
        if not 0.0 < share <= 1.0:
            raise ValueError(f"share of the joint limits {share}: allowed above 0, at most 1")
        self._limits, self._margin, self._share = limits, margin_rad, share
        self._most = share * np.array([limits.ddq_max_rad_s2, limits.dddq_max_rad_s3])

    def room(self, model: ArmModel, q_rad: Array) -> JointRoom:
        """At joints `q_rad` (n,), which the model has been given."""
        low, high = self.speeds_rad_s(q_rad)
        return JointRoom(model.inverse, self._share * low, self._share * high, self._most)

    def speeds_rad_s(self, q_rad: Array) -> tuple[Array, Array]:
        """Lowest (negative) and highest speed, (n,) each, that the joints may have at `q_rad` (n,)."""
        limits = self._limits
        up = self._towards(limits.q_max_rad - self._margin - q_rad)
        down = self._towards(q_rad - limits.q_min_rad - self._margin)
        if limits.curve is not None:
            curve = limits.curve
            up = np.minimum(up, np.sqrt(np.maximum(0.0, curve.gain * (curve.high_rad - q_rad))) - curve.offset_rad_s)
            down = np.minimum(down, np.sqrt(np.maximum(0.0, curve.gain * (q_rad - curve.low_rad))) - curve.offset_rad_s)
        return -np.maximum(CREEP_RAD_S, down), np.maximum(CREEP_RAD_S, up)

    def _towards(self, distance_rad: Array) -> Array:
        """Speed from which a joint stops within this distance."""
        viable = np.sqrt(2.0 * self._limits.ddq_max_rad_s2 * np.maximum(0.0, distance_rad))
        return np.minimum(self._limits.dq_max_rad_s, viable)

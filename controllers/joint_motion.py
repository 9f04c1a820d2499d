"""What a planned motion of the tool asks of the joints, against what they can do where they are.

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


@dataclass(frozen=True, slots=True)
class JointRoom:
    """What the joints can do at one reading."""

    inverse: Array
    """(n, 6) from motion of the tool to that of the joints"""
    low: Array
    """(3, n) lowest speed, acceleration and jerk, rad and s"""
    high: Array

    def loads(self, low: Array, high: Array) -> Array:
        """(2, 3, n): how much of what each joint may do, in speed, acceleration and jerk, the tool's moving and its
        turning can ask for, when each axis stays between `low` and `high` (3, 6) in m and rad. Their sum above 1 is too
        much. It is a bound, reached when all axes are at their worst together; the Jacobian is taken to stay."""
        loads = np.empty((2, *self.low.shape))
        for part, axes in enumerate((slice(0, 3), slice(3, 6))):
            up = np.maximum(self.inverse[:, axes], 0.0).T
            down = np.minimum(self.inverse[:, axes], 0.0).T
            most = high[:, axes] @ up + low[:, axes] @ down
            least = low[:, axes] @ up + high[:, axes] @ down
            np.maximum(most / self.high, least / self.low, out=loads[part])
        return loads


class JointMotion:
    """The joints' limits of one arm, of which a plan may use `share`: the rest is for how the Jacobian changes on the
    way, and for what the impedance adds."""

    def __init__(self, limits: ArmLimits, margin_rad: float, share: float = 0.8) -> None:
        """Raises ValueError unless 0 < share <= 1."""
        if not 0.0 < share <= 1.0:
            raise ValueError(f"share of the joint limits {share}: allowed above 0, at most 1")
        self._limits, self._margin, self._share = limits, margin_rad, share
        self._high = share * np.array([limits.dq_max_rad_s, limits.ddq_max_rad_s2, limits.dddq_max_rad_s3])

    def room(self, model: ArmModel, q_rad: Array) -> JointRoom:
        """At joints `q_rad` (n,), which the model has been given."""
        low, high = -self._high, self._high.copy()
        low[0], high[0] = self.speeds_rad_s(q_rad)
        low[0] *= self._share
        high[0] *= self._share
        return JointRoom(model.inverse, low, high)

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

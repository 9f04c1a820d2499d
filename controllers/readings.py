"""Joint readings that cannot be true: not finite, out of the physical range, or further than a joint can have moved."""

import numpy as np

from controllers.models import ArmLimits
from controllers.pose import Array

RANGE_RAD = 0.1
"""How far beyond its range a reading is believed."""
JUMP_RAD = 0.05
"""Beyond twice the way at top speed since the last reading, a reading has jumped."""


class Readings:
    """Compares each reading with the table and with the one before. Three rows are compared at once: every period pays
    for them."""

    def __init__(self, limits: ArmLimits, period_s: float) -> None:
        n = len(limits.q_min_rad)
        self._top, self._period = limits.dq_max_rad_s, period_s
        self._middle = (limits.q_min_rad + limits.q_max_rad) / 2
        self._row, self._last = np.zeros((3, n)), np.zeros(n)
        beyond = (limits.q_max_rad - limits.q_min_rad) / 2 + RANGE_RAD
        self._allowed = np.array([self._jump_rad(period_s), beyond, np.full(n, np.finfo(float).max)])

    def reset(self, q_rad: Array) -> None:
        """Readings go on from `q_rad` (n,)."""
        self._last[:] = q_rad

    def fault(self, q_rad: Array, dq_rad_s: Array, elapsed_s: float) -> str:
        """What is wrong with readings (n,) that come `elapsed_s` after the last; empty when nothing is."""
        row, allowed = self._row, self._allowed
        np.subtract(q_rad, self._last, out=row[0])
        np.subtract(q_rad, self._middle, out=row[1])
        row[2] = dq_rad_s
        np.abs(row, out=row)
        if elapsed_s > 1.5 * self._period:
            allowed = allowed.copy()
            allowed[0] = self._jump_rad(elapsed_s)
        if (row <= allowed).all():
            self._last[:] = q_rad
            return ""
        return self._sentence(q_rad, dq_rad_s, allowed)

    def _jump_rad(self, elapsed_s: float) -> Array:
        jump: Array = self._top * elapsed_s * 2 + JUMP_RAD
        return jump

    def _sentence(self, q_rad: Array, dq_rad_s: Array, allowed: Array) -> str:
        if not (np.isfinite(q_rad).all() and np.isfinite(dq_rad_s).all()):
            return "joint reading not finite"
        self._last[:] = q_rad
        way, out, _ = self._row
        most_way, most_out, _ = allowed
        if not (out <= most_out).all():
            joint = int(np.argmax(out - most_out))
            low, high = self._middle[joint] - most_out[joint], self._middle[joint] + most_out[joint]
            return f"joint {joint + 1} reads {q_rad[joint]:.4f} rad, allowed {low:.4f} to {high:.4f} rad"
        joint = int(np.argmax(way - most_way))
        return f"joint {joint + 1} jumped {way[joint]:.4f} rad, at most {most_way[joint]:.4f} rad"

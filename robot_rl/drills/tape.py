"""What a watcher at the motors noted of each control period, and whether it was within every limit."""

import math
from collections.abc import Sequence

import numpy as np

from controllers.models import ArmLimits
from controllers.pose import Array
from robot_rl.config import SafetyConfig
from robot_rl.drills.watched import Tick
from robot_rl.loop_settings import JERK_S
from robot_rl.tasks.base import Workspace

REST_M_S = 0.005
"""A tool that is slower is at rest."""
TAU_RATE_NM_S = 1000.0
"""Franka Control Interface, `dtau_max`"""
LAG_M = 0.015
"""How far a compliant tool may be beyond where it should be: the clip of the reference."""


class Tape:
    """The ticks of one cell, in order."""

    def __init__(self, period_s: float, limits: ArmLimits, safety: SafetyConfig, box: Workspace) -> None:
        """`limits`, `safety` and `box` are what `breaches` judges by."""
        self.period_s, self._limits, self._safety, self._box = period_s, limits, safety, box
        self.ticks: list[Tick] = []
        self.cuts = [0]
        """Index of the first tick after each time that a person put everything back"""

    def column(self, name: str, since_s: float = -math.inf, until_s: float = math.inf) -> Array:
        """(T, ...) of the ticks in that time."""
        return np.array([getattr(tick, name) for tick in self.ticks if since_s - 1e-9 <= tick.time_s < until_s])

    def speeds_m_s(self, since_s: float, until_s: float = math.inf) -> Array:
        """(T - 1,) of the tool, from its places."""
        return np.linalg.norm(np.diff(self.column("tool_m", since_s, until_s), axis=0), axis=1) / self.period_s

    def rest_s(self, since_s: float, until_s: float = math.inf) -> float | None:
        """Time from then until the tool was at rest for good; None when it still moved at the end."""
        still = self.speeds_m_s(since_s, until_s) < REST_M_S
        moving = np.flatnonzero(~still)
        last = int(moving[-1]) + 1 if len(moving) else 0
        return None if last >= len(still) else round(last * self.period_s, 6)

    def way_m(self, since_s: float, until_s: float = math.inf) -> float:
        """Largest distance of the tool from where it was then."""
        tool = self.column("tool_m", since_s, until_s)
        return float(np.linalg.norm(tool - tool[0], axis=1).max())

    def pushes_n(self, since_s: float = -math.inf) -> Array:
        """(T,) size of the contact force on the arm."""
        return np.linalg.norm(self.column("push_n", since_s), axis=1)

    def breaches(self, reference: bool = True) -> list[str]:
        """Everything at the motors, joints, tool and reference that was not inside its limit.

        Without `reference`: where the loop did not run at every period, and its reference stood still meanwhile.
        """
        ends = [*self.cuts[1:], len(self.ticks)]
        found: dict[str, float] = {}
        for first, end in zip(self.cuts, ends, strict=True):
            for name, excess in self._excesses(self.ticks[first:end]):
                if not excess <= 1e-6 and (reference or "reference" not in name):
                    found[name] = max(excess, found.get(name, 0.0))
        return [f"{name} by {excess:.3g}" for name, excess in found.items()]

    def _excesses(self, ticks: Sequence[Tick]) -> Sequence[tuple[str, float]]:
        """By how much each quantity was beyond its limit at the worst."""
        if len(ticks) < 4:
            return []
        limits, safety, box, dt = self._limits, self._safety, self._box, self.period_s
        names = ("q_rad", "dq_rad_s", "tau_nm", "tool_m", "reference_m")
        q, dq, tau, tool, reference = (np.array([getattr(tick, name) for tick in ticks]) for name in names)
        speed = np.diff(reference, axis=0) / dt
        acceleration, jerk = np.diff(speed, axis=0) / dt, np.diff(speed, n=2, axis=0) / dt**2
        room = LAG_M + np.maximum(np.maximum(box.low_m - tool[0], tool[0] - np.array(box.high_m)), 0.0)
        largest = safety.max_acceleration_m_s2
        return [
            ("torque, Nm", _worst(np.abs(tau) - limits.tau_max_nm)),
            ("torque rate, Nm/s", _worst(np.abs(np.diff(tau, axis=0)) / dt - TAU_RATE_NM_S)),
            ("joint position, rad", _worst(np.maximum(limits.q_min_rad - q, q - limits.q_max_rad))),
            ("joint speed, rad/s", _worst(np.abs(dq) - limits.dq_max_rad_s)),
            ("tool outside its box, m", _worst(np.maximum(box.low_m - tool, tool - np.array(box.high_m)) - room)),
            ("reference speed, m/s", _worst(np.abs(speed) - safety.max_speed_m_s)),
            ("reference acceleration, m/s2", _worst(np.abs(acceleration) - largest)),
            ("reference jerk, m/s3", _worst(np.abs(jerk) - largest / JERK_S)),
        ]


def _worst(excess: Array) -> float:
    """The largest; NaN when any is no number."""
    return float(np.max(excess))

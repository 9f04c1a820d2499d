"""Angular velocity and acceleration of an orientation exp(r) R0 from its rotation vector r(t), base frame.

Closed forms of the left Jacobian of SO(3) and its rate (Chirikjian 2012; Sola 2018). Plain floats: every period needs
them, and three numbers are fewer than an array is worth.
"""

from collections.abc import Sequence
from math import cos, sin, sqrt

Three = Sequence[float]
SMALL_RAD = 0.05
"""Below it the series are exact to rounding, and the closed forms are not."""


def angular_velocity(r: Three, dr: Three) -> list[float]:
    """(3,) rad/s."""
    b, c, _, _ = _factors(r)
    once = _cross(r, dr)
    twice = _cross(r, once)
    return [dr[i] + b * once[i] + c * twice[i] for i in range(3)]


def angular_acceleration(r: Three, dr: Three, ddr: Three) -> list[float]:
    """(3,) rad/s2."""
    b, c, db, dc = _factors(r)
    along = r[0] * dr[0] + r[1] * dr[1] + r[2] * dr[2]
    once, other = _cross(r, dr), _cross(r, ddr)
    twice, over, bent = _cross(r, once), _cross(r, other), _cross(dr, once)
    return [ddr[i] + b * other[i] + c * (over[i] + bent[i]) + along * (db * once[i] + dc * twice[i]) for i in range(3)]


def _factors(r: Three) -> tuple[float, float, float, float]:
    """(1 - cos a) / a^2 and (a - sin a) / a^3 for the angle a, and the change of each per change of a^2 / 2."""
    square = r[0] * r[0] + r[1] * r[1] + r[2] * r[2]
    if square < SMALL_RAD * SMALL_RAD:
        return (
            1 / 2 - square * (1 / 24 - square / 720),
            1 / 6 - square * (1 / 120 - square / 5040),
            -1 / 12 + square / 180,
            -1 / 60 + square / 1260,
        )
    angle = sqrt(square)
    b, c = (1.0 - cos(angle)) / square, (angle - sin(angle)) / (square * angle)
    return b, c, (sin(angle) / angle - 2.0 * b) / square, (b - 3.0 * c) / square


def _cross(a: Three, b: Three) -> list[float]:
    return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]

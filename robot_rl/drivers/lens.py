"""How a camera maps directions to pixels."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lens:
    """A pinhole with Brown-Conrady distortion (`plumb_bob` in ROS). Pixels; x to the right, y down."""

    width: int
    height: int
    fx: float
    fy: float
    """Focal lengths."""
    cx: float
    cy: float
    """Where the optical axis meets the image."""
    distortion: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0, 0.0)
    """k1, k2, p1, p2, k3"""

"""Records exchanged with an arm: what it reports, what it is asked, what the gate made of it."""

from dataclasses import dataclass
from typing import NamedTuple

from controllers.pose import Array, Pose


@dataclass(frozen=True, slots=True)
class ArmState:
    """One reading. Base frame unless said."""

    stamp_s: float
    """Monotonic clock of the process that owns the arm."""
    q_rad: Array
    """(n,) joint positions"""
    dq_rad_s: Array
    """(n,) joint velocities"""
    tcp: Pose
    """T_base_tcp"""
    linear_m_s: Array
    """(3,) velocity of the tool"""
    angular_rad_s: Array
    """(3,) angular velocity of the tool"""
    force_n: Array
    """(3,) contact force on the tool, tool frame"""
    torque_nm: Array
    """(3,) contact torque about the tool, tool frame"""


@dataclass(frozen=True, slots=True)
class PoseCommand:
    """Where the tool should be next. Silence is not consent: it is obeyed for `valid_for_s` only."""

    target: Pose
    """T_base_tcp"""
    sequence: int
    """Strictly increasing; an older or repeated number is refused."""
    valid_for_s: float = 0.2
    """From its arrival, at most 0.5 s. Afterwards the arm brakes and holds."""
    fence: int = 0
    """Number of the sender's lease."""
    mode: str = "policy"
    """As what it was made: `policy`, `human` or `reset`."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate made of a command."""

    target: Pose
    """What the arm will pursue: the command or a limited version of it; when refused, the measured pose."""
    reasons: tuple[str, ...] = ()
    """Names of the limits that acted, in order."""
    refused: bool = False
    speed: float = 1.0
    """Share of the usual speed with which it will be pursued."""
    why: str = ""
    """When refused: the value, what is allowed, and the limit's name, in one line."""


class Reference(NamedTuple):
    """Where the arm should be at this tick, and how fast it should be going there."""

    tcp: Pose
    linear_m_s: Array
    angular_rad_s: Array

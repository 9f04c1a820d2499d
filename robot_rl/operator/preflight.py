"""What must be looked at before a real arm is armed, as data."""

from collections.abc import Sequence
from dataclasses import dataclass

SHIFT_S = 8 * 3600.0
"""What a person looked at counts for one working day."""


@dataclass(frozen=True, slots=True)
class Check:
    """One item of the list."""

    name: str
    asks: str
    lasts_s: float
    """A finding older than this no longer counts."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check."""

    check: str
    passed: bool
    stamp_s: float
    """When, on the arm process's monotonic clock."""
    by: str
    """The person who looked, or the part that measured."""
    detail: str = ""


CHECKS = (
    Check("payload", "mass and centre of mass of gripper and load are set in the robot's controller", SHIFT_S),
    Check("box", "the workspace box keeps tool and held part clear of table, fixtures and people", SHIFT_S),
    Check("stop_test", "STOP and the emergency stop were each pressed, and each latched", SHIFT_S),
    Check("camera_view", "every camera shows its own view, now", SHIFT_S),
    Check("force_zero", "the force on the free tool reads zero within its tolerance", 60.0),
    Check("first_command", "the first command equals the measured pose", 5.0),
)
"""Those that measure are quick and must be fresh at every arming."""


def missing(findings: Sequence[Finding], now_s: float, checks: Sequence[Check] = CHECKS) -> str:
    """What keeps the list from being complete, item by item; empty when every one has passed in time."""
    faults = [f"{check.name}: {fault}" for check in checks if (fault := _fault(check, findings, now_s))]
    return "; ".join(faults)


def _fault(check: Check, findings: Sequence[Finding], now_s: float) -> str:
    found = [finding for finding in findings if finding.check == check.name]
    if len(found) != 1:
        return f"{len(found)} findings, one is needed ({check.asks})"
    [finding] = found
    if finding.passed is not True:
        return f"failed, by {finding.by!r}: {finding.detail or check.asks}"
    if not 0.0 <= (age_s := now_s - finding.stamp_s) <= check.lasts_s:
        return f"found {age_s:.1f} s ago, counts for 0 to {check.lasts_s:.0f} s; check again"
    return ""

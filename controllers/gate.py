"""The one gate in front of the motors: every command passes it, whoever sent it.

Order: numbers are finite and of the right shape; the sender may command this arm; the sequence is new under its lease;
validity and age are allowed; the arm knows where it is; then the limits in their order; then a last look; then what
slows the motion down. What is refused changes nothing: the arm goes on with the command before, until that runs out.
Nothing that a sender puts into a command is raised.
Not a certified safety function: the robot's own rated functions and the emergency stop are.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

from controllers.limits import Limit, WorkspaceBox
from controllers.pose import Array, Pose, frozen, length
from controllers.records import ArmState, PoseCommand, Verdict
from controllers.slowdowns import Slowdown

MAX_VALIDITY_S = 0.5
MAX_SEQUENCE = 2**63 - 1
FARTHEST_M = 10.0
"""No arm here reaches so far: such a target is a mistake, not a direction."""
UNIT_TOLERANCE = 1e-3
"""A quaternion this far from unit length is taken for a rounded one, and normalised."""
ROUNDING = 1e-12
"""A quaternion this close to unit length stays as it is, so that the gate applied twice is the gate applied once."""
Permit = Callable[[int, str], str]
"""Why a command under this fence in this mode must not pass; empty when it may."""


def nobody(fence: int, mode: str) -> str:
    """The permit of an arm that no authority looks after yet."""
    return "no authority looks after this arm"


def anyone(fence: int, mode: str) -> str:
    """A permit for tests and for whoever is sure to be alone."""
    return ""


class Gate:
    """Judges commands; counts what it did by reason in `counts`."""

    def __init__(self, box: WorkspaceBox, limits: Sequence[Limit], slowdowns: Sequence[Slowdown] = ()) -> None:
        """`box` is applied first and checked again last; `limits` run in between, in order; `slowdowns` come after."""
        self._box = box
        self._limits = (box, *limits)
        self._slowdowns = tuple(slowdowns)
        self._last: PoseCommand | None = None
        """The last command that was let through: each lease counts its own."""
        self.permit: Permit = nobody
        self.counts: dict[str, int] = {}

    def judge(self, command: PoseCommand, state: ArmState, arrived_s: float, now_s: float) -> Verdict:
        """The verdict on one command that arrived at `arrived_s`, given the measured state."""
        with np.errstate(all="ignore"):  # what overflows is not inside, and refused
            asked = _pose(getattr(command, "target", None))
            name, why = self._refusal(command, asked, state, arrived_s, now_s)
            if asked is None or name:
                return self._refused(state, (name,), why)
            return self._limited(asked, state, command)

    def note(self, reasons: Sequence[str]) -> None:
        """Count what acted on a command."""
        for reason in reasons:
            self.counts[reason] = self.counts.get(reason, 0) + 1

    def _refusal(
        self, command: PoseCommand, asked: Pose | None, state: ArmState, arrived_s: float, now_s: float
    ) -> tuple[str, str]:
        """The first rule that the command breaks, and how; empty when there is none."""
        if asked is None:
            return "shape", "target: not 3 and 4 real numbers in arrays; allowed: position (3,) in m, quaternion (4,)"
        size = length(asked.quat_wxyz)
        if not (_finite(asked) and abs(size - 1.0) < UNIT_TOLERANCE):
            return "not_finite_or_not_unit", (
                f"target: position {asked.position_m.tolist()} m, quaternion of length {size:.6g}; "
                f"allowed: finite, and 1 within {UNIT_TOLERANCE:g}"
            )
        if not _all_below(asked.position_m, FARTHEST_M):
            return (
                "far",
                f"target: position {asked.position_m.tolist()} m; allowed: within {FARTHEST_M:g} m of the base",
            )
        if not (_whole(command.fence) and isinstance(command.mode, str)):
            return "authority", f"fence {_shown(command.fence)}, mode {_shown(command.mode)}; allowed: a number, a word"
        refused = self.permit(command.fence, command.mode)
        if refused:
            return "authority", refused
        last = self._last.sequence if self._last and command.fence == self._last.fence else -1
        if not (_whole(command.sequence) and last < command.sequence <= MAX_SEQUENCE):
            return "sequence", f"{_shown(command.sequence)}; allowed: whole numbers above {last}"
        valid_s, age_s = _real(command.valid_for_s), _real(now_s) - _real(arrived_s)
        if not 0.0 < valid_s <= MAX_VALIDITY_S:
            return "validity", f"{_shown(command.valid_for_s)} s; allowed: above 0, at most {MAX_VALIDITY_S:g} s"
        if not 0.0 <= age_s < valid_s:
            return "age", f"{age_s:.6g} s; allowed: 0 s or more, below its validity of {valid_s:g} s"
        if not (_finite(state.tcp) and _all_finite(state.q_rad)):
            return "state_unknown", (
                f"tool at {state.tcp.position_m.tolist()} m, joints at {state.q_rad.tolist()} rad; allowed: finite"
            )
        return "", ""

    def _limited(self, asked: Pose, state: ArmState, command: PoseCommand) -> Verdict:
        target, size = asked, length(asked.quat_wxyz)
        if abs(size - 1.0) > ROUNDING:
            target = Pose(asked.position_m, frozen(asked.quat_wxyz / size))
        reasons: list[str] = []
        for limit in self._limits:
            allowed = limit.apply(target, state)
            if allowed is not target:
                reasons.append(limit.name)
                target = allowed
        outside = self._box.apply(target, state) is not target
        excused = outside and self._box.apply(state.tcp, state) is not state.tcp  # on its way back in
        if not _finite(target) or (outside and not excused):
            place = target.position_m.tolist()
            low, high = self._box.low_m.tolist(), self._box.high_m.tolist()
            why = f"target {place} m after all limits; allowed: {low} to {high} m"
            return self._refused(state, (*reasons, "final_check"), why)
        self._last = command
        return self._slowed(target, state, reasons)

    def _slowed(self, target: Pose, state: ArmState, reasons: list[str]) -> Verdict:
        """The smallest share that any slowdown allows; a share that is not above zero is a hold."""
        speed, held = 1.0, False
        for slowdown in self._slowdowns:
            share = slowdown.share(target, state)
            if not share >= 1.0:
                reasons.append(slowdown.name)
                held = held or not share > 0.0
                speed = min(speed, share)
        self.note(reasons)
        return Verdict(state.tcp, tuple(reasons)) if held else Verdict(target, tuple(reasons), speed=speed)

    def _refused(self, state: ArmState, reasons: tuple[str, ...], why: str) -> Verdict:
        self.note(reasons)
        return Verdict(state.tcp, reasons, refused=True, why=f"{reasons[-1]}: {why}")


def _pose(target: object) -> Pose | None:
    """A copy in double precision; None unless both arrays have numbers and the right shape."""
    if not isinstance(target, Pose):
        return None
    position, quat = _numbers(target.position_m, 3), _numbers(target.quat_wxyz, 4)
    return None if position is None or quat is None else Pose(position, quat)


def _numbers(values: object, count: int) -> Array | None:
    if isinstance(values, np.ndarray) and values.dtype.kind in "fiu" and values.shape == (count,):
        return frozen(values)
    return None


def _finite(pose: Pose) -> bool:
    return _all_finite(pose.position_m) and _all_finite(pose.quat_wxyz)


def _all_finite(values: Array) -> bool:
    return all(map(math.isfinite, values.tolist()))


def _all_below(values: Array, most: float) -> bool:
    return all(-most <= value <= most for value in values.tolist())


def _whole(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _real(value: object) -> float:
    """As a float; NaN for what is no real number, or none of this size."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return float("nan")
    try:
        return float(value)
    except OverflowError:
        return float("nan")


def _shown(value: object) -> str:
    """Short, and never an error: what was sent may be anything."""
    if type(value) is str:
        return repr(value[:40])
    if isinstance(value, float | np.floating | np.integer) or (type(value) is int and value.bit_length() <= 64):
        return f"{value:.9g}" if isinstance(value, float | np.floating) else f"{value:d}"
    return f"a value of type {type(value).__name__}"

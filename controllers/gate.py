"""The one gate in front of the motors: every command passes it, whoever sent it.

Order: numbers are finite and of the right shape; the sequence is new; the validity is allowed; the arm knows where
it is; then the limits in their order; then a last look. What is refused changes nothing: the arm goes on with the
command before, until that runs out.
Not a certified safety function: the robot's own rated functions and the emergency stop are.
"""

from collections.abc import Callable, Sequence

import numpy as np

from controllers.limits import Limit, WorkspaceBox
from controllers.pose import Pose
from controllers.records import ArmState, PoseCommand, Verdict

MAX_VALIDITY_S = 0.5
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

    def __init__(self, box: WorkspaceBox, limits: Sequence[Limit]) -> None:
        """`box` is applied first and checked again last; `limits` run in between, in order."""
        self._box = box
        self._limits = (box, *limits)
        self._last_sequence = -1
        self.permit: Permit = nobody
        self.counts: dict[str, int] = {}

    def judge(self, command: PoseCommand, state: ArmState, arrived_s: float, now_s: float) -> Verdict:
        """The verdict on one command that arrived at `arrived_s`, given the measured state."""
        refusal = self._refusal(command, now_s - arrived_s) or ("" if _known(state) else "state_unknown")
        if refusal:
            return self._count(Verdict(state.tcp, (refusal,), refused=True))
        self._last_sequence = command.sequence
        target, reasons = command.target, []
        for limit in self._limits:
            allowed = limit.apply(target, state)
            if allowed is not target:
                reasons.append(limit.name)
                target = allowed
        outside = self._box.apply(target, state) is not target
        excused = outside and self._box.apply(state.tcp, state) is not state.tcp  # on its way back in
        if not _finite(target) or (outside and not excused):
            return self._count(Verdict(state.tcp, (*reasons, "final_check"), refused=True))
        return self._count(Verdict(target, tuple(reasons)))

    def _refusal(self, command: PoseCommand, age_s: float) -> str:
        position, quat = command.target.position_m, command.target.quat_wxyz
        if np.shape(position) != (3,) or np.shape(quat) != (4,):
            return "shape"
        if not (_finite(command.target) and abs(float(quat @ quat) - 1.0) < 1e-3):
            return "not_finite_or_not_unit"
        if not command.sequence > self._last_sequence:
            return "sequence"
        if not 0.0 < command.valid_for_s <= MAX_VALIDITY_S:
            return "validity"
        if not 0.0 <= age_s < command.valid_for_s:
            return "age"
        if self.permit(command.fence, command.mode):
            return "authority"
        return ""

    def _count(self, verdict: Verdict) -> Verdict:
        for reason in verdict.reasons:
            self.counts[reason] = self.counts.get(reason, 0) + 1
        return verdict


def _finite(pose: Pose) -> bool:
    return bool(np.isfinite(pose.position_m).all() and np.isfinite(pose.quat_wxyz).all())


def _known(state: ArmState) -> bool:
    return _finite(state.tcp) and bool(np.isfinite(state.q_rad).all())

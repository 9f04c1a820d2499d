"""What drives that take joint positions are sent: the follower's joints while they do them, else nothing.

A command that is far from where the arm stands is a jump. So after every gap, in which the arm may have been moved by
a person or by another controller, the first command is the joints measured then; and an arm that does not do what it
is told is told nothing more. Drives that say why they have stopped are asked no further: that is a refusal.
"""

import numpy as np

from controllers.follower import JointFollower
from controllers.pose import Array
from controllers.records import Reference
from robot_rl.cell.motors import Reading

LAG_S = 0.2
"""Longest lag of drives behind their commands: several times that of the drives the follower is tuned for (40 ms)."""
STRAY_RAD = 0.02
"""Distance of a measured joint from all that it was told in the last `LAG_S`: the clip, 16 mm, at 0.8 m from a joint.
Drives that are pressed give way by less."""


class Following:
    """A follower and the drives it is for. Call `tick` once per period, then `sent` or `refuse`."""

    def __init__(self, follower: JointFollower, joints: int, period_s: float) -> None:
        """It stands still at no joints yet: call `stand_still` before the first `tick`."""
        self._follower = follower
        self._told = np.full((max(1, round(LAG_S / period_s)), joints), np.nan)
        self._at = 0
        self._strayed = False
        self.gap = False
        """There was a period without a reading or with a refused command: `resume` before anything is sent again."""
        self.refusal = ""
        """Why the drives took no command last time; empty when they did"""
        self.fault = ""
        """Latched reason why the arm is not followed; only `stand_still` clears it."""

    def stand_still(self, q_rad: Array) -> None:
        """Begin at the measured joints (n,), nothing remembered: at the start, and when a person has cleared."""
        self._strayed, self.fault = False, ""
        self.resume(q_rad)

    def resume(self, q_rad: Array) -> None:
        """Go on from the measured joints (n,) after a gap, with the fault there is."""
        self._follower.reset(q_rad)
        self._told[:] = q_rad
        self.gap, self.refusal = False, ""

    def tick(self, reference: Reference, reading: Reading, still: bool) -> Array | None:
        """(n,) rad to send in this period; None for nothing. `still`: only give way, as after a fault.

        An arm that was under way when its readings end is braked from what it was told last, then told nothing.
        """
        q_rad, seen = reading.q_rad, reading.seen
        self.gap = self.gap or not seen
        if reading.fault:
            self.refuse(reading.fault)
        if self._strayed or self.refusal:
            return None
        if seen and self._strays(q_rad):
            return q_rad.copy()  # once, so that drives that push against something let go of it
        if self.gap and self._follower.at_rest:
            return None
        told = self._follower.tick(reference, reading.wrench if seen else np.full(6, np.nan), still or bool(self.fault))
        self.fault = self.fault or self._follower.fault
        return told

    def sent(self, q_rad: Array) -> None:
        """The drives have taken the joints (n,)."""
        self._told[self._at] = q_rad
        self._at = (self._at + 1) % len(self._told)

    def refuse(self, why: str) -> None:
        """The drives have not taken them."""
        self.gap, self.refusal = True, why

    def _strays(self, q_rad: Array) -> bool:
        """Whether the arm is where it has not been told to be in the last `LAG_S`."""
        last = self._told[self._at - 1]
        if (np.abs(q_rad - last) <= STRAY_RAD).all():
            return False
        off = np.maximum(self._told.min(axis=0) - q_rad, q_rad - self._told.max(axis=0))
        joint = int(np.argmax(off))
        if off[joint] <= STRAY_RAD:
            return False
        self._strayed = True
        self.fault = self.fault or (
            f"the arm does not follow: joint {joint + 1} is at {q_rad[joint]:.4f} rad, told {last[joint]:.4f} rad, at "
            f"most {STRAY_RAD} rad from all it was told in {LAG_S} s; see what holds or moves it, and whether its "
            "controller is active"
        )
        return True

"""Faults as data: at time t, fault f, for d. The same script and seed give the same faults."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from robot_rl.clock import Clock
from robot_rl.errors import ConfigError

KINDS = {
    "stale_reading": "the arm's last reading comes again and again",
    "nan_reading": "one joint's position is not a number",
    "joint_jump": "one joint's position is off by `value` rad",
    "vendor_fault": "the arm reports a fault of its own and takes no command",
    "late_command": "commands arrive `value` s late",
    "lost_command": "commands do not arrive",
    "doubled_command": "every command arrives twice",
    "reordered_command": "every command arrives after the one that followed it",
    "jammed": "the gripper does not move",
    "frozen": "the camera gives one frame again and again",
    "frozen_pixels": "the camera gives one picture under new numbers",
    "unplugged": "the camera gives nothing",
    "slow": "the camera gives `value` frames a second",
    "black": "every pixel is 0",
    "saturated": "every pixel is 255",
    "half_frame": "the lower half of the picture is missing: zeros",
    "wrong_size": "the picture has half its height",
    "swapped_colours": "red and blue are exchanged",
    "stall": "whoever sleeps wakes when the fault is over, not before",
    "disk_full": "the disk has no room from its call number `value` on (from 0)",
    "disk_error": "the disk fails from its call number `value` on (from 0)",
    "partition": "nothing passes the network, and nobody is told",
    "cut": "connections break, new ones too",
    "slow_network": "every piece of up to 64 KiB takes `value` s longer",
    "flipped_byte": "one byte of one large piece is changed, once for each such fault",
    "lost_call": "with probability `value`, a request or its reply is lost",
    "doubled_call": "with probability `value`, a request arrives twice",
    "replayed_call": "with probability `value`, an earlier request arrives again",
}
"""What may happen, and what `Fault.value` means for it"""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong."""

    kind: str
    """Key of `KINDS`"""
    at_s: float = 0.0
    """After the script has been made"""
    for_s: float = math.inf
    value: float = 0.0
    """As its kind says"""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigError(f"no fault {self.kind!r}; there are: {', '.join(KINDS)}")
        if not (0.0 <= self.at_s < math.inf and self.for_s > 0.0 and math.isfinite(self.value)):
            raise ConfigError(
                f"fault {self.kind} at {self.at_s} s for {self.for_s} s with value {self.value}: a start of 0 s or "
                "later, a length above 0 s and a finite value are needed"
            )

    @property
    def until_s(self) -> float:
        """It is active in [at_s, until_s)."""
        return self.at_s + self.for_s


class Script:
    """What goes wrong when, on one clock. Faulty parts ask it; it changes nothing itself."""

    def __init__(self, faults: Sequence[Fault], clock: Clock, seed: int = 0) -> None:
        self._faults, self._clock = tuple(faults), clock
        self._start_s = clock.now_s()
        self.rng = random.Random(seed)
        """For what a fault leaves to chance"""

    def now_s(self) -> float:
        """Since the script was made."""
        return self._clock.now_s() - self._start_s

    def active(self, kind: str) -> Fault | None:
        """The fault of this kind that is active now, the first of several."""
        now_s = self.now_s()
        found = (f for f in self._faults if f.kind == kind and f.at_s <= now_s < f.until_s)
        return next(found, None)


class FaultyClock:
    """A clock whose sleepers may oversleep, as in a process that was not scheduled. Time itself goes on.

    A step of the wall clock needs no fault here: nothing asks that clock.
    """

    def __init__(self, clock: Clock, script: Script) -> None:
        self._clock, self._script = clock, script

    def now_s(self) -> float:
        return self._clock.now_s()

    def sleep_until(self, deadline_s: float) -> None:
        self._clock.sleep_until(deadline_s)
        if stall := self._script.active("stall"):
            self._clock.sleep_until(self._clock.now_s() + stall.until_s - self._script.now_s())

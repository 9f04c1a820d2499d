"""What is done about a camera that goes silent, one step after the other.

    frames on time -> silent for 3 periods: stale -> restart the stream -> reset the device and wait for it -> give up

Pure: it says what to do next and is told how that went. Time comes from a `Clock`. The steps are those that users of
RealSense cameras arrive at by hand (librealsense #7252, #2866, #13001: a restart helps often, a reset needs a pause).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

from robot_rl.clock import Clock

STALE_PERIODS = 3
"""Frame periods without a frame after which what is known is too old."""
PATIENCE = 5
"""Times that silence before something is done: cables and hubs have hiccups that pass."""
SETTLE_S = 3.0
"""A stream's first frame may take so long after its start (exposure, USB)."""
RETRY_S = 1.0
"""Pause after a start that failed."""
RESTARTS, RESETS = 2, 1
"""Tries of each step, until the stream has been healthy again."""
PAUSE_S = 2.0
"""A device that was reset is listed a little longer before it vanishes and comes back."""
RETURN_S = 10.0
"""How long it is waited for."""
HEALTHY_S = 10.0
"""So long without a step, and the tries count from zero again."""


class Step(Enum):
    """What to do next."""

    READ = "read"
    RESTART = "restart the stream"
    RESET = "reset the device"
    WAIT = "wait for the device to come back"
    FAIL = "give up"


@dataclass(frozen=True, slots=True)
class Counts:
    """Every trouble since the start."""

    stale: int = 0
    """Silences of more than three frame periods."""
    restarts: int = 0
    resets: int = 0
    failed: int = 0
    """Of those restarts and resets, how many could not be done."""


class Ladder:
    """The state of one device's troubles."""

    def __init__(self, clock: Clock, period_s: float) -> None:
        """`period_s`: time between two frames of the healthy device."""
        self._clock, self._stale_s = clock, STALE_PERIODS * period_s
        self._restarts, self._resets = 0, 0
        self._last = Step.READ
        self._stale = True  # before the first frame nothing is missed
        self.counts = Counts()
        self._step_s = self._back_s = self._frame_s = clock.now_s()
        self._due_s = self._frame_s + max(SETTLE_S, self.patience_s)

    @property
    def stale_s(self) -> float:
        """Age beyond which a frame is too old."""
        return self._stale_s

    @property
    def patience_s(self) -> float:
        """Silence after which the next step is due."""
        return PATIENCE * self._stale_s

    def saw_frame(self) -> None:
        """A frame has arrived."""
        self._frame_s = self._clock.now_s()
        self._due_s, self._stale = self._frame_s + self.patience_s, False
        if self._frame_s - self._step_s >= HEALTHY_S:
            self._restarts, self._resets = 0, 0

    def next_step(self, present: Callable[[], bool]) -> Step:
        """What to do now. `present` tells whether the device is there; asked only while waiting for it."""
        now_s = self._clock.now_s()
        if self._last is Step.FAIL:
            return Step.FAIL
        if self._last in (Step.RESET, Step.WAIT):
            return self._await(now_s, present)
        if not self._stale and now_s - self._frame_s > self._stale_s:
            self._stale, self.counts = True, replace(self.counts, stale=self.counts.stale + 1)
        self._last = Step.READ if now_s < self._due_s else self._climb(now_s)
        return self._last

    def failed(self) -> None:
        """The step asked for last could not be done."""
        now_s = self._clock.now_s()
        self._due_s = now_s + RETRY_S
        self._back_s = now_s  # what was not reset does not vanish: no pause
        self.counts = replace(self.counts, failed=self.counts.failed + 1)

    def _await(self, now_s: float, present: Callable[[], bool]) -> Step:
        if now_s >= self._back_s and present():
            self._restarts = 0
            self._last = self._climb(now_s)
        else:
            self._last = Step.WAIT if now_s < self._step_s + RETURN_S else Step.FAIL
        return self._last

    def _climb(self, now_s: float) -> Step:
        self._step_s = now_s
        if self._restarts < RESTARTS:
            self._restarts += 1
            self.counts = replace(self.counts, restarts=self.counts.restarts + 1)
            self._due_s = now_s + max(SETTLE_S, self.patience_s)
            return Step.RESTART
        if self._resets < RESETS:
            self._resets += 1
            self.counts = replace(self.counts, resets=self.counts.resets + 1)
            self._back_s = now_s + PAUSE_S
            return Step.RESET
        return Step.FAIL

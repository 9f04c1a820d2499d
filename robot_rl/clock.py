"""Time as an object, so that ages and pacing are the same code in simulation, on hardware and in tests."""

import time
from typing import Protocol


class Clock(Protocol):
    """Monotonic seconds. Never the wall clock: an NTP step must not make a frame look old."""

    def now_s(self) -> float:
        """Seconds since an arbitrary start; never decreases."""
        ...

    def sleep_until(self, deadline_s: float) -> None:
        """Return once `now_s() >= deadline_s`; at once if that is already so."""
        ...


class MonotonicClock:
    """The machine's steady clock."""

    def now_s(self) -> float:
        return time.monotonic()

    def sleep_until(self, deadline_s: float) -> None:
        remaining_s = deadline_s - time.monotonic()
        if remaining_s > 0:
            time.sleep(remaining_s)


class ManualClock:
    """A clock that moves only when told to. For tests."""

    def __init__(self, start_s: float = 0.0) -> None:
        self._now_s = start_s

    def now_s(self) -> float:
        return self._now_s

    def sleep_until(self, deadline_s: float) -> None:
        self._now_s = max(self._now_s, deadline_s)

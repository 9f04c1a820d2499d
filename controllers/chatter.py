"""Noticing a command stream that shakes the arm: to and fro, at every command, with large steps."""

from collections import deque

from controllers.pose import Array, length

WINDOW, MOST = 20, 14
"""Of the last commands, so many may reverse the one before. Steps in random directions reverse one time in four."""
LARGE = 0.5
"""Share of the largest step from which a step counts."""


class Chatter:
    """Counts reversals of large steps; `acting` while more than `MOST` of the last `WINDOW` commands were one."""

    def __init__(self, step_m: float) -> None:
        self._large_m = LARGE * step_m
        self.reset()

    def reset(self) -> None:
        """Forget the commands so far."""
        self._before: Array | None = None
        self._reversals: deque[bool] = deque(maxlen=WINDOW)

    def note(self, move_m: Array) -> None:
        """The next admitted command asks for this move (3,) from the measured place."""
        before, self._before = self._before, move_m
        self._reversals.append(before is not None and self._reverses(before, move_m))

    @property
    def acting(self) -> bool:
        return sum(self._reversals) > MOST

    def _reverses(self, before: Array, after: Array) -> bool:
        both = length(before), length(after)
        return min(both) >= self._large_m and float(before @ after) < -0.5 * both[0] * both[1]

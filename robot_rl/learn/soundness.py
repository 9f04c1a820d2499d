"""Whether what is learnt can be trusted: steps that can be taken, values that rewards can explain."""

from collections.abc import Mapping

WINDOW = 1000
"""Critic updates after which values are compared with what they were"""
GROWTH = 10.0
"""By how much they may grow in a window, beyond what rewards explain"""
IN_A_ROW = 3
"""Blocks of updates in a row with a step that could not be taken: the learner pauses."""


class Soundness:
    """Judges the figures of every block of updates.

    Values are discounted sums of rewards: none can be larger than the largest reward at every step for ever,
    |r| / (1 - discount), with |r| taken as 1 at least, the reward of a success. Critics that go beyond it, and beyond
    ten times what they were a window ago, feed on themselves.
    """

    def __init__(self, discount: float) -> None:
        self._discount = discount
        self._largest = 1.0
        self.left_out = 0
        """Blocks so far, in a row, in which a step was left out"""
        self.marked = 0.0
        """Mean value at the beginning of this window"""

    def saw(self, reward: float) -> None:
        """A reward that is learnt from."""
        self._largest = max(self._largest, abs(reward))

    def judge(self, figures: Mapping[str, float], left_out: bool) -> str:
        """Why learning must pause; empty when it may go on. `left_out`: a step of this block was not taken."""
        self.left_out = self.left_out + 1 if left_out else 0
        if self.left_out >= IN_A_ROW:
            return f"{IN_A_ROW} blocks of updates in a row had a loss or gradient that is not finite"
        if self.ran_away(figures):
            return (
                f"values run away: Q is {figures['q']:.3g} on average, {self.marked:.3g} up to {WINDOW} updates ago; "
                f"rewards up to {self._largest:.3g} explain {self._explained:.3g} at most"
            )
        return ""

    def ran_away(self, figures: Mapping[str, float]) -> bool:
        """Also for values that are not numbers."""
        return not abs(figures.get("q", 0.0)) <= max(GROWTH * abs(self.marked), self._explained)

    @property
    def _explained(self) -> float:
        return self._largest / (1.0 - self._discount)

"""The lease: one client at a time, told apart from its predecessors by a number."""

import math

LEASE_S = 2.0
"""A holder that says nothing for so long has lost the lease."""


class Lease:
    """Fencing as in Kleppmann 2016, "How to do distributed locking": a right ends with its number, whoever sends it."""

    def __init__(self, lasts_s: float, first_fence: int) -> None:
        self._lasts_s = lasts_s
        self.heard_s = -math.inf
        self.holder = ""
        self.fence = first_fence

    def grant(self, client: str, now_s: float) -> None:
        """A new lease under a new number; the number before is void from here on."""
        self.holder, self.fence, self.heard_s = client, self.fence + 1, now_s

    def renew(self, now_s: float) -> None:
        self.heard_s = now_s

    def end(self) -> str:
        """Nobody holds it any more; the name of who did."""
        holder, self.holder = self.holder, ""
        return holder

    def left_s(self, now_s: float) -> float:
        """Seconds until it runs out; zero when nobody holds it."""
        return self.heard_s + self._lasts_s - now_s if self.holder else 0.0

    def ran_out(self, now_s: float) -> bool:
        """Held, but not heard of within its time. A clock that went back ends it too."""
        return bool(self.holder) and not 0.0 <= now_s - self.heard_s < self._lasts_s

    def refusal(self, fence: int) -> str:
        """Why this number gives no right; empty when it does."""
        if not self.holder:
            return "nobody holds the lease; take it first"
        if not (isinstance(fence, int) and fence == self.fence):
            return f"fence {fence!r} is not the present one, {self.fence}, held by {self.holder!r}"
        return ""

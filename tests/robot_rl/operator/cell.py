"""An authority and somebody who uses it, for the tests."""

from typing import Any

from robot_rl.clock import ManualClock
from robot_rl.operator import Answer, Authority, Event, State, View
from tests.robot_rl.operator.race import deliver

D, A, P, H, R, HOLD, S = State  # disarmed, armed, policy, human, reset, hold, stopped
QUARTER = 0.25


class Cell:
    """An authority, its clock and its log, and a client named anna who does as told."""

    def __init__(self, hardware: bool = False, input_s: float = QUARTER, lease_s: float = 2.0) -> None:
        self.clock, self.events = ManualClock(100.0), list[Event]()
        self.authority = Authority(self.clock, self.events.append, hardware=hardware, input_s=input_s, lease_s=lease_s)
        self.number = 0

    @property
    def view(self) -> View:
        return self.authority.view()

    def wait(self, seconds: float) -> None:
        self.clock.sleep_until(self.clock.now_s() + seconds)

    def do(self, verb: str, **changes: Any) -> Answer:
        """Ask as somebody who knows everything, but for `changes`."""
        self.number += verb in ("human", "input")
        known = {"client": "anna", "fence": self.view.fence, "seen": self.view.revision, "number": self.number}
        if verb == "disarm":
            return self.authority.disarm(self.view.fence, self.view.revision)
        return deliver(self.authority, verb, **({"heir": "ben"} | known | changes))

    def go(self, state: State) -> "Cell":
        """To a state, on the shortest way, with the lease in hand."""
        ways = {D: "", A: "arm", P: "arm policy", H: "arm human", R: "arm reset", HOLD: "arm policy hold", S: "stop"}
        for verb in ("take", *ways[state].split()):
            assert not self.do(verb).refused
        assert self.view.state is state
        return self

    def last(self) -> tuple[State, State, str, str]:
        event = self.events[-1]
        return event.before, event.after, event.by, event.why


def at(state: State, **settings: Any) -> Cell:
    return Cell(**settings).go(state)

"""Clients racing for the lease, their messages in an order that a seed decides.

Messages and replies are delayed, reordered, repeated and lost; clients fall silent; time passes in between. A ledger
with arithmetic of its own says who holds the lease, and checks every answer against that.
"""

from collections.abc import Callable
from random import Random
from typing import Any

from robot_rl.clock import ManualClock
from robot_rl.operator import MOVING, Answer, Authority, Event, State, View

LEASE_S, INPUT_S = 2.0, 0.25
VERBS = ("take", "renew", "policy", "reset", "human", "input", "release", "hand_over", "arm", "clear", "hold", "stop")
WEIGHTS = (8, 4, 4, 4, 4, 8, 4, 4, 2, 2, 2, 1)
SENSIBLE = {
    State.DISARMED: ("arm",),
    State.ARMED: ("policy", "human", "reset"),
    State.POLICY: ("renew", "human"),
    State.HUMAN: ("input", "policy"),
    State.RESET: ("renew", "hold"),
    State.HOLD: ("policy", "human"),
    State.STOPPED: ("clear",),
}


Message = tuple[str, str, int, int, int, str]
"""Verb, client, fence, seen, input number, heir."""


class Ledger:
    """What must be true of the lease."""

    def __init__(self) -> None:
        self.client, self.fence, self.heard_s = "", 0, 0.0
        self.latched = False

    def free(self, now_s: float) -> bool:
        return not self.client or now_s - self.heard_s >= LEASE_S

    def check(self, verb: str, client: str, fence: int, heir: str, answer: Answer, now_s: float) -> None:
        """An answer to a message that said it came under `fence`."""
        if verb in ("stop", "hold"):
            assert not answer.refused
            self.latched |= verb == "stop"
            return
        if answer.refused:
            return
        if verb == "take":
            assert self.free(now_s), f"{client} was given a lease that {self.client} holds"
            self._grant(client, answer.view.fence, now_s)
            return
        assert not self.free(now_s) and fence == self.fence, f"{verb} granted to fence {fence}, it is {self.fence}"
        self.heard_s = now_s
        if verb == "release":
            self.client = ""
        if verb == "hand_over":
            self._grant(heir, answer.view.fence, now_s)
        if verb in ("policy", "reset", "human", "input", "arm"):
            assert not self.latched, f"{verb} was granted although the arm is stopped"
        self.latched &= verb != "clear"

    def _grant(self, client: str, fence: int, now_s: float) -> None:
        assert fence > self.fence, "a fence came twice"
        self.client, self.fence, self.heard_s = client, fence, now_s


class Client:
    """What one client believes, and does because of it."""

    def __init__(self, name: str) -> None:
        self.name, self.fence, self.seen, self.number = name, 0, 0, 0
        self.state, self.holds = State.DISARMED, False

    def message(self, rng: Random, others: list[str]) -> Message:
        """Mostly what makes sense to it, sometimes anything."""
        verb = rng.choice(SENSIBLE[self.state] if self.holds else ("take",))
        if rng.random() < 0.3:
            verb = rng.choices(VERBS, WEIGHTS)[0]
        self.number += verb in ("human", "input") and rng.random() < 0.8
        return verb, self.name, self.fence, self.seen, self.number, rng.choice(others)

    def hear(self, view: View) -> None:
        """Replies come late and in any order: an older view teaches nothing."""
        if view.revision >= self.seen:
            self.seen, self.state, self.holds = view.revision, view.state, view.holder == self.name
            self.fence = view.fence if self.holds else self.fence


def race(seed: int, clients: int, steps: int) -> dict[str, int]:
    """One interleaving. Raises AssertionError when two hold at once, or a stale fence passes; else counts."""
    rng, clock, ledger, events = Random(seed), ManualClock(), Ledger(), list[Event]()
    authority = Authority(clock, events.append, hardware=False, lease_s=LEASE_S, input_s=INPUT_S)
    people = [Client(f"c{i}") for i in range(clients)]
    names = [person.name for person in people]
    sent: list[Message] = []
    replies: list[tuple[Client, View]] = []
    counts = {"grants": 0, "stale fences refused": 0, "commands admitted": 0, "events": 0}
    for _ in range(steps):
        move = rng.random()
        if move < 0.40:
            person = rng.choice(people)
            if rng.random() < 0.5:  # else it acts on what it has heard so far
                person.hear(authority.view())
            sent.append(person.message(rng, names))
        elif move < 0.80 and sent:
            message = sent[rng.randrange(len(sent))]
            if rng.random() < 0.9:  # else it comes once more, later
                sent.remove(message)
            answer = deliver(authority, *message)
            ledger.check(message[0], message[1], message[2], message[5], answer, clock.now_s())
            counts["grants"] += message[0] in ("take", "hand_over") and not answer.refused
            replies += [(person, answer.view) for person in people if person.name in (message[1], answer.view.holder)]
        elif move < 0.90 and replies:
            person, view = replies.pop(rng.randrange(len(replies)))
            if rng.random() < 0.95:  # else it is lost
                person.hear(view)
        else:
            clock.sleep_until(clock.now_s() + rng.choice((0.0, 0.0625, 0.125, 0.25, 0.5, 2.0)))
        admitted = _admitted(authority, ledger.fence)
        assert admitted <= {ledger.fence}, f"commands pass under {admitted}, the lease is {ledger.fence}"
        assert not admitted or not (ledger.free(clock.now_s()) or ledger.latched)
        counts["stale fences refused"] += ledger.fence
        counts["commands admitted"] += len(admitted)
    counts["events"] = len(events)
    return counts


def deliver(authority: Authority, verb: str, client: str, fence: int, seen: int, number: int, heir: str) -> Answer:
    """The message's call."""
    calls: dict[str, Callable[[], Any]] = {
        "take": lambda: authority.take(client),
        "renew": lambda: authority.renew(fence),
        "policy": lambda: authority.policy(fence, seen),
        "reset": lambda: authority.reset(fence, seen),
        "human": lambda: authority.human(fence, seen, number),
        "input": lambda: authority.input(fence, number),
        "release": lambda: authority.release(fence),
        "hand_over": lambda: authority.hand_over(fence, heir),
        "arm": lambda: authority.arm(fence, seen, "anna"),
        "clear": lambda: authority.clear(fence, seen, "anna"),
        "hold": lambda: authority.hold(client, "wants rest"),
        "stop": lambda: authority.stop(client, "wants a stop"),
    }
    answer: Answer = calls[verb]()
    return answer


def _admitted(authority: Authority, last_fence: int) -> set[int]:
    """Every fence there has ever been, and the next, under which a command would pass."""
    return {
        fence
        for fence in range(last_fence + 2)
        if not all(authority.admits(fence, mode) for mode in State if mode in MOVING)
    }

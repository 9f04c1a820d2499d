"""Clients racing for the lease, their messages in an order that a seed decides.

Messages and replies are delayed, reordered, repeated and lost; clients fall silent; time passes in between. A ledger
with arithmetic of its own says who holds the lease, and checks every answer against that. A command that was long
under way is one under an old fence or in an old mode: every one there can be is tried again and again.
"""

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

from robot_rl.clock import ManualClock
from robot_rl.operator import MOVING, Answer, Authority, Event, State, View

LEASE_S, INPUT_S = 2.0, 0.25
PAUSES_S = (0.0, 0.0625, 0.1875, 0.25, 0.5, 1.9375, 2.0)
"""Also to just before a deadline, and to the deadline."""
VERBS = ("take", "renew", "policy", "reset", "human", "input", "release", "hand_over", "arm", "clear", "hold", "stop")
WEIGHTS = (8, 4, 4, 4, 4, 8, 4, 4, 2, 2, 2, 1)
SENSIBLE = {
    State.DISARMED: ("arm",),
    State.ARMED: ("policy", "human", "reset"),
    State.POLICY: ("renew", "human", "hand_over"),
    State.HUMAN: ("input", "policy", "release"),
    State.RESET: ("renew", "hold", "hand_over"),
    State.HOLD: ("policy", "human", "reset"),
    State.STOPPED: ("clear",),
}
HAPPENS = (
    "leases",
    "run out while moving",
    "released while moving",
    "handed over while moving",
    "late messages refused",
    "late commands refused",
    "commands passed",
)
"""Counts of a race that must not stay at zero, or nothing was shown."""
ENDINGS = {"ran out": "run out", "released": "released", "handed over": "handed over"}

Message = tuple[str, str, int, int, int, str]
"""Verb, client, fence, seen, input number, heir."""


class Ledger:
    """Who holds the lease, and what may move because of that: exactly this must pass, and nothing else."""

    def __init__(self) -> None:
        self.client, self.fence, self.heard_s = "", 0, 0.0
        self.mode: State | None = None
        self.input_s = 0.0
        self.latched = False

    def free(self, now_s: float) -> bool:
        return not self.client or now_s - self.heard_s >= LEASE_S

    def passing(self, now_s: float) -> set[tuple[int, State]]:
        """Fence and mode of the commands that must pass now."""
        silent = self.mode is State.HUMAN and now_s - self.input_s >= INPUT_S
        return set() if self.mode is None or silent or self.free(now_s) else {(self.fence, self.mode)}

    def check(self, verb: str, client: str, fence: int, heir: str, answer: Answer, now_s: float) -> None:
        """An answer to a message that said it came under `fence`."""
        free, granted = self.free(now_s), not answer.refused
        present = fence == self.fence and not free
        if not self.passing(now_s):
            self.mode = None
        if verb == "take":
            assert granted is free, f"{client} was told {answer.refused!r}, {self.client} was heard at {self.heard_s}"
        elif verb in ("stop", "hold", "renew", "release", "hand_over"):
            assert granted is (present or verb in ("stop", "hold")), f"{verb} under fence {fence}: {answer}"
        else:
            assert present or not granted, f"{verb} granted to fence {fence}, it is {self.fence}"
        if granted:
            self._follow(verb, heir if verb == "hand_over" else client, answer.view.fence, now_s)

    def _follow(self, verb: str, client: str, fence: int, now_s: float) -> None:
        if verb not in ("stop", "hold"):
            self.heard_s = now_s
        if verb in ("take", "hand_over"):
            assert fence > self.fence, "a fence came twice"
            self.client, self.fence = client, fence
        if verb == "release":
            self.client = ""
        if verb in ("take", "hand_over", "release", "stop", "hold"):
            self.mode = None
        if verb in ("arm", "policy", "reset", "human"):
            assert not self.latched, f"{verb} was granted although the arm is stopped"
        if verb in ("policy", "reset", "human"):
            self.mode = State(verb)
        if verb in ("human", "input"):
            assert self.mode is State.HUMAN, "input was granted to a hand that was lost"
            self.input_s = now_s
        self.latched = verb == "stop" or (self.latched and verb != "clear")


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


def race(seed: int, clients: int, steps: int) -> Counter[str]:
    """One interleaving. Raises AssertionError when two hold at once, a stale fence passes, or a right is denied."""
    rng, clock, ledger, events = Random(seed), ManualClock(), Ledger(), list[Event]()
    authority = Authority(clock, events.append, hardware=False, lease_s=LEASE_S, input_s=INPUT_S)
    people = [Client(f"c{i}") for i in range(clients)]
    names = [person.name for person in people]
    sent: list[Message] = []
    replies: list[tuple[Client, View]] = []
    counts: Counter[str] = Counter()
    for _ in range(steps):
        move = rng.random()
        if move < 0.40:
            holders = [person for person in people if person.holds]  # as they believe, which several may
            person = rng.choice(holders if holders and rng.random() < 0.5 else people)
            if rng.random() < 0.5:  # else it acts on what it has heard so far
                person.hear(authority.view())
            sent.append(person.message(rng, names))
        elif move < 0.80 and sent:
            message = sent[rng.randrange(len(sent))]
            if rng.random() < 0.9:  # else it comes once more, later
                sent.remove(message)
            verb, client, fence, _, _, heir = message
            stale = 0 < fence < ledger.fence and verb not in ("take", "hold", "stop")
            answer = deliver(authority, *message)
            ledger.check(verb, client, fence, heir, answer, clock.now_s())
            counts["late messages refused"] += stale
            replies += [(person, answer.view) for person in people if person.name in (client, answer.view.holder)]
        elif move < 0.90 and replies:
            person, view = replies.pop(rng.randrange(len(replies)))
            if rng.random() < 0.95:  # else it is lost
                person.hear(view)
        else:
            clock.sleep_until(clock.now_s() + rng.choice(PAUSES_S))
        if rng.random() < 0.5:  # else nobody notices before the next message that time has passed
            right = ledger.passing(clock.now_s())
            passed = _passing(authority, ledger.fence)
            assert passed == right, f"commands pass under {passed}, allowed is {right}"
            counts["commands passed"] += len(right)
            counts["late commands refused"] += ledger.fence - 1 if right else 0
    return counts + Counter(_ending(event) for event in events)


def _ending(event: Event) -> str:
    """A word for what the event did to a lease."""
    moving = " while moving" if event.before in MOVING else ""
    for words, ending in ENDINGS.items():
        if words in event.why:
            return ending + moving
    return "leases" if event.why.startswith("lease ") else "other events"


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


def _passing(authority: Authority, last_fence: int) -> set[tuple[int, State]]:
    """Of the commands in every mode under every fence there has ever been, and the next: those that pass."""
    commands = {(fence, mode) for fence in range(last_fence + 2) for mode in MOVING}
    return {(fence, mode) for fence, mode in commands if not authority.admits(fence, mode)}

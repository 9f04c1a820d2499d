"""The one authority over the arm: it decides whose command may pass, and remembers why."""

import math
from collections.abc import Callable, Sequence

from robot_rl.clock import Clock
from robot_rl.errors import ConfigError
from robot_rl.operator.lease import LEASE_S, Lease
from robot_rl.operator.preflight import Finding, missing
from robot_rl.operator.states import MOVING, TABLE, Answer, Event, State, View

INPUT_S = 0.3
"""A person's hand is on the device only if it has said so within this time."""

SUPERVISOR = "supervisor"
"""By whom the arm is held while a part is in trouble; no client's name."""


class Authority:
    """A state machine on a clock. It raises nothing: what is not allowed is refused with the reason.

    Three rules. Towards rest (`hold`, `stop`) anybody may, always. Everything else needs the present lease. And
    what starts or enables motion must have been asked for in view of the present state: `seen` is the revision the
    asker looked at, so that a start pressed before a stop does nothing after it.
    """

    def __init__(
        self,
        clock: Clock,
        record: Callable[[Event], None],
        *,
        hardware: bool,
        input_s: float = INPUT_S,
        lease_s: float = LEASE_S,
        first_fence: int = 0,
    ) -> None:
        """`record` takes every event and must neither block nor raise. On `hardware` arming needs the pre-flight list.

        `first_fence` must lie above every number of an earlier process, whose messages may still be under way.
        Raises ConfigError for a time that would make a deadline meaningless.
        """
        for name, value, most in (("input_s", input_s, 1.0), ("lease_s", lease_s, 30.0)):
            if not 0.0 < value <= most:
                raise ConfigError(f"{name} = {value}: a deadline above 0 and at most {most} s is needed")
        self._clock, self._record, self._hardware = clock, record, hardware
        self._lease = Lease(lease_s, first_fence)
        self._input_s = input_s
        self._input, self._input_at_s = math.nan, math.nan
        self._faults: dict[str, str] = {}
        self._troubles: dict[str, str] = {}
        """What keeps the arm at rest for as long as it lasts, by part"""
        self._own_hold = False
        """The hold was that of the lease's holder when it began: nobody objects to going on."""
        self._state, self._revision, self._by, self._why = State.DISARMED, 0, "", "started"

    @property
    def state(self) -> State:
        """As of the last tick."""
        return self._state

    @property
    def heard_s(self) -> float:
        """When the lease's last holder was last heard of."""
        return self._lease.heard_s

    def view(self) -> View:
        """How things stand now."""
        return self._view(self.tick())

    def tick(self) -> float:
        """Let time act; the present time in s. Call it at every control period; every other method does it too."""
        now_s = self._clock.now_s()
        if self._state is State.HUMAN and not 0.0 <= now_s - self._input_at_s < self._input_s:
            self._enter(State.HOLD, self._lease.holder, f"no input for {self._input_s} s")
        if self._lease.ran_out(now_s):
            self._end_lease("the lease ran out")
        return now_s

    def admits(self, fence: int, mode: str) -> str:
        """Why a command, made as `mode` under `fence`, must not pass; empty when it may."""
        self.tick()
        if refusal := self._lease.refusal(fence):
            return refusal
        if self._state not in MOVING:
            return f"the arm is {self._state.value}: {self._why}"
        return "" if mode == self._state else f"the arm follows {self._state.value} now"

    # Towards rest: no lease needed

    def stop(self, by: str, why: str) -> Answer:
        """Latch, in every state."""
        now_s = self.tick()
        self._enter(State.STOPPED, by, why)
        return self._granted(now_s)

    def hold(self, by: str, why: str) -> Answer:
        """Brake, if anything moves. A hold belongs to whoever asked last, but what somebody else holds the lease's
        holder does not make its own."""
        now_s = self.tick()
        again = self._state is State.HOLD and self._own_hold and by != self._by
        if again or self._state in TABLE["hold"].start:
            self._enter(State.HOLD, by, why)
        return self._granted(now_s)

    def mirror(self, part: str, fault: str) -> None:
        """The fault that a part (vendor, gate, supervisor) reports now; empty when it has none.

        A new fault latches. That it is gone clears nothing: a person does.
        """
        self.tick()
        if not fault:
            self._faults.pop(part, None)
            return
        new = part not in self._faults
        self._faults[part] = fault
        if new:
            self._enter(State.STOPPED, part, fault)

    def inhibit(self, part: str, trouble: str) -> None:
        """What a part (camera, actor, clock) suffers from now; empty when it is over.

        While it lasts the arm holds and nothing starts. Going on afterwards is a person's choice.
        """
        self.tick()
        if not trouble:
            self._troubles.pop(part, None)
            return
        self._troubles[part] = trouble
        if self._state in TABLE["hold"].start or (self._state is State.HOLD and self._own_hold):
            self._enter(State.HOLD, SUPERVISOR, trouble)

    # The lease

    def take(self, client: str) -> Answer:
        """A lease, if nobody holds one."""
        now_s = self.tick()
        if client in ("", SUPERVISOR):
            return self._refused(f"take: {client!r} is no client's name; give one that others will recognise", now_s)
        if self._lease.holder:
            left = f"{self._lease.holder!r} holds the lease, for {self._lease.left_s(now_s):.1f} s more if silent"
            return self._refused(f"take: {left}; ask for it to be released or handed over", now_s)
        return self._grant(client, now_s)

    def renew(self, fence: int) -> Answer:
        """The holder is alive. Says nothing of a hand on the device: that is `input`."""
        now_s = self.tick()
        if refusal := self._lease.refusal(fence):
            return self._refused(f"renew: {refusal}", now_s)
        self._lease.renew(now_s)
        return self._granted(now_s)

    def release(self, fence: int) -> Answer:
        """Give the lease back; what moves, holds."""
        now_s = self.tick()
        if refusal := self._lease.refusal(fence):
            return self._refused(f"release: {refusal}", now_s)
        self._end_lease("the lease was released")
        return self._granted(now_s)

    def hand_over(self, fence: int, client: str) -> Answer:
        """Give the lease to another client, under a new number; what moves, holds."""
        now_s = self.tick()
        refusal = self._lease.refusal(fence) or ("" if client else "to whom? the client has no name")
        if refusal:
            return self._refused(f"hand_over: {refusal}", now_s)
        self._end_lease(f"the lease was handed over to {client!r}")
        if self._state is State.HOLD and self._own_hold:  # the heir may go on from it
            self._by = client
        return self._grant(client, now_s)

    # Starting and enabling

    def arm(self, fence: int, seen: int, person: str, findings: Sequence[Finding] = ()) -> Answer:
        """A person confirms at the robot that it may move. In simulation the pre-flight list passes itself."""
        obstacle = "" if person else "a person must confirm it, by name"
        obstacle = obstacle or "; ".join(f"fault present: {part}: {text}" for part, text in self._faults.items())
        why = "pre-flight simulated: it passes itself"
        if self._hardware:
            obstacle = obstacle or missing(findings, self._clock.now_s())
            why = "pre-flight passed"
        return self._change("arm", fence, seen, person, why, obstacle)

    def clear(self, fence: int, seen: int, person: str) -> Answer:
        """A person has found the cause of a stop. The arm is disarmed then; arming is another act."""
        return self._change("clear", fence, seen, person, "cleared", "" if person else "a person must do it, by name")

    def disarm(self, fence: int, seen: int) -> Answer:
        return self._change("disarm", fence, seen, "", "asked")

    def policy(self, fence: int, seen: int) -> Answer:
        """Start the policy, or give back to it after a correction."""
        return self._change("policy", fence, seen, "", "asked", self._held())

    def reset(self, fence: int, seen: int) -> Answer:
        """Start a scripted move."""
        return self._change("reset", fence, seen, "", "asked", self._held())

    def human(self, fence: int, seen: int, number: int) -> Answer:
        """A person takes the device in hand; `number` as in `input`."""
        answer = self._change("human", fence, seen, "", "asked", self._held() or self._no_input(number))
        if not answer.refused:
            self._touched(number)
        return answer

    def input(self, fence: int, number: int) -> Answer:
        """The hand is still there. `number` counts the device's input events so far: one that has not grown renews
        nothing, whatever timer sent it."""
        now_s = self.tick()
        refusal = self._lease.refusal(fence)
        if not refusal and self._state is not State.HUMAN:
            refusal = f"the arm is {self._state.value}: {self._why}; ask for human first"
        if refusal := refusal or self._no_input(number):
            return self._refused(f"input: {refusal}", now_s)
        self._touched(number)
        self._lease.renew(now_s)
        return self._granted(now_s)

    # Inside

    def _held(self) -> str:
        """Why the arm has to stay at rest; empty when it need not."""
        if self._troubles:
            return "; ".join(self._troubles.values())
        if self._state is State.HOLD and not self._own_hold and self._by != self._lease.holder:
            return f"{self._by} holds the arm: {self._why}; a person lets go of it: disarm, then arm"
        return ""

    def _change(self, verb: str, fence: int, seen: int, by: str, why: str, obstacle: str = "") -> Answer:
        now_s = self.tick()
        start, end = TABLE[verb]
        refusal = self._lease.refusal(fence)
        if not refusal and seen != self._revision:
            refusal = f"asked in view of revision {seen!r}, now it is {self._revision}: {self._why}; look again"
        if not refusal and self._state not in start:
            allowed = ", ".join(state.value for state in State if state in start)
            refusal = f"the arm is {self._state.value}, allowed from {allowed}"
        if refusal := refusal or obstacle:
            return self._refused(f"{verb}: {refusal}", now_s)
        self._lease.renew(now_s)
        self._enter(end, by or self._lease.holder, why)
        return self._granted(now_s)

    def _enter(self, state: State, by: str, why: str) -> None:
        before, self._state, self._by, self._why = self._state, state, by, why
        self._own_hold = by == self._lease.holder
        self._tell(before, by, why)

    def _tell(self, before: State, by: str, why: str) -> None:
        self._revision += 1
        self._record(Event(self._clock.now_s(), self._revision, before, self._state, by, why))

    def _grant(self, client: str, now_s: float) -> Answer:
        self._lease.grant(client, now_s)
        self._input = 0
        self._tell(self._state, client, f"lease {self._lease.fence} granted")
        return self._granted(now_s)

    def _end_lease(self, why: str) -> None:
        holder = self._lease.holder
        if self._state in MOVING:
            self._enter(State.HOLD, holder, why)
        else:
            self._tell(self._state, holder, why)
        self._lease.end()

    def _no_input(self, number: int) -> str:
        if isinstance(number, int) and number > self._input:
            return ""
        return f"input number {number!r} is not above the last, {self._input}: no new input"

    def _touched(self, number: int) -> None:
        self._input, self._input_at_s = number, self._clock.now_s()

    def _granted(self, now_s: float) -> Answer:
        return Answer("", self._view(now_s))

    def _refused(self, reason: str, now_s: float) -> Answer:
        return Answer(reason, self._view(now_s))

    def _view(self, now_s: float) -> View:
        lease, faults = self._lease, tuple(f"{part}: {text}" for part, text in self._faults.items())
        return View(
            self._state, self._revision, lease.holder, lease.fence, lease.left_s(now_s), faults, self._by, self._why
        )

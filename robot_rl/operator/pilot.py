"""A client of the authority that moves the arm: it keeps the lease and says as what its commands are made."""

import logging
from itertools import count
from typing import Protocol

from robot_rl.clock import Clock
from robot_rl.errors import HeldError
from robot_rl.operator.states import Answer, State, View

LOOK_AGAIN_S = 0.1
"""Between two looks at an arm that may not move."""
PERSON = "simulation"
"""Who arms and clears a simulated arm: nobody stands beside it."""
log = logging.getLogger(__name__)


class Port(Protocol):
    """The authority, here or in another process (see `Authority`)."""

    def view(self) -> View: ...
    def take(self, client: str) -> Answer: ...
    def renew(self, fence: int) -> Answer: ...
    def release(self, fence: int) -> Answer: ...
    def hold(self, by: str, why: str) -> Answer: ...
    def arm(self, fence: int, seen: int, person: str) -> Answer: ...
    def clear(self, fence: int, seen: int, person: str) -> Answer: ...
    def disarm(self, fence: int, seen: int) -> Answer: ...
    def policy(self, fence: int, seen: int) -> Answer: ...
    def reset(self, fence: int, seen: int) -> Answer: ...
    def human(self, fence: int, seen: int, number: int) -> Answer: ...
    def input(self, fence: int, number: int) -> Answer: ...


class Pilot:
    """Begins, changes hands and ends, for one actor.

    A hold that it did not ask for itself it does not end: a person does, by disarming and arming. In simulation it
    stands for that person too, and says so.
    """

    def __init__(self, port: Port, clock: Clock, name: str, *, simulated: bool) -> None:
        self._port, self._clock, self._name, self._simulated = port, clock, name, simulated
        self._inputs = count(1)
        self.fence = -1
        self.mode = State.DISARMED

    def begin(self) -> None:
        """Return when a scripted move may start, and start it. On hardware it waits for a person to arm and clear."""
        if self._mine(self._port.view()):  # another client's arm goes on
            self.pause("a reset follows")
        told = ""
        while refusal := self._prepare() or self._entry(State.RESET):
            if refusal != told:
                log.warning("waiting for the arm: %s", refusal)
                told = refusal
            self._clock.sleep_until(self._clock.now_s() + LOOK_AGAIN_S)

    def enter(self, mode: State) -> None:
        """Make the next commands as `mode`: POLICY, HUMAN or RESET.

        Raises HeldError when the arm may not move so: somebody has stopped it, held it, or taken the lease.
        """
        if refusal := self._entry(mode):
            raise HeldError(refusal)

    def _entry(self, mode: State) -> str:
        """Why the arm may not move so; empty when it does from here on."""
        view = self._port.view()
        if view.state is State.RESET is not mode:
            view = self.pause("the reset is over")
        if view.state is mode:
            renew = mode is not State.HUMAN
            answer = self._port.renew(self.fence) if renew else self._port.input(self.fence, next(self._inputs))
        elif view.state is State.HOLD and view.by != self._name:
            return f"{view.by} holds the arm: {view.why}"
        elif mode is State.HUMAN:
            answer = self._port.human(self.fence, view.revision, next(self._inputs))
        else:
            answer = (self._port.policy if mode is State.POLICY else self._port.reset)(self.fence, view.revision)
        if not answer.refused:
            self.mode = mode
        return answer.refused

    def pause(self, why: str) -> View:
        """Hold for now, to go on by itself."""
        view = self._port.view()
        return view if view.state is State.HOLD else self._port.hold(self._name, why).view

    def give_up(self, why: str) -> None:
        """Hold until the operator has looked: what came of the last command is not known."""
        self._port.hold(f"{self._name}'s senses", why)

    def close(self) -> None:
        """Give the lease back; what moves, holds."""
        self._port.release(self.fence)

    def _mine(self, view: View) -> bool:
        return view.holder == self._name and view.fence == self.fence

    def _prepare(self) -> str:
        """What keeps a move from starting; empty when nothing does."""
        view = self._port.view()
        mine = self._mine(view)
        held = view.state is State.HOLD and view.by != self._name
        if not self._simulated and (held or view.state in (State.DISARMED, State.STOPPED)):
            if mine:  # whoever arms needs the lease
                self._port.release(self.fence)
            if held:
                return f"{view.by} holds it: {view.why}; a person must disarm and arm it"
            return f"it is {view.state.value}: {view.why}; a person must clear and arm it"
        if not mine:
            answer = self._port.take(self._name)
            if answer.refused:
                return answer.refused
            view = answer.view
            self.fence = view.fence
        if self._simulated:
            view = self._stand_in(view)
        if view.state in (State.DISARMED, State.STOPPED):  # a fault is still present
            return f"it is {view.state.value}: {'; '.join(view.faults)}"
        return ""

    def _stand_in(self, view: View) -> View:
        """What a person at the cell would do, where there is neither person nor cell."""
        if view.state is State.STOPPED:
            log.info("simulated: the stop (%s) is cleared by itself", view.why)
            view = self._port.clear(self.fence, view.revision, PERSON).view
        if view.state is State.DISARMED:
            log.info("simulated: the pre-flight list passes itself, the arm arms itself")
            view = self._port.arm(self.fence, view.revision, PERSON).view
        if view.state is State.HOLD and view.by != self._name:
            log.info("simulated: the hold (%s) ends by itself, the arm is armed anew", view.why)
            view = self._port.disarm(self.fence, view.revision).view
            view = self._port.arm(self.fence, view.revision, PERSON).view
        return view

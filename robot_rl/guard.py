"""What stands beside the gate, in the process that owns the arm: the authority says who may move it, the supervisor
whether every part is well. Neither can make the arm move; both can make it stop."""

import logging
from collections import deque

from controllers.arm_loop import ArmLoop
from robot_rl.clock import Clock
from robot_rl.operator import MOVING, Authority, Event, State
from robot_rl.supervisor import Alarm, Do, Supervisor

ACTOR_S = 0.1
"""Usual time between two signs of life of an actor."""
KEPT = 1000
"""Events and alarms that are remembered for display; the log file has them all."""
log = logging.getLogger(__name__)


class Guard:
    """Joins one arm loop, its authority and its supervisor. Call `tick` once per control period, before the loop's.

    The gate asks the authority about every command from here on.
    """

    def __init__(self, loop: ArmLoop, clock: Clock, control_hz: float, *, hardware: bool, first_fence: int = 0) -> None:
        self.events: deque[Event] = deque(maxlen=KEPT)
        self.alarms: deque[Alarm] = deque(maxlen=KEPT)
        self.authority = Authority(clock, self._record, hardware=hardware, first_fence=first_fence)
        self.supervisor = Supervisor(clock, 1.0 / control_hz)
        self.supervisor.watch("arm", "arm", 1.0 / control_hz)
        self.supervisor.watch("actor", "actor", ACTOR_S)
        self.stops = 0
        """How often the arm was stopped."""
        self._loop, self._clock, self._chattering = loop, clock, False
        self._heard_s = self.authority.heard_s
        loop.gate.permit = self._admits

    def tick(self) -> None:
        """Let faults, silence and time act; a loop that nobody may move holds."""
        authority, supervisor = self.authority, self.supervisor
        authority.mirror("arm loop", self._loop.fault)
        supervisor.beat("arm")
        if authority.heard_s != self._heard_s or authority.state not in MOVING:  # at rest nothing is asked of an actor
            self._heard_s = authority.heard_s
            supervisor.beat("actor")
        for alarm in supervisor.judge():
            self._act_on(alarm)
        self._watch_chatter()
        if authority.state not in MOVING:
            self._loop.stop()

    def _admits(self, fence: int, mode: str) -> str:
        refusal = self.authority.admits(fence, mode)
        if not refusal:
            self.supervisor.beat("actor")
        return refusal

    def _watch_chatter(self) -> None:
        acting = self._loop.chatter.acting
        if acting is self._chattering:
            return
        self._chattering = acting
        cause = f"{'' if acting else 'over: '}actor: its commands chatter, to and fro with large steps"
        action = "going on, within all limits: look at the policy" if acting else "it may go on"
        self._act_on(Alarm(self._clock.now_s(), "actor", acting, Do.GO_ON, cause, action))

    def _act_on(self, alarm: Alarm) -> None:
        self.alarms.append(alarm)
        log.warning("%s; %s", alarm.cause, alarm.action)
        if alarm.do is Do.STOP:  # as a fault: while it lasts nobody can arm
            self.authority.mirror(alarm.part, alarm.cause if alarm.raised else "")
        elif alarm.do is Do.HOLD:
            self.authority.inhibit(alarm.part, alarm.cause if alarm.raised else "")

    def _record(self, event: Event) -> None:
        self.events.append(event)
        stopped = event.after is State.STOPPED is not event.before
        self.stops += stopped
        level = logging.WARNING if stopped else logging.DEBUG
        log.log(level, "%.3f s: %s -> %s, by %s: %s", event.stamp_s, event.before, event.after, event.by, event.why)

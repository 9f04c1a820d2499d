"""What clients ask of the authority and the supervisor, by the verb of the request."""

from collections.abc import Callable, Mapping

from robot_rl.cell import cell_pb2 as pb
from robot_rl.cell import codec
from robot_rl.cell.codec import tidy
from robot_rl.errors import ConfigError
from robot_rl.operator import Answer, Authority
from robot_rl.supervisor import Supervisor

OWN_PARTS = ("arm", "actor", "clock")
"""Parts that the arm's process looks after itself."""
MAX_PARTS = 16

Verb = Callable[[Authority, pb.Request], Answer]
VERBS: Mapping[str, Verb] = {
    "view": lambda a, r: Answer("", a.view()),
    "stop": lambda a, r: a.stop(tidy(r.stop.by), tidy(r.stop.why)),
    "hold": lambda a, r: a.hold(tidy(r.hold.by), tidy(r.hold.why)),
    "take": lambda a, r: a.take(tidy(r.take.client)),
    "renew": lambda a, r: a.renew(r.renew.fence),
    "release": lambda a, r: a.release(r.release.fence),
    "hand_over": lambda a, r: a.hand_over(r.hand_over.fence, tidy(r.hand_over.client)),
    "arm": lambda a, r: a.arm(r.arm.fence, r.arm.seen, tidy(r.arm.person), codec.decode_findings(r.arm.findings)),
    "clear": lambda a, r: a.clear(r.clear.fence, r.clear.seen, tidy(r.clear.person)),
    "disarm": lambda a, r: a.disarm(r.disarm.fence, r.disarm.seen),
    "policy": lambda a, r: a.policy(r.policy.fence, r.policy.seen),
    "reset": lambda a, r: a.reset(r.reset.fence, r.reset.seen),
    "human": lambda a, r: a.human(r.human.fence, r.human.seen, r.human.number),
    "input": lambda a, r: a.input(r.input.fence, r.input.number),
}
"""Requests that are the authority's."""


class Parts:
    """The parts of the stack that clients look after: they have them watched, and say how they are."""

    def __init__(self) -> None:
        self._names: set[str] = set()

    def ask(self, supervisor: Supervisor, verb: str, m: pb.Part) -> str:
        """Carry out `beat`, `trouble` or `watch`; why not, if so."""
        part = tidy(m.part)
        if part in OWN_PARTS:
            return f"{verb}: {part!r} is looked after by the arm's process itself; name another part"
        if verb == "beat":
            supervisor.beat(part, m.sequence if m.HasField("sequence") else None)
        elif verb == "trouble":
            supervisor.trouble(part, tidy(m.text))
        elif part not in self._names and len(self._names) >= MAX_PARTS:
            return f"watch: {MAX_PARTS} parts are watched, no more than that; leave {part!r} out"
        else:
            try:
                supervisor.watch(part, tidy(m.kind), m.period_s)
            except ConfigError as error:
                return f"watch: {error}"
            self._names.add(part)
        return ""

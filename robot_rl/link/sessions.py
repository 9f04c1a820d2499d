"""Which courier speaks for which actor."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import grpc

from robot_rl.clock import Clock
from robot_rl.link.protocol import CALL_S

SILENCE_S = 3.0
"""An actor that has not called for so long is gone: its name is free. Couriers call at least every 2 s."""


class Refusal(Exception):
    """Ends a call with a status code and a text."""

    def __init__(self, code: grpc.StatusCode, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class Weights:
    """One version of the policy, as the learner made it."""

    version: int = -1
    blob: bytes = b""
    sha256: bytes = b""


@dataclass(slots=True)
class Session:
    """An actor at this learner. It outlives its couriers: a late message of a former one waits for the same turn."""

    courier: str
    seen_s: float
    weights: Weights = field(default_factory=Weights)
    """What this actor is fetching, so that newer weights cannot mix with those half sent"""
    turn: threading.Lock = field(default_factory=threading.Lock)


class Sessions:
    """At most one live courier for each actor; the newest takes over from a silent one, and from itself."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}

    def admit(self, actor: str, courier: str) -> None:
        """Raises Refusal while another courier is live."""
        with self._lock:
            now_s = self._clock.now_s()
            session = self._sessions.setdefault(actor, Session(courier, now_s))
            live = session.turn.locked() or now_s - session.seen_s < SILENCE_S
            if session.courier != courier and live:
                raise Refusal(
                    grpc.StatusCode.ALREADY_EXISTS,
                    f"an actor named {actor!r} is connected already; give this one another link.actor, or wait "
                    f"{SILENCE_S:g} s if it is the same one started again",
                )
            session.courier, session.seen_s = courier, now_s

    @contextmanager
    def turn(self, actor: str, courier: str) -> Iterator[Session]:
        """One call of an actor at a time. Raises Refusal when it has to say hello first, or an earlier call hangs."""
        with self._lock:
            session = self._sessions.get(actor)
        if not session:
            raise Refusal(grpc.StatusCode.ABORTED, f"actor {actor!r} has not said hello to this learner")
        if not session.turn.acquire(timeout=CALL_S):
            raise Refusal(grpc.StatusCode.UNAVAILABLE, f"the learner is still busy with frames of actor {actor!r}")
        try:
            if session.courier != courier:
                raise Refusal(grpc.StatusCode.ABORTED, f"another courier speaks for actor {actor!r} now")
            session.seen_s = self._clock.now_s()
            yield session
            session.seen_s = self._clock.now_s()
        finally:
            session.turn.release()

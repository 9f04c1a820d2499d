"""The states of the authority, what leads from one to the next, and what it tells others."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class State(StrEnum):
    """What the arm may do."""

    DISARMED = "disarmed"
    """Nothing. Every process starts here."""
    ARMED = "armed"
    """Nothing yet: a person has confirmed that it may be started."""
    POLICY = "policy"
    """Follow the policy."""
    HUMAN = "human"
    """Follow a person, as long as fresh input comes."""
    RESET = "reset"
    """Follow a scripted move."""
    HOLD = "hold"
    """Brake and keep the pose; whoever holds the lease may go on."""
    STOPPED = "stopped"
    """Brake and keep the pose; latched until a person clears it and arms anew."""


MOVING = frozenset({State.POLICY, State.HUMAN, State.RESET})


class Change(NamedTuple):
    """From any of these states to that one."""

    start: frozenset[State]
    end: State


TABLE: Mapping[str, Change] = {
    "arm": Change(frozenset({State.DISARMED}), State.ARMED),
    "policy": Change(frozenset({State.ARMED, State.HUMAN, State.HOLD}), State.POLICY),
    "human": Change(frozenset({State.ARMED, State.POLICY, State.RESET, State.HOLD}), State.HUMAN),
    "reset": Change(frozenset({State.ARMED, State.HOLD}), State.RESET),
    "hold": Change(MOVING | {State.ARMED}, State.HOLD),
    "disarm": Change(frozenset(State) - {State.DISARMED, State.STOPPED}, State.DISARMED),
    "stop": Change(frozenset(State), State.STOPPED),
    "clear": Change(frozenset({State.STOPPED}), State.DISARMED),
}
"""Every change of state there is. `hold` and `stop` need no lease: towards rest, anybody may."""


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the log: a change of state, or of the lease when `before` equals `after`."""

    stamp_s: float
    revision: int
    """Counts events, from 1."""
    before: State
    after: State
    by: str
    why: str


@dataclass(frozen=True, slots=True)
class View:
    """What everybody may see."""

    state: State
    revision: int
    """Number of the last event. Whoever starts something says which one was seen last."""
    holder: str
    """Who holds the lease; empty when it is free."""
    fence: int
    """Number of the last lease granted. It guards against late messages, not against malice."""
    lease_left_s: float
    faults: tuple[str, ...]
    """Faults that are present now."""
    by: str
    """Who or what brought the state about."""
    why: str
    """Why the state is what it is."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The reply to a request."""

    refused: str
    """What was wrong, what is allowed; empty when granted."""
    view: View
    """How things stand after the request."""

"""Records that travel between rooms. Arrays in them are read-only by agreement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from controllers.records import ArmState

Array = NDArray[np.float64]
Float32 = NDArray[np.float32]
Image = NDArray[np.uint8]
"""(H, W, 3) RGB"""


class Source(IntEnum):
    """Who chose an action."""

    POLICY = 0
    HUMAN = 1
    SCRIPT = 2


@dataclass(frozen=True, slots=True)
class Transition:
    """An action, and what came of it."""

    requested: Float32
    """(a,) asked for, in [-1, 1]; with a gripper the last entry is -1 close, 0 stay, 1 open. This is what is learnt
    from: were it what the gate left of it, no critic would ever hear what comes of asking for the rest."""
    executed: Float32
    """(a,) what the gate let through, same scale"""
    source: Source
    reward: float
    terminated: bool
    """The task ended here; no value beyond."""
    truncated: bool
    """The time limit ended the episode; the value beyond is bootstrapped."""
    success: bool
    duration_s: float
    """On the robot's clock"""
    gripper_changed: bool = False
    """The action changed the gripper's command (costs `gripper_penalty` in the gripper critic)."""
    reasons: tuple[str, ...] = ()
    """Names of the gate's limits that acted"""
    policy_version: int = 0
    """Of the policy in force, whoever chose"""
    success_probability: float | None = None
    """The reward classifier's, where there is one"""


@dataclass(frozen=True, slots=True)
class Frame:
    """One observation, with the transition that led to it: the unit that is logged, sent and replayed.

    An episode of T steps is T + 1 frames. `(actor, sequence)` names a frame for ever.
    """

    actor: str
    """Who recorded it: letters, digits, `-`, `_`, `.`"""
    sequence: int
    """Counts this actor's frames from 0, without gaps, across episodes and restarts"""
    episode: int
    """Counts this actor's episodes from 0"""
    step: int
    """0 for the first observation of an episode, which no action led to"""
    seed: int
    """Of the episode's reset"""
    stamp_s: float
    """Monotonic clock of the actor: for differences within one run, never a date"""
    state: Float32
    """(n,) SI units, fields as named by the environment's state spec"""
    transition: Transition | None = None
    """None exactly where `step` is 0"""
    images: Mapping[str, Image] = field(default_factory=dict)
    """By camera name"""
    arm: ArmState | None = None
    """The reading the state was made from; None where there is no arm"""
    demo_set: int = 0
    """Demonstrations: how many episodes the set has that this frame belongs to. 0: practice."""

    @property
    def ends(self) -> bool:
        """The episode's last frame."""
        return self.transition is not None and (self.transition.terminated or self.transition.truncated)


class Mark(StrEnum):
    """What a person says of a recorded episode."""

    KEEP = "keep"
    DISCARD = "discard"
    SUCCESS = "success"
    FAILURE = "failure"
    UNDO = "undo"
    """Takes back this episode's last mark that is still in force."""


@dataclass(frozen=True, slots=True)
class Label:
    """A mark on one episode. Later labels win; the recorded frames never change."""

    actor: str
    episode: int
    mark: Mark
    note: str = ""


@dataclass(frozen=True)
class Episode:
    """One attempt. T steps, T + 1 frames."""

    frames: Sequence[Frame]

    def __len__(self) -> int:
        return len(self.frames) - 1

    @property
    def seed(self) -> int:
        return self.frames[0].seed

    @cached_property
    def transitions(self) -> tuple[Transition, ...]:
        """T of them"""
        return tuple(f.transition for f in self.frames if f.transition)

    @cached_property
    def observations(self) -> Float32:
        """(T + 1, n)"""
        return np.stack([f.state for f in self.frames])

    @cached_property
    def actions(self) -> Float32:
        """(T, a) executed"""
        return np.stack([t.executed for t in self.transitions])

    @cached_property
    def requested(self) -> Float32:
        """(T, a) asked for"""
        return np.stack([t.requested for t in self.transitions])

    @cached_property
    def rewards(self) -> Float32:
        """(T,)"""
        return np.array([t.reward for t in self.transitions], np.float32)

    @cached_property
    def sources(self) -> NDArray[np.int8]:
        """(T,) values of `Source`"""
        return np.array([t.source for t in self.transitions], np.int8)

    @property
    def human_share(self) -> float:
        """Share of the steps in which a human acted"""
        return float(np.mean(self.sources == Source.HUMAN))

    @property
    def terminated(self) -> bool:
        return self.transitions[-1].terminated

    @property
    def truncated(self) -> bool:
        return self.transitions[-1].truncated

    @property
    def complete(self) -> bool:
        """It reached its end; otherwise a crash or a stop cut it short."""
        return self.frames[-1].ends

    @property
    def success(self) -> bool:
        return self.transitions[-1].success

    @property
    def duration_s(self) -> float:
        """On the robot's clock"""
        return sum(t.duration_s for t in self.transitions)

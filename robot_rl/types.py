"""Records that travel between rooms. Arrays in them are read-only."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Float32 = NDArray[np.float32]


class Source(IntEnum):
    """Who chose an action."""

    POLICY = 0
    HUMAN = 1
    SCRIPT = 2


@dataclass(frozen=True, slots=True)
class Step:
    """One transition as the learner sees it: what was executed, and what came of it."""

    observation: Float32
    """(n,) state in SI units, fields as named by the environment's state spec."""
    action: Float32
    """(a,) executed action in [-1, 1]; with a gripper the last entry is -1 close, 0 stay, 1 open."""
    reward: float
    terminated: bool
    """The task ended here; no value beyond."""
    truncated: bool
    """The time limit ended the episode; the value beyond is bootstrapped."""
    next_observation: Float32
    source: Source
    gripper_changed: bool = False
    """The action changed the gripper's command (costs `gripper_penalty` in the gripper critic)."""


@dataclass(frozen=True, slots=True)
class Episode:
    """One attempt, column by column; T steps."""

    seed: int
    observations: Float32
    """(T + 1, n)"""
    actions: Float32
    """(T, a) executed"""
    requested: Float32
    """(T, a) asked for, before the gate"""
    rewards: Float32
    """(T,)"""
    sources: NDArray[np.int8]
    """(T,) values of `Source`"""
    gripper_changed: NDArray[np.bool_]
    """(T,)"""
    terminated: bool
    truncated: bool
    success: bool
    duration_s: float
    """On the robot's clock."""

    def __len__(self) -> int:
        return len(self.rewards)

    def steps(self) -> "list[Step]":
        """The episode as transitions, in order."""
        last = len(self) - 1
        return [
            Step(
                self.observations[t],
                self.actions[t],
                float(self.rewards[t]),
                self.terminated and t == last,
                self.truncated and t == last,
                self.observations[t + 1],
                Source(int(self.sources[t])),
                bool(self.gripper_changed[t]),
            )
            for t in range(len(self))
        ]

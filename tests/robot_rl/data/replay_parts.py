"""Frames that can be told from every other, and buffers of them."""

from itertools import pairwise
from typing import Any

import numpy as np

from robot_rl.data.replay import ReplayBuffer
from robot_rl.types import Frame, Source, Transition

STATE, ACTION = 3, 2
CAMERA = {"wrist": (4, 5, 3), "front": (2, 2, 3)}


class Recorder:
    """Records the frames of one actor."""

    def __init__(self, actor: str = "actor", images: dict[str, tuple[int, int, int]] | None = None) -> None:
        self.actor, self.images = actor, images or {}
        self.sequence, self.episode, self.step = 0, 0, 0

    def frame(self, reward: float | None = None, ends: str = "", source: Source = Source.POLICY) -> Frame:
        """The next one. The first of an episode comes before any action."""
        rng = np.random.default_rng([self.sequence, *self.actor.encode()])
        action = rng.uniform(-1, 1, ACTION).astype(np.float32)
        transition = Transition(
            requested=-action,
            executed=action,
            source=source,
            reward=float(self.sequence) if reward is None else reward,
            terminated=ends == "terminated",
            truncated=ends == "truncated",
            success=False,
            duration_s=0.1,
            gripper_changed=self.sequence % 2 == 0,
        )
        state = np.array([self.sequence, self.episode, sum(self.actor.encode())], np.float32)
        images = {name: rng.integers(0, 256, shape, np.uint8) for name, shape in self.images.items()}
        led = transition if self.step else None
        made = Frame(self.actor, self.sequence, self.episode, self.step, 0, 0.0, state, led, images)
        self.sequence += 1
        self.step += 1
        if made.ends:
            self.episode, self.step = self.episode + 1, 0
        return made

    def attempt(self, steps: int, reward: float | None = None, ends: str = "terminated") -> list[Frame]:
        """A whole episode, its reward at the end."""
        frames = [self.frame(reward=None if reward is None else 0.0) for _ in range(steps)]
        return [*frames, self.frame(reward, ends)]


def insert(buffer: ReplayBuffer, frames: list[Frame]) -> None:
    for before, after in pairwise(frames):
        buffer.add(before, after)


def filled(transitions: int, capacity: int = 1000, seed: int = 0, **options: Any) -> ReplayBuffer:
    """One unfinished episode; the reward of transition i is i + 1."""
    buffer, recorder = ReplayBuffer(capacity, STATE, ACTION, seed, **options), Recorder(images=options.get("images"))
    insert(buffer, [recorder.frame() for _ in range(transitions + 1)])
    return buffer


def column(buffer: ReplayBuffer, name: str) -> np.ndarray:
    """Of all transitions, in the order that `draw` counts in."""
    blocks = [getattr(block, name)[0] for block in buffer.transitions()]
    return np.concatenate(blocks) if blocks else np.empty(0)

"""A tiny environment and what practises on it, for tests of the loops around it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from robot_rl.actor import Choice, Counter, run_episode
from robot_rl.compose import load_config
from robot_rl.config import Config
from robot_rl.learner import Learner
from robot_rl.practice import Demos, enlist
from robot_rl.specs import Field, Layout, StateSpec
from robot_rl.training import Training
from robot_rl.types import Episode, Frame, Source

SMALL = [
    "task=reach",
    "learner.hidden=[16]",
    "learner.critics=2",
    "learner.batch_size=8",
    "learner.start_steps=5",
    "learner.bc_steps=0",
    "learner.head_start=4",
    "human=none",
]


class Line:
    """Walk along a line to 1; ends there, or is cut off after 12 steps. Remembers its seeds."""

    layout = Layout(StateSpec((Field("x", 1, "m", 1.0),)), ("dx",), False)
    action_space = gymnasium.spaces.Box(-1, 1, (1,))

    def __init__(self) -> None:
        self.seeds: list[int] = []

    def reset(self, *, seed: int | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
        assert seed is not None
        self.seeds.append(seed)
        self.x, self.steps = 0.0, 0
        return {"state": np.zeros(1, np.float32)}, {}

    def step(self, action: np.ndarray) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        self.x += 0.2 * float(action[0])
        self.steps += 1
        won = self.x >= 1
        info = {
            "requested": action,
            "executed": action,
            "gripper_changed": False,
            "success": won,
            "duration_s": 0.1,
            "reasons": (),
        }
        return {"state": np.array([self.x], np.float32)}, float(won), won, not won and self.steps >= 12, info

    def turn_of(self, source: Source) -> None: ...

    def measured(self) -> tuple[float, None]:
        return 0.1 * self.steps, None

    def render(self) -> None: ...

    def close(self) -> None: ...


def small(*settings: str) -> Config:
    return load_config([*SMALL, *settings])


def new_learner(config: Config) -> Learner:
    return Learner(config.learner, Line.layout, "line", config.seed)


def new_training(config: Config, folder: Path) -> Training:
    return Training(new_learner(config), True, folder, lambda: None)


def walk(rng: np.random.Generator, source: Callable[[], Source], counter: Counter | None = None) -> Episode:
    def choose(_: np.ndarray) -> Choice:
        return Choice(rng.uniform(-0.5, 1, 1).astype(np.float32), source())

    return run_episode(Line(), 0, choose, counter=counter)


def stream(episodes: int, demos: int, seed: int = 0) -> list[Frame]:
    """The frames of an actor: demos, then practice with corrections."""
    rng = np.random.default_rng(seed)
    shown = Demos(tuple(walk(rng, lambda: Source.SCRIPT) for _ in range(demos)))
    counter = Counter("actor")
    frames = list(enlist(shown.episodes, counter))
    for _ in range(episodes):
        frames += walk(rng, lambda: Source.HUMAN if rng.random() < 0.3 else Source.POLICY, counter).frames
    return frames

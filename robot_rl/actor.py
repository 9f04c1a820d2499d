"""The acting loop: observe, choose, act, record. It knows nothing of who chooses or who learns."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import gymnasium
import numpy as np

from robot_rl.specs import StateSpec
from robot_rl.types import Episode, Float32, Source, Step


class PracticeEnv(Protocol):
    """What practice needs of an environment beyond Gymnasium's interface."""

    state_spec: StateSpec
    action_names: tuple[str, ...]
    has_gripper: bool
    has_success: bool
    """Episodes either succeed or not; otherwise only their return counts."""
    action_space: gymnasium.Space[Any]

    def reset(self, *, seed: int | None = None) -> tuple[dict[str, Any], dict[str, Any]]: ...
    def step(self, action: Float32) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]: ...
    def render(self) -> Any: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Choice:
    """An action and who chose it."""

    action: Float32
    source: Source


Choose = Callable[[Float32], Choice]
"""From the state (n,) to a choice."""


def run_episode(
    env: PracticeEnv, seed: int, choose: Choose, on_step: Callable[[Step], None] = lambda _: None
) -> Episode:
    """One episode from `reset(seed)` to its end; `on_step` sees every transition as it happens."""
    observation, _ = env.reset(seed=seed)
    states, steps, requested, duration_s, done, success = [observation["state"]], [], [], 0.0, False, False
    while not done:
        choice = choose(states[-1])
        observation, reward, terminated, truncated, info = env.step(choice.action)
        step = Step(
            states[-1],
            info["executed"],
            float(reward),
            terminated,
            truncated,
            observation["state"],
            choice.source,
            info["gripper_changed"],
        )
        states.append(step.next_observation)
        steps.append(step)
        requested.append(choice.action)
        duration_s += info["duration_s"]
        done, success = terminated or truncated, bool(info["success"])
        on_step(step)
    return Episode(
        seed,
        np.stack(states),
        np.stack([s.action for s in steps]),
        np.stack(requested),
        np.array([s.reward for s in steps], np.float32),
        np.array([s.source for s in steps], np.int8),
        np.array([s.gripper_changed for s in steps]),
        steps[-1].terminated,
        steps[-1].truncated,
        success,
        duration_s,
    )

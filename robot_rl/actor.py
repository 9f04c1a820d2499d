"""The acting loop: observe, choose, act, record. It knows nothing of who chooses or who learns."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import gymnasium

from controllers.records import ArmState
from robot_rl.errors import FaultError, HeldError, StaleError
from robot_rl.specs import Layout
from robot_rl.types import Episode, Float32, Frame, Source, Transition


class PracticeEnv(Protocol):
    """What practice needs of an environment beyond Gymnasium's interface."""

    layout: Layout
    action_space: gymnasium.Space[Any]

    def reset(self, *, seed: int | None = None) -> tuple[dict[str, Any], dict[str, Any]]: ...
    def step(self, action: Float32) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]: ...
    def turn_of(self, source: Source) -> None:
        """Who chooses the actions that follow."""
        ...

    def measured(self) -> tuple[float, ArmState | None]:
        """When the last observation was made, and the arm's reading behind it."""
        ...

    def render(self) -> Any: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Choice:
    """An action, who chose it, and the version of the policy in force."""

    action: Float32
    source: Source
    policy_version: int = 0


TRIES = 3
log = logging.getLogger(__name__)
Choose = Callable[[Float32], Choice]
"""From the state (n,) to a choice."""


@dataclass
class Counter:
    """Names an actor's frames, one after the other."""

    actor: str = "actor"
    sequence: int = 0
    """Of the next frame"""
    episode: int = 0
    """Of the next episode"""
    _under_way: bool = False

    def begin(self) -> None:
        """A new episode: one that has not ended stays without an end."""
        self.episode += self._under_way
        self._under_way = False

    def stamp(self, frame: Frame, demo_set: int = 0) -> Frame:
        """The frame under its own name; its end is the end of its episode."""
        named = replace(frame, actor=self.actor, sequence=self.sequence, episode=self.episode, demo_set=demo_set)
        self.sequence += 1
        self.episode += frame.ends
        self._under_way = not frame.ends
        return named


def run_episode(
    env: PracticeEnv,
    seed: int,
    choose: Choose,
    on_frame: Callable[[Frame], None] = lambda _: None,
    counter: Counter | None = None,
) -> Episode:
    """One episode from `reset(seed)` to its end; `on_frame` sees every frame as it happens.

    When the arm is held, faulty or blind in between, what there is stays an episode without an end, and another is
    begun; after `TRIES` in a row the error is raised: then a person is needed.
    """
    counter = counter or Counter()
    for tries_left in reversed(range(TRIES)):
        try:
            return _attempt(env, seed, choose, on_frame, counter)
        except (HeldError, FaultError, StaleError) as error:
            if not tries_left:
                raise
            log.warning("the episode ends early, another begins: %s", error)
    raise AssertionError("unreachable")


def _attempt(
    env: PracticeEnv, seed: int, choose: Choose, on_frame: Callable[[Frame], None], counter: Counter
) -> Episode:
    frames: list[Frame] = []

    def keep(observation: dict[str, Any], transition: Transition | None) -> None:
        images = {name: image for name, image in observation.items() if name != "state"}
        stamp_s, arm = env.measured()
        frame = Frame("", 0, 0, len(frames), seed, stamp_s, observation["state"], transition, images, arm)
        frames.append(counter.stamp(frame))
        on_frame(frames[-1])

    observation, _ = env.reset(seed=seed)
    counter.begin()
    keep(observation, None)
    while not frames[-1].ends:
        choice = choose(frames[-1].state)
        env.turn_of(choice.source)
        observation, reward, terminated, truncated, info = env.step(choice.action)
        transition = Transition(
            info["requested"],
            info["executed"],
            choice.source,
            float(reward),
            terminated,
            truncated,
            bool(info["success"]),
            info["duration_s"],
            info["gripper_changed"],
            tuple(info["reasons"]),
            choice.policy_version,
        )
        keep(observation, transition)
    return Episode(frames)

"""The learner: takes transitions in, keeps the configured updates per step, gives the policy out."""

from collections.abc import Callable

import numpy as np
import torch

from robot_rl.actor import PracticeEnv
from robot_rl.config import LearnerConfig
from robot_rl.data.replay import BatchSampler, ReplayBuffer
from robot_rl.learn.make import make_agent
from robot_rl.learn.policy import Policy, PolicyMeta
from robot_rl.types import Episode, Float32, Source, Step

CLONE_BLOCK = 20
"""Cloning steps drawn at once."""


class Learner:
    """One agent and its two buffers: practice, and demos with corrections."""

    def __init__(self, config: LearnerConfig, env: PracticeEnv, task: str, seed: int, robot: str = "") -> None:
        torch.set_num_threads(config.threads)
        self.config = config
        self.meta = PolicyMeta(task, env.state_spec.names, env.action_names, robot)
        n, a = env.state_spec.size, len(env.action_names)
        self.agent = make_agent(config, n, a, env.has_gripper, env.state_spec.scale, seed)
        self.practice = ReplayBuffer(config.capacity, n, a, seed)
        self.demos = ReplayBuffer(config.capacity, n, a, seed + 1)
        self._sampler = BatchSampler(self.practice, self.demos, config.batch_size, config.demo_ratio)
        self.env_steps = self.gradient_steps = 0
        self._figures: list[dict[str, float]] = []

    def add_demo(self, episode: Episode) -> None:
        """Keep every step of a demonstration."""
        for step in episode.steps():
            self.demos.add(step)

    def clone(self, steps: int, on_block: Callable[[int], None] = lambda _: None) -> None:
        """Imitate demos and corrections for `steps` updates; `on_block` hears of each few that are done."""
        for done in range(0, steps, CLONE_BLOCK):
            updates = min(CLONE_BLOCK, steps - done)
            self.agent.clone(self._sampler.sample(updates))
            on_block(updates)

    def observe(self, step: Step) -> None:
        """Take in one step of practice, a correction into both halves, and learn from the whole."""
        self.env_steps += 1
        self.practice.add(step)
        if step.source is Source.HUMAN:
            self.demos.add(step)
        if self.env_steps >= self.config.start_steps:
            self._figures.append(self.agent.update(self._sampler.sample(self.config.utd)))
            self.gradient_steps += self.config.utd

    def act(self, state: Float32) -> Float32:
        """An exploring action (a,)."""
        return self.agent.act(state, deterministic=False)

    def policy(self) -> Policy:
        """A frozen copy of what has been learnt."""
        return self.agent.policy(self.meta)

    def figures(self) -> dict[str, float]:
        """Means of the learning figures since the last call."""
        rows, self._figures = self._figures, []
        names = sorted({name for row in rows for name in row})
        return {name: float(np.mean([row[name] for row in rows if name in row])) for name in names}

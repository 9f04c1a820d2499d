"""Small tasks with sparse reward that a learner should master in seconds."""

import numpy as np

from robot_rl.config import LearnerConfig
from robot_rl.data.replay import BatchSampler, ReplayBuffer
from robot_rl.learn.agent import Agent
from robot_rl.learn.make import make_agent
from robot_rl.types import Float32, Source, Step

LIMIT = 40


class Reach:
    """A point goes to a goal. Reward 1 there. State (2,): vector to the goal. Action (2,): step / 0.1."""

    state_dim, action_dim, has_gripper = 2, 2, False
    scale = np.array([0.5, 0.5])

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def reset(self) -> Float32:
        self.away = self.rng.uniform(-0.5, 0.5, 2)
        self.age = 0
        return self.state()

    def state(self) -> Float32:
        return self.away.astype(np.float32)

    def step(self, action: Float32, source: Source) -> Step:
        before = self.state()
        self.age += 1
        self.away = np.clip(self.away - 0.1 * action, -1, 1)
        done = bool(np.linalg.norm(self.away) < 0.03)
        return Step(before, action, float(done), done, self.age >= LIMIT and not done, self.state(), source)

    def expert(self, noise: float) -> Float32:
        """Slow and shaky."""
        move = np.clip(2 * self.away, -0.4, 0.4) + noise * self.rng.normal(size=2)
        return np.clip(move, -1, 1).astype(np.float32)


class Pick:
    """A point on a plane fetches a part: go there, close, carry it to the goal, open. Reward 1 at the end.

    State (6,): vectors to part and goal, closed, holding. Action (3,): displacement / 0.1, gripper.
    """

    state_dim, action_dim, has_gripper = 6, 3, True
    scale = np.array([0.5] * 4 + [1.0] * 2)

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def reset(self) -> Float32:
        self.at, self.part, self.goal = self.rng.uniform(-0.5, 0.5, (3, 2))
        self.closed = self.holding = False
        self.age = 0
        return self.state()

    def state(self) -> Float32:
        return np.array([*self.part - self.at, *self.goal - self.at, self.closed, self.holding], np.float32)

    def step(self, action: Float32, source: Source) -> Step:
        before, was_closed = self.state(), self.closed
        self.age += 1
        self.at = np.clip(self.at + 0.1 * action[:2], -0.6, 0.6)
        if action[2]:
            self.closed = action[2] < 0
        changed, done = self.closed != was_closed, False
        if changed and self.closed:
            self.holding = bool(np.linalg.norm(self.at - self.part) < 0.06)
        if self.holding:
            self.part = self.at.copy()
        if changed and not self.closed:
            done = self.holding and bool(np.linalg.norm(self.part - self.goal) < 0.06)
            self.holding = False
        return Step(before, action, float(done), done, self.age >= LIMIT and not done, self.state(), source, changed)

    def expert(self, noise: float) -> Float32:
        """A slow and shaky hand that knows the way."""
        away = (self.goal if self.holding else self.part) - self.at
        move = np.clip(5 * away, -0.6, 0.6) + noise * self.rng.normal(size=2)
        near = np.linalg.norm(away) < 0.02
        grip = (1.0 if self.closed else -1.0) if near else (1.0 if self.closed and not self.holding else 0.0)
        return np.append(np.clip(move, -1, 1), grip).astype(np.float32)


Toy = Reach | Pick


def demonstrate(toy: Toy, episodes: int, buffer: ReplayBuffer, noise: float = 0.15) -> None:
    """Successful attempts of the expert."""
    while episodes:
        toy.reset()
        steps = [toy.step(toy.expert(noise), Source.HUMAN)]
        while not (steps[-1].terminated or steps[-1].truncated):
            steps.append(toy.step(toy.expert(noise), Source.HUMAN))
        if steps[-1].terminated:
            episodes -= 1
            for step in steps:
                buffer.add(step)


def success(agent: Agent, toy: Toy, episodes: int = 50) -> tuple[float, float]:
    """Rate and mean length of successes, deterministic."""
    lengths = []
    for _ in range(episodes):
        toy.reset()
        step = toy.step(agent.act(toy.state(), True), Source.POLICY)
        while not (step.terminated or step.truncated):
            step = toy.step(agent.act(toy.state(), True), Source.POLICY)
        if step.terminated:
            lengths.append(toy.age)
    return len(lengths) / episodes, float(np.mean(lengths)) if lengths else float("nan")


def practise(config: LearnerConfig, toy: Toy, demos: int, steps: int, seed: int, clone: int) -> tuple[Agent, list]:
    """Demos, cloning, then practice; returns the agent and what its updates reported."""
    agent = make_agent(config, toy.state_dim, toy.action_dim, toy.has_gripper, toy.scale, seed)
    online = ReplayBuffer(steps + 1, toy.state_dim, toy.action_dim, seed)
    shown = ReplayBuffer(5000, toy.state_dim, toy.action_dim, seed + 1)
    demonstrate(toy, demos, shown)
    if clone:
        only_demos = BatchSampler(online, shown, config.batch_size, 1.0)
        for _ in range(clone):
            agent.clone(only_demos.sample(1))
    sampler, reports = BatchSampler(online, shown, config.batch_size, config.demo_ratio), []
    toy.reset()
    for t in range(steps):
        step = toy.step(agent.act(toy.state(), False), Source.POLICY)
        online.add(step)
        if step.terminated or step.truncated:
            toy.reset()
        if t >= config.start_steps:
            reports.append(agent.update(sampler.sample(config.utd)))
    return agent, reports

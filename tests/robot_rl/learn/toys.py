"""Small tasks with sparse reward that a learner should master in seconds."""

from itertools import pairwise

import numpy as np

from robot_rl.config import LearnerConfig
from robot_rl.data.replay import BatchSampler, ReplayBuffer
from robot_rl.learn.agent import Agent
from robot_rl.learn.make import make_agent
from robot_rl.types import Float32, Frame, Source, Transition

LIMIT = 40


class Toy:
    """Counts its frames, and ends an episode that takes too long."""

    state_dim: int
    action_dim: int
    has_gripper: bool
    scale: np.ndarray

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.sequence, self.episode, self.age = 0, -1, 0

    def state(self) -> Float32:
        raise NotImplementedError

    def expert(self, noise: float) -> Float32:
        raise NotImplementedError

    def step(self, action: Float32, source: Source) -> Frame:
        raise NotImplementedError

    def place(self) -> None:
        """Everything at a random start."""
        raise NotImplementedError

    def reset(self) -> Frame:
        self.place()
        self.episode, self.age = self.episode + 1, 0
        return self.frame(None)

    def outcome(self, action: Float32, source: Source, done: bool, changed: bool = False) -> Frame:
        self.age += 1
        late = self.age >= LIMIT and not done
        return self.frame(Transition(action, action, source, float(done), done, late, done, 0.1, changed))

    def frame(self, transition: Transition | None) -> Frame:
        self.sequence += 1
        return Frame("toy", self.sequence, self.episode, self.age, 0, 0.0, self.state(), transition)


class Reach(Toy):
    """A point goes to a goal. Reward 1 there. State (2,): vector to the goal. Action (2,): step / 0.1."""

    state_dim, action_dim, has_gripper = 2, 2, False
    scale = np.array([0.5, 0.5])

    def place(self) -> None:
        self.away = self.rng.uniform(-0.5, 0.5, 2)

    def state(self) -> Float32:
        return self.away.astype(np.float32)

    def step(self, action: Float32, source: Source) -> Frame:
        self.away = np.clip(self.away - 0.1 * action, -1, 1)
        return self.outcome(action, source, bool(np.linalg.norm(self.away) < 0.03))

    def expert(self, noise: float) -> Float32:
        """Slow and shaky."""
        move = np.clip(2 * self.away, -0.4, 0.4) + noise * self.rng.normal(size=2)
        return np.clip(move, -1, 1).astype(np.float32)


class Pick(Toy):
    """A point on a plane fetches a part: go there, close, carry it to the goal, open. Reward 1 at the end.

    State (6,): vectors to part and goal, closed, holding. Action (3,): displacement / 0.1, gripper.
    """

    state_dim, action_dim, has_gripper = 6, 3, True
    scale = np.array([0.5] * 4 + [1.0] * 2)

    def place(self) -> None:
        self.at, self.part, self.goal = self.rng.uniform(-0.5, 0.5, (3, 2))
        self.closed = self.holding = False

    def state(self) -> Float32:
        return np.array([*self.part - self.at, *self.goal - self.at, self.closed, self.holding], np.float32)

    def step(self, action: Float32, source: Source) -> Frame:
        was_closed = self.closed
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
        return self.outcome(action, source, done, changed)

    def expert(self, noise: float) -> Float32:
        """A slow and shaky hand that knows the way."""
        away = (self.goal if self.holding else self.part) - self.at
        move = np.clip(5 * away, -0.6, 0.6) + noise * self.rng.normal(size=2)
        near = np.linalg.norm(away) < 0.02
        grip = (1.0 if self.closed else -1.0) if near else (1.0 if self.closed and not self.holding else 0.0)
        return np.append(np.clip(move, -1, 1), grip).astype(np.float32)


def demonstrate(toy: Toy, episodes: int, buffer: ReplayBuffer, noise: float = 0.15) -> None:
    """Successful attempts of the expert."""
    while episodes:
        frames = [toy.reset()]
        while not frames[-1].ends:
            frames.append(toy.step(toy.expert(noise), Source.HUMAN))
        if succeeded(frames[-1]):
            episodes -= 1
            for before, after in pairwise(frames):
                buffer.add(before, after)


def succeeded(frame: Frame) -> bool:
    return frame.transition is not None and frame.transition.success


def success(agent: Agent, toy: Toy, episodes: int = 50) -> tuple[float, float]:
    """Rate and mean length of successes, deterministic."""
    lengths = []
    for _ in range(episodes):
        frame = toy.reset()
        while not frame.ends:
            frame = toy.step(agent.act(frame.state, True), Source.POLICY)
        if succeeded(frame):
            lengths.append(toy.age)
    return len(lengths) / episodes, float(np.mean(lengths)) if lengths else float("nan")


def practise(config: LearnerConfig, toy: Toy, demos: int, steps: int, seed: int, clone: int) -> tuple[Agent, list]:
    """Demos, cloning, then practice; returns the agent and what its updates reported."""
    agent = make_agent(config, toy.state_dim, toy.action_dim, toy.has_gripper, toy.scale, seed)
    online = ReplayBuffer(2 * steps + 2, toy.state_dim, toy.action_dim, seed)
    shown = ReplayBuffer(5000, toy.state_dim, toy.action_dim, seed + 1)
    demonstrate(toy, demos, shown)
    if clone:
        only_demos = BatchSampler(online, shown, config.batch_size, 1.0)
        for _ in range(clone):
            agent.clone(only_demos.sample(1))
    sampler, reports = BatchSampler(online, shown, config.batch_size, config.demo_ratio), []
    frame = toy.reset()
    for t in range(steps):
        before, frame = frame, toy.step(agent.act(frame.state, False), Source.POLICY)
        online.add(before, frame)
        if frame.ends:
            frame = toy.reset()
        if t >= config.start_steps:
            reports.append(agent.update(sampler.sample(config.utd)))
    return agent, reports

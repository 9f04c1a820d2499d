"""The learner: takes frames in, keeps the configured updates per step, gives the policy out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from robot_rl.config import LearnerConfig
from robot_rl.data.checkpoint import Checkpoint
from robot_rl.data.columns import check_memory, memory_estimate
from robot_rl.data.replay import BatchSampler, ReplayBuffer, transition_between
from robot_rl.errors import DataError
from robot_rl.learn.make import make_agent
from robot_rl.learn.optimise import State
from robot_rl.learn.policy import Policy, PolicyMeta
from robot_rl.learn.soundness import IN_A_ROW, WINDOW, Soundness
from robot_rl.specs import Layout
from robot_rl.types import Float32, Frame, Source

CLONE_BLOCK = 20
"""Cloning steps drawn at once."""


class Learner:
    """One agent and its two buffers: practice, and demos with corrections.

    What it has learnt is a function of its seed and of the frames it took, in their order: nothing else, no
    clock and no thread, has a say. So a log of the frames is enough to get back to any state.

    When learning is not sound it pauses, with `trouble` as the reason: frames are kept, nothing is learnt from them
    until the learner is started again. Values that ran away are taken back to the last sound weights.
    """

    def __init__(self, config: LearnerConfig, layout: Layout, task: str, seed: int, robot: str = "") -> None:
        torch.set_num_threads(config.threads)
        self.config = config
        self.meta = PolicyMeta(task, layout.state.names, layout.action_names, robot)
        n, a = layout.state.size, len(layout.action_names)
        self.agent = make_agent(config, n, a, layout.has_gripper, layout.state.scale, seed)
        folder = Path(config.replay_folder) if config.replay_folder else None
        self.memory = check_memory(2 * memory_estimate(config.capacity, n, a), folder)
        """What replay takes, in words"""
        self.practice = ReplayBuffer(
            config.capacity, n, a, seed, folder=folder and folder / "practice", sampler=config.sampler
        )
        self.demos = ReplayBuffer(config.capacity, n, a, seed + 1, folder=folder and folder / "demos")
        self._sampler = BatchSampler(self.practice, self.demos, config.batch_size, config.demo_ratio)
        self.env_steps = self.gradient_steps = self.cloned = self.sets = 0
        self.trouble = ""
        """Why learning pauses; empty: it does not"""
        self._soundness = Soundness(config.discount)
        self._sound: State = {}
        """The agent at the beginning of this window, which was sound"""
        self._marked_at = self._taken_back = 0
        self.on_clone: Callable[[int], None] = lambda _: None
        """Hears of each few cloning updates that are done."""
        self._last: dict[str, Frame] = {}
        self._figures: list[dict[str, float]] = []

    @property
    def version(self) -> int:
        """Of the policy: 1 when untrained, more with every update and every complete set of demos.

        Weights that were taken back count as a whole interval of publication, so that they replace those given out.
        """
        taken_back = self._taken_back * self.config.publish_every * self.config.utd
        return 1 + self.sets + self.cloned + self.gradient_steps + taken_back

    def take(self, frame: Frame) -> None:
        """Insert one frame and learn its share: cloning after the last demo, then `utd` updates for each step."""
        self.insert(frame)
        if not frame.transition:
            return
        if frame.demo_set:
            if completes_set(frame):
                self.sets += 1
                self.clone(0 if self.env_steps else self.config.bc_steps)
        elif self.env_steps >= self.config.start_steps and not self.trouble:
            self._update()

    def _update(self) -> None:
        """One block of updates, and a look at what came of it."""
        if not self._sound:
            self._mark(0.0)
        skipped = self.agent.skipped
        figures = self.agent.update(self._sampler.sample(self.config.utd))
        self._figures.append({name: value for name, value in figures.items() if np.isfinite(value)})
        self.gradient_steps += self.config.utd
        self.trouble = self._soundness.judge(figures, self.agent.skipped > skipped)
        if self._soundness.ran_away(figures):
            self.agent.load(self._sound)
            self._taken_back += 1
        elif self.gradient_steps - self._marked_at >= WINDOW:
            self._mark(figures.get("q", 0.0))

    def _mark(self, value: float) -> None:
        """The weights are sound now, with this mean value."""
        self._sound, self._soundness.marked, self._marked_at = self.agent.state(), value, self.gradient_steps

    def insert(self, frame: Frame) -> None:
        """Keep one frame without learning: demos apart, practice in its buffer, corrections in both, but for those that
        ask for nothing: a person who has just let go shows nothing.

        Raises DataError or NonFiniteError when `check` would; then nothing was kept.
        """
        before = self._last.get(frame.actor)
        self.check(before, frame)
        self._last[frame.actor] = frame
        if not frame.transition:
            return
        assert before is not None  # as checked
        if frame.demo_set:
            self.demos.add(before, frame)
            self._soundness.saw(frame.transition.reward)
            return
        self.practice.add(before, frame)
        self._soundness.saw(frame.transition.reward)
        if frame.transition.source is Source.HUMAN and frame.transition.requested.any():
            self.demos.add(before, frame)
        self.env_steps += 1

    def last(self, actor: str) -> Frame | None:
        """The actor's newest frame."""
        return self._last.get(actor)

    def check(self, before: Frame | None, frame: Frame) -> None:
        """Can this be learnt from, with `before` as the actor's frame before it?

        Raises DataError when it does not follow or its sizes are wrong, NonFiniteError for numbers beyond float32.
        """
        if frame.transition and before is None:
            raise DataError(f"frame {frame.sequence} of {frame.actor!r} is the actor's first, but not step 0")
        if frame.transition and before is not None:
            transition_between(before, frame)
        self.practice.check(frame)

    def clone(self, steps: int) -> None:
        """Imitate demos and corrections for `steps` updates."""
        for done in range(0, steps, CLONE_BLOCK):
            updates = min(CLONE_BLOCK, steps - done)
            self.agent.clone(self._sampler.sample(updates))
            self.cloned += updates
            self.on_clone(updates)

    def act(self, state: Float32) -> Float32:
        """An exploring action (a,)."""
        return self.agent.act(state, deterministic=False)

    def policy(self) -> Policy:
        """A frozen copy of what has been learnt, to be kept and deployed."""
        return self.agent.policy(self.meta)

    def practising(self) -> Policy:
        """A frozen copy of what explores, for actors in other processes."""
        return self.agent.practising(self.meta)

    def figures(self) -> dict[str, float]:
        """Means of the learning figures since the last call."""
        rows, self._figures = self._figures, []
        names = sorted({name for row in rows for name in row})
        return {name: float(np.mean([row[name] for row in rows if name in row])) for name in names}

    def state(self) -> Checkpoint:
        """All that the frames taken so far have led to, but for the buffers' content: that is in the log."""
        agent = self.agent.state()
        tensors = {name: value.numpy() for name, value in agent.items() if isinstance(value, torch.Tensor)}
        facts: dict[str, Any] = {
            "agent": {name: value for name, value in agent.items() if name not in tensors},
            "sampler": self._sampler.get_state(),
            "counters": {
                "env": self.env_steps,
                "gradient": self.gradient_steps,
                "cloned": self.cloned,
                "sets": self.sets,
                "left_out": self._soundness.left_out,
                "taken_back": self._taken_back,
            },
            "figures": self._figures,
        }
        return Checkpoint(tensors, facts)

    def load(self, state: Checkpoint) -> None:
        """Continue where `state` was taken, once the frames before it have been inserted."""
        facts = state.facts
        tensors = {name: torch.from_numpy(np.array(value)) for name, value in state.tensors.items()}
        self.agent.load(tensors | facts["agent"])
        self._sampler.set_state(facts["sampler"])
        counters = facts["counters"]
        self.env_steps, self.gradient_steps = counters["env"], counters["gradient"]
        self.cloned, self.sets, self._figures = counters["cloned"], counters["sets"], facts["figures"]
        # A learner that paused and was started again by a person has a fresh start.
        self._soundness.left_out = counters.get("left_out", 0) % IN_A_ROW
        self._taken_back, self._sound, self.trouble = counters.get("taken_back", 0), {}, ""


def completes_set(frame: Frame) -> bool:
    """The last frame of an actor's demonstrations."""
    return frame.demo_set > 0 and frame.ends and frame.episode == frame.demo_set - 1

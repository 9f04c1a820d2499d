"""Demonstrations and practice: episodes in, a trained policy and one row of figures per episode out."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from robot_rl.actor import Choice, PracticeEnv, run_episode
from robot_rl.clock import MonotonicClock
from robot_rl.config import Config
from robot_rl.data.episodes import save_episode
from robot_rl.env import RobotEnv
from robot_rl.errors import RobotRLError
from robot_rl.expert import Expert, ScriptedHuman
from robot_rl.learn.statistics import health, returns
from robot_rl.learner import Learner
from robot_rl.progress import Progress
from robot_rl.types import Episode, Float32, Source

DEMO_SEED, PRACTICE_SEED = 1, 100_000
SEEDS_PER_RUN = 1_000_000
"""Environment seeds of a run lie in [seed + 1, seed + 2) times this: apart from other runs and from scoring."""
RECENT = 20


@dataclass(frozen=True, slots=True)
class Demos:
    """Successful demonstrations, and how many were tried for them."""

    episodes: tuple[Episode, ...]
    tried: int

    @property
    def cycle_time_s(self) -> float | None:
        """Mean time of a demonstration."""
        return float(np.mean([e.duration_s for e in self.episodes])) if self.episodes else None


def record_demos(env: RobotEnv, config: Config, folder: Path, progress: Progress) -> Demos:
    """Let the scripted expert work until `human.demos` attempts have succeeded; each is saved at once.

    Raises RobotRLError when it fails four times as often as it was to succeed.
    """
    expert = Expert(env.scene.task, np.random.default_rng([config.seed, DEMO_SEED]))
    kept: list[Episode] = []
    wanted, tried = config.human.demos, 0
    progress.phase("demonstrations", wanted)
    while len(kept) < wanted:
        if tried >= 5 * wanted + 10:
            raise RobotRLError(
                f"the scripted expert of {config.task.name} succeeded {len(kept)} times in {tried} tries: "
                "the task as configured is too hard for it; relax task.params or raise task.max_steps"
            )
        expert.new_episode()
        seed = (config.seed + 1) * SEEDS_PER_RUN + DEMO_SEED + tried
        episode = run_episode(env, seed, lambda _: Choice(expert.act(env.reading), Source.SCRIPT))
        tried += 1
        if episode.success:
            save_episode(episode, folder / f"demo_{len(kept):04d}.npz")
            kept.append(episode)
            progress.advance(1, demo_success=len(kept) / tried)
    return Demos(tuple(kept), tried)


@dataclass
class Practice:
    """Online training in lockstep: every environment step is followed by its share of updates."""

    env: PracticeEnv
    learner: Learner
    config: Config
    progress: Progress
    rows: list[dict[str, Any]] = field(default_factory=list)
    """Figures of each episode."""
    complete: bool = False

    def run(self, on_episode: Callable[[Episode], None] = lambda _: None) -> None:
        """Practise until the budget of steps is spent; Ctrl-C ends it early, with everything so far kept."""
        human = _human(self.env, self.config)
        self._recent: deque[bool] = deque(maxlen=RECENT)
        self._clock, budget = MonotonicClock(), self.config.learner.env_steps
        start_s = self._clock.now_s()
        self._rng = np.random.default_rng([self.config.seed, PRACTICE_SEED])
        self.progress.phase("practice", budget)
        try:
            while self.learner.env_steps < budget:
                if human:
                    human.new_episode()
                seed = (self.config.seed + 1) * SEEDS_PER_RUN + PRACTICE_SEED + len(self.rows)
                episode = run_episode(self.env, seed, lambda state: self._choose(state, human), self._step)
                self.rows.append(self._row(episode, self._clock.now_s() - start_s))
                on_episode(episode)
            self.complete = True
        except KeyboardInterrupt:
            self.complete = False

    def _choose(self, state: Float32, human: ScriptedHuman | None) -> Choice:
        if human and isinstance(self.env, RobotEnv):
            correction = human.choose(self.env.reading)
            if correction is not None:
                return Choice(correction, Source.HUMAN)
        if self.learner.env_steps < self.config.learner.random_steps:
            size = len(self.env.action_names)
            return Choice(self._rng.uniform(-1.0, 1.0, size).astype(np.float32), Source.POLICY)
        return Choice(self.learner.act(state), Source.POLICY)

    def _step(self, step: Any) -> None:
        self.learner.observe(step)
        alone = sum(self._recent) / len(self._recent) if self._recent else 0.0
        figures = {"success_20": alone, "intervention_share": self._share()} if self.env.has_success else {}
        self.progress.advance(1, **figures)

    def _share(self) -> float:
        recent = self.rows[-RECENT:]
        return float(np.mean([row["intervention_share"] for row in recent])) if recent else 0.0

    def _success(self, episode: Episode, share: float) -> dict[str, float]:
        """With and without help; nothing where episodes do not succeed or fail."""
        if not self.env.has_success:
            return {}
        return {
            "success": int(episode.success),
            "success_alone": int(episode.success and share == 0.0),
            "intervention_share": share,
            "cycle_time_s": episode.duration_s,
        }

    def _health(self, episode: Episode) -> dict[str, float]:
        """Do the critics promise what came of it? Compared over the steps of an episode that ran to its end."""
        q = self.learner.agent.values(episode.observations[:-1], episode.actions)
        measured = returns(episode, self.config.learner.discount)
        if q is None or measured.biased:
            return {}
        compared = health(q, measured.values)
        return {"q_mean": compared.q_mean, "mc_return": compared.return_mean, "q_bias": compared.bias}

    def _row(self, episode: Episode, wall_s: float) -> dict[str, Any]:
        share = float(np.mean(episode.sources == Source.HUMAN))
        self._recent.append(episode.success and share == 0.0)
        learner, figures = self.learner, self.learner.figures()
        practised = max(1, learner.env_steps - max(1, self.config.learner.start_steps) + 1)
        return {
            "env_steps": learner.env_steps,
            "episode": len(self.rows),
            "seed": episode.seed,
            **self._success(episode, share),
            "return": float(episode.rewards.sum()),
            "length": len(episode),
            "gradient_steps": learner.gradient_steps,
            "utd": learner.gradient_steps / practised,
            "wall_s": wall_s,
            **{NAMES.get(name, name): value for name, value in figures.items()},
            **self._health(episode),
        }


NAMES = {"q": "batch_q", "critic_gradient": "critic_grad_norm", "actor_gradient": "actor_grad_norm"}
"""The learner's names for figures, and the report's."""


def _human(env: PracticeEnv, config: Config) -> ScriptedHuman | None:
    if not config.human.corrections or not isinstance(env, RobotEnv):
        return None
    rng = np.random.default_rng([config.seed, PRACTICE_SEED, 1])
    return ScriptedHuman(env.scene.task, config.human, 1.0 / config.robot.policy_hz, rng)

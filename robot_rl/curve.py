"""The learning curve: one row of figures for every episode of practice, made from the frames alone."""

from typing import Any

import numpy as np

from robot_rl.learn.statistics import health, returns
from robot_rl.learner import Learner
from robot_rl.types import Episode, Frame

NAMES = {"q": "batch_q", "critic_gradient": "critic_grad_norm", "actor_gradient": "actor_grad_norm"}
"""The learner's names for figures, and the report's."""


class Curve:
    """Follows a learner, frame by frame."""

    def __init__(self, learner: Learner, has_success: bool) -> None:
        """`has_success`: episodes either succeed or not; otherwise only their return counts."""
        self._learner, self._has_success = learner, has_success
        self.rows: list[dict[str, Any]] = []
        self._open: dict[str, list[Frame]] = {}

    def collect(self, frame: Frame) -> Episode | None:
        """Keep a frame of practice; the episode that it completes, if it does."""
        if frame.demo_set:
            return None
        if frame.step == 0:
            self._open[frame.actor] = []
        frames = self._open[frame.actor]
        frames.append(frame)
        return Episode(frames) if frame.ends else None

    def take(self, frame: Frame, wall_s: float) -> None:
        """Keep a frame that the learner has just taken; a row when it completes an episode."""
        episode = self.collect(frame)
        if episode:
            self.rows.append({name: value for name, value in self._row(episode, wall_s).items() if _usable(value)})

    def _row(self, episode: Episode, wall_s: float) -> dict[str, Any]:
        learner, share = self._learner, episode.human_share
        practised = max(1, learner.env_steps - max(1, learner.config.start_steps) + 1)
        return {
            "env_steps": learner.env_steps,
            "episode": len(self.rows),
            "actor": episode.frames[0].actor,
            "seed": episode.seed,
            **(self._success(episode, share) if self._has_success else {}),
            "return": float(episode.rewards.sum()),
            "length": len(episode),
            "gradient_steps": learner.gradient_steps,
            "utd": learner.gradient_steps / practised,
            "wall_s": wall_s,
            **{NAMES.get(name, name): value for name, value in learner.figures().items()},
            **self._health(episode),
        }

    def _success(self, episode: Episode, share: float) -> dict[str, float]:
        """With and without help."""
        return {
            "success": int(episode.success),
            "success_alone": int(episode.success and share == 0.0),
            "intervention_share": share,
            "cycle_time_s": episode.duration_s,
        }

    def _health(self, episode: Episode) -> dict[str, float]:
        """Do the critics promise what came of it? Compared over the steps of an episode that ran to its end."""
        q = self._learner.agent.values(episode.observations[:-1], episode.requested)
        measured = returns(episode, self._learner.config.discount)
        if q is None or measured.biased:
            return {}
        compared = health(q, measured.values)
        return {"q_mean": compared.q_mean, "mc_return": compared.return_mean, "q_bias": compared.bias}


def _usable(value: Any) -> bool:
    return not isinstance(value, float) or bool(np.isfinite(value))

"""Scoring: a policy alone, without help, on seeds that training never uses."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from robot_rl.actor import Choice, PracticeEnv, run_episode
from robot_rl.learn.policy import Policy
from robot_rl.learn.statistics import wilson
from robot_rl.report import Filmstrip
from robot_rl.types import Episode, Float32, Source

EVALUATION_SEED = 0
"""Scoring seeds start here; demos and practice begin at `SEEDS_PER_RUN` (practice.py), far above."""
SAMPLING = 1
"""With an episode's seed: where the noise of sampled actions begins."""
PICTURES, SHOWN_EACH = 6, 3
"""Pictures in a filmstrip, and filmstrips of successes and of failures."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A policy to be scored: by the mean of its actions, or by actions that are drawn, as in practice."""

    policy: Policy
    sampled: bool = False

    def chooser(self, seed: int) -> Callable[[Float32], Choice]:
        """Its choices in the episode `seed`, the same ones each time."""
        rng = np.random.default_rng([seed, SAMPLING]) if self.sampled else None
        return lambda state: Choice(self.policy.act(state, rng), Source.POLICY)


@dataclass(frozen=True, slots=True)
class Score:
    """The outcome of an evaluation."""

    rows: tuple[dict[str, Any], ...]
    """One per episode: seed, success, length, duration_s, episode_return"""

    @property
    def successes(self) -> int:
        return sum(row["success"] for row in self.rows)

    def summary(self) -> dict[str, Any]:
        """Rate with its 95% interval, and the mean time of successful episodes."""
        n = len(self.rows)
        times = [row["duration_s"] for row in self.rows if row["success"]]
        return {
            "episodes": n,
            "success_rate": self.successes / n if n else None,
            "success_ci95": wilson(self.successes, n) if n else None,
            "cycle_time_s": float(np.mean(times)) if times else None,
            "return_mean": float(np.mean([row["episode_return"] for row in self.rows])) if n else None,
        }


def score_policy(
    env: PracticeEnv, candidate: Candidate, episodes: int, on_episode: Callable[[Score], None] = lambda _: None
) -> Score:
    """Let it act alone. Ctrl-C ends it with the episodes scored so far."""
    rows: list[dict[str, Any]] = []
    try:
        for i in range(episodes):
            seed = EVALUATION_SEED + i
            episode = run_episode(env, seed, candidate.chooser(seed))
            rows.append(_row(episode))
            on_episode(Score(tuple(rows)))
    except KeyboardInterrupt:
        pass
    return Score(tuple(rows))


def filmstrips(env: PracticeEnv, candidate: Candidate, score: Score) -> list[Filmstrip]:
    """Pictures of the first successes and failures, each run once more (lockstep repeats it exactly)."""
    shown = [row for wanted in (True, False) for row in [r for r in score.rows if r["success"] == wanted][:SHOWN_EACH]]
    strips = []
    for row in shown:
        frames: list[np.ndarray] = []
        choose = candidate.chooser(row["seed"])

        def watch(
            state: Float32, frames: list[np.ndarray] = frames, choose: Callable[[Float32], Choice] = choose
        ) -> Choice:
            frames.append(env.render())
            return choose(state)

        episode = run_episode(env, row["seed"], watch)
        frames.append(env.render())
        picked = np.linspace(0, len(frames) - 1, min(PICTURES, len(frames))).round().astype(int)
        word = "success" if episode.success else "failure"
        caption = f"seed {row['seed'] - EVALUATION_SEED}: {word} after {episode.duration_s:.1f} s"
        strips.append(Filmstrip(caption, episode.success, np.stack([frames[i] for i in picked])))
    return strips


def _row(episode: Episode) -> dict[str, Any]:
    return {
        "seed": episode.seed,
        "success": episode.success,
        "length": len(episode),
        "duration_s": episode.duration_s,
        "episode_return": float(episode.rewards.sum()),
    }

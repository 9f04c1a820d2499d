"""Scoring: a policy alone, without exploration and without help, on seeds that training never uses."""

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
PICTURES, SHOWN_EACH = 6, 3
"""Pictures in a filmstrip, and filmstrips of successes and of failures."""


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
    env: PracticeEnv, policy: Policy, episodes: int, on_episode: Callable[[Score], None] = lambda _: None
) -> Score:
    """Score `policy` deterministically. Ctrl-C ends it with the episodes scored so far."""
    rows: list[dict[str, Any]] = []
    try:
        for i in range(episodes):
            episode = run_episode(env, EVALUATION_SEED + i, chooser(policy))
            rows.append(_row(episode))
            on_episode(Score(tuple(rows)))
    except KeyboardInterrupt:
        pass
    return Score(tuple(rows))


def chooser(policy: Policy) -> Callable[[Float32], Choice]:
    """The policy as a `Choose`, without exploration."""
    return lambda state: Choice(policy.act(state), Source.POLICY)


def filmstrips(env: PracticeEnv, policy: Policy, score: Score) -> list[Filmstrip]:
    """Pictures of the first successes and failures, each run once more (lockstep repeats it exactly)."""
    shown = [row for wanted in (True, False) for row in [r for r in score.rows if r["success"] == wanted][:SHOWN_EACH]]
    strips = []
    for row in shown:
        frames: list[np.ndarray] = []

        def watch(state: Float32, frames: list[np.ndarray] = frames) -> Choice:
            frames.append(env.render())
            return chooser(policy)(state)

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

"""Numbers to judge a policy and its critics by."""

import math
from dataclasses import dataclass

import numpy as np

from robot_rl.types import Episode


@dataclass(frozen=True, slots=True)
class Returns:
    """Discounted return from every step of an episode."""

    values: np.ndarray
    """(T,)"""
    biased: bool
    """The time limit or a stop cut the episode: what would have come after is missing, the values are too small."""


@dataclass(frozen=True, slots=True)
class Health:
    """What the critics promise beside what came of it."""

    q_mean: float
    return_mean: float
    bias: float
    """Mean of Q - return; above 0 the critics promise too much."""
    correlation: float
    """Pearson's, over the steps; NaN where either is constant."""


def wilson(successes: int, trials: int, z: float = 1.959964) -> tuple[float, float]:
    """95% score interval of a success rate (Wilson 1927; recommended by Brown, Cai and DasGupta 2001).

    Raises:
        ValueError: not 0 <= successes <= trials with at least one trial.
    """
    if trials < 1 or not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes of {trials} trials; give 0 <= successes <= trials, trials >= 1")
    rate, square = successes / trials, z * z / trials
    centre = (rate + square / 2) / (1 + square)
    half = z / (1 + square) * math.sqrt(rate * (1 - rate) / trials + square / (4 * trials))
    return centre - half if successes else 0.0, centre + half if successes < trials else 1.0


def returns(episode: Episode, discount: float) -> Returns:
    """Monte-Carlo returns R_t = r_t + discount * R_(t+1)."""
    values, total = np.zeros(len(episode)), 0.0
    for t in reversed(range(len(episode))):
        total = float(episode.rewards[t]) + discount * total
        values[t] = total
    return Returns(values, not episode.terminated)


def health(q: np.ndarray, measured: np.ndarray) -> Health:
    """Compare values Q(s_t, a_t), (T,), with unbiased returns of the same steps, (T,).

    Raises:
        ValueError: shapes differ or nothing was given.
    """
    if q.shape != measured.shape or not q.size:
        raise ValueError(f"Q has shape {q.shape}, returns {measured.shape}; give one of each for every step")
    varied = bool(np.ptp(q) > 0 and np.ptp(measured) > 0)
    correlation = float(np.corrcoef(q, measured)[0, 1]) if varied else math.nan
    return Health(float(q.mean()), float(measured.mean()), float((q - measured).mean()), correlation)

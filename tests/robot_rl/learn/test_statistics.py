"""Success intervals, returns, and the health of critics."""

import numpy as np
import pytest

from robot_rl.learn.statistics import health, returns, wilson
from robot_rl.types import Episode, Frame, Source, Transition


def episode(rewards: list[float], terminated: bool, truncated: bool = False) -> Episode:
    zero = np.zeros(1, np.float32)
    frames = [Frame("actor", 0, 0, 0, 0, 0.0, zero)]
    for i, reward in enumerate(rewards, 1):
        last = i == len(rewards)
        led = Transition(zero, zero, Source.POLICY, reward, terminated and last, truncated and last, False, 0.1)
        frames.append(Frame("actor", i, 0, i, 0, 0.1 * i, zero, led))
    return Episode(frames)


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(100, 100, 0.9630, 1.0), (0, 10, 0.0, 0.2775), (95, 100, 0.8882, 0.9785), (5, 10, 0.2366, 0.7634)],
)
def test_wilson_interval_matches_published_values(successes: int, trials: int, low: float, high: float) -> None:
    assert wilson(successes, trials) == pytest.approx((low, high), abs=1e-4)


def test_impossible_counts_are_refused() -> None:
    for successes, trials in ((1, 0), (3, 2), (-1, 2)):
        with pytest.raises(ValueError, match="successes"):
            wilson(successes, trials)


def test_returns_are_discounted_and_flagged_when_cut_by_the_time_limit_or_a_stop() -> None:
    ended = returns(episode([1, 0, 2], terminated=True), 0.5)
    np.testing.assert_allclose(ended.values, [1.5, 1.0, 2.0])
    assert not ended.biased
    assert returns(episode([1, 0, 2], terminated=False, truncated=True), 0.5).biased
    assert returns(episode([1, 0, 2], terminated=False), 0.5).biased


def test_health_reports_optimism_and_correlation() -> None:
    measured = np.array([0.1, 0.2, 0.4])
    report = health(measured + 0.3, measured)
    assert report.bias == pytest.approx(0.3) and report.correlation == pytest.approx(1)
    assert np.isnan(health(np.ones(3), measured).correlation)
    with pytest.raises(ValueError, match="shape"):
        health(np.ones(2), measured)

"""Training that is cut off and goes on equals training that is not, bit for bit."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robot_rl.data.replay import ReplayBuffer
from robot_rl.training import Training
from robot_rl.types import Frame
from tests.robot_rl.line import new_training, small, stream


class Watch:
    """Records the drawn indices and the learning figures of everything that happens."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.drawn: list[Any] = []
        draw = ReplayBuffer.draw

        def recorded(buffer: ReplayBuffer, utd: int, batch: int) -> Any:
            places = draw(buffer, utd, batch)
            self.drawn.append(places.tolist())
            return places

        monkeypatch.setattr(ReplayBuffer, "draw", recorded)


def run(training: Training, frames: list[Frame]) -> list[Any]:
    """Weights after every frame."""
    seen = []
    for frame in frames:
        training.take(frame)
        seen.append(training.learner.policy().actor[0][0].tobytes())
    return seen


@pytest.mark.parametrize("sampler", ["uniform", "reshuffle", "return_weighted"])
@pytest.mark.parametrize("capacity", [1000, 60])
def test_after_a_kill_at_any_frame_draws_weights_and_curve_are_those_of_an_uninterrupted_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sampler: str, capacity: int
) -> None:
    config = small(
        "learner.checkpoint_every=17",
        "learner.bc_steps=30",
        f"learner.sampler={sampler}",
        f"learner.capacity={capacity}",
    )
    frames = stream(episodes=12, demos=3)
    watch = Watch(monkeypatch)
    whole = new_training(config, tmp_path / "whole")
    weights = run(whole, frames)
    draws = list(watch.drawn)
    for cut in np.random.default_rng(0).choice(len(frames), 6, replace=False):
        folder = tmp_path / f"cut{cut}"
        run(new_training(config, folder), frames[:cut])
        again = new_training(config, folder)
        again.restore(frames[:cut], int(cut))
        assert again.taken == cut
        watch.drawn = []
        assert run(again, frames[cut:]) == weights[cut:]
        assert watch.drawn == draws[len(draws) - len(watch.drawn) :]
        assert _timeless(again) == _timeless(whole)


def test_a_checkpoint_that_is_ahead_of_the_log_is_passed_over(tmp_path: Path) -> None:
    config = small("learner.checkpoint_every=10")
    frames = stream(episodes=6, demos=0)
    whole = new_training(config, tmp_path)
    run(whole, frames)
    kept = len(frames) // 2
    again = new_training(config, tmp_path)
    again.restore(frames[:kept], kept)
    expected = new_training(config, tmp_path / "other")
    weights = run(expected, frames[:kept])
    assert again.learner.policy().actor[0][0].tobytes() == weights[-1]


def _timeless(training: Training) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "wall_s"} for row in training.curve.rows]

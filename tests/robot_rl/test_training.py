"""Training that is cut off and goes on equals training that is not, bit for bit."""

from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robot_rl.clock import ManualClock
from robot_rl.data.replay import ReplayBuffer
from robot_rl.errors import StorageError
from robot_rl.training import Training
from robot_rl.types import Frame
from tests.robot_rl.line import new_learner, new_training, small, stream


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
    frames = stream(episodes=8, demos=2)
    watch = Watch(monkeypatch)
    whole = new_training(config, tmp_path / "whole")
    weights = run(whole, frames)
    draws = list(watch.drawn)
    for cut in np.random.default_rng(0).choice(len(frames), 3, replace=False):
        folder = tmp_path / f"cut{cut}"
        run(new_training(config, folder), frames[:cut])
        again = new_training(config, folder)
        again.restore(partial(islice, frames, int(cut)))
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
    again.restore(lambda: frames[:kept])
    expected = new_training(config, tmp_path / "other")
    weights = run(expected, frames[:kept])
    assert again.learner.policy().actor[0][0].tobytes() == weights[-1]


def test_a_checkpoint_of_other_frames_than_the_log_s_is_passed_over_though_their_number_fits(tmp_path: Path) -> None:
    config = small("learner.checkpoint_every=10")
    frames = stream(episodes=6, demos=0)
    run(new_training(config, tmp_path), frames)
    others = [replace(frame, actor="other") for frame in stream(episodes=7, demos=0, seed=1)]
    again, expected = new_training(config, tmp_path), new_training(config, tmp_path / "other")
    again.restore(lambda: others)
    run(expected, others)
    assert again.learner.policy().actor[0][0].tobytes() == expected.learner.policy().actor[0][0].tobytes()


def test_with_its_only_checkpoint_damaged_training_learns_again_from_the_log(tmp_path: Path) -> None:
    config = small("learner.checkpoint_every=10")
    frames = stream(episodes=3, demos=0)
    whole = new_training(config, tmp_path)
    weights = run(whole, frames)
    for manifest in tmp_path.glob("*/manifest.json"):
        manifest.write_text("{}")
    again = new_training(config, tmp_path)
    again.restore(lambda: frames)
    assert again.learner.policy().actor[0][0].tobytes() == weights[-1]


def test_the_time_of_a_run_goes_on_where_its_checkpoint_was(tmp_path: Path) -> None:
    config, clock = small("learner.checkpoint_every=0"), ManualClock()
    frames = stream(episodes=2, demos=0)

    def begun(started_s: float) -> Training:
        return Training(new_learner(config), True, tmp_path, lambda: None, clock, started_s=started_s)

    first = begun(clock.now_s())
    clock.sleep_until(clock.now_s() + 100.0)
    run(first, frames)
    first.save()
    clock.sleep_until(clock.now_s() + 5000.0)
    again = begun(clock.now_s())
    again.restore(lambda: frames)
    clock.sleep_until(clock.now_s() + 20.0)
    assert again.figures()["wall_s"] == pytest.approx(120.0)


def test_a_disk_that_takes_no_checkpoint_does_not_end_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise StorageError("no space left")

    monkeypatch.setattr("robot_rl.training.save_checkpoint", full)
    training = new_training(small("learner.checkpoint_every=5"), tmp_path)
    run(training, stream(episodes=2, demos=0))
    assert training.learner.env_steps > 5


def _timeless(training: Training) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "wall_s"} for row in training.curve.rows]

"""Learning pauses when it is not sound, and only then."""

import json
import logging
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_rl.clock import ManualClock
from robot_rl.drills.ends import new_learner
from robot_rl.drills.records import made_up
from robot_rl.learn.rlpd import RlpdAgent
from robot_rl.learn.soundness import GROWTH, IN_A_ROW, Soundness
from robot_rl.learner import Learner
from robot_rl.training import NOTES, Training
from robot_rl.types import Frame

BIG = 1e30


def learner(**settings: object) -> Learner:
    return new_learner(0, start_steps=10, head_start=10, actor_every=1, utd=1, **settings)


def frame(k: int, reward: float | None = None) -> Frame:
    made = made_up(k, 0)
    if reward is None or made.transition is None:
        return made
    return replace(made, transition=replace(made.transition, reward=reward))


@given(st.lists(st.booleans(), max_size=30))
def test_it_pauses_at_the_third_block_in_a_row_that_left_a_step_out(left_out: list[bool]) -> None:
    soundness, run = Soundness(0.97), 0
    for left in left_out:
        run = run + 1 if left else 0
        assert bool(soundness.judge({"q": 0.1}, left)) == (run >= IN_A_ROW)


@given(
    st.floats(-1e6, 1e6),
    st.floats(-1e6, 1e6),
    st.floats(-1e3, 1e3),
    st.sampled_from([0.5, 0.97]),
)
def test_values_run_away_beyond_rewards_and_ten_times_what_they_were(
    q: float, before: float, reward: float, discount: float
) -> None:
    soundness = Soundness(discount)
    soundness.saw(reward)
    soundness.marked = before
    explained = max(1.0, abs(reward)) / (1.0 - discount)
    assert soundness.ran_away({"q": q}) == (abs(q) > max(GROWTH * abs(before), explained))


@pytest.mark.parametrize("q", [math.nan, math.inf, -math.inf])
def test_values_that_are_no_numbers_have_run_away(q: float) -> None:
    assert "run away" in Soundness(0.97).judge({"q": q}, False)


def test_a_learner_without_critics_is_not_judged_by_values() -> None:
    assert not Soundness(0.97).judge({}, False)


def run_away(learner: Learner, frames: int = 700) -> None:
    """Let the critics' weights grow until learning pauses."""
    assert isinstance(learner.agent, RlpdAgent)
    for k in range(frames):
        learner.take(frame(k))
        if learner.gradient_steps and not learner.trouble:
            learner.agent.critics.mlp.weights.mul_(1.02)


def test_values_that_ran_away_are_taken_back_and_given_out_as_a_new_version() -> None:
    ours = learner()
    ours.take(frame(0))
    sound = {name: np.array(value) for name, value in ours.state().tensors.items() if "weights" in name}
    run_away(ours)
    assert "run away" in ours.trouble
    for name, value in sound.items():
        assert np.array_equal(ours.state().tensors[name], value), name
    steps = ours.gradient_steps
    assert ours.version == 1 + steps + ours.config.publish_every * ours.config.utd
    assert ours.env_steps > steps + ours.config.start_steps  # collecting went on


def test_a_paused_learner_that_is_started_again_learns() -> None:
    ours, again = learner(), learner()
    run_away(ours)
    for k in range(700):
        again.insert(frame(k))
    again.load(ours.state())
    steps = again.gradient_steps
    for k in range(700, 720):
        again.take(frame(k))
    assert not again.trouble and again.gradient_steps > steps and again.version > ours.version


def test_what_was_left_out_is_said_and_written_down(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    training = Training(learner(checkpoint_every=0), False, tmp_path / "checkpoints", lambda: None, ManualClock())
    with caplog.at_level(logging.WARNING):
        for k in range(160):
            training.take(frame(k, BIG if k >= 80 else None))
    notes = [json.loads(path.read_text()) for path in sorted((tmp_path / NOTES).iterdir())]
    assert [note["steps_left_out"] for note in notes] == list(range(1, len(notes) + 1))
    assert training.learner.trouble == notes[-1]["trouble"] != ""
    assert all(note["after_frame"].startswith("actor ") for note in notes)
    assert "learning pauses" in caplog.text and "it goes on" in caplog.text


def test_notes_that_the_disk_does_not_take_stop_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / NOTES).write_text("in the way")
    training = Training(learner(checkpoint_every=0), False, tmp_path / "checkpoints", lambda: None, ManualClock())
    for k in range(160):
        training.take(frame(k, BIG if k >= 80 else None))
    assert training.taken == 160 and "not written down" in caplog.text

"""What the learner makes of frames."""

from dataclasses import replace

import numpy as np
import pytest

from robot_rl.actor import Counter
from robot_rl.errors import DataError
from robot_rl.types import Source
from tests.robot_rl.line import new_learner, small, stream, walk


def test_corrections_go_into_both_halves_and_the_policy_s_own_steps_into_one() -> None:
    learner = new_learner(small("learner.start_steps=100"))
    sources = iter([Source.POLICY, Source.HUMAN, Source.POLICY, Source.HUMAN, Source.HUMAN] * 9)
    episode = walk(np.random.default_rng(0), lambda: next(sources))
    for frame in episode.frames:
        learner.take(frame)
    assert len(learner.practice) == len(episode) == learner.env_steps
    assert len(learner.demos) == sum(episode.sources == Source.HUMAN)


def test_a_correction_that_asks_for_nothing_shows_nothing() -> None:
    """As in the half second after a person has let go of the device: standing still is not to be imitated."""
    learner = new_learner(small("learner.start_steps=100"))
    episode = walk(np.random.default_rng(0), lambda: Source.HUMAN)
    for frame in episode.frames:
        let_go = frame.step in (3, 4) and frame.transition
        learner.take(replace(frame, transition=replace(let_go, requested=0 * let_go.requested)) if let_go else frame)
    assert (len(learner.practice), len(learner.demos)) == (len(episode), len(episode) - 2)


def test_demos_go_into_their_half_only_and_are_cloned_once_the_set_is_complete() -> None:
    learner, frames = new_learner(small("learner.bc_steps=7")), stream(episodes=0, demos=3)
    before = learner.policy().actor[0][0].copy()
    for frame in frames[:-1]:
        learner.take(frame)
    assert learner.cloned == 0 and learner.version == 1
    learner.take(frames[-1])
    assert (learner.cloned, learner.sets, learner.version) == (7, 1, 9)
    assert (len(learner.practice), learner.env_steps) == (0, 0) and len(learner.demos) == len(frames) - 3
    assert not np.array_equal(before, learner.policy().actor[0][0])


def test_demos_that_come_late_are_learnt_from_but_not_cloned_over_what_practice_taught() -> None:
    learner = new_learner(small("learner.bc_steps=7"))
    for frame in stream(episodes=2, demos=0):
        learner.take(frame)
    for frame in stream(episodes=0, demos=2):
        learner.take(replace(frame, actor="second"))
    assert learner.cloned == 0 and len(learner.demos) > 0


@pytest.mark.parametrize("missing", [0, 2])
def test_a_gap_in_an_actor_s_frames_is_refused(missing: int) -> None:
    learner = new_learner(small())
    frames = list(walk(np.random.default_rng(0), lambda: Source.POLICY, Counter("me")).frames)
    del frames[missing]
    with pytest.raises(DataError, match="me"):
        for frame in frames:
            learner.insert(frame)


def test_frames_of_two_actors_may_take_turns() -> None:
    learner = new_learner(small())
    one, other = (stream(episodes=2, demos=0, seed=seed) for seed in (1, 2))
    for a, b in zip(one, other, strict=False):
        learner.insert(a)
        learner.insert(replace(b, actor="second"))
    assert learner.env_steps == sum(f.transition is not None for f in one[: min(len(one), len(other))]) + sum(
        f.transition is not None for f in other[: min(len(one), len(other))]
    )

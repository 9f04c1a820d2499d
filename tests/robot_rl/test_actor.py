from typing import Any

import numpy as np
import pytest

from robot_rl.actor import TRIES, Choice, Counter, run_episode
from robot_rl.errors import FaultError, HardwareError, HeldError, StaleError
from robot_rl.types import Frame, Source
from tests.robot_rl.line import Line


class Troubled(Line):
    """Raises at the given steps, counted over all episodes."""

    def __init__(self, error: Exception, *at: int) -> None:
        super().__init__()
        self.error, self.at, self.count = error, at, 0

    def step(self, action: np.ndarray) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        self.count += 1
        if self.count in self.at:
            raise self.error
        return super().step(action)


def ahead(_: np.ndarray) -> Choice:
    return Choice(np.ones(1, np.float32), Source.POLICY)


@pytest.mark.parametrize("error", [HeldError("held"), FaultError("fault"), StaleError("stale")])
def test_an_episode_that_is_interrupted_stays_without_end_and_another_is_begun(error: Exception) -> None:
    frames: list[Frame] = []
    counter = Counter("a")
    episode = run_episode(Troubled(error, 3), 7, ahead, frames.append, counter)
    assert episode.complete and episode.success and episode.seed == 7
    assert [frame.sequence for frame in frames] == list(range(len(frames)))
    assert [(frame.episode, frame.step) for frame in frames[:4]] == [(0, 0), (0, 1), (0, 2), (1, 0)]
    assert not any(frame.ends for frame in frames[:3]) and frames[-1].ends
    assert counter.episode == 2


def test_the_step_that_was_interrupted_is_not_kept() -> None:
    frames: list[Frame] = []
    run_episode(Troubled(StaleError("stale"), 1), 0, ahead, frames.append, Counter())
    assert [frame.step for frame in frames[:2]] == [0, 0]


def test_after_three_interruptions_in_a_row_the_cause_is_raised() -> None:
    env = Troubled(HeldError("somebody holds"), 1, 2, 3)
    with pytest.raises(HeldError, match="somebody holds"):
        run_episode(env, 0, ahead)
    assert len(env.seeds) == TRIES == 3


def test_what_a_person_cannot_put_right_by_waiting_is_raised_at_once() -> None:
    env = Troubled(HardwareError("closed"), 1)
    with pytest.raises(HardwareError, match="closed"):
        run_episode(env, 0, ahead)
    assert len(env.seeds) == 1


def test_the_environment_knows_whose_turn_it_is_before_every_step() -> None:
    turns: list[Source] = []

    class Watched(Line):
        def turn_of(self, source: Source) -> None:
            turns.append(source)

    sources = iter([Source.POLICY, Source.HUMAN, Source.HUMAN, Source.POLICY, Source.SCRIPT])
    run_episode(Watched(), 0, lambda _: Choice(np.ones(1, np.float32), next(sources)))
    assert turns == [Source.POLICY, Source.HUMAN, Source.HUMAN, Source.POLICY, Source.SCRIPT]

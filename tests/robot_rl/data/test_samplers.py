"""What each sampler promises of its draws."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot_rl.data.replay import ReplayBuffer
from robot_rl.data.rows import RowSet
from robot_rl.data.samplers import SAMPLERS, ReturnWeighted
from tests.robot_rl.data.replay_parts import ACTION, STATE, Recorder, column, filled, insert


@settings(deadline=None)
@given(plan=st.lists(st.tuples(st.sampled_from(["add", "discard", "swap", "pop", "extend"]), st.integers(0, 9))))
def test_a_row_set_is_a_set_whose_members_lie_side_by_side(plan: list[tuple[str, int]]) -> None:
    rows, model = RowSet(10), set[int]()
    for verb, number in plan:
        if verb == "add" and number not in model:
            rows.add(number)
            model.add(number)
        elif verb == "discard":
            rows.discard(number)
            model.discard(number)
        elif verb == "swap" and model:
            rows.swap(number % len(model), len(model) - 1)
        elif verb == "pop":
            model -= set(rows.pop(min(number, len(model))).tolist())
        elif verb == "extend":
            missing = np.array([row for row in range(number) if row not in model], np.int32)
            rows.extend(missing)
            model |= set(missing.tolist())
        assert set(rows.rows.tolist()) == model == {row for row in range(10) if row in rows}
        assert len(rows) == len(model)
        assert rows.places(rows.rows).tolist() == list(range(len(model)))


@pytest.mark.parametrize("sampler", sorted(SAMPLERS))
def test_a_batch_has_no_repeats_even_when_it_takes_all_there_is(sampler: str) -> None:
    buffer = filled(40, sampler=sampler)
    for batch in (1, 7, 39, 40):
        assert all(len(set(row)) == batch for row in buffer.draw(30, batch))
    assert buffer.draw(3, 41).shape == (3, 41) and set(buffer.draw(3, 41).ravel()) <= set(range(40))


@pytest.mark.parametrize("sampler", sorted(SAMPLERS))
def test_draws_depend_on_the_seed_only(sampler: str) -> None:
    one, same, other = (filled(60, seed=seed, sampler=sampler) for seed in (3, 3, 4))
    draws = [buffer.draw(5, 20) for buffer in (one, same, other)]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])


@pytest.mark.parametrize("sampler", sorted(SAMPLERS))
def test_equal_transitions_are_drawn_equally_often(sampler: str) -> None:
    counts = np.bincount(filled(40, sampler=sampler).draw(2000, 10).ravel(), minlength=40)
    assert abs(counts - 500).max() < 5 * np.sqrt(500)


@settings(deadline=None, max_examples=50)
@given(size=st.integers(1, 50), data=st.data())
def test_reshuffling_draws_each_once_before_any_twice(size: int, data: st.DataObject) -> None:
    batch = data.draw(st.integers(1, size))
    counts = np.zeros(size, int)
    for row in filled(size, sampler="reshuffle").draw(60, batch):
        counts[row] += 1
        assert np.ptp(counts) <= 1


@settings(deadline=None, max_examples=50)
@given(capacity=st.integers(12, 40), arrivals=st.lists(st.integers(0, 3), min_size=40, max_size=40))
def test_reshuffling_leaves_none_out_while_the_buffer_grows_and_wraps(capacity: int, arrivals: list[int]) -> None:
    """Between a draw of one transition and its next but one lies a whole pass: all that stay are drawn in it."""
    buffer, recorder = ReplayBuffer(capacity, STATE, ACTION, 0, sampler="reshuffle"), Recorder()
    last = recorder.frame()
    present: list[set[float]] = []
    drawn: list[set[float]] = []
    for count in [8, *arrivals]:
        for _ in range(count):
            before, last = last, recorder.frame()
            buffer.add(before, last)
        rewards = column(buffer, "reward")
        present.append(set(rewards))
        drawn.append(set(rewards[buffer.draw(1, 5)[0]]))
    for name in set.union(*drawn):
        times = [t for t, batch in enumerate(drawn) if name in batch]
        for first, last_time in zip(times, times[2:], strict=False):
            stayed = set.intersection(*present[first : last_time + 1])
            assert stayed <= set.union(*drawn[first : last_time + 1])


def returning(returns: list[float], steps: list[int], seed: int = 0, ends: str = "terminated") -> ReplayBuffer:
    """One episode for each return."""
    buffer, recorder = ReplayBuffer(500, STATE, ACTION, seed, sampler="return_weighted"), Recorder()
    for total, count in zip(returns, steps, strict=True):
        insert(buffer, recorder.attempt(count, total, ends))
    return buffer


def weights(buffer: ReplayBuffer) -> np.ndarray:
    sampler = buffer._sampler
    assert isinstance(sampler, ReturnWeighted)
    return sampler.weights(buffer._drawable.rows)


def test_weights_are_the_softmax_of_scaled_returns() -> None:
    found = weights(returning([-3.0, 1.0, 5.0], [2, 3, 1]))
    np.testing.assert_allclose(found, np.exp([0, 0, 5, 5, 5, 10]))


def test_equal_returns_weigh_alike_and_so_does_an_unfinished_episode() -> None:
    buffer = returning([2.0, 2.0], [3, 4])
    np.testing.assert_array_equal(weights(buffer), np.ones(7))
    buffer = returning([0.0, 1.0], [2, 2])
    recorder = Recorder("other")
    frames = [recorder.frame(reward=100.0) for _ in range(4)]
    insert(buffer, frames)
    np.testing.assert_allclose(weights(buffer)[4:], np.mean(np.exp([0, 0, 10, 10])))
    buffer.add(frames[-1], recorder.frame(100.0, "truncated"))
    np.testing.assert_allclose(weights(buffer)[4:], np.exp(10))


def test_an_episode_that_was_broken_off_counts_once_its_actor_begins_the_next() -> None:
    buffer, recorder = returning([0.0, 1.0], [2, 2]), Recorder("other")
    insert(buffer, [recorder.frame(reward=0.5), recorder.frame(reward=0.5)])
    recorder.episode, recorder.step = 1, 0
    insert(buffer, [recorder.frame(reward=0.0), recorder.frame(reward=0.0)])
    np.testing.assert_allclose(weights(buffer)[4], np.exp(5))


def test_returns_that_were_overwritten_do_not_set_the_scale() -> None:
    buffer, recorder = ReplayBuffer(8, STATE, ACTION, 0, sampler="return_weighted"), Recorder()
    for total in (100.0, 0.0, 1.0):
        insert(buffer, recorder.attempt(3, total))
    assert sorted(np.log(weights(buffer))) == pytest.approx([0, 0, 0, 10, 10, 10])
    running = Recorder("other")
    insert(buffer, [running.frame() for _ in range(4)])  # over rows of the episode that returned 0
    np.testing.assert_array_equal(weights(buffer), np.ones(6))


def test_frequencies_match_the_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ReturnWeighted, "TEMPERATURE", 0.5)
    buffer = returning([0.0, 0.5, 1.0], [20, 10, 5])
    share, draws = weights(buffer) / weights(buffer).sum(), 40_000
    for index in (buffer.draw(draws, 1), buffer.draw(draws // 50, 50)):  # one by one; too few, so with repeats
        counts = np.bincount(index.ravel(), minlength=35)
        chi_square = ((counts - draws * share) ** 2 / (draws * share)).sum()
        assert chi_square < 34 + 5 * np.sqrt(2 * 34)


@pytest.mark.parametrize("tries", [0, 1, 4])
def test_batches_follow_the_law_of_successive_draws(tries: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However a batch is put together: NumPy's weighted choice without replacement is the reference."""
    monkeypatch.setattr(ReturnWeighted, "TRIES", tries)
    monkeypatch.setattr(ReturnWeighted, "TEMPERATURE", 0.25)
    buffer, rng, draws, batch = returning([0.0, 0.5, 1.0], [6, 4, 2]), np.random.default_rng(1), 4000, 6
    share = weights(buffer) / weights(buffer).sum()
    expected = np.concatenate([rng.choice(12, batch, replace=False, p=share) for _ in range(draws)])
    counts = [np.bincount(c, minlength=12) / draws for c in (buffer.draw(draws, batch).ravel(), expected)]
    deviation = np.sqrt(2 * counts[1] * (1 - counts[1]) / draws)
    assert (abs(counts[0] - counts[1]) < 5 * deviation + 1e-9).all()


def test_saved_states_hold_json_and_arrays_only() -> None:
    import json

    for name in SAMPLERS:
        state = filled(30, sampler=name).get_state()
        json.dumps({key: value for key, value in state.items() if not isinstance(value, np.ndarray)})


def test_reshuffling_resumes_in_the_middle_of_a_pass() -> None:
    first, second = filled(50, sampler="reshuffle"), filled(50, sampler="reshuffle")
    counts = np.bincount(first.draw(3, 7).ravel(), minlength=50)
    second.set_state(first.get_state())
    for batches in pairwise([0, 2, 5, 9]):
        np.testing.assert_array_equal(first.draw(batches[1], 7), drawn := second.draw(batches[1], 7))
        counts += np.bincount(drawn.ravel(), minlength=50)
        assert np.ptp(counts) <= 1

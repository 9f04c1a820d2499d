"""The replay buffer keeps what it is given and samples it fairly."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot_rl.data.replay import BatchSampler, ReplayBuffer
from robot_rl.errors import ConfigError, NonFiniteError
from robot_rl.types import Source, Step


def numbered(i: int, terminated: bool = False, truncated: bool = False) -> Step:
    """A transition that can be told from every other."""
    observation, action = np.full(3, i, np.float32), np.full(2, -i, np.float32)
    return Step(observation, action, float(i), terminated, truncated, observation + 1, Source.POLICY, i % 2 == 0)


def filled(size: int, capacity: int = 1000, seed: int = 0, first: int = 0) -> ReplayBuffer:
    buffer = ReplayBuffer(capacity, 3, 2, seed)
    for i in range(first, first + size):
        buffer.add(numbered(i))
    return buffer


@settings(deadline=None)
@given(capacity=st.integers(1, 20), size=st.integers(0, 60))
def test_the_ring_keeps_the_newest_transitions(capacity: int, size: int) -> None:
    buffer = filled(size, capacity)
    assert len(buffer) == min(size, capacity)
    kept = sorted(buffer.columns["reward"][: len(buffer)])
    assert kept == list(range(max(0, size - capacity), size))


def test_a_time_limit_bootstraps_and_a_termination_does_not() -> None:
    buffer = ReplayBuffer(10, 3, 2, 0)
    for terminated, truncated in ((False, False), (False, True), (True, False), (True, True)):
        buffer.add(numbered(1, terminated, truncated))
    assert buffer.columns["mask"][:4].tolist() == [1, 1, 0, 0]


@pytest.mark.parametrize("name", ["observation", "action", "reward", "next_observation"])
def test_a_step_that_is_not_finite_is_refused_by_name_and_not_stored(name: str) -> None:
    buffer, step = filled(3), numbered(4)
    before = {key: column.copy() for key, column in buffer.columns.items()}
    bad = dataclasses.replace(step, **{name: getattr(step, name) * np.float32(np.nan)})
    with pytest.raises(NonFiniteError, match=f"step.{name} "):
        buffer.add(bad)
    assert len(buffer) == 3
    assert all(np.array_equal(before[key], column) for key, column in buffer.columns.items())


def test_rows_of_a_block_belong_together_and_do_not_repeat_inside_a_batch() -> None:
    block = BatchSampler(filled(200), filled(150, first=500), 64, 0.25).sample(7)
    assert block.observation.shape == (7, 64, 3) and block.online == 48
    rewards = block.reward
    np.testing.assert_array_equal(block.observation, np.repeat(rewards[:, :, None], 3, 2))
    np.testing.assert_array_equal(block.next_observation, block.observation + 1)
    np.testing.assert_array_equal(block.action, -block.observation[:, :, :2])
    np.testing.assert_array_equal(block.gripper_changed, rewards % 2 == 0)
    assert all(len(set(batch)) == 64 for batch in rewards)
    assert (rewards[:, :48] < 200).all() and (rewards[:, 48:] >= 500).all()


def test_every_transition_is_drawn_equally_often() -> None:
    index = filled(40).draw(2000, 10)
    counts = np.bincount(index.ravel(), minlength=40)
    assert abs(counts - 500).max() < 5 * np.sqrt(500)


def test_an_empty_buffer_is_replaced_by_the_other_and_a_small_one_repeats() -> None:
    empty, few = filled(0), filled(5)
    assert BatchSampler(filled(100), empty, 32, 0.5).sample(2).online == 32
    assert BatchSampler(empty, filled(100), 32, 0.5).sample(2).online == 0
    block = BatchSampler(filled(100), few, 32, 0.5).sample(2)
    assert set(block.reward[:, 16:].ravel()) <= set(range(5))
    with pytest.raises(ConfigError, match="no transitions"):
        BatchSampler(empty, empty, 32, 0.5).sample(1)


def test_all_demos_when_the_ratio_is_one_and_none_when_it_is_zero() -> None:
    online, demos = filled(100), filled(100)
    assert BatchSampler(online, demos, 32, 1.0).sample(1).online == 0
    assert BatchSampler(online, demos, 32, 0.0).sample(1).online == 32


def test_sampling_continues_bit_for_bit_from_a_saved_state() -> None:
    buffer = filled(100)
    state = buffer.get_state()
    first = buffer.draw(3, 20)
    buffer.set_state(state)
    np.testing.assert_array_equal(buffer.draw(3, 20), first)
    np.testing.assert_array_equal(filled(100, seed=3).draw(3, 20), filled(100, seed=3).draw(3, 20))


def test_wrong_requests_are_refused() -> None:
    with pytest.raises(ConfigError, match="capacity is 0"):
        ReplayBuffer(0, 3, 2, 0)
    with pytest.raises(ConfigError, match=r"demo_ratio is 1\.5"):
        BatchSampler(filled(1), filled(1), 4, 1.5)
    with pytest.raises(ConfigError, match="record the demos again"):
        BatchSampler(filled(1), ReplayBuffer(5, 4, 2, 0), 4, 0.5)

"""The replay buffer keeps what it is given, refuses what it cannot use, and samples it fairly."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robot_rl.data import columns
from robot_rl.data.columns import check_memory, memory_estimate
from robot_rl.data.replay import BatchSampler, ReplayBuffer
from robot_rl.errors import ConfigError, DataError, NonFiniteError
from robot_rl.types import Frame
from tests.robot_rl.data.replay_parts import ACTION, CAMERA, STATE, Recorder, column, filled, insert


def test_an_uninterrupted_episode_stores_every_frame_once() -> None:
    frames = Recorder().attempt(9)
    exact, short = ReplayBuffer(10, STATE, ACTION, 0), ReplayBuffer(9, STATE, ACTION, 0)
    insert(exact, frames)
    insert(short, frames)
    assert len(exact) == 9 and column(exact, "reward").tolist() == list(range(1, 10))
    assert len(short) == 8 and set(column(short, "reward")) == set(range(2, 10))


def test_a_correction_from_the_middle_brings_its_own_opening_frame() -> None:
    frames = Recorder(images=CAMERA).attempt(9)
    demos = ReplayBuffer(20, STATE, ACTION, 0, images=CAMERA)
    for segment in (frames[2:5], frames[7:9]):
        insert(demos, segment)
    assert column(demos, "observation")[:, 0].tolist() == [2, 3, 7]
    assert column(demos, "next_observation")[:, 0].tolist() == [3, 4, 8]


def test_a_transition_is_stored_even_if_the_frame_before_is_next_to_be_overwritten() -> None:
    buffer, slow, fast = ReplayBuffer(4, STATE, ACTION, 0), Recorder("slow"), Recorder("fast")
    first, second, third = (slow.frame() for _ in range(3))
    buffer.add(first, second)
    insert(buffer, [fast.frame() for _ in range(3)])
    buffer.add(second, third)
    assert column(buffer, "observation")[-1].tolist() == second.state.tolist()
    assert column(buffer, "next_observation")[-1].tolist() == third.state.tolist()
    assert len(buffer) == 2


def test_a_time_limit_bootstraps_and_a_termination_does_not() -> None:
    buffer, recorder = ReplayBuffer(20, STATE, ACTION, 0), Recorder()
    for ends in ("terminated", "truncated"):
        insert(buffer, recorder.attempt(2, ends=ends))
    assert column(buffer, "mask").tolist() == [1, 0, 1, 1]


def spoil(frame: Frame, field: str, value: Any) -> Frame:
    """The frame with one field, of its own or of its transition, set to `value`."""
    if hasattr(frame, field):
        return replace(frame, **{field: value})
    assert frame.transition is not None
    return replace(frame, transition=replace(frame.transition, **{field: value}))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e39])
@pytest.mark.parametrize("field", ["state", "executed", "requested", "reward", "duration_s", "success_probability"])
def test_what_is_not_finite_is_refused_by_name_and_nothing_is_stored(field: str, value: float) -> None:
    buffer, recorder = filled(3), Recorder("arm-2")
    before, after = recorder.frame(), recorder.frame()
    content, state = buffer.digest(), buffer.get_state()
    sizes = {"state": STATE, "executed": ACTION, "requested": ACTION}
    bad = spoil(after, field, np.append(np.zeros(sizes[field] - 1), value) if field in sizes else value)
    with pytest.raises(NonFiniteError, match=f"frame 1 of 'arm-2'.*{field} is .*not stored"):
        buffer.add(before, bad)
    assert buffer.digest() == content and buffer.get_state() == state
    buffer.add(before, after)
    assert column(buffer, "next_observation")[-1].tolist() == after.state.tolist()


def test_an_opening_frame_that_is_not_finite_is_refused() -> None:
    recorder = Recorder()
    before, after = recorder.frame(), recorder.frame()
    with pytest.raises(NonFiniteError, match=r"frame 0 of 'actor'.*state"):
        filled(3).add(spoil(before, "state", np.full(STATE, np.nan, np.float32)), after)


def test_frames_that_do_not_follow_each_other_are_refused() -> None:
    buffer, recorder = filled(0), Recorder()
    a, b, c = (recorder.frame() for _ in range(3))
    wrong = [(a, c), (b, a), (a, a), (a, replace(b, actor="other")), (a, replace(b, episode=1))]
    for before, after in [*wrong, (a, replace(b, step=2)), (a, replace(b, transition=None))]:
        with pytest.raises(DataError, match="does not follow frame"):
            buffer.add(before, after)
    assert len(buffer) == 0


def test_frames_of_another_shape_are_refused() -> None:
    recorder = Recorder(images=CAMERA)
    before, after = recorder.frame(), recorder.frame()
    buffer = ReplayBuffer(10, STATE, ACTION, 0, images=CAMERA)
    wrong = {
        "state": np.zeros(4, np.float32),
        "executed": np.zeros(1, np.float32),
        "images": {**after.images, "wrist": after.images["wrist"][:2]},
    }
    for field, value in wrong.items():
        with pytest.raises(DataError, match="this buffer takes"):
            buffer.add(before, spoil(after, field, value))
    for images in ({}, {**before.images, "front": before.images["front"].astype(float)}):
        with pytest.raises(DataError, match="image 'front' is"):
            buffer.add(replace(before, images={"wrist": before.images["wrist"], **images}), after)
    assert len(buffer) == 0


def test_rows_of_a_block_belong_together_and_do_not_repeat_inside_a_batch() -> None:
    practice, demos = filled(200, images=CAMERA), filled(150, images=CAMERA)
    block = BatchSampler(practice, demos, 64, 0.25).sample(7)
    recorder = Recorder(images=CAMERA)
    frames = [recorder.frame() for _ in range(201)]
    assert block.observation.shape == (7, 64, STATE) and block.online == 48
    assert all(len(set(batch[:48])) == 48 and len(set(batch[48:])) == 16 for batch in block.reward)
    assert (block.reward[:, 48:] <= 150).all() and (block.reward[:, :48] > 150).any()
    for place in np.ndindex(block.reward.shape):
        after = frames[int(block.reward[place])]
        before = frames[after.sequence - 1]
        assert np.array_equal(block.observation[place], before.state)
        assert np.array_equal(block.next_observation[place], after.state)
        assert after.transition and np.array_equal(block.action[place], after.transition.requested)
        assert block.gripper_changed[place] == after.transition.gripper_changed
        for camera in CAMERA:
            assert np.array_equal(block.images[camera][place], before.images[camera])
            assert np.array_equal(block.next_images[camera][place], after.images[camera])


def test_a_block_is_reused() -> None:
    sampler = BatchSampler(filled(50, images=CAMERA), filled(50, images=CAMERA), 8, 0.5)
    first = [id(array) for array in sampler.sample(2).arrays()]
    assert [id(array) for array in sampler.sample(2).arrays()] == first


def test_the_draws_are_exactly_these_calls_of_the_generator() -> None:
    """A recorded run can be repeated only while neither the calls nor their order change."""
    practice, demos = filled(300, seed=5), filled(20, seed=6)
    block = BatchSampler(practice, demos, 64, 0.5).sample(3)
    rng = np.random.default_rng(5)
    expected = np.stack([rng.choice(300, 32, replace=False, shuffle=False) for _ in range(3)])
    np.testing.assert_array_equal(block.reward[:, :32], expected + 1)
    np.testing.assert_array_equal(block.reward[:, 32:], np.random.default_rng(6).integers(20, size=(3, 32)) + 1)
    np.testing.assert_array_equal(filled(300, seed=5).draw(3, 32), expected)


def test_an_empty_buffer_is_replaced_by_the_other_and_a_small_one_repeats() -> None:
    empty, few = filled(0), filled(5)
    assert BatchSampler(filled(100), empty, 32, 0.5).sample(2).online == 32
    assert BatchSampler(empty, filled(100), 32, 0.5).sample(2).online == 0
    block = BatchSampler(filled(100), few, 32, 0.5).sample(2)
    assert set(block.reward[:, 16:].ravel()) <= set(range(1, 6))
    with pytest.raises(ConfigError, match="no transitions"):
        BatchSampler(empty, empty, 32, 0.5).sample(1)


def test_all_demos_when_the_ratio_is_one_and_none_when_it_is_zero() -> None:
    online, demos = filled(100), filled(100)
    assert BatchSampler(online, demos, 32, 1.0).sample(1).online == 0
    assert BatchSampler(online, demos, 32, 0.0).sample(1).online == 32


@pytest.mark.parametrize("sampler", ["uniform", "reshuffle", "return_weighted"])
def test_sampling_continues_bit_for_bit_after_the_frames_were_added_again(sampler: str) -> None:
    def made() -> BatchSampler:
        buffers = filled(100, 80, seed=1, sampler=sampler), filled(40, seed=2)
        return BatchSampler(*buffers, 32, 0.25)

    first, second = made(), made()
    first.sample(3)
    second.set_state(first.get_state())
    for _ in range(4):
        for one, other in zip(first.sample(2).arrays(), second.sample(2).arrays(), strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_state_of_other_frames_or_of_another_sampler_is_refused() -> None:
    state = BatchSampler(filled(10), filled(5), 4, 0.5).get_state()
    for other, demos in ((filled(9), filled(5)), (filled(10), filled(6)), (filled(10, sampler="reshuffle"), filled(5))):
        with pytest.raises(DataError, match="own configuration and log"):
            BatchSampler(other, demos, 4, 0.5).set_state(state)


def test_digests_differ_with_the_content_and_its_order_only() -> None:
    frames = Recorder(images=CAMERA).attempt(300)
    whole, again, turned, short, changed = (ReplayBuffer(400, STATE, ACTION, i, images=CAMERA) for i in range(5))
    insert(whole, frames)
    insert(again, frames)
    insert(turned, frames[150:])
    insert(turned, frames[:151])
    insert(short, frames[:-1])
    picture = frames[7].images["front"].copy()
    picture[0, 0, 0] ^= 1
    insert(changed, [*frames[:7], replace(frames[7], images={**frames[7].images, "front": picture}), *frames[8:]])
    assert whole.digest() == again.digest()
    assert len({buffer.digest() for buffer in (whole, turned, short, changed)}) == 4


def test_columns_on_disk_equal_columns_in_memory_and_leave_no_file(tmp_path: Path) -> None:
    ram, disk = (filled(100, 64, images=CAMERA, folder=folder) for folder in (None, tmp_path / "deep" / "replay"))
    assert ram.digest() == disk.digest()
    np.testing.assert_array_equal(ram.draw(5, 20), disk.draw(5, 20))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_disk_that_is_full_or_a_folder_that_is_none_is_refused_before_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"file.*learner\.replay_folder"):
        filled(1, folder=tmp_path / "file")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(ConfigError, match=r"No space left.*learner\.capacity"):
        filled(1, folder=tmp_path)


def test_the_estimate_is_what_the_arrays_take() -> None:
    capacity, images = 1000, {"wrist": (8, 8, 3), "front": (4, 4, 3)}
    buffer = ReplayBuffer(capacity, 30, 6, 0, images=images)
    links = [buffer._before, buffer._after, buffer._drawable._rows, buffer._drawable._place]
    taken = sum(array.nbytes for array in [*buffer._columns.values(), *links])
    assert memory_estimate(capacity, 30, 6, images) == taken + 8 * capacity  # at most 8 for the sampler


def test_what_does_not_fit_into_memory_is_refused_before_anything_is_allocated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "available_memory", lambda: 10 * 2**20)
    assert "in memory when full; 0.01 GiB are available" in check_memory(5 * 2**20)
    monkeypatch.setattr(columns, "allocate", lambda *_: pytest.fail("allocated"))
    with pytest.raises(ConfigError, match=r"takes 0\.17 GiB in memory.*learner\.capacity.*learner\.replay_folder"):
        ReplayBuffer(1_000_000, 30, 6, 0)


def test_wrong_requests_are_refused() -> None:
    with pytest.raises(ConfigError, match="capacity is 1;"):
        ReplayBuffer(1, 3, 2, 0)
    with pytest.raises(ConfigError, match=r"demo_ratio is 1\.5"):
        BatchSampler(filled(1), filled(1), 4, 1.5)
    with pytest.raises(ConfigError, match="record the demos again"):
        BatchSampler(filled(1), ReplayBuffer(5, 4, 2, 0), 4, 0.5)
    with pytest.raises(ConfigError, match="record the demos again"):
        BatchSampler(filled(1), filled(1, images=CAMERA), 4, 0.5)
    with pytest.raises(ConfigError, match="no sampler 'reshufle'; did you mean reshuffle"):
        ReplayBuffer(5, 3, 2, 0, sampler="reshufle")

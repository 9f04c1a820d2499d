from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot_rl.data.demos import DemoStore, grouped, relabelled
from robot_rl.data.facts import Facts
from robot_rl.data.log import EpisodeLog
from robot_rl.errors import ConfigError, DataError
from robot_rl.types import Episode, Frame, Mark
from tests.robot_rl.data.made import assert_same, episode, named

FACTS = Facts("peg", "panda", 10.0, tuple("abcd"), tuple("xyz"))


def recorded(folder: Path, episodes: Sequence[Episode], facts: Facts = FACTS) -> DemoStore:
    with EpisodeLog(folder, facts=facts.written()) as log:
        for frame in named(list(episodes)):
            log.append(frame)
    return DemoStore(folder)


@pytest.fixture
def store(tmp_path: Path) -> DemoStore:
    """A success, a failure, one cut short, a longer success."""
    outcomes = [episode(5, 0), episode(6, 1, success=False), episode(4, 2, ends=False), episode(8, 3)]
    return recorded(tmp_path / "demos", outcomes)


def numbers(store: DemoStore) -> list[int]:
    return [row.number for row in store.rows if row.usable]


def test_the_list_says_what_was_recorded(store: DemoStore) -> None:
    assert [row.steps for row in store.rows] == [5, 6, 4, 8]
    assert [row.complete for row in store.rows] == [True, True, False, True]
    assert [row.success for row in store.rows] == [True, False, False, True]
    assert store.rows[0].duration_s == pytest.approx(0.5)
    assert sum(store.rows[0].sources.values()) == pytest.approx(1)
    assert store.facts == FACTS and store.cut == ()


def test_only_complete_successful_episodes_that_nobody_discarded_are_learnt_from(store: DemoStore) -> None:
    assert [e.seed for e in store.kept()] == [0, 3]
    store.mark(0, Mark.DISCARD, "bumped the table")
    assert [e.seed for e in store.kept()] == [3]
    store.mark(2, Mark.SUCCESS)
    assert [e.seed for e in store.kept()] == [3], "an episode that was cut short stays out"


def test_labels_are_undone_one_by_one_and_survive_the_process(store: DemoStore) -> None:
    store.mark(3, Mark.DISCARD)
    store.mark(3, Mark.KEEP)
    store.mark(3, Mark.UNDO)
    assert not DemoStore(store.folder).row(3).kept
    assert store.mark(3, Mark.UNDO).kept and DemoStore(store.folder).row(3).kept
    with pytest.raises(ConfigError, match="no mark to undo"):
        store.mark(3, Mark.UNDO)


def test_a_relabelled_episode_shows_the_new_outcome_and_its_frames_stay(store: DemoStore) -> None:
    before = list(DemoStore(store.folder).episodes())
    store.mark(1, Mark.SUCCESS)
    changed = store.get(1)
    assert changed.success and changed.terminated and not changed.truncated and changed.rewards[-1] == 1
    store.mark(0, Mark.FAILURE)
    changed = store.get(0)
    assert not changed.success and changed.truncated and not changed.terminated and not changed.rewards.any()
    for a, b in zip(before, DemoStore(store.folder).episodes(), strict=True):
        assert_same(a, b)


def test_a_store_gives_back_what_was_recorded(store: DemoStore) -> None:
    assert_same(store.get(3), episode(8, 3))
    assert_same(relabelled(episode(3), True), episode(3))


def test_an_unknown_episode_is_refused_with_the_range(store: DemoStore) -> None:
    for call in (store.get, store.row, lambda n: store.mark(n, Mark.KEEP)):
        for number in (-1, 4):
            with pytest.raises(ConfigError, match="0 to 3"):
                call(number)


def test_sets_with_nothing_to_learn_from_are_refused_with_counts(tmp_path: Path) -> None:
    failed = recorded(tmp_path / "failed", [episode(success=False), episode(ends=False)])
    with pytest.raises(DataError, match=r"of 2 episodes 1 were cut short, 0 are discarded, 2 did not succeed"):
        failed.kept()
    still = [
        replace(f, transition=t and replace(t, executed=0 * t.executed))
        for f in episode().frames
        for t in [f.transition]
    ]
    with pytest.raises(DataError, match="every action is zero"):
        recorded(tmp_path / "still", [Episode(still)]).kept()
    empty = tmp_path / "empty"
    EpisodeLog(empty).close()
    with pytest.raises(DataError, match=str(empty)):
        DemoStore(empty).kept()


def test_an_environment_with_other_vectors_is_refused(store: DemoStore, tmp_path: Path) -> None:
    store.check_fits("abcd", "xyz")
    with pytest.raises(DataError, match="another state"):
        store.check_fits("abce", "xyz")
    with pytest.raises(DataError, match="another action"):
        store.check_fits("abcd", "xy")
    unnamed = recorded(tmp_path / "unnamed", [episode()], Facts())
    unnamed.check_fits("ABCD", "XYZ")
    with pytest.raises(DataError, match="another state"):
        unnamed.check_fits("ABC", "XYZ")


def test_a_log_that_another_process_writes_takes_no_label(store: DemoStore) -> None:
    with EpisodeLog(store.folder), pytest.raises(DataError, match="in use"):
        store.mark(0, Mark.DISCARD)
    assert store.row(0).kept


def test_a_pickle_called_mcap_and_a_link_are_refused(tmp_path: Path) -> None:
    (tmp_path / "0000.mcap").write_bytes(b"\x80\x04K\x01.")
    with pytest.raises(DataError, match=r"0000\.mcap"):
        DemoStore(tmp_path)
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "0000.mcap").symlink_to(tmp_path / "0000.mcap")
    with pytest.raises(DataError, match="link"):
        DemoStore(linked)
    with pytest.raises(DataError, match="no folder"):
        DemoStore(tmp_path / "nothing")


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_episodes_of_actors_that_take_turns_are_told_apart(data: st.DataObject) -> None:
    lengths = data.draw(st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=3), min_size=1, max_size=3))
    streams: list[list[Frame]] = []
    for k, steps in enumerate(lengths):
        made = [episode(n or 1, 10 * k + j, ends=n > 0, with_arm=False) for j, n in enumerate(steps)]
        streams.append(named(made, f"actor{k}"))
    wanted = {(f.actor, f.episode): 0 for stream in streams for f in stream}
    frames = []
    while any(streams):
        k = data.draw(st.sampled_from([k for k, stream in enumerate(streams) if stream]))
        frames.append(streams[k].pop(0))
        wanted[frames[-1].actor, frames[-1].episode] += 1
    found = list(grouped(frames))
    assert sorted(number for number, _ in found) == list(range(len(wanted)))
    for _, one in found:
        assert {(f.actor, f.episode) for f in one.frames} == {(one.frames[0].actor, one.frames[0].episode)}
        assert [f.step for f in one.frames] == list(range(wanted[one.frames[0].actor, one.frames[0].episode]))
    starts = [(f.actor, f.episode) for f in frames if f.step == 0]
    assert all((e.frames[0].actor, e.frames[0].episode) == starts[number] for number, e in found)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(list(Mark)), max_size=12))
def test_undo_takes_back_the_last_mark_in_force(marks: list[Mark]) -> None:
    from robot_rl.data.demos import _marks_in_force
    from robot_rl.types import Label

    stack: list[Mark] = []
    for mark in marks:
        if mark is not Mark.UNDO:
            stack.append(mark)
        else:
            stack = stack[:-1]
    found = _marks_in_force([Label("a", 3, mark) for mark in marks]).get(("a", 3), [])
    assert [label.mark for label in found] == stack


def test_numbers_of_usable_episodes_follow_the_marks(store: DemoStore) -> None:
    assert numbers(store) == [0, 3]
    assert np.all([row.kept for row in store.rows])

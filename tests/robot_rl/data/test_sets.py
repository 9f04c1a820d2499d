import json
from pathlib import Path

import pytest

from robot_rl.data.demos import DemoStore
from robot_rl.data.facts import Facts
from robot_rl.data.log import EpisodeLog
from robot_rl.data.sets import draw, merge, split, write_set
from robot_rl.errors import ConfigError, DataError
from robot_rl.types import Episode, Mark
from tests.robot_rl.data.made import assert_same, episode, named

FACTS = Facts("peg", "panda", 10.0, tuple("abcd"), tuple("xyz"))


def recorded(folder: Path, episodes: list[Episode], facts: Facts = FACTS) -> DemoStore:
    with EpisodeLog(folder, facts=facts.written()) as log:
        for frame in named(episodes):
            log.append(frame)
    return DemoStore(folder)


@pytest.fixture
def stores(tmp_path: Path) -> list[DemoStore]:
    one = recorded(tmp_path / "one", [episode(3, 0), episode(4, 1, success=False), episode(3, 2, ends=False)])
    two = recorded(tmp_path / "two", [episode(5, 3, cameras=("front",)), episode(6, 4, cameras=("front",))])
    one.mark(0, Mark.DISCARD, "bumped")
    one.mark(1, Mark.FAILURE)
    one.mark(1, Mark.SUCCESS)
    return [one, two]


def test_a_merged_set_has_every_complete_episode_with_what_was_said(stores: list[DemoStore], tmp_path: Path) -> None:
    before = [[path.read_bytes() for path in sorted(s.folder.glob("*.mcap"))] for s in stores]
    two = recorded(tmp_path / "two again", [episode(5, 3), episode(6, 4)])
    assert merge([stores[0], two], tmp_path / "out") == (4, 18)
    merged = DemoStore(tmp_path / "out")
    for one, seed in zip(merged.episodes(), (0, 1, 3, 4), strict=True):
        assert_same(one, episode(len(one), seed, success=seed != 1))
    frames = [frame for one in merged.episodes() for frame in one.frames]
    assert [f.sequence for f in frames] == list(range(len(frames)))
    assert [f.episode for f in frames if f.step == 0] == [0, 1, 2, 3]
    assert [row.kept for row in merged.rows] == [False, True, True, True]
    assert [row.success for row in merged.rows] == [True, True, True, True]
    assert merged.rows[0].marks[0].note == "bumped" and not merged.mark(1, Mark.UNDO).success
    origin = json.loads(merged.written_facts["origin"])
    assert origin[2] == {"folder": str(two.folder), "actor": "actor", "episode": 0}
    assert before == [[path.read_bytes() for path in sorted(s.folder.glob("*.mcap"))] for s in stores]


def test_sets_of_another_task_or_other_pictures_are_not_merged(stores: list[DemoStore], tmp_path: Path) -> None:
    other = recorded(tmp_path / "other", [episode()], Facts("cube", "panda", 10.0, tuple("abcd"), tuple("xyz")))
    with pytest.raises(DataError, match="task peg and cube"):
        merge([stores[0], other], tmp_path / "out")
    with pytest.raises(DataError, match="shape"):
        merge(stores, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_split_shares_out_whole_episodes(stores: list[DemoStore], tmp_path: Path) -> None:
    merge([stores[0], recorded(tmp_path / "x", [episode(k, k) for k in range(2, 9)])], tmp_path / "all")
    store = DemoStore(tmp_path / "all")
    chosen = draw(store, 0.7, seed=5)
    assert chosen == draw(store, 0.7, seed=5) != draw(store, 0.7, seed=6)
    assert split(store, chosen, tmp_path / "out") == (6, 3)
    parts = [DemoStore(tmp_path / "out" / name) for name in ("chosen", "rest")]
    seeds = [[one.seed for one in part.episodes()] for part in parts]
    assert seeds[0] == [store.get(k).seed for k in sorted(chosen)]
    assert sorted(seeds[0] + seeds[1]) == sorted(one.seed for one in store.episodes())
    for part in parts:
        assert part.facts == FACTS
        for one in part.episodes():
            assert_same(
                one, next(other for other in store.episodes() if (other.seed, len(other)) == (one.seed, len(one)))
            )


def test_a_split_that_cannot_be_is_refused_and_leaves_nothing(stores: list[DemoStore], tmp_path: Path) -> None:
    for numbers in ({2}, {7}, {-1}):
        with pytest.raises(ConfigError, match="no complete episodes"):
            split(stores[0], numbers, tmp_path / "out")
    for numbers in (set(), {0, 1}):
        with pytest.raises(DataError, match="empty part"):
            split(stores[0], numbers, tmp_path / "out")
    for share in (0.0, 1.0, 1.5, float("nan")):
        with pytest.raises(ConfigError, match="share"):
            draw(stores[0], share, 0)
    assert not (tmp_path / "out").exists()


def test_an_episode_that_fails_on_the_way_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> object:
        yield episode(), ()
        raise DataError("record 7: NaN")

    with pytest.raises(DataError, match="record 7"):
        write_set(broken(), FACTS, "nowhere", tmp_path / "out")
    with pytest.raises(DataError, match="no complete episode"):
        write_set([], FACTS, "nowhere", tmp_path / "out")
    assert not list(tmp_path.iterdir())

from pathlib import Path

import pytest

from robot_rl import curate
from robot_rl.data.demos import DemoStore
from robot_rl.data.facts import Facts
from robot_rl.data.log import EpisodeLog
from robot_rl.errors import ConfigError, DataError
from robot_rl.types import Episode, Mark
from tests.robot_rl.data.made import assert_same, episode, named

FACTS = Facts("peg", "panda", 10.0, tuple("abcd"), tuple("xyz"))
SHOWN = [episode(4, 0), episode(5, 1, success=False), episode(3, 2, ends=False), episode(6, 3)]


def record(folder: Path, episodes: list[Episode]) -> str:
    with EpisodeLog(folder, facts=FACTS.written()) as log:
        for frame in named(episodes):
            log.append(frame)
            if frame.ends:
                log.commit()
    return str(folder)


@pytest.fixture
def demos(tmp_path: Path) -> str:
    return record(tmp_path / "demos", SHOWN)


def test_the_list_has_a_line_per_episode_and_the_counts(demos: str) -> None:
    lines = curate.listing(demos).splitlines()
    assert "peg on panda, 10 Hz" in lines[0] and len(lines) == 7
    assert [line.split()[0] for line in lines[2:6]] == ["0", "1", "2", "3"]
    assert "success" in lines[2] and "failure" in lines[3] and "cut short" in lines[4]
    assert lines[-1] == "4 episodes: 2 to learn from, 1 failed, 0 discarded, 1 cut short"
    assert all(line == line.rstrip() for line in lines)


def test_show_gives_every_measure_and_everything_said(demos: str) -> None:
    DemoStore(demos).mark(0, Mark.DISCARD, "bumped the table")
    text = curate.show(demos, 0)
    assert "4 steps, 0.4 s, success, discarded" in text and "said: discard (bumped the table)" in text
    for name in ("low_movement", "jerk", "odd_length", "limit_hits", "stale_stamps", "gaps", "non_finite"):
        assert name in text
    assert "limit 0.5" in text
    assert "0 steps" not in curate.show(demos, 2) and "cut short" in curate.show(demos, 2)


def test_what_is_said_is_answered_with_the_new_state(demos: str) -> None:
    assert curate.mark(demos, 3, Mark.DISCARD) == "episode 3: success, discarded"
    assert curate.mark(demos, 3, Mark.UNDO) == "episode 3: success"
    assert curate.relabel(demos, 3, False) == "episode 3: failure*"
    assert curate.relabel(demos, 1, True) == "episode 1: success*"
    assert "2 to learn from" not in curate.listing(demos).splitlines()[0]
    assert curate.mark(demos, 1, Mark.KEEP) == "episode 1: success*"


@pytest.mark.parametrize("form", ["lerobot", "robomimic"])
def test_what_is_exported_can_be_imported_and_is_the_same(demos: str, tmp_path: Path, form: str) -> None:
    said = curate.export(demos, str(tmp_path / "out"), form)
    assert said.startswith("2 episodes, 10 steps") and "2 left out" in said
    source = tmp_path / "out" / (curate.ROBOMIMIC_FILE if form == "robomimic" else "")
    assert "2 to learn from" in curate.import_set(str(source), str(tmp_path / "back"), form)
    for one, other in zip((SHOWN[0], SHOWN[3]), DemoStore(tmp_path / "back").episodes(), strict=True):
        assert_same(one, other)
    assert DemoStore(tmp_path / "back").facts == FACTS


def test_nothing_is_exported_from_a_set_without_success(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="did not succeed"):
        curate.export(record(tmp_path / "demos", SHOWN[1:3]), str(tmp_path / "out"), "robomimic")
    assert not (tmp_path / "out").exists()


def test_a_refused_import_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "demos.hdf5").write_bytes(b"\x80\x04]\x94.")
    with pytest.raises(DataError, match="pickle, not a HDF5 file"):
        curate.import_set(str(tmp_path / "demos.hdf5"), str(tmp_path / "out"), "robomimic")
    assert [path.name for path in tmp_path.iterdir()] == ["demos.hdf5"]


def test_repair_saves_what_is_good_and_says_what_was_cut(demos: str, tmp_path: Path) -> None:
    file = next(Path(demos).glob("*.mcap"))
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    assert "not readable" in curate.listing(demos) and "repair" in curate.listing(demos)
    said = curate.repair(demos, str(tmp_path / "repaired"))
    frames = int(said.split()[0])
    assert "read back" in said and str(file) in said
    repaired = DemoStore(tmp_path / "repaired")
    assert not repaired.cut and sum(len(one.frames) for one in repaired.episodes()) == frames > 0
    assert file.read_bytes() == whole[: len(whole) // 2]
    file.write_bytes(whole[:500])
    with pytest.raises(DataError, match="nothing of"):
        curate.repair(demos, str(tmp_path / "nothing"))
    assert not (tmp_path / "nothing").exists()


def test_what_is_made_of_a_damaged_set_says_so(demos: str, tmp_path: Path) -> None:
    other = record(tmp_path / "other", SHOWN)
    file = next(Path(demos).glob("*.mcap"))
    file.write_bytes(file.read_bytes()[:-1500])
    (cut,) = DemoStore(demos).cut
    for said in (
        curate.merge([other, demos], str(tmp_path / "merged")),
        curate.split(demos, str(tmp_path / "parts"), [0], 0.0, 0),
        curate.export(demos, str(tmp_path / "exported"), "robomimic"),
    ):
        assert f"not readable: {cut}" in said and "`demos repair`" in said


def test_merge_and_split_tell_how_many(demos: str, tmp_path: Path) -> None:
    assert curate.merge([demos, demos], str(tmp_path / "both")).startswith("6 episodes, 30 steps")
    said = curate.split(str(tmp_path / "both"), str(tmp_path / "parts"), [0, 3], 0.0, 0)
    assert said.startswith("2 episodes in") and "4 in" in said
    assert "3 episodes in" in curate.split(str(tmp_path / "both"), str(tmp_path / "halves"), [], 0.5, 1)


def test_requests_that_lack_something_say_what(demos: str, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    for call, hint in {
        lambda: curate.listing(""): "demos=FOLDER",
        lambda: curate.mark("", 0, Mark.KEEP): "demos keep",
        lambda: curate.export(demos, "", "lerobot"): "out=FOLDER",
        lambda: curate.export(demos, out, "lerobto"): "did you mean lerobot",
        lambda: curate.export(demos, out, "serl"): "robomimic",
        lambda: curate.import_set("", out, "serl"): "demos=PATH",
        lambda: curate.import_set(demos, out, "zarr"): "serl",
        lambda: curate.repair("", out): "demos=FOLDER",
        lambda: curate.merge([demos], out): r"more=\[FOLDER",
        lambda: curate.split(demos, out, [], 0.0, 0): "share=0.8",
        lambda: curate.split(demos, out, [1], 0.5, 0): "either",
        lambda: curate.show(demos, 9): "0 to 3",
    }.items():
        with pytest.raises(ConfigError, match=hint):
            call()

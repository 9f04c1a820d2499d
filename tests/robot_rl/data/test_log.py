"""The episode log: durable when it says so, exact when read, and refusing what it could not keep."""

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robot_rl.clock import ManualClock
from robot_rl.data.log import EpisodeLog, Position, read_frames, read_labels, repair, scan
from robot_rl.errors import DataError, NonFiniteError, StorageError
from robot_rl.types import Frame, Label, Mark
from tests.robot_rl.data.log_parts import FailingDisk, eventually, exact, make_frame, stream, write


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EpisodeLog]:
    """One that commits when asked to, or at the end of an episode."""
    with EpisodeLog(tmp_path / "log", reserve_bytes=0, sync_s=60.0) as log:
        yield log


def sequences(frames: list[Frame]) -> list[int]:
    return [frame.sequence for frame in frames]


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    written = write(tmp_path, 12)
    assert [exact(f) for f in read_frames(tmp_path)] == [exact(f) for f in written]


def test_frames_and_labels_of_several_actors_keep_their_order(log: EpisodeLog) -> None:
    written = [make_frame(actor, n) for n in range(4) for actor in ("b", "a")]
    labels = [Label("a", 0, Mark.SUCCESS), Label("b", 7, Mark.DISCARD, "dropped\nthe part")]
    for frame in written:
        log.append(frame)
    for label in labels:
        log.label(label)
    log.commit()
    assert [exact(f) for f in read_frames(log.folder)] == [exact(f) for f in written]
    assert list(read_labels(log.folder)) == labels


def test_a_folder_gets_no_file_before_the_first_record(tmp_path: Path) -> None:
    EpisodeLog(tmp_path).close()
    assert not list(tmp_path.glob("*.mcap"))


def test_each_opening_writes_a_file_of_its_own_and_goes_on_where_the_last_ended(tmp_path: Path) -> None:
    first = write(tmp_path, 7)
    before = (tmp_path / "0000.mcap").read_bytes()
    with EpisodeLog(tmp_path, facts={"task": "peg"}) as log:
        assert log.recovered.actors == {"actor": Position(sequence=6, episode=1)}
        assert log.recovered.frames == 7 and not log.recovered.cut
        assert log.durable("actor") == 6
        second = list(stream(count=5, start=7))
        for frame in second:
            log.append(frame)
    assert (tmp_path / "0000.mcap").read_bytes() == before
    assert [exact(f) for f in read_frames(tmp_path)] == [exact(f) for f in first + second]
    found = scan(tmp_path)
    assert [s.frames for s in found.segments] == [7, 5]
    assert found.segments[1].facts == {"task": "peg"} and found.segments[1].started.startswith("20")
    assert all(s.closed for s in found.segments)


def test_an_episodes_end_is_committed_at_once(log: EpisodeLog) -> None:
    for frame in stream(count=5):
        log.append(frame)
    eventually(lambda: log.durable("actor") == 4)


def test_frames_between_two_commits_share_one_sync(tmp_path: Path) -> None:
    clock, disk = ManualClock(), FailingDisk()
    with EpisodeLog(tmp_path, sync_s=0.05, reserve_bytes=0, clock=clock, disk=disk) as log:
        for frame in stream(count=4):
            log.append(frame)
        assert log.durable("actor") == -1 and not disk.calls, "the time for a commit has not come"
        clock.sleep_until(0.06)
        eventually(lambda: log.durable("actor") == 3)
        assert disk.calls.count("sync") == 1
    assert disk.calls == ["create", "write", "sync", "sync_folder", "write", "sync"]


def test_commit_waits_until_all_is_durable(log: EpisodeLog) -> None:
    for frame in stream(count=3):
        log.append(frame)
        log.commit()
        assert log.durable("actor") == frame.sequence
        copy = log.folder.parent / f"copy{frame.sequence}"
        shutil.copytree(log.folder, copy)  # what a crash would leave
        assert scan(copy).actors["actor"].sequence == frame.sequence
    assert log.durable("nobody") == -1


@pytest.mark.parametrize("cache_bytes", [0, 10_000, 1 << 20])
def test_after_gives_what_follows_from_memory_or_disk(tmp_path: Path, cache_bytes: int) -> None:
    written = write(tmp_path, 11)
    write(tmp_path, 4, actor="other")
    with EpisodeLog(tmp_path, reserve_bytes=0, sync_s=60.0, cache_bytes=cache_bytes) as log:
        for frame in stream(count=6, start=11):
            written.append(frame)
            log.append(frame)
            log.append(make_frame("other", frame.sequence - 7))
            log.commit()
        log.append(make_frame("actor", 17))  # not durable
        for start in (-1, 0, 4, 10, 13, 16):
            found = log.after("actor", start)
            assert [exact(f) for f in found] == [exact(f) for f in written[start + 1 :]]
        assert sequences(log.after("other", 2)) == list(range(3, 10))
        assert log.after("actor", 99) == log.after("nobody", -1) == []


def test_after_gives_as_much_as_fits_but_never_nothing(log: EpisodeLog) -> None:
    for frame in stream(count=10):
        log.append(frame)
    log.commit()
    assert sequences(log.after("actor", 2, max_bytes=1)) == [3]
    some = log.after("actor", -1, max_bytes=10_000)
    assert 1 < len(some) < 10


def test_only_one_process_may_write_a_log(log: EpisodeLog) -> None:
    with pytest.raises(DataError, match=str(os.getpid())):
        EpisodeLog(log.folder)
    log.close()
    EpisodeLog(log.folder).close()


@pytest.mark.parametrize("sequence", [0, 1, 3, 1000])
def test_gaps_and_repeats_are_refused(log: EpisodeLog, sequence: int) -> None:
    for frame in stream(count=2):
        log.append(frame)
    with pytest.raises(DataError, match=f"frame {sequence} of actor 'actor' comes where 2 should"):
        log.append(make_frame("actor", sequence))
    log.append(make_frame("actor", 2))
    log.commit()
    assert log.durable("actor") == 2


BAD = np.array([0, np.nan, 0], np.float32)
FRAME = make_frame("actor", 1)
assert FRAME.transition and FRAME.arm


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    "name",
    ["stamp_s", "state", "reward", "duration_s", "success_probability", "requested", "executed", "q_rad", "quat"],
)
def test_a_number_that_is_not_finite_is_refused_by_name(log: EpisodeLog, name: str, bad: float) -> None:
    def spoilt(value: Any) -> Any:
        if not isinstance(value, np.ndarray):
            return bad
        copy = value.copy()
        copy[-1] = bad
        return copy

    transition, arm = FRAME.transition, FRAME.arm
    if name == "quat":
        frame = replace(FRAME, arm=replace(arm, tcp=replace(arm.tcp, quat_wxyz=spoilt(arm.tcp.quat_wxyz))))
    elif hasattr(arm, name) and name != "stamp_s":
        frame = replace(FRAME, arm=replace(arm, **{name: spoilt(getattr(arm, name))}))
    elif hasattr(FRAME, name):
        frame = replace(FRAME, **{name: spoilt(getattr(FRAME, name))})
    else:
        frame = replace(FRAME, transition=replace(transition, **{name: spoilt(getattr(transition, name))}))
    log.append(make_frame("actor", 0))
    with pytest.raises(NonFiniteError, match=rf"frame 1 of actor 'actor': .*{name}"):
        log.append(frame)
    log.append(FRAME)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"actor": "a/b"}, "name must be letters"),
        ({"sequence": -1}, "sequence is -1"),
        ({"episode": 2**63}, "episode is 9223372036854775808"),
        ({"seed": 0.5}, "seed is 0.5"),
        ({"state": np.zeros(5)}, r"state is \(5,\) float64"),
        ({"state": np.zeros((5, 1), np.float32)}, r"state is \(5, 1\)"),
        ({"step": 0}, "step is 0, but the transition is there"),
        ({"transition": None}, "step is 1, but the transition is missing"),
        ({"images": {"a b": FRAME.images["side"]}}, "camera 'a b'"),
        ({"images": {"side": np.zeros((4, 6), np.uint8)}}, r"image of camera side is \(4, 6\) uint8"),
        ({"images": {"side": np.zeros((4, 6, 3))}}, r"image of camera side is \(4, 6, 3\) float64"),
        ({"transition": replace(FRAME.transition, executed=np.zeros(4, np.float32))}, "both must be"),
        ({"transition": replace(FRAME.transition, source=7)}, "source is 7"),
        ({"transition": replace(FRAME.transition, policy_version=2**64)}, "policy_version is"),
        ({"transition": replace(FRAME.transition, reasons=("\ud800",))}, "reasons are"),
        ({"arm": replace(FRAME.arm, dq_rad_s=np.zeros(3))}, r"arm.dq_rad_s is \(3,\) float64, it must be \(7,\)"),
        ({"arm": replace(FRAME.arm, force_n=[0, 0, 0])}, r"arm.force_n is \[0, 0, 0\]"),
        ({"state": np.zeros(6, np.float32)}, r"state has shape \(6,\), before it was \(5,\)"),
        ({"images": {}}, "images has shape"),
        ({"arm": None}, "arm has shape None"),
    ],
)
def test_what_could_not_be_restored_or_learnt_from_is_refused(
    log: EpisodeLog, change: dict[str, Any], message: str
) -> None:
    log.append(make_frame("actor", 0))
    with pytest.raises(DataError, match=message):
        log.append(replace(FRAME, **change))
    log.append(FRAME)
    log.commit()
    assert log.durable("actor") == 1


@pytest.mark.parametrize("label", [Label("a b", 0, Mark.KEEP), Label("a", -1, Mark.KEEP), Label("a", 0, "keep")])  # type: ignore[arg-type]
def test_a_label_that_cannot_be_is_refused(log: EpisodeLog, label: Label) -> None:
    with pytest.raises(DataError, match="label"):
        log.label(label)


def test_a_closed_log_takes_nothing(log: EpisodeLog) -> None:
    log.append(make_frame("actor", 0))
    log.close()
    with pytest.raises(StorageError, match="closed"):
        log.append(make_frame("actor", 1))


def test_repair_writes_what_is_good_as_a_new_log(tmp_path: Path) -> None:
    written = write(tmp_path / "old", 12)
    with EpisodeLog(tmp_path / "old") as log:
        log.label(Label("actor", 0, Mark.DISCARD))
    path = tmp_path / "old" / "0000.mcap"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    before = path.read_bytes()
    found = repair(tmp_path / "old", tmp_path / "new")
    assert found.cut and 0 < found.frames < 12
    again = scan(tmp_path / "new")
    assert not again.cut and again.frames == found.frames
    assert again.segments[0].facts["repaired_from"] == str(tmp_path / "old")
    assert [exact(f) for f in read_frames(tmp_path / "new")] == [exact(f) for f in written[: found.frames]]
    assert list(read_labels(tmp_path / "new")) == [Label("actor", 0, Mark.DISCARD)]
    assert path.read_bytes() == before
    with pytest.raises(DataError, match="not empty"):
        repair(tmp_path / "old", tmp_path / "new")


def test_the_five_lines_of_the_document_work(tmp_path: Path) -> None:
    write(tmp_path / "log", 5)
    page = Path(__file__).parents[3] / "docs" / "data_format.md"
    (code,) = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    shown: list[object] = []
    exec(
        code.replace("runs/dry-run-peg_insertion-0/practice", str(tmp_path / "log")),
        {"print": lambda *a: shown.extend(a)},
    )
    assert shown

"""No flipped bit and no cut goes unseen, and what is read before it is exactly what was written."""

import errno
import os
import random
import struct
from pathlib import Path
from typing import BinaryIO

import pytest
from mcap.writer import Writer

from robot_rl.data import reading, segment
from robot_rl.data.log import EpisodeLog, read_frames, read_labels, scan
from robot_rl.data.messages import Encoded, encode_frame
from robot_rl.data.reading import Cut
from robot_rl.errors import DataError
from robot_rl.types import Frame, Label, Mark
from tests.robot_rl.data.log_parts import exact, stream, write


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, list[object]]:
    """A closed segment and its frames."""
    folder = tmp_path_factory.mktemp("whole")
    written = write(folder, 8, group=3)
    return (folder / "0000.mcap").read_bytes(), [exact(frame) for frame in written]


def open_segment(data: bytes) -> bytes:
    """As a killed process leaves it: without what comes behind the last seal."""
    end = data.rindex(segment.RECORD.pack(segment.SEAL, 4)) + segment.RECORD.size + 4
    return data[:end]


def looked_at(folder: Path, data: bytes, written: list[object]) -> tuple[Cut, ...] | str:
    """What is said of a file with this content; the frames read from it must be the first of those written."""
    path = folder / "0000.mcap"
    path.write_bytes(data)
    try:
        found = scan(folder)
        frames = [exact(frame) for frame in read_frames(folder)]
    except DataError as error:
        assert str(path) in str(error)
        return str(error)
    assert frames == written[: len(frames)] and len(frames) == found.frames
    assert path.read_bytes() == data, "a damaged file is never changed"
    return found.cut


def test_a_good_file_is_found_good(tmp_path: Path, whole: tuple[bytes, list[object]]) -> None:
    data, written = whole
    assert looked_at(tmp_path, data, written) == ()
    assert len(list(read_frames(tmp_path))) == len(written)


@pytest.mark.parametrize("closed", [True, False])
def test_every_flipped_bit_is_seen(tmp_path: Path, whole: tuple[bytes, list[object]], closed: bool) -> None:
    data, written = whole
    data = data if closed else open_segment(data)
    rng = random.Random(1)
    places = {*range(60), *range(len(data) - 60, len(data)), *rng.sample(range(len(data)), 130)}
    for place in sorted(places):
        flipped = bytearray(data)
        flipped[place] ^= 1 << rng.randrange(8)
        cut = looked_at(tmp_path, bytes(flipped), written)
        assert cut, f"the bit in byte {place} went unseen"
        if not isinstance(cut, str):
            assert cut[0].file == tmp_path / "0000.mcap" and cut[0].offset <= place and cut[0].reason
            assert cut[0].lost_bytes == len(data) - cut[0].offset


@pytest.mark.parametrize("closed", [True, False])
def test_every_cut_is_seen_and_all_commits_before_it_are_read(
    tmp_path: Path, whole: tuple[bytes, list[object]], closed: bool
) -> None:
    data, written = whole
    data = data if closed else open_segment(data)
    for size in sorted({0, 1, 5, 8, 40, *random.Random(2).sample(range(len(data)), 100)}):
        cut = looked_at(tmp_path, data[:size], written)
        assert cut and not isinstance(cut, str)
        assert cut[0].offset + cut[0].lost_bytes == size


def test_a_file_without_its_index_loses_no_frame(tmp_path: Path, whole: tuple[bytes, list[object]]) -> None:
    data, written = whole
    (cut,) = looked_at(tmp_path, open_segment(data), written)
    assert isinstance(cut, Cut) and "never closed" in cut.reason and not cut.lost_bytes
    assert scan(tmp_path).frames == len(written)


def test_garbage_behind_the_end_and_zeros_of_a_lost_page_are_seen(
    tmp_path: Path, whole: tuple[bytes, list[object]]
) -> None:
    data, written = whole
    assert looked_at(tmp_path, data + b"\0", written)
    assert looked_at(tmp_path, open_segment(data) + bytes(4096), written)
    assert scan(tmp_path).frames == len(written)
    hole = bytearray(data)
    hole[len(data) // 2 : len(data) // 2 + 512] = bytes(512)
    assert looked_at(tmp_path, bytes(hole), written)


def test_a_commit_that_was_taken_out_is_seen(tmp_path: Path, whole: tuple[bytes, list[object]]) -> None:
    data, written = whole
    seals = [i for i in range(len(data)) if data.startswith(segment.RECORD.pack(segment.SEAL, 4), i)]
    size = segment.RECORD.size + 4
    assert looked_at(tmp_path, data[: seals[1] + size] + data[seals[2] + size :], written)


def test_frames_behind_a_gap_are_not_taken_for_consecutive(tmp_path: Path) -> None:
    for start in (0, 10, 20):
        write(tmp_path, 10, start, actor="a")
        write(tmp_path, 3, 3 * start // 10, actor="b")
    middle = tmp_path / "0002.mcap"  # frames 10 to 19 of a
    data = bytearray(middle.read_bytes())
    data[len(data) // 2] ^= 1
    middle.write_bytes(data)
    found = scan(tmp_path)
    last = found.actors["a"].sequence
    assert 9 <= last < 19 and found.actors["b"].sequence == 8
    damage, gap = found.cut
    assert damage.file == middle and damage.lost_bytes
    assert gap.file == tmp_path / "0004.mcap" and gap.lost_frames == 10
    assert gap.reason == f"frame 20 of actor 'a' comes where {last + 1} should"
    assert [f.sequence for f in read_frames(tmp_path) if f.actor == "a"] == list(range(last + 1))
    with EpisodeLog(tmp_path) as log:  # what the others still have is sent again
        assert log.recovered == found
        for frame in stream("a", 20, last + 1):
            log.append(frame)
    assert [f.sequence for f in read_frames(tmp_path) if f.actor == "a"] == list(range(last + 21))


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    write(tmp_path, 4)
    with EpisodeLog(tmp_path) as log:
        log.label(Label("actor", 0, Mark.DISCARD))
    write(tmp_path, 4, 4)
    (tmp_path / "0001.mcap").unlink()
    (cut,) = scan(tmp_path).cut
    assert cut.file == tmp_path / "0001.mcap" and "missing" in cut.reason
    write(tmp_path, 1, 8)
    assert (tmp_path / "0003.mcap").exists()


def foreign(path: Path) -> None:
    with path.open("wb") as file:
        writer = Writer(file)
        writer.start("ros2", "libmcap 1.2.3")
        writer.finish()


def newer(path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segment, "VERSION", 2)
        write(path.parent / "other", 3)
    (path.parent / "other" / "0000.mcap").rename(path)


def link(path: Path) -> None:
    path.symlink_to("/etc/hostname")


@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        ("0001.mcap", foreign, "is not a log of robot_rl"),
        ("0001.mcap", newer, "is a log of version 2, this program reads 1"),
        ("0001.mcap", link, "is not a plain file"),
        ("0001.mcap", Path.mkdir, "is not a plain file"),
        ("0001.mcap", os.mkfifo, "is not a plain file"),
        ("0001.mcap", lambda path: path.write_text("what somebody put here"), "is not a log of robot_rl"),
        ("0001.mcap", lambda path: path.write_bytes(struct.pack("<Q", 2**63) * 9), "is not a log of robot_rl"),
        ("demo.mcap", foreign, "named like 0000.mcap"),
    ],
)
def test_what_is_no_log_of_ours_is_refused_before_any_use(
    tmp_path: Path, name: str, make: object, message: str
) -> None:
    write(tmp_path, 3)
    assert callable(make)
    make(tmp_path / name)
    for use in (scan, read_frames, read_labels, EpisodeLog):
        with pytest.raises(DataError, match=message) as caught:
            use(tmp_path)
        assert str(tmp_path / name) in str(caught.value)
    (tmp_path / name).rename(tmp_path / "elsewhere")
    EpisodeLog(tmp_path).close()  # the lock was given free


def test_a_folder_without_a_log_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        for use in (scan, read_frames, read_labels):
            with pytest.raises(DataError, match=f"{folder} holds no log"):
                use(folder)
    write(tmp_path / "demos", 3)
    with pytest.raises(DataError, match=f"did you mean {tmp_path / 'demos'}?"):
        scan(tmp_path)


def test_a_sealed_frame_that_cannot_be_is_cut_off_with_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written by a program without our checks."""
    monkeypatch.setattr("robot_rl.data.log.check_frame", lambda frame: None)
    frames = list(stream(count=6))
    transition = frames[4].transition
    assert transition
    object.__setattr__(transition, "reward", float("nan"))
    with EpisodeLog(tmp_path, reserve_bytes=0, sync_s=60.0) as log:
        for frame in frames:
            log.append(frame)
    (cut,) = scan(tmp_path).cut
    assert "frame 4 of actor 'actor': reward is nan" in cut.reason
    assert [f.sequence for f in read_frames(tmp_path)] == [0, 1, 2, 3]


def test_a_frame_without_its_image_never_gets_that_of_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(frame: Frame) -> Encoded:
        messages = encode_frame(frame)
        return messages[1:] if frame.sequence == 2 else messages

    monkeypatch.setattr(segment, "encode_frame", careless)
    write(tmp_path, 4, group=4)
    (cut,) = scan(tmp_path).cut
    assert "frame 2 of actor 'actor': no image of side" in cut.reason
    assert [f.sequence for f in read_frames(tmp_path)] == [0, 1]


def test_a_frame_that_rots_after_the_opening_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, 6)
    with EpisodeLog(tmp_path) as log:
        path = tmp_path / "0000.mcap"
        data = bytearray(path.read_bytes())
        data[1500:1600] = bytes(100)
        path.write_bytes(data)
        with pytest.raises(DataError, match=r"0000.mcap, bytes \d+ to \d+, which were good, cannot be read any more"):
            log.after("actor", -1)


def test_a_place_that_the_disk_cannot_read_is_damage_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, 6, group=3)
    read_record = reading._read_record

    def failing(file: BinaryIO, left: int) -> tuple[int, bytes]:
        if file.tell() > first.end:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return read_record(file, left)

    first = next(commit for commit, _ in reading.Segment(tmp_path / "0000.mcap").records())
    monkeypatch.setattr(reading, "_read_record", failing)
    (cut,) = scan(tmp_path).cut
    assert "Input/output error" in cut.reason and cut.offset == first.end
    assert [f.sequence for f in read_frames(tmp_path)] == [0, 1, 2]

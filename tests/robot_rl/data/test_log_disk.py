"""A disk that is full, or fails: nothing taken is lost, nothing torn stays, and the log says what is wrong."""

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from robot_rl.clock import ManualClock
from robot_rl.data.disk import Disk
from robot_rl.data.log import EpisodeLog, read_frames, scan
from robot_rl.errors import StorageError
from tests.robot_rl.data.log_parts import FailingDisk, eventually, exact, make_frame, stream

MIB = 1 << 20
BIG = {"side": (200, 200, 3)}


def record(folder: Path, disk: Disk) -> list[object]:
    """Three commits of two frames each, whatever the disk does; what they hold."""
    frames = list(stream(count=6))
    with EpisodeLog(folder, reserve_bytes=0, sync_s=0.01, disk=disk) as log:
        for frame in frames:
            log.append(frame)
            if frame.sequence % 2:
                log.commit()
        assert not log.trouble
    return [exact(frame) for frame in frames]


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> int:
    """That change the disk while nothing fails."""
    disk = FailingDisk()
    record(tmp_path_factory.mktemp("calls"), disk)
    assert {"create", "write", "sync", "sync_folder"} == set(disk.calls)
    return len(disk.calls)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("times", [1, 3])
def test_whichever_call_fails_all_that_was_taken_is_written_in_the_end(
    tmp_path: Path, calls: int, code: int, times: int
) -> None:
    for number in range(calls):
        folder, disk = tmp_path / str(number), FailingDisk(number, code, times)
        written = record(folder, disk)
        assert len(disk.calls) > number
        assert [exact(frame) for frame in read_frames(folder)] == written
        torn = [cut for cut in scan(folder).cut if "index" not in cut.reason and "never closed" not in cut.reason]
        assert not torn, f"after call {number} ({disk.calls[number]}) failed: {torn[0]}"


class FullDisk(Disk):
    """Takes half of what it is given while `full`."""

    full = False
    free = 1 << 40

    def write(self, file: int, data: bytes | bytearray, offset: int) -> None:
        if self.full:
            super().write(file, data[: len(data) // 2], offset)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().write(file, data, offset)

    def free_bytes(self, folder: Path) -> int:
        return self.free


def test_a_full_disk_is_told_and_durable_waits_until_it_has_room_again(tmp_path: Path) -> None:
    disk = FullDisk()
    with EpisodeLog(tmp_path, sync_s=0.01, disk=disk) as log:
        log.append(make_frame("actor", 0))
        log.commit()
        disk.full = True
        log.append(make_frame("actor", 1))
        with pytest.raises(StorageError, match=r"1 records are not on the disk after 0.1 s: .*No space left on device"):
            log.commit(timeout_s=0.1)
        assert "0000.mcap" in log.trouble and "No space left" in log.trouble
        assert log.durable("actor") == 0 and len(log.after("actor", -1)) == 1
        assert scan(tmp_path).frames == 1 and not scan(tmp_path).cut[0].lost_bytes
        log.append(make_frame("actor", 2))
        disk.full = False
        eventually(lambda: not log.trouble)
        assert log.durable("actor") == 2
    assert scan(tmp_path).frames == 3 and not scan(tmp_path).cut


def test_too_little_free_space_asks_for_a_pause_before_the_disk_is_full(tmp_path: Path) -> None:
    disk = FullDisk()
    disk.free = 100 * MIB
    with EpisodeLog(tmp_path, sync_s=0.01, reserve_bytes=256 * MIB, disk=disk) as log:
        assert log.trouble == f"100 MiB are free at {tmp_path}, the reserve is 256; free some space"
        log.append(make_frame("actor", 0))
        log.commit()
        assert log.durable("actor") == 0 and log.trouble, "what was taken is written all the same"
        disk.free = 300 * MIB
        eventually(lambda: not log.trouble)


def test_what_waits_in_memory_is_bounded_and_what_is_refused_may_come_again(tmp_path: Path) -> None:
    disk = FullDisk()
    disk.full = True
    with EpisodeLog(tmp_path, sync_s=0.01, backlog_bytes=10_000, disk=disk) as log:
        log.append(make_frame("actor", 0))
        log.append(make_frame("actor", 1))
        eventually(lambda: log.trouble)
        frames = iter(stream(count=20, start=2))
        with pytest.raises(StorageError, match=r"MiB wait for the disk.*: the record was not taken"):
            while True:
                refused = next(frames)
                log.append(refused)
        disk.full = False
        log.commit()
        log.append(refused)
        log.commit()
        assert log.durable("actor") == refused.sequence


def test_closing_says_what_was_lost(tmp_path: Path) -> None:
    disk = FullDisk()
    log = EpisodeLog(tmp_path, sync_s=0.01, disk=disk)
    log.append(make_frame("actor", 0))
    log.commit()
    disk.full = True
    log.append(make_frame("actor", 1))
    with pytest.raises(StorageError, match="1 records are not on the disk"):
        log.close(timeout_s=0.1)
    assert scan(tmp_path).frames == 1
    EpisodeLog(tmp_path).close()


def test_appending_does_not_wait_for_a_disk_that_hangs(tmp_path: Path) -> None:
    class Hanging(Disk):
        def sync(self, file: int) -> None:
            eventually(lambda: released)
            super().sync(file)

    released: list[bool] = []
    with EpisodeLog(tmp_path, clock=ManualClock(), reserve_bytes=0, disk=Hanging()) as log:
        for frame in stream(count=50):
            log.append(frame)
        assert log.durable("actor") == -1
        released.append(True)
        log.commit()
    assert scan(tmp_path).frames == 50


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 3 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"mounting a small file system is not allowed here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_on_a_real_full_disk_collection_pauses_first_and_goes_on_when_there_is_room(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(MIB))
    with EpisodeLog(small_disk / "log", sync_s=0.01, reserve_bytes=MIB) as log:
        frames, paused_at = stream(count=60, cameras=BIG), None
        for frame in frames:
            log.append(frame)
            try:
                log.commit(timeout_s=0.2)
            except StorageError:
                break
            if paused_at is None and log.trouble:
                paused_at = frame.sequence
        last = log.durable("actor")
        assert paused_at is not None and paused_at < last, "the pause is asked for before the disk is full"
        assert "No space left on device" in log.trouble
        assert scan(log.folder).frames == last + 1, "nothing torn is left behind"
        ballast.unlink()
        eventually(lambda: log.durable("actor") == frame.sequence)
        assert "reserve" in log.trouble
    found = scan(small_disk / "log")
    assert found.frames == frame.sequence + 1 and not found.cut

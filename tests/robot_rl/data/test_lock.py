"""One writer for a folder, whoever dies, and however."""

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from robot_rl.data.lock import FILE, FolderLock
from robot_rl.errors import DataError

HOLD = """
import sys
from robot_rl.data.lock import FolderLock
lock = FolderLock(sys.argv[1])
sys.stdout.write("held\\n")
sys.stdout.flush()
sys.stdin.read()
"""


def holder(folder: Path) -> subprocess.Popen[str]:
    """Another process that holds the folder by now."""
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout and child.stdout.readline() == "held\n"
    return child


def test_a_second_taker_learns_who_holds_the_folder(tmp_path: Path) -> None:
    with FolderLock(tmp_path / "run"), pytest.raises(DataError, match="stop that first") as refused:
        FolderLock(tmp_path / "run")
    assert f"{tmp_path / 'run'} is in use by process {os.getpid()} on {socket.gethostname()}" in str(refused.value)


def test_a_released_folder_can_be_taken_again(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path)
    lock.release()
    lock.release()
    FolderLock(tmp_path).release()


def test_another_process_is_kept_out_until_it_is_killed(tmp_path: Path) -> None:
    with holder(tmp_path) as child:
        with pytest.raises(DataError, match=f"process {child.pid} on "):
            FolderLock(tmp_path)
        child.send_signal(signal.SIGKILL)
        child.wait()
        FolderLock(tmp_path).release()


def test_a_file_left_behind_is_no_lock(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("process 1 on a machine with a very long name that is gone\n")
    with FolderLock(tmp_path):
        assert (tmp_path / FILE).read_text() == f"process {os.getpid()} on {socket.gethostname()}\n"


def test_of_many_threads_one_gets_in(tmp_path: Path) -> None:
    locks: list[FolderLock] = []
    start = threading.Barrier(8)

    def take() -> None:
        start.wait()
        try:
            locks.append(FolderLock(tmp_path))
        except DataError:
            return

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(locks) == 1
    locks[0].release()


def test_a_refused_taker_leaves_nothing_open(tmp_path: Path) -> None:
    with FolderLock(tmp_path):
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(5):
            with pytest.raises(DataError):
                FolderLock(tmp_path)
        assert len(os.listdir("/proc/self/fd")) == before


def test_a_folder_that_cannot_be_locked_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(DataError, match="cannot lock"):
        FolderLock(tmp_path / "file" / "run")
    (tmp_path / FILE).symlink_to(tmp_path / "file")
    with pytest.raises(DataError, match="cannot lock"):
        FolderLock(tmp_path)
    assert (tmp_path / "file").read_text() == "mine"

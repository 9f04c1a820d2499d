"""The arm's process when it stands still while its parent ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.robot_rl.cell.test_process import PARENT, Cell

OPENING = """
import signal, sys
from robot_rl.cell.spawn import spawn
signal.signal(signal.SIGINT, signal.default_int_handler)
spawn(sys.argv[1:])
"""
"""A parent that waits for its cell to listen. A shell lets what it starts in the background ignore SIGINT."""


def until(true: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + 20.0
    while not true():
        assert time.monotonic() < deadline_s, "it has not come"
        time.sleep(0.005)


def gone(pid: int) -> bool:
    """Whether it has ended; who should take its exit code may be late."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def stopped_while_opening(parent: "subprocess.Popen[bytes]") -> int:
    """The cell's process, which stands still half-way through its imports."""
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
    until(children.read_text)
    cell = int(children.read_text())
    until(lambda: "mujoco" in Path(f"/proc/{cell}/maps").read_text())
    os.kill(cell, signal.SIGSTOP)
    return cell


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_cell_that_stands_still_while_it_opens_does_not_outlive_a_parent_that_ends(
    tmp_path: Path, number: signal.Signals
) -> None:
    command = [sys.executable, "-c", OPENING, f"socket={tmp_path / 'arm'}"]
    parent = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    cell = stopped_while_opening(parent)
    try:
        parent.send_signal(number)
        parent.wait(timeout=20)
        until(lambda: gone(cell))
    finally:
        if not gone(cell):
            os.kill(cell, signal.SIGKILL)


def test_a_cell_that_stands_still_is_woken_by_the_end_of_its_parent_and_ends_in_order(tmp_path: Path) -> None:
    cell = Cell(tmp_path)
    command = [sys.executable, "-c", PARENT, *cell.settings]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        try:
            os.kill(pid, signal.SIGSTOP)
            parent.kill()
            parent.wait()
            until(lambda: not cell.path.exists())
        finally:
            if not gone(pid):
                os.kill(pid, signal.SIGKILL)

"""The verbs of `robot-rl` as real processes, small enough to be through in seconds."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from robot_rl.data.log import read_frames
from robot_rl.errors import DataError
from robot_rl.types import Frame

SMALL = (
    "task=reach",
    "human.demos=2",
    "learner.hidden=[32,32]",
    "learner.critics=2",
    "learner.batch_size=32",
    "learner.utd=1",
    "learner.actor_every=1",
    "learner.bc_steps=40",
    "learner.start_steps=10",
    "learner.head_start=10",
    "learner.checkpoint_every=20",
    "learner.capacity=5000",
    "eval_episodes=0",
)
PATIENCE_S = 40.0
"""For a process to get so far"""
LOOK_S = 0.05


class Run:
    """One verb as a child process, and what it says."""

    def __init__(self, verb: str, folder: Path, *settings: str, small: bool = True) -> None:
        """`folder` is its `out`."""
        self.folder, self._said = folder, folder.with_suffix(".txt")
        words = [*verb.split(), *(SMALL if small else ()), f"out={folder}", *settings]
        with self._said.open("ab") as file:
            self._at = file.tell()
            command = [sys.executable, "-m", "robot_rl.cli", *words]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file)

    @property
    def said(self) -> list[str]:
        """Its lines so far."""
        return self._said.read_bytes()[self._at :].decode(errors="replace").splitlines()

    def line(self, *words: str) -> str:
        """The first line with one of these words; empty when there is none."""
        return next((line.strip() for line in self.said if any(word in line for word in words)), "")

    def end(self, timeout_s: float = PATIENCE_S) -> int:
        """Its exit code; killed when it takes too long."""
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def frames(self, log: str) -> list[Frame]:
        """What its log in this folder holds so far."""
        try:
            return list(read_frames(self.folder / log))
        except DataError:  # not begun
            return []


def until(condition: Callable[[], bool], timeout_s: float = PATIENCE_S) -> bool:
    """Wait for it; False when it took too long."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(LOOK_S)
    return True

"""Drills that go wrong, importable by the process that carries them out."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from robot_rl.drills.drill import Outcome


def good(folder: Path, seed: int) -> Outcome:
    (folder / "seed.txt").write_text(str(seed))
    return Outcome(True, "all well", "a message", 0.1, 0.2, 3, True)


def raises(folder: Path, seed: int) -> Outcome:
    raise ValueError("the arm fell off")


def dies(folder: Path, seed: int) -> Outcome:
    os.kill(os.getpid(), signal.SIGSEGV)
    return Outcome(True, "cannot be")


def hangs(folder: Path, seed: int) -> Outcome:
    """With a child, which must not outlive it."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    (folder / "child.txt").write_text(str(child.pid))
    child.wait()
    return Outcome(True, "cannot be")

"""Saves a checkpoint and lets one system call be the last, or the first that finds the disk full. Run as a script.

    python steps.py list|kill|full|limit FOLDER

FOLDER/start holds what is there before. For each call in turn a copy of it, FOLDER/0, FOLDER/1, ... is saved into by a
child process of its own. Prints the calls of one run, or what became of every child, as JSON.
"""

import errno
import json
import os
import resource
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from robot_rl.data.checkpoint import Checkpoint, save_checkpoint
from robot_rl.errors import StorageError

NUMBER, KEEP = 7, 2
CHANGES = {"os.mkdir": "mkdir", "os.rename": "rename", "os.remove": "remove", "os.rmdir": "rmdir"}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT

Step = Callable[[str, str], None]
"""Sees what is about to be done, and to which file."""


def sample(number: int) -> Checkpoint:
    """As small as a checkpoint can be that differs from all others."""
    tensors = {"weights": np.full((2, 3), number, np.float32), "step": np.array(number)}
    return Checkpoint(tensors, {"taken": number, "generator": {"state": 2**127 + number}})


def watch(step: Step) -> None:
    """Have `step` called before every call of this process that changes the disk."""
    sync = os.fsync

    def fsync(file: int) -> None:
        step("sync", os.readlink(f"/proc/self/fd/{file}"))
        sync(file)

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if event in CHANGES:
            step(CHANGES[event], os.fspath(arguments[0]))
        elif event == "open" and arguments[2] & WRITING:
            step("open", os.fspath(arguments[0]))

    os.fsync = fsync
    sys.addaudithook(audit)


class Last:
    """Kills this process before call `at`."""

    def __init__(self, at: int) -> None:
        self._left = at

    def __call__(self, call: str, path: str) -> None:
        self._left -= 1
        if self._left < 0:
            os.kill(os.getpid(), signal.SIGKILL)


class Full(Last):
    """From call `at` on the disk takes nothing more; removing still works."""

    def __call__(self, call: str, path: str) -> None:
        self._left -= 1
        if self._left < 0 and not call.startswith(("remove", "rmdir")):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)


def limit(at: int) -> None:
    """No file grows beyond `at` times 40 bytes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (40 * at, 40 * at))


def child(prepare: Callable[[], None], folder: Path) -> str:
    """What became of a process that saves into `folder`: saved, refused or killed."""
    if pid := os.fork():
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        return {0: "saved", 1: "refused", -signal.SIGKILL: "killed"}.get(code, f"ended with {code}")
    code = 2
    try:
        prepare()
        save_checkpoint(folder, NUMBER, sample(NUMBER), KEEP)
        code = 0
    except StorageError:
        code = 1
    finally:
        os._exit(code)


def one_after_the_other(mode: str, folder: Path) -> list[str]:
    prepare: dict[str, Callable[[int], None]] = {
        "kill": lambda at: watch(Last(at)),
        "full": lambda at: watch(Full(at)),
        "limit": limit,
    }
    outcomes: list[str] = []
    while "saved" not in outcomes:
        at = len(outcomes)
        shutil.copytree(folder / "start", folder / str(at))
        outcomes.append(child(lambda at=at: prepare[mode](at), folder / str(at)))
    return outcomes


def calls(folder: Path) -> list[str]:
    seen: list[str] = []
    watch(lambda call, path: seen.append(f"{call} {Path(path).name}"))
    save_checkpoint(folder / "start", NUMBER, sample(NUMBER), KEEP)
    return list(seen)


if __name__ == "__main__":
    _, mode, folder = sys.argv
    result = calls(Path(folder)) if mode == "list" else one_after_the_other(mode, Path(folder))
    sys.stdout.write(json.dumps(result))

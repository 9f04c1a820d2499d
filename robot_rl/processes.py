"""Child processes that run a verb and do not outlive the process that started them."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

TIED = "ROBOT_RL_TIED"
PR_SET_PDEATHSIG = 1
"""Of prctl(2)"""


def start(verb: str, config: Path) -> "subprocess.Popen[bytes]":
    """`robot-rl VERB config=FILE` as a child in a session of its own: a Ctrl-C reaches only the parent."""
    command = [sys.executable, "-m", "robot_rl.cli", verb, f"config={config}"]
    environment = os.environ | {TIED: "1"}
    quiet = subprocess.DEVNULL  # results are the parent's to tell; warnings and errors go to its own stderr
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=quiet, env=environment, start_new_session=True)


def tie_to_parent() -> None:
    """In such a child: end in good order when the parent is gone, which closes our standard input."""
    if os.environ.pop(TIED, ""):
        threading.Thread(target=_watch, daemon=True).start()


def _watch() -> None:
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def signal_at_parents_end(number: int) -> None:
    """Have the kernel send this process `number` when the thread that started it ends; on Linux, elsewhere nothing.

    Beside `tie_to_parent`, for a process that cannot look at its parent: one that stands still, or hangs in a library.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)


def free_port() -> int:
    """A port of the loopback device that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

"""Start the arm's process as a child that does not outlive its parent, and wait until it listens."""

import os
import select
import subprocess
import sys

from robot_rl.errors import ConfigError, HardwareError
from robot_rl.processes import TIED

PINNED = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""One thread each for the libraries below NumPy."""
LEAVE_S = 5.0
"""For a process that has closed its output to end."""


def spawn(arguments: list[str], timeout_s: float = 30.0) -> "subprocess.Popen[bytes]":
    """`python -m robot_rl.cell ARGUMENTS` in a session of its own: a Ctrl-C reaches only the parent.

    SIGTERM ends it at rest, and so does the parent's end, which kills one that does not listen yet. Raises ConfigError
    for settings that it cannot use, HardwareError when it ends for another reason or does not listen in time; it says
    why on standard error.
    """
    environment = os.environ | dict.fromkeys(PINNED, "1") | {TIED: "1"}
    command = [sys.executable, "-m", "robot_rl.cell", *arguments]
    child = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, start_new_session=True
    )
    assert child.stdout
    listens = said = False
    try:
        said = bool(select.select([child.stdout], [], [], timeout_s)[0])
        listens = said and child.stdout.readline() == b"ready\n"
    finally:  # also when this wait is interrupted: nobody else knows the child
        code = None if listens else _end(child, LEAVE_S if said else 0.0)
    if listens:
        return child
    if code == 2:
        raise ConfigError("the arm's process cannot use its settings (exit code 2): see its standard error")
    how = f"ended by itself before it listened (exit code {code})" if said else f"did not listen within {timeout_s} s"
    raise HardwareError(f"the arm's process {how}: see its standard error")


def _end(child: "subprocess.Popen[bytes]", wait_s: float) -> int:
    """Its exit code; it is killed when it has not ended within `wait_s`."""
    try:
        return child.wait(wait_s)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait()
    finally:
        for pipe in (child.stdin, child.stdout):
            pipe.close()  # type: ignore[union-attr]

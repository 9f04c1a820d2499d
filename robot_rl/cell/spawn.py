"""Start the arm's process as a child that does not outlive its parent, and wait until it listens."""

import os
import select
import subprocess
import sys

from robot_rl.errors import HardwareError
from robot_rl.processes import TIED

PINNED = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""One thread each for the libraries below NumPy."""


def spawn(arguments: list[str], timeout_s: float = 30.0) -> "subprocess.Popen[bytes]":
    """`python -m robot_rl.cell ARGUMENTS` in a session of its own: a Ctrl-C reaches only the parent.

    SIGTERM ends it at rest. Raises HardwareError when it does not listen in time; it says why on standard error.
    """
    environment = os.environ | dict.fromkeys(PINNED, "1") | {TIED: "1"}
    command = [sys.executable, "-m", "robot_rl.cell", *arguments]
    child = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, start_new_session=True
    )
    assert child.stdout
    ready, _, _ = select.select([child.stdout], [], [], timeout_s)
    if ready and child.stdout.readline() == b"ready\n":
        return child
    child.kill()
    code = child.wait()
    for pipe in (child.stdin, child.stdout):
        pipe.close()  # type: ignore[union-attr]
    raise HardwareError(
        f"the arm's process did not listen within {timeout_s} s (exit code {code}); see its standard error"
    )

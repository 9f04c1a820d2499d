"""ROS domains for tests: each number is used by one test at a time, also by other runs on this machine."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, islice
from pathlib import Path
from tempfile import gettempdir

MOST = 100
"""Above it a domain's ports are those that the kernel gives to anybody"""
_turns = count(os.getpid())


@contextmanager
def taken() -> Iterator[int]:
    """A number for as long as the block lasts. Raises RuntimeError when there is none."""
    for turn in islice(_turns, MOST):
        number = 1 + turn % MOST
        with (Path(gettempdir()) / f"robot_rl_test_domain_{os.getuid()}_{number}").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield number
            return
    raise RuntimeError(f"all {MOST} domains are in use; end other runs of these tests")

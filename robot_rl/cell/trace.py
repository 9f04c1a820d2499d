"""What the loop did, period by period, for whoever judges it: a file that survives the process however it dies.

Writing goes to mapped memory. On a slow disk the kernel may make even that wait: put the file into memory (/dev/shm).
"""

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import ConfigError

ROW = np.dtype(
    [
        ("time_s", "f8"),  # start of the period; 0 in rows not yet written
        ("deadline_s", "f8"),  # when it should have started
        ("reference_m", "f8", 3),
        ("reference_m_s", "f8", 3),
        ("tool_m", "f8", 3),  # measured at the start of the period
        ("acceleration_m_s2", "f8", 3),  # limits of the reference in force, by which it brakes
        ("jerk_m_s3", "f8", 3),
        ("braking", "f8"),  # 1 without a valid command
        ("arrived_s", "f8"),  # of the last admitted command
        ("valid_for_s", "f8"),
        ("sequence", "f8"),
        ("state", "f8"),  # of the authority: its place in `State`
    ]
)
"""One period; m and s in the base frame and on the machine's monotonic clock."""


class Trace:
    """A file of `rows` periods, made whole at the start; what comes after the last row is not kept."""

    def __init__(self, path: Path, rows: int) -> None:
        """Raises ConfigError when the file cannot be made."""
        try:
            path.unlink(missing_ok=True)  # whoever still maps an older file keeps it
            self._rows = np.lib.format.open_memmap(path, mode="w+", dtype=ROW, shape=(rows,))
            with path.open("r+b") as file:  # room that was not there when a row is written would kill the process
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
        except OSError as error:
            raise ConfigError(f"cannot make the trace {path} ({error.strerror}); give a file you may write") from error
        self._next = 0

    def add(self, *row: object) -> None:
        """Values in the order of `ROW`."""
        if self._next < len(self._rows):
            self._rows[self._next] = row
            self._next += 1


def read_trace(path: Path) -> NDArray[np.void]:
    """The periods so far, also of a process that still runs: (T,) of `ROW`."""
    rows = np.load(path, mmap_mode="r")
    written: NDArray[np.void] = np.array(rows[: int(np.count_nonzero(rows["time_s"]))])
    return written

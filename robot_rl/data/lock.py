"""One writer for a folder."""

import fcntl
import os
import socket
from pathlib import Path
from typing import Self

from robot_rl.errors import DataError

FILE = ".lock"


class FolderLock:
    """Holds `folder` for this object until `release`; a missing folder is made.

    The lock is the kernel's (`flock`), not the existence of the file: a process that dies, however it dies, loses
    it, and the file left behind stops nobody. The text in the file says who holds the lock.
    """

    def __init__(self, folder: str | Path) -> None:
        """Raises DataError when someone else holds the folder, or it cannot be written."""
        self.folder = Path(folder)
        self._file: int | None = None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self.folder / FILE, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _sign(self._file)
        except BlockingIOError:
            holder = self._holder()
            self.release()
            raise DataError(f"{self.folder} is in use by {holder}; stop that first or give another folder") from None
        except OSError as error:
            self.release()
            raise DataError(f"cannot lock {self.folder} ({error.strerror}); give a folder you may write") from error

    def _holder(self) -> str:
        text = (self.folder / FILE).read_text(errors="replace").strip()
        return text or "another process"

    def release(self) -> None:
        """Let others in. A second call does nothing."""
        if self._file is not None:
            fcntl.flock(self._file, fcntl.LOCK_UN)  # closing alone would leave it with a forked child
            os.close(self._file)
            self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def _sign(file: int) -> None:
    """Process and host over the old text, never emptied first: that needs no space on a full disk."""
    text = f"process {os.getpid()} on {socket.gethostname()}\n".encode()
    os.pwrite(file, text, 0)
    os.ftruncate(file, len(text))

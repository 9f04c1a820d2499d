"""The calls by which a log reaches its disk, in one place, so that a test may let each of them fail."""

import os
from pathlib import Path


class Disk:
    """Every method raises OSError as the system does."""

    def create(self, path: Path) -> int:
        """A new file; never an old one, never through a link."""
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)

    def write(self, file: int, data: bytes | bytearray, offset: int) -> None:
        view = memoryview(data)
        while view:
            written = os.pwrite(file, view, offset)
            view, offset = view[written:], offset + written

    def sync(self, file: int) -> None:
        os.fsync(file)

    def sync_folder(self, folder: Path) -> None:
        """Makes the names in it durable."""
        file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(file)
        finally:
            os.close(file)

    def cut(self, file: int, size: int) -> None:
        os.ftruncate(file, size)

    def close(self, file: int) -> None:
        os.close(file)

    def free_bytes(self, folder: Path) -> int:
        """What this user may still write there."""
        space = os.statvfs(folder)
        return space.f_bavail * space.f_frsize

"""Files that are whole or not there, whenever the power fails, and that can tell whether they are what was written."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from robot_rl.errors import StorageError

BLANK = "0" * 64
"""Where `seal` puts the checksum"""


def write_durably(path: Path, content: bytes) -> None:
    """On return `path` has this content for good; until then it has its old one. One writer at a time.

    Raises:
        StorageError: the disk does not take it; the old content is still there.
    """
    part = path.with_name(f"{path.name}.part")
    with storing(path):
        part.unlink(missing_ok=True)  # of a writer that was killed
        try:
            with part.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except OSError:
            part.unlink(missing_ok=True)
            raise
        sync(path.parent)


def make_folder(folder: Path) -> None:
    """The folder and all above it exist for good on return.

    Raises:
        StorageError: it cannot be made.
    """
    if not folder.is_dir():
        make_folder(folder.parent)
        with storing(folder):
            folder.mkdir(exist_ok=True)
            sync(folder.parent)


@contextmanager
def storing(path: Path) -> Iterator[None]:
    """Raises StorageError where the block raises OSError."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"cannot write {path} ({error.strerror}); make room or give another folder") from error


def seal(content: bytes) -> bytes:
    """`content` with the SHA-256 of it all in the place of its first `BLANK`."""
    return content.replace(BLANK.encode(), hashlib.sha256(content).hexdigest().encode(), 1)


def is_sealed(content: bytes, checksum: object) -> bool:
    """Whether `seal` made it, given the checksum found in it: a change of any bit, the checksum's included, shows."""
    if not isinstance(checksum, str) or not checksum.isascii():
        return False
    return hashlib.sha256(content.replace(checksum.encode(), BLANK.encode(), 1)).hexdigest() == checksum


def sync(path: Path) -> None:
    """A file's content, or a folder's names, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""Folders that appear whole or not at all, and what is refused as input before it is opened."""

import glob
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from robot_rl.data.files import storing, sync
from robot_rl.errors import DataError

MAGIC = {
    "MCAP log": b"\x89MCAP0\r\n",
    "HDF5 file": b"\x89HDF\r\n\x1a\n",
    "parquet file": b"PAR1",
    "zip archive": b"PK\x03\x04",
    "gzip archive": b"\x1f\x8b",
    "zstandard archive": b"\x28\xb5\x2f\xfd",
    "pickle": b"\x80",  # protocol 2 and later
}
"""How files begin"""
TAR_AT, TAR = 257, b"ustar"
PART = ".part-"
"""Between a folder's name and the number of the process that is writing it"""


@contextmanager
def appearing(folder: Path) -> Iterator[Path]:
    """A new folder to write into; it gets its name when the block ends well, and is removed otherwise. What a killed
    process has left of the same is removed too.

    Raises DataError when `folder` is there already or cannot be made, StorageError when the disk does not take it.
    """
    if folder.exists() or folder.is_symlink():
        raise DataError(f"{folder} is there already; give another folder, or remove it")
    _remove_orphans(folder)
    part = folder.with_name(f"{folder.name}{PART}{os.getpid()}")
    try:
        part.mkdir(parents=True)
    except OSError as error:
        raise DataError(f"cannot make {part} ({error.strerror}); choose a folder that can be written") from error
    try:
        yield part
        with storing(folder):
            for path in [*part.rglob("*"), part]:
                sync(path)
            part.rename(folder)
            sync(folder.parent)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _remove_orphans(folder: Path) -> None:
    for part in folder.parent.glob(f"{glob.escape(folder.name)}{PART}*"):
        process = part.name.removeprefix(f"{folder.name}{PART}")
        if process.isdecimal() and not _lives(int(process)):
            shutil.rmtree(part, ignore_errors=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def plain_file(path: Path, kind: str) -> Path:
    """`path`, if it is a file, not a link, whose first bytes are those of `kind` (a key of `MAGIC`).

    Raises DataError, before anything of it is read as data.
    """
    if path.is_symlink() or not path.is_file():
        found = "a symbolic link" if path.is_symlink() else "no file"
        raise DataError(f"{path} is {found}; give the {kind} itself")
    found = _kind(path)
    if found != kind:
        raise DataError(f"{path} is {found or 'something else'}, not a {kind}; nothing of it was used")
    return path


def plain_tree(folder: Path) -> Path:
    """`folder`, if it holds plain files and folders only.

    Raises DataError when it does not exist or holds a link or a device: what it names may lie anywhere.
    """
    if folder.is_symlink() or not folder.is_dir():
        raise DataError(f"{folder} is no folder{_archive(folder)}; give the folder itself, unpacked")
    for path in folder.rglob("*"):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise DataError(f"{path} is a link or a device, not a plain file; replace it by what it stands for")
    return folder


def _kind(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(TAR_AT + len(TAR))
    if start[TAR_AT:] == TAR:
        return "tar archive"
    return next((name for name, magic in MAGIC.items() if start.startswith(magic)), "")


def _archive(path: Path) -> str:
    kind = _kind(path) if path.is_file() else ""
    return f" but a {kind}" if kind else ""

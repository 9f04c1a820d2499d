"""Columns of a replay buffer: in memory, or memory-mapped for buffers larger than memory; and what they cost."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import ConfigError

Shape = tuple[int, ...]
Column = NDArray[Any]
Columns = dict[str, Column]
Images = Mapping[str, tuple[int, int, int]]
"""Height, width and 3 by camera name"""
NO_IMAGES: Images = {}

FLAGS = ("reward", "mask", "changed")
BOOKKEEPING_BYTES = 24
"""A frame's links, its place in the draw (16), and what a sampler may keep of it (8)."""
ADVICE = "lower learner.capacity, or let learner.replay_folder name a folder on a larger disk"


def layout(state_dim: int, action_dim: int, images: Images) -> dict[str, tuple[Shape, type]]:
    """Shape of one row and type of every column; images are named `image.<camera>`."""
    numbers: dict[str, Shape] = {"state": (state_dim,), "action": (action_dim,)} | dict.fromkeys(FLAGS, ())
    return {name: (shape, np.float32) for name, shape in numbers.items()} | {
        f"image.{camera}": (shape, np.uint8) for camera, shape in images.items()
    }


def memory_estimate(capacity: int, state_dim: int, action_dim: int, images: Images = NO_IMAGES) -> int:
    """Bytes that a buffer of `capacity` frames takes once it is full."""
    rows = layout(state_dim, action_dim, images).values()
    return capacity * (BOOKKEEPING_BYTES + sum(int(np.prod(s)) * np.dtype(kind).itemsize for s, kind in rows))


def check_memory(needed_bytes: int, folder: Path | None = None) -> str:
    """One line that says what replay will take and what there is.

    Raises:
        ConfigError: it does not fit into available memory, or onto the disk of `folder`.
    """
    try:
        free = shutil.disk_usage(existing(folder)).free if folder else available_memory()
    except OSError as error:
        raise ConfigError(f"replay cannot use {folder} ({error}): {ADVICE}") from error
    where = f"on the disk of {folder}" if folder else "in memory"
    line = f"replay takes {needed_bytes / 2**30:.2f} GiB {where} when full; {free / 2**30:.2f} GiB are available"
    if needed_bytes > free:
        raise ConfigError(f"{line}: {ADVICE}")
    return line


def allocate(capacity: int, rows: Mapping[str, tuple[Shape, type]], folder: Path | None) -> Columns:
    """Zeroed columns. With `folder` they are mapped onto nameless files there, which vanish with the process.

    The files are scratch: replay is rebuilt from the log. Their blocks are reserved at once, since a disk that
    fills later would kill a process that writes into a mapped hole (SIGBUS).

    Raises:
        ConfigError: the folder cannot be used or its disk is too small.
    """
    if not folder:
        return {name: np.zeros((capacity, *shape), kind) for name, (shape, kind) in rows.items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return {name: mapped((capacity, *shape), kind, folder) for name, (shape, kind) in rows.items()}
    except OSError as error:
        raise ConfigError(f"replay cannot use {folder} ({error}): {ADVICE}") from error


def mapped(shape: Shape, kind: type, folder: Path) -> Column:
    """A zeroed array on a nameless file."""
    size = int(np.prod(shape)) * np.dtype(kind).itemsize
    with tempfile.TemporaryFile(dir=folder) as file:
        os.posix_fallocate(file.fileno(), 0, size)
        return np.memmap(file, kind, "r+", shape=shape)


def existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())


def available_memory() -> int:
    """Bytes that can be had without swapping: the kernel's own estimate, else the pages that are free."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")

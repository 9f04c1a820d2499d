"""Episodes on disk: one compressed NumPy archive each, checked when read. No pickles."""

import os
import zipfile
import zlib
from dataclasses import fields
from pathlib import Path

import numpy as np

from robot_rl.errors import ConfigError
from robot_rl.types import Episode

VERSION = 1
MATRICES = ("observations", "actions", "requested")
PER_STEP = (*MATRICES, "rewards", "sources", "gripper_changed")
UNREADABLE = (OSError, ValueError, TypeError, EOFError, RuntimeError, KeyError, zipfile.BadZipFile, zlib.error)
"""What NumPy and zipfile raise for archives that are damaged or of another kind."""


def save_episode(episode: Episode, path: Path) -> None:
    """Write `path` complete or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".part")
    with temporary.open("wb") as file:
        columns = {f.name: getattr(episode, f.name) for f in fields(episode)}
        np.savez_compressed(file, version=VERSION, **columns)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def load_episode(path: Path) -> Episode:
    """Read what `save_episode` wrote.

    Raises ConfigError when there is no such file, or it is not an episode, is of another version, or damaged.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            columns = {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise ConfigError(f"no episode at {path}; give a file that demos record or train has written") from None
    except UNREADABLE as error:
        raise ConfigError(f"{path} is not a readable episode ({error}); it is damaged or of another kind") from error
    expected = {f.name for f in fields(Episode)} | {"version"}
    if set(columns) != expected or columns.pop("version") != VERSION:
        raise ConfigError(f"{path} is not an episode of version {VERSION}; record it again")
    steps, lengths = len(columns["rewards"]), {n: np.shape(columns[n]) for n in PER_STEP}
    wrong = [name for name, shape in lengths.items() if shape[:1] != (steps + (name == "observations"),)]
    wrong += [name for name in PER_STEP if not np.isfinite(columns[name]).all()]
    wrong += [name for name in MATRICES if columns[name].ndim != 2]
    if wrong or not steps:
        raise ConfigError(f"{path}: {', '.join(sorted(set(wrong))) or 'no step'} cannot be used; record it again")
    scalars = {name: value.item() for name, value in columns.items() if value.ndim == 0}
    return Episode(**(columns | scalars))

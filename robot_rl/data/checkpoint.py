"""Checkpoints: arrays and facts to go on from, each in a folder that is whole or does not count.

    000500/tensors.safetensors  000500/facts.json  000500/manifest.json

The manifest comes last and vouches for all three. A folder is written once: should number 500 be saved again, it gets a
folder of its own, 000500.1. So a kill at any time leaves the old checkpoints, or those and the new one.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from numpy.typing import NDArray

from robot_rl import __version__
from robot_rl.data.files import BLANK, is_sealed, make_folder, seal, storing, write_durably
from robot_rl.data.packing import pack, unpack
from robot_rl.errors import DataError, StorageError

FORMAT, VERSION = "robot_rl.checkpoint", 1
TENSORS, FACTS, MANIFEST = "tensors.safetensors", "facts.json", "manifest.json"
NAME = re.compile(r"([0-9]{6,})(?:\.([0-9]+))?")


@dataclass(frozen=True)
class Checkpoint:
    """What is saved, and what comes back: bit for bit, tuples as lists."""

    tensors: Mapping[str, NDArray]
    facts: Mapping[str, Any]
    """JSON, arrays and NumPy scalars, nested at will; integers of any size, finite numbers"""


@dataclass(frozen=True)
class Loaded:
    """The newest checkpoint that can be used."""

    checkpoint: Checkpoint
    number: int
    refused: tuple[str, ...]
    """What is wrong with each newer one: number, file, reason"""


class Home(NamedTuple):
    """The folder of a checkpoint."""

    number: int
    again: int
    """How often this number had been saved before"""
    path: Path

    @property
    def finished(self) -> bool:
        """It was whole once, or is none of ours."""
        return self.path.is_symlink() or not self.path.is_dir() or (self.path / MANIFEST).exists()


def save_checkpoint(folder: Path, number: int, checkpoint: Checkpoint, keep: int = 3) -> None:
    """Write the checkpoint, then remove all but the `keep` newest up to this one: a run has one history.

    Raises:
        DataError: it holds what cannot be stored; nothing was written.
        StorageError: the disk does not take it; the older ones are as they were.
    """
    tensors, facts = pack(checkpoint.tensors, checkpoint.facts)
    contents = {TENSORS: tensors, FACTS: facts}
    contents[MANIFEST] = _manifest(number, contents)
    for left in _homes(folder):
        if not left.finished:
            _remove(left.path)
    again = max((home.again + 1 for home in _homes(folder) if home.number == number), default=0)
    new = Home(number, again, folder / (f"{number:06d}" + f".{again}" * bool(again)))
    try:
        make_folder(new.path)
        for name, content in contents.items():
            write_durably(new.path / name, content)
    except StorageError:
        with suppress(StorageError):
            _remove(new.path)
        raise
    homes = _homes(folder)
    kept = homes[: homes.index(new) + 1][-keep:]
    for home in homes:
        if home not in kept:
            _remove(home.path)


def load_newest(folder: Path, refuse: Callable[[Mapping[str, Any]], str] = lambda _: "") -> Loaded | None:
    """The newest checkpoint that is whole and that the caller does not refuse; None where there is none.

    Args:
        refuse: from the facts of a whole checkpoint to why it is of no use; empty: it is of use

    Raises:
        DataError: there are checkpoints, but damaged, foreign, or of another version.
    """
    refused: list[str] = []
    bad = False
    for home in reversed(_homes(folder)):
        try:
            checkpoint = _read(home)
        except DataError as error:
            reason = str(error)
            bad |= home.finished
        else:
            reason = refuse(checkpoint.facts)
            if not reason:
                return Loaded(checkpoint, home.number, tuple(refused))
        refused.append(f"checkpoint {home.number} in {home.path} is not used: {reason}")
    if bad:
        advice = "put a good copy there, or remove them to learn again from the log"
        raise DataError(f"no checkpoint in {folder} can be used; {advice}: {'; '.join(refused)}")
    return None


def _manifest(number: int, contents: Mapping[str, bytes]) -> bytes:
    manifest = {
        "sha256": BLANK,
        "format": FORMAT,
        "version": VERSION,
        "number": number,
        "robot_rl": __version__,
        "files": {name: {"bytes": len(content), "sha256": _sha256(content)} for name, content in contents.items()},
    }
    return seal(json.dumps(manifest, indent=1).encode())


def _read(home: Home) -> Checkpoint:
    """Raises DataError: file and reason."""
    if home.path.is_symlink() or not home.path.is_dir():
        raise DataError("it is a link or a file, not a folder")
    try:
        files = _files(home)
        return Checkpoint(*unpack(*(_content(home.path / name, **files[name]) for name in (TENSORS, FACTS))))
    except (LookupError, TypeError) as error:
        raise DataError(f"{MANIFEST} is not as this program writes it ({error!r})") from error


def _files(home: Home) -> Any:
    """Length and checksum of the other files, from a manifest that has proved to be ours and whole."""
    content = _bytes(home.path / MANIFEST)
    try:
        manifest = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{MANIFEST} is not JSON ({error}): damaged") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise DataError(f"{MANIFEST} is not of format {FORMAT}: foreign or damaged")
    if not is_sealed(content, manifest.get("sha256")):
        raise DataError(f"{MANIFEST} does not match its checksum: damaged")
    if manifest["version"] != VERSION:
        raise DataError(f"{MANIFEST} has version {manifest['version']}, this program reads version {VERSION}")
    if manifest["number"] != home.number:
        raise DataError(f"{MANIFEST} belongs to checkpoint {manifest['number']}")
    return manifest["files"]


def _content(path: Path, bytes: int, sha256: str) -> bytes:
    """Of a file that is to have this length in bytes and this checksum."""
    content = _bytes(path)
    if len(content) != bytes:
        raise DataError(f"{path.name} has {len(content)} bytes instead of {bytes}: damaged")
    if _sha256(content) != sha256:
        raise DataError(f"{path.name} does not match its checksum: damaged")
    return content


def _bytes(path: Path) -> bytes:
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise DataError(f"{path.name} is a link or a device, not a plain file")
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path.name} cannot be read ({error.strerror}): never finished, or damaged") from error


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _homes(folder: Path) -> list[Home]:
    """What is named like a checkpoint, oldest first."""
    try:
        found = [(NAME.fullmatch(path.name), path) for path in folder.iterdir()] if folder.exists() else []
    except OSError as error:
        raise DataError(f"cannot read {folder} ({error.strerror}); give a folder of checkpoints") from error
    return sorted(Home(int(name[1]), int(name[2] or 0), path) for name, path in found if name)


def _remove(path: Path) -> None:
    """The manifest first: a kill leaves it unfinished, not damaged. Never what a link points to."""
    if path.is_dir() and not path.is_symlink():
        with storing(path):
            (path / MANIFEST).unlink(missing_ok=True)
            shutil.rmtree(path)

"""The durable episode log: what it calls durable is on the disk, whatever happens next.

A thread of its own writes; whoever appends never waits for the disk. Frames become durable in groups, `sync_s` after
the first of a group came or at the end of an episode.
"""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from robot_rl.clock import Clock, MonotonicClock
from robot_rl.data.checks import check_frame, check_label
from robot_rl.data.committer import MIB, Committer, Record
from robot_rl.data.disk import Disk
from robot_rl.data.history import History, Place
from robot_rl.data.lock import FolderLock
from robot_rl.data.reading import Cut
from robot_rl.data.scan import (
    Position,
    Reading,
    Scan,
    SegmentScan,
    next_number,
    read_frames,
    read_labels,
    scan,
    segment_paths,
)
from robot_rl.data.segment import FACTS, SegmentWriter
from robot_rl.errors import DataError
from robot_rl.types import Frame, Label

__all__ = ["Cut", "EpisodeLog", "Position", "Scan", "SegmentScan", "read_frames", "read_labels", "repair", "scan"]


class EpisodeLog:
    """Writes the log in a folder, its own until `close`. Each opening makes a new file when the first record comes."""

    def __init__(
        self,
        folder: str | Path,
        *,
        facts: Mapping[str, str] | None = None,
        sync_s: float = 0.5,
        reserve_bytes: int = 256 * MIB,
        backlog_bytes: int = 256 * MIB,
        cache_bytes: int = 64 * MIB,
        clock: Clock | None = None,
        disk: Disk | None = None,
    ) -> None:
        """Lock the folder, which is made when missing, and read what is there.

        Args:
            facts: what else to keep in the file, such as the hash of the settings.
            sync_s: longest time until a frame is durable, apart from the time the disk takes.
            reserve_bytes: free space below which `trouble` asks for a pause.
            backlog_bytes: what may wait for the disk; encoded it takes up to as much again.
            cache_bytes: durable frames that `after` finds in memory.

        Raises DataError when another process has the folder, or a file in it is no segment of ours.
        """
        self.folder = Path(folder)
        self._lock = FolderLock(self.folder)
        self._history = History(cache_bytes)
        clock, disk = clock or MonotonicClock(), disk or Disk()
        try:
            self.recovered = self._recover()
        except DataError:
            self._lock.release()
            raise
        path = self.folder / f"{next_number(self.folder):04d}.mcap"
        self._appended = {actor: position.sequence for actor, position in self.recovered.actors.items()}
        self._shapes: dict[str, dict[str, object]] = {}
        self._order = threading.Lock()
        self._committer = Committer(
            lambda: SegmentWriter(path, facts or {}, clock, disk),
            self._remember,
            self.folder,
            sync_s,
            reserve_bytes,
            backlog_bytes,
            clock,
            disk,
        )

    def append(self, frame: Frame) -> None:
        """Take the actor's next frame; returns at once, durable later. The frame must not be changed any more.

        Raises, without taking the frame:
            NonFiniteError: a number in it is NaN or infinite.
            DataError: it is not the next of its actor, its shapes are not those of the actor's frames before, or
                something else in it cannot be.
            StorageError: too much waits for the disk.
        """
        check_frame(frame)
        shapes = _shapes(frame)
        with self._order:
            expected = self._appended.get(frame.actor, -1) + 1
            if frame.sequence != expected:
                raise DataError(
                    f"frame {frame.sequence} of actor {frame.actor!r} comes where {expected} should: a log has no gaps "
                    "and no repeats; the frame was refused"
                )
            known = self._shapes.setdefault(frame.actor, {})
            for name, shape in shapes.items():
                if known.get(name, shape) != shape:
                    raise DataError(
                        f"frame {frame.sequence} of actor {frame.actor!r}: {name} has shape {shape}, before it was "
                        f"{known[name]}; the frame was refused"
                    )
            self._committer.put(frame)
            self._appended[frame.actor] = frame.sequence
            known.update(shapes)

    def label(self, label: Label) -> None:
        """Take a label; returns at once, durable later. Raises DataError or StorageError like `append`."""
        check_label(label)
        self._committer.put(label)

    def commit(self, timeout_s: float = 10.0) -> None:
        """Wait until all that was appended is durable. Raises StorageError when it is not in time."""
        self._committer.commit(timeout_s)

    def durable(self, actor: str) -> int:
        """Highest sequence of the actor that is on the disk, -1 if none."""
        return self._history.last(actor)

    @property
    def trouble(self) -> str:
        """Why collection should pause: too little space, a failed write, a slow disk. Empty when all is well again."""
        return self._committer.trouble

    def after(self, actor: str, sequence: int, max_bytes: int = 8 * MIB) -> list[Frame]:
        """Durable frames of the actor that follow `sequence`, in order; none if there are none.

        As many as fit in `max_bytes`, but one at least. Raises DataError when a file cannot be read back.
        """
        return self._history.after(actor, sequence, max_bytes)

    def close(self, timeout_s: float = 10.0) -> None:
        """Write what waits, add the file's index, give the folder free. A second call does nothing.

        Raises StorageError when something could not be written; it is lost.
        """
        try:
            self._committer.close(timeout_s)
        finally:
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _recover(self) -> Scan:
        """Read what is there; raises DataError."""
        if not segment_paths(self.folder):
            return Scan((), {}, 0, ())
        reading = Reading(self.folder)
        for segment, commit, record in reading:
            if isinstance(record, Frame):
                place = Place(commit.path, commit.start, commit.end, segment.channels)
                self._history.add(record, place, recent=False)
        return reading.scan()

    def _remember(self, records: list[Record], place: Place) -> None:
        """On the writer's thread: these are durable now."""
        for record in records:
            if isinstance(record, Frame):
                self._history.add(record, place, recent=True)


def _shapes(frame: Frame) -> dict[str, object]:
    """What must be the same in all frames of an actor."""
    shapes: dict[str, object] = {
        "state": frame.state.shape,
        "images": {name: image.shape for name, image in frame.images.items()},
        "arm": frame.arm.q_rad.shape if frame.arm else None,
    }
    return shapes | ({"action": frame.transition.executed.shape} if frame.transition else {})


def repair(folder: str | Path, out: str | Path) -> Scan:
    """Write what is good in a log as a new log into another folder, which must be empty or new.

    Returns what was read. Raises DataError for unusable folders, StorageError when the disk does not take it.
    """
    out = Path(out)
    if out.exists() and any(out.iterdir()):
        raise DataError(f"{out} is not empty; give a new folder for the repaired log")
    reading = Reading(folder)
    facts = {**reading.segments[0].metadata[FACTS], "repaired_from": str(folder)}
    with EpisodeLog(out, facts=facts) as log:
        for _, _, record in reading:
            if isinstance(record, Frame):
                log.append(record)
            else:
                log.label(record)
            if log.trouble:  # reading is faster than writing
                log.commit(timeout_s=60.0)
    return reading.scan()

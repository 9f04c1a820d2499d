"""Reading a log: its segments one after the other, each actor's frames as far as they have no gap."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from robot_rl.data.reading import Commit, Cut, Segment
from robot_rl.data.segment import FACTS, METADATA
from robot_rl.errors import DataError
from robot_rl.types import Frame, Label


@dataclass(frozen=True, slots=True)
class Position:
    """How far an actor's record goes."""

    sequence: int
    """Of its last frame"""
    episode: int


@dataclass(frozen=True, slots=True)
class SegmentScan:
    """What is in one file."""

    file: Path
    frames: int
    """That a reader gets"""
    chunks: int
    size_bytes: int
    started: str
    """By the wall clock, ISO 8601"""
    facts: Mapping[str, str]
    """As its writer was given them"""
    closed: bool
    """Its writer ended in order: it has its index."""


@dataclass(frozen=True, slots=True)
class Scan:
    """What is in a folder."""

    segments: tuple[SegmentScan, ...]
    actors: Mapping[str, Position]
    labels: int
    cut: tuple[Cut, ...]

    @property
    def frames(self) -> int:
        """That a reader gets"""
        return sum(segment.frames for segment in self.segments)


class Reading:
    """One pass over a folder. `scan` tells of what has been passed."""

    def __init__(self, folder: str | Path) -> None:
        """Look at every file first.

        Raises DataError for a folder that holds no log, or a file that is no segment of ours.
        """
        self.segments = [Segment(path) for path in segment_paths(Path(folder))]
        if not self.segments:
            inner = sorted(file.parent for file in Path(folder).glob("*/0000.mcap"))
            hint = f"; did you mean {inner[0]}?" if inner else ""
            raise DataError(f"{folder} holds no log: there is no file like 0000.mcap in it{hint}")
        self._frames = dict.fromkeys((s.path for s in self.segments), 0)
        self._labels = 0
        self._last: dict[str, Position] = {}
        self._gaps: dict[tuple[Path, str], Cut] = {}

    def __iter__(self) -> Iterator[tuple[Segment, Commit, Frame | Label]]:
        """Everything that may be used, in the order written."""
        for segment in self.segments:
            for commit, record in segment.records():
                if isinstance(record, Label):
                    self._labels += 1
                elif self._continues(record, commit):
                    self._frames[segment.path] += 1
                else:
                    continue
                yield segment, commit, record

    def scan(self) -> Scan:
        segments = tuple(
            SegmentScan(
                file=s.path,
                frames=self._frames[s.path],
                chunks=s.chunks,
                size_bytes=s.size_bytes,
                started=s.metadata[METADATA].get("started", ""),
                facts=s.metadata[FACTS],
                closed=s.closed,
            )
            for s in self.segments
        )
        cut = [*self._missing(), *(s.cut for s in self.segments if s.cut), *self._gaps.values()]
        return Scan(segments, dict(self._last), self._labels, tuple(sorted(cut, key=lambda c: (c.file, c.offset))))

    def _missing(self) -> Iterator[Cut]:
        present = {int(segment.path.stem) for segment in self.segments}
        folder = self.segments[0].path.parent
        for number in sorted(set(range(max(present))) - present):
            yield Cut(folder / f"{number:04d}.mcap", 0, "the file is missing")

    def _continues(self, frame: Frame, commit: Commit) -> bool:
        """The actor's next one. What follows a gap is left out: it must not be taken for consecutive."""
        last = self._last.get(frame.actor, Position(-1, -1))
        if frame.sequence == last.sequence + 1:
            self._last[frame.actor] = Position(frame.sequence, frame.episode)
            return True
        key = commit.path, frame.actor
        reason = f"frame {frame.sequence} of actor {frame.actor!r} comes where {last.sequence + 1} should"
        gap = self._gaps.get(key, Cut(commit.path, commit.start, reason))
        self._gaps[key] = replace(gap, lost_frames=gap.lost_frames + 1)
        return False


def segment_paths(folder: Path) -> list[Path]:
    """In the order written."""
    return sorted(folder.glob("*.mcap"), key=lambda path: (len(path.name), path.name))


def next_number(folder: Path) -> int:
    """Of the segment to come, after all that are there."""
    return max((int(path.stem) for path in segment_paths(folder)), default=-1) + 1


def scan(folder: str | Path) -> Scan:
    """Read all of a log and say what is there and what is not. Raises DataError like `Reading`."""
    reading = Reading(folder)
    for _ in reading:
        pass
    return reading.scan()


def read_frames(folder: str | Path) -> Iterator[Frame]:
    """Frames that may be used, in the order of the log. `scan` tells what was left out.

    Raises DataError, at once, for a folder that holds no log, or a file that is no segment of ours.
    """
    return (record for _, _, record in Reading(folder) if isinstance(record, Frame))


def read_labels(folder: str | Path) -> Iterator[Label]:
    """Labels in the order of the log; like `read_frames`."""
    return (record for _, _, record in Reading(folder) if isinstance(record, Label))

"""Durable frames: the recent ones in memory, the older ones where they lie on the disk."""

import threading
from bisect import bisect_right
from collections import OrderedDict, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from robot_rl.data.messages import Route
from robot_rl.data.reading import read_commit
from robot_rl.errors import DataError
from robot_rl.types import Frame


def memory_bytes(frame: Frame) -> int:
    """About what a frame takes."""
    return 2048 + frame.state.nbytes + sum(image.nbytes for image in frame.images.values())


@dataclass(frozen=True, slots=True)
class Place:
    """Bytes [start, end) of a file, which hold whole commits."""

    path: Path
    start: int
    end: int
    channels: dict[int, Route] = field(compare=False, repr=False)
    """Of the file, shared with its reader or writer"""


class History:
    """Finds an actor's frames by sequence. Any thread may ask."""

    def __init__(self, cache_bytes: int) -> None:
        self._cache_bytes = cache_bytes
        self._lock = threading.Lock()
        self._recent: OrderedDict[tuple[str, int], Frame] = OrderedDict()
        self._recent_bytes = 0
        self._places: dict[str, list[tuple[int, Place]]] = defaultdict(list)
        """Per actor, in order: first sequence and where it and the next ones lie"""
        self._last: dict[str, int] = {}

    def last(self, actor: str) -> int:
        """Highest sequence, -1 when there is none."""
        return self._last.get(actor, -1)

    def add(self, frame: Frame, place: Place, recent: bool) -> None:
        """The actor's next frame; kept in memory for a while when `recent`."""
        with self._lock:
            places = self._places[frame.actor]
            if not places or places[-1][1] != place:
                places.append((frame.sequence, place))
            self._last[frame.actor] = frame.sequence
            if recent:
                self._recent[frame.actor, frame.sequence] = frame
                self._recent_bytes += memory_bytes(frame)
            while self._recent_bytes > self._cache_bytes:
                self._recent_bytes -= memory_bytes(self._recent.popitem(last=False)[1])

    def after(self, actor: str, sequence: int, max_bytes: int) -> list[Frame]:
        """The frames that follow, in order: as many as fit, but one at least if there is any.

        Raises DataError when a file cannot be read back.
        """
        found: list[Frame] = []
        for frame in self._from(actor, sequence + 1):
            max_bytes -= memory_bytes(frame)
            if found and max_bytes < 0:
                break
            found.append(frame)
        return found

    def _from(self, actor: str, sequence: int) -> Iterator[Frame]:
        while sequence <= self.last(actor):
            with self._lock:
                frame = self._recent.get((actor, sequence))
                places = self._places[actor]
                place = places[bisect_right(places, sequence, key=lambda entry: entry[0]) - 1][1]
            if frame is not None:
                yield frame
                sequence += 1
                continue
            wanted = sequence
            for record in read_commit(place.path, place.start, place.end, place.channels):
                if isinstance(record, Frame) and (record.actor, record.sequence) == (actor, sequence):
                    yield record
                    sequence += 1
            if sequence == wanted:
                raise DataError(f"{place.path} does not hold frame {sequence} of actor {actor!r} any more")

"""The thread that brings records to the disk in groups."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from robot_rl.clock import Clock
from robot_rl.data.disk import Disk
from robot_rl.data.history import Place, memory_bytes
from robot_rl.data.segment import SegmentWriter
from robot_rl.errors import StorageError
from robot_rl.types import Frame, Label

Record = Frame | Label
MIB = 1 << 20

log = logging.getLogger(__name__)


class Committer:
    """Takes records at once, makes them durable later, tries again when that fails."""

    def __init__(
        self,
        new_segment: Callable[[], SegmentWriter],
        on_durable: Callable[[list[Record], Place], None],
        folder: Path,
        sync_s: float,
        reserve_bytes: int,
        backlog_bytes: int,
        clock: Clock,
        disk: Disk,
    ) -> None:
        """`new_segment` is asked for a file when the first record comes; `on_durable` is told of every group."""
        self._new_segment, self._on_durable, self._folder = new_segment, on_durable, folder
        self._sync_s, self._reserve_bytes, self._backlog_bytes = sync_s, reserve_bytes, backlog_bytes
        self._clock, self._disk = clock, disk
        self._segment: SegmentWriter | None = None
        self._staged: list[Record] = []
        """Encoded; only the thread uses it"""

        self._changed = threading.Condition()
        self._queue: list[tuple[float, Record]] = []
        """With the time of each; not encoded yet"""
        self._waiting_bytes = 0
        self._put = self._stored = 0
        """Records taken, records durable"""
        self._due_s: float | None = None
        """When the thread must act"""
        self._failure, self._shortage = "", self._low_space()
        self._closing = self._ended = False
        """No more records are taken; the thread is to end"""
        self._thread = threading.Thread(target=self._run, name=f"log {folder}", daemon=True)
        self._thread.start()

    def put(self, record: Record) -> None:
        """Take a record. Raises StorageError, and does not take it, when too much waits already."""
        size, now_s = _size(record), self._clock.now_s()
        with self._changed:
            if self._closing or not self._thread.is_alive():
                raise StorageError(f"{self._folder}: {self.trouble or 'the log is closed'}; the record was not taken")
            if self._waiting_bytes + size > self._backlog_bytes:
                raise StorageError(
                    f"{self._folder}: {self._waiting_bytes / MIB:.0f} MiB wait for the disk, allowed are "
                    f"{self._backlog_bytes / MIB:.0f}; {self._failure or 'it is too slow'}: the record was not taken"
                )
            self._queue.append((now_s, record))
            self._put += 1
            self._waiting_bytes += size
            self._act_by(now_s if isinstance(record, Frame) and record.ends else now_s + self._sync_s)

    @property
    def trouble(self) -> str:
        """Why collection should pause; empty when all is well."""
        if not self._closing and not self._thread.is_alive():
            return "the thread that writes has died; start again"
        if self._failure or self._shortage:
            return self._failure or self._shortage
        if 2 * self._waiting_bytes > self._backlog_bytes:
            return f"{self._waiting_bytes / MIB:.0f} MiB wait for the disk at {self._folder}; it is too slow"
        return ""

    def commit(self, timeout_s: float) -> None:
        """Wait until all that was put is durable. Raises StorageError when it is not in time."""
        with self._changed:
            target = self._put
            if self._stored < target:
                self._act_by(self._clock.now_s())
            self._changed.wait_for(lambda: self._stored >= target or not self._thread.is_alive(), timeout_s)
            if self._stored < target:
                raise StorageError(
                    f"{self._folder}: {target - self._stored} records are not on the disk after {timeout_s:g} s: "
                    f"{self.trouble or 'it is too slow'}"
                )

    def close(self, timeout_s: float) -> None:
        """Write what waits, add the file's index, end the thread. Raises StorageError when records are lost."""
        self._closing = True
        try:
            self.commit(timeout_s)
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()
            self._thread.join(timeout_s)

    def _act_by(self, when_s: float) -> None:
        self._due_s = when_s if self._due_s is None else min(when_s, self._due_s)
        self._changed.notify_all()

    def _run(self) -> None:
        while self._wait():
            self._store_group()
        if self._segment:
            try:
                self._segment.close()
            except OSError as error:
                log.warning("%s has no index (%s); its committed frames are safe", self._segment.path, error)

    def _wait(self) -> bool:
        """Until there is something to do; False when there will be nothing any more."""
        with self._changed:
            while not self._ended:
                left_s = None if self._due_s is None else self._due_s - self._clock.now_s()
                if left_s is not None and left_s <= 0:
                    return True
                self._changed.wait(left_s)
        return False

    def _store_group(self) -> None:
        """Encode what has come, commit, and look at the free space."""
        with self._changed:
            batch, self._queue, self._due_s = self._queue, [], None
        failure = self._commit(batch)
        shortage = self._low_space()
        with self._changed:
            self._failure, self._shortage = failure, shortage
            if not failure:
                self._stored += len(self._staged)
                self._waiting_bytes -= sum(_size(record) for record in self._staged)
                self._staged = []
            if failure or shortage:
                self._act_by(self._clock.now_s() + self._sync_s)
            self._changed.notify_all()

    def _commit(self, batch: list[tuple[float, Record]]) -> str:
        """What went wrong, or nothing; then all that is staged is durable."""
        self._segment = self._segment or (self._new_segment() if batch else None)
        if self._segment is None:
            return ""
        for when_s, record in batch:
            self._segment.add(record, when_s)
            self._staged.append(record)
        start = self._segment.durable
        try:
            self._segment.commit()
        except OSError as error:
            return f"cannot write {self._segment.path}: {error}"
        self._on_durable(self._staged, Place(self._segment.path, start, self._segment.durable, self._segment.channels))
        return ""

    def _low_space(self) -> str:
        try:
            free = self._disk.free_bytes(self._folder)
        except OSError as error:
            return f"cannot tell the free space at {self._folder} ({error.strerror})"
        if free >= self._reserve_bytes:
            return ""
        return (
            f"{free / MIB:.0f} MiB are free at {self._folder}, the reserve is {self._reserve_bytes / MIB:.0f}; "
            "free some space"
        )


def _size(record: Record) -> int:
    return memory_bytes(record) if isinstance(record, Frame) else 0

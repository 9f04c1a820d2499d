"""One file of a log: an MCAP file whose every commit is sealed.

    magic, header, metadata | seal | chunk, index, chunk, index, … | seal | … | data end, summary, footer, magic

A seal is a record of our own (MCAP keeps opcodes from 0x80 for applications, readers skip them). It holds the CRC-32 of
all bytes of the file before it. What a seal vouches for is exactly what was written: MCAP's own chunk checksum knows
nothing of record headers, indexes and metadata. A file is good up to its last seal; the part behind the last commit is
guarded by MCAP's checksum of the summary.
"""

import struct
import zlib
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from mcap.data_stream import RecordBuilder
from mcap.records import Header
from mcap.well_known import MessageEncoding, Profile, SchemaEncoding
from mcap.writer import MCAP0_MAGIC, CompressionType, Writer

from robot_rl.clock import Clock
from robot_rl.data.disk import Disk
from robot_rl.data.messages import TYPES, Encoded, Route, encode_frame, encode_label, nanoseconds
from robot_rl.data.schemas import definition
from robot_rl.types import Frame, Label

VERSION = 1
"""Of the messages and of what surrounds them"""
LIBRARY = "robot_rl episode log"
METADATA, FACTS = "robot_rl", "facts"
SEAL = 0x81
RECORD = struct.Struct("<BQ")
"""Opcode and length, before every record"""
CHUNK_BYTES = 1 << 20


def _preamble() -> bytes:
    builder = RecordBuilder()
    builder.write(MCAP0_MAGIC)
    Header(Profile.ROS2, LIBRARY).write(builder)
    return builder.end()


PREAMBLE = _preamble()
"""How every segment begins"""


def seal(crc: int) -> bytes:
    return RECORD.pack(SEAL, 4) + struct.pack("<I", crc)


class Tail:
    """The end of a file that is not on the disk yet. MCAP's writer writes into it."""

    def __init__(self, path: Path, disk: Disk) -> None:
        self._path, self._disk = path, disk
        self._file: int | None = None
        self._named = False
        self._waiting = bytearray()
        self._crc = 0
        self._sealed = 0
        self.durable = 0
        """Bytes of the file that have been synced"""

    def write(self, data: bytes) -> None:
        self._waiting += data
        self._crc = zlib.crc32(data, self._crc)

    def tell(self) -> int:
        return self.durable + len(self._waiting)

    def flush(self) -> None:
        """For MCAP's writer; `store` is what counts."""

    def seal(self) -> None:
        """Vouch for all so far."""
        if self.tell() > self._sealed:
            self.write(seal(self._crc))
            self._sealed = self.tell()

    def store(self) -> None:
        """Write and sync what waits; create the file for it.

        Raises OSError; then the file ends where it did before, and the next call writes all again: after a failed sync
        the system may have dropped pages that it counts as written.
        """
        if not self._waiting:
            return
        if self._file is None:
            self._file = self._disk.create(self._path)
        try:
            self._disk.write(self._file, self._waiting, self.durable)
            self._disk.sync(self._file)
            if not self._named:
                self._disk.sync_folder(self._path.parent)
                self._named = True
        except OSError:
            with suppress(OSError):
                self._disk.cut(self._file, self.durable)
            raise
        self.durable += len(self._waiting)
        self._waiting.clear()

    def close(self) -> None:
        if self._file is not None:
            self._disk.close(self._file)
            self._file = None


class SegmentWriter:
    """Writes one new segment; its file appears with the first commit."""

    def __init__(self, path: Path, facts: Mapping[str, str], clock: Clock, disk: Disk) -> None:
        self.path = path
        self.channels: dict[int, Route] = {}
        self._ids: dict[Route, int] = {}
        self._schemas: dict[str, int] = {}
        self._tail = Tail(path, disk)
        self._mcap = Writer(self._tail, CHUNK_BYTES, CompressionType.ZSTD)  # type: ignore[arg-type]
        self._start_s, self._start, self._last_ns = clock.now_s(), datetime.now(UTC), 0
        self._mcap.start(Profile.ROS2, LIBRARY)
        self._mcap.add_metadata(METADATA, {"version": str(VERSION), "started": self._start.isoformat()})
        self._mcap.add_metadata(FACTS, dict(facts))
        self._tail.seal()

    @property
    def durable(self) -> int:
        """Bytes of the file that have been synced"""
        return self._tail.durable

    def add(self, record: Frame | Label, now_s: float) -> None:
        """Encode; nothing is written yet."""
        if isinstance(record, Frame):
            self._write(encode_frame(record), now_s, record.sequence, nanoseconds(record.stamp_s))
        else:
            self._write(encode_label(record), now_s, 0, 0)

    def commit(self) -> None:
        """Make all that was added durable. Raises OSError; then the same call may be tried again."""
        self._mcap.flush()
        self._tail.seal()
        self._tail.store()

    def close(self) -> None:
        """Commit, add summary and footer. Raises OSError; what was committed before stays good."""
        try:
            self.commit()
            self._mcap.finish()
            self._tail.store()
        finally:
            self._tail.close()

    def _write(self, messages: Encoded, now_s: float, sequence: int, publish_ns: int) -> None:
        """All at one log time, later than any before: readers that sort by it see the order of the log."""
        elapsed_ns = round((now_s - self._start_s) * 1e9)
        self._last_ns = max(self._last_ns + 1, round(self._start.timestamp() * 1e9) + elapsed_ns)
        for route, data in messages:
            self._mcap.add_message(
                self._channel(route), self._last_ns, data, publish_ns or self._last_ns, sequence & 0xFFFFFFFF
            )

    def _channel(self, route: Route) -> int:
        if route not in self._ids:
            name = TYPES[route.kind]
            if name not in self._schemas:
                self._schemas[name] = self._mcap.register_schema(name, SchemaEncoding.ROS2, definition(name))
            names = {"actor": route.actor, "kind": route.kind, "camera": route.camera}
            channel = self._mcap.register_channel(route.topic, MessageEncoding.CDR, self._schemas[name], names)
            self._ids[route], self.channels[channel] = channel, route
        return self._ids[route]

"""Reading one segment, as far as it is good."""

import os
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import zstandard
from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.records import Channel, Chunk, Message, Metadata
from mcap.stream_reader import breakup_chunk
from mcap.writer import MCAP0_MAGIC
from rosbags.serde import SerdeError

from robot_rl.data.checks import check_frame, check_label
from robot_rl.data.messages import Route, decode_frame, decode_label
from robot_rl.data.segment import FACTS, METADATA, PREAMBLE, RECORD, SEAL, VERSION, seal
from robot_rl.errors import DataError, NonFiniteError
from robot_rl.types import Frame, Label

NAME = re.compile(r"\d{4,}\.mcap")
RECORD_BYTES = 1 << 30
"""A longer record is not ours."""
BETWEEN_SEALS = (Opcode.HEADER, Opcode.METADATA, Opcode.CHUNK, Opcode.MESSAGE_INDEX)
DATA_END = RECORD.pack(Opcode.DATA_END, 4) + bytes(4)
FOOTER_BYTES = RECORD.size + 20 + len(MCAP0_MAGIC)
"""Footer and last magic"""
UNREADABLE = (
    *(DataError, NonFiniteError, McapError, SerdeError, zstandard.ZstdError),
    *(struct.error, ValueError, TypeError, LookupError),
)
"""What decoders raise for bytes that are no messages of ours."""


class Damage(Exception):
    """Why a file is not good from here on."""


@dataclass(frozen=True, slots=True)
class Cut:
    """What a reader does not get, and why."""

    file: Path
    offset: int
    """Byte of the file up to which all is good; for a gap, where the commit with the first frame left out begins"""
    reason: str
    lost_bytes: int = 0
    """Of the file behind `offset`; 0 for a gap"""
    lost_frames: int = 0
    """Left out because of a gap; frames in damaged bytes cannot be counted"""

    def __str__(self) -> str:
        lost = f"{self.lost_frames} frames" if self.lost_frames else f"{self.lost_bytes} bytes"
        return f"{self.file}, byte {self.offset}: {self.reason} ({lost} left out)"


@dataclass(frozen=True, slots=True)
class Commit:
    """What one seal vouches for: bytes [start, end) of a file."""

    path: Path
    start: int
    end: int
    records: tuple[bytes, ...] = field(repr=False)
    """MCAP's chunks and metadata, each with opcode and length"""


class Segment:
    """One file of a log. Once `records` has come to its end, all but `path` and `metadata` tell of the whole file."""

    def __init__(self, path: Path) -> None:
        """Look at its start.

        Raises DataError when the file is no segment of ours: of another kind, a link, of a newer version.
        """
        self.path = path
        self.metadata: dict[str, Mapping[str, str]] = {METADATA: {}, FACTS: {}}
        self.channels: dict[int, Route] = {}
        self.size_bytes = self.chunks = self._good = 0
        self.closed = False
        """It has its index: its writer ended in order."""
        self.cut: Cut | None = None
        head = self._head()
        wrong = sum(a != b for a, b in zip(head, PREAMBLE, strict=False))
        if 8 * wrong > len(head):  # one byte in eight may be damage
            raise DataError(f"{path} is not a log of robot_rl; take it out of this folder")
        for record in next((commit.records for commit in self._commits()), ()):
            if record[0] == Opcode.METADATA:
                note = Metadata.read(_body(record))
                self.metadata[note.name] = note.metadata
        version = self.metadata[METADATA].get("version", str(VERSION))
        if version != str(VERSION):
            raise DataError(f"{path} is a log of version {version}, this program reads {VERSION}; use the one it is of")

    def records(self) -> Iterator[tuple[Commit, Frame | Label]]:
        """Frames and labels in the order written, up to the first damage."""
        self.channels.clear()
        self.chunks = 0
        for commit in self._commits():
            self.chunks += sum(record[0] == Opcode.CHUNK for record in commit.records)
            try:
                for record in decode(commit.records, self.channels):
                    yield commit, record
            except UNREADABLE as error:
                self.closed, self.cut = False, self._cut(commit.start, str(error))
                return

    def _head(self) -> bytes:
        if not NAME.fullmatch(self.path.name) or self.path.is_symlink() or not self.path.is_file():
            raise DataError(f"{self.path} is not a plain file named like 0000.mcap; take it out of this folder")
        try:
            with self.path.open("rb") as file:
                return file.read(len(PREAMBLE))
        except OSError as error:
            raise DataError(f"cannot read {self.path} ({error.strerror}); give a log you may read") from error

    def _cut(self, offset: int, reason: str) -> Cut:
        return Cut(self.path, offset, reason, self.size_bytes - offset)

    def _commits(self) -> Iterator[Commit]:
        """What is sealed; at its end sets `closed` or `cut`."""
        self._good, self.closed, self.cut = 0, False, None
        try:
            with self.path.open("rb") as file:
                self.size_bytes = os.fstat(file.fileno()).st_size
                yield from self._walk(file)
            self.closed = True
        except (Damage, OSError) as damage:
            self.cut = self._cut(self._good, str(damage))

    def _walk(self, file: BinaryIO) -> Iterator[Commit]:
        crc, kept = zlib.crc32(file.read(len(MCAP0_MAGIC))), list[bytes]()
        while (at := file.tell()) < self.size_bytes or at > self._good:
            opcode, record = _read_record(file, self.size_bytes - at)
            if opcode == SEAL:
                if record != seal(crc):
                    raise Damage(f"the checksum at byte {at} is not that of the bytes before it")
                commit = Commit(self.path, self._good, file.tell(), tuple(kept))
                self._good = commit.end
                kept.clear()
                yield commit
            elif opcode == Opcode.DATA_END and at == self._good:
                return _check_end(record + file.read(self.size_bytes - file.tell()), at)
            elif opcode not in BETWEEN_SEALS:
                raise Damage(f"the record at byte {at} is of kind {opcode}, which is never there")
            elif opcode in (Opcode.CHUNK, Opcode.METADATA):
                kept.append(record)
            crc = zlib.crc32(record, crc)
        raise Damage("it was never closed: its writer was stopped, or the file cut, after a commit")


def decode(records: tuple[bytes, ...], channels: dict[int, Route]) -> Iterator[Frame | Label]:
    """What the chunks among MCAP records hold; new channels are added to `channels`.

    Raises one of UNREADABLE.
    """
    images: dict[str, dict[str, bytes]] = {}  # by actor and camera, of the frame to come
    for record in records:
        if record[0] != Opcode.CHUNK:
            continue
        for part in breakup_chunk(Chunk.read(_body(record)), validate_crc=True):
            if isinstance(part, Channel):
                channels[part.id] = Route(**part.metadata)
            elif isinstance(part, Message):
                route = channels[part.channel_id]
                if route.kind == "camera":
                    images.setdefault(route.actor, {})[route.camera] = part.data
                elif route.kind == "transition":
                    frame = decode_frame(part.data, images.pop(route.actor, {}))
                    check_frame(frame)
                    yield frame
                elif route.kind == "label":
                    label = decode_label(part.data)
                    check_label(label)
                    yield label


def read_commit(path: Path, start: int, end: int, channels: dict[int, Route]) -> Iterator[Frame | Label]:
    """Bytes [start, end) again, which `Segment` or a writer has found good.

    Raises DataError where they are not any more.
    """
    try:
        with path.open("rb") as file:
            file.seek(start + len(MCAP0_MAGIC) * (start == 0))
            records = []
            while (at := file.tell()) < end:
                records.append(_read_record(file, end - at)[1])
        yield from decode(tuple(records), channels)
    except (OSError, Damage, *UNREADABLE) as error:
        raise DataError(f"{path}, bytes {start} to {end}, which were good, cannot be read any more: {error}") from error


def _read_record(file: BinaryIO, left: int) -> tuple[int, bytes]:
    """One record, whole, from the `left` bytes to come."""
    at, head = file.tell(), file.read(RECORD.size)
    if len(head) < RECORD.size:
        raise Damage(f"the file ends inside the record at byte {at}")
    opcode, length = RECORD.unpack(head)
    if length > min(left - RECORD.size, RECORD_BYTES):
        raise Damage(f"the record at byte {at} says it has {length} bytes, more than follow")
    return opcode, head + file.read(length)


def _check_end(end: bytes, at: int) -> None:
    """From the end of the data to that of the file: MCAP's summary under its own checksum."""
    summary, footer = end[len(DATA_END) : -FOOTER_BYTES], end[-FOOTER_BYTES:]
    stored = footer[-len(MCAP0_MAGIC) - 4 : -len(MCAP0_MAGIC)]
    computed = zlib.crc32(footer[: -len(MCAP0_MAGIC) - 4], zlib.crc32(summary))
    whole = len(end) >= len(DATA_END) + FOOTER_BYTES and end.startswith(DATA_END) and end.endswith(MCAP0_MAGIC)
    if not whole or stored != struct.pack("<I", computed):
        raise Damage(f"the index, which begins at byte {at}, is damaged; all frames are good")


def _body(record: bytes) -> ReadDataStream:
    return ReadDataStream(BytesIO(record[RECORD.size :]))

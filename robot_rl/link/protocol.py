"""What both sides of the link agree on: version, limits, checksums."""

import zlib
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from robot_rl.errors import LinkError

PROTOCOL = 1
"""Raised whenever an older side would misread a newer one."""
SERVICE = "robot_rl.link.Learner"
CRC, AUTHORIZATION = "crc32", "authorization"
"""Names of the metadata"""
MAX_MESSAGE_BYTES = 16 * 2**20
"""Larger ones are refused by the sender, and by the receiver before it reads them."""
MAX_FRAME_BYTES = MAX_MESSAGE_BYTES - 2**16
MAX_WEIGHTS_BYTES = 2**30
PIECE_BYTES = 2**20
"""About what one message carries: more adds little speed, less keeps each call and each copy short."""
MESSAGE_FRAMES = 256
"""Frames that one message carries at most, so that an inbox can count on it and encoding stays short"""
CALL_S = 10.0
"""Deadline of every call"""
CHANNEL_OPTIONS = (
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", 5000),
    ("grpc.keepalive_timeout_ms", 5000),
    ("grpc.keepalive_permit_without_calls", 1),
)
M = TypeVar("M", bound=Message)


class Refused(LinkError):
    """The other side understood and said no: waiting alone will not help."""


def checksum(data: bytes) -> str:
    """CRC-32 as eight hexadecimal digits."""
    return f"{zlib.crc32(data):08x}"


def unpack(kind: type[M], data: bytes, crc: str | bytes | None) -> M:
    """The message in `data`. Raises LinkError when it was changed on the way, Refused when it is of another kind."""
    if checksum(data) != crc:
        raise LinkError(f"{kind.__name__} of {len(data)} bytes has CRC {checksum(data)}, but was sent with {crc!r}")
    try:
        return kind.FromString(data)
    except DecodeError as error:
        raise Refused(f"{len(data)} bytes are not a {kind.__name__}; both sides must run robot_rl") from error

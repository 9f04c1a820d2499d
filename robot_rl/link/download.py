"""Weights on their way to an actor, piece by piece."""

import hashlib
from collections.abc import Callable
from typing import Any

from robot_rl.errors import LinkError, RobotRLError
from robot_rl.link import link_pb2 as pb
from robot_rl.link.protocol import MAX_WEIGHTS_BYTES


class Download:
    """Keeps the newest weights that are whole and pass `check`; others leave them as they are."""

    def __init__(self, check: Callable[[bytes], Any]) -> None:
        self._check = check
        self._head = (-1, 0, b"")
        self._data = bytearray()
        self.done = -1
        """Version of the last whole blob, accepted or not"""
        self.accepted: tuple[int, Any] | None = None
        """Version of the newest weights that passed, and what `check` made of them"""
        self.trouble = ""
        """Why the last whole blob was refused; empty: it was not"""

    @property
    def offset(self) -> int:
        """Of the piece to ask for next"""
        return len(self._data)

    def start(self, of_another_learner: bool) -> None:
        """Forget the pieces. Another learner may give other weights under a version that is known here."""
        self._data = bytearray()
        if of_another_learner:
            self.done = -1

    def add(self, reply: pb.WeightsReply) -> bool:
        """True when this piece was the last. Raises LinkError when the pieces do not make one blob."""
        head = (reply.version, reply.size_bytes, reply.sha256)
        if not self._data:
            self._head = head
        if head != self._head or reply.size_bytes > MAX_WEIGHTS_BYTES:
            raise LinkError(f"weights {reply.version} of {reply.size_bytes} bytes are too large or changed on the way")
        self._data += reply.piece
        if len(self._data) < reply.size_bytes and reply.piece:
            return False
        blob, self._data = bytes(self._data), bytearray()
        if hashlib.sha256(blob).digest() != reply.sha256:
            raise LinkError(f"weights {reply.version} do not have their SHA-256: they were cut or changed on the way")
        self._judge(reply.version, blob)
        return True

    def _judge(self, version: int, blob: bytes) -> None:
        self.done, self.trouble = version, ""
        try:
            self.accepted = version, self._check(blob)
        except (RobotRLError, ValueError) as error:
            kept = f"version {self.accepted[0]} stays in use" if self.accepted else "there are none in use"
            self.trouble = f"weights {version} from the learner were refused ({error}); {kept}"

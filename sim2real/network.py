"""A network that fails by a script: below the link's messages, byte by byte, and between them, call by call."""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import grpc

from sim2real.relay import Relay
from sim2real.script import Fault, Script

LARGE_BYTES = 10_000
"""A piece of this size carries frames, not only a greeting."""
LOOK_S = 0.005


class FaultyLink(Relay):
    """A relay that holds back, cuts, delays, or changes a byte."""

    def __init__(self, target: int, script: Script) -> None:
        self._script = script
        self.flipped = 0
        """Bytes changed so far"""
        self._done: list[Fault] = []
        self._closed = threading.Event()
        super().__init__(target)
        threading.Thread(target=self._cut_when_told, daemon=True).start()

    def close(self) -> None:
        self._closed.set()
        super().close()

    def hold_back(self) -> None:
        while self._script.active("partition") and not self._closed.wait(LOOK_S):
            pass

    def alter(self, data: bytearray, outward: bool) -> None:
        if slow := self._script.active("slow_network"):
            time.sleep(slow.value)
        fault = self._script.active("flipped_byte")
        if outward and len(data) > LARGE_BYTES and fault and fault not in self._done:
            self._done.append(fault)
            data[len(data) // 2] ^= 1
            self.flipped += 1

    def _cut_when_told(self) -> None:
        while not self._closed.wait(LOOK_S):
            if self._script.active("cut"):
                self.cut()


class Lost(grpc.RpcError):
    """What a caller sees when a request or its reply does not arrive."""

    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.UNAVAILABLE

    def details(self) -> str:
        return "lost on purpose"


class FaultyCalls(grpc.UnaryUnaryClientInterceptor):
    """Loses, doubles and replays the calls of one client."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._sent: deque[tuple[Any, bytes]] = deque(maxlen=8)
        self.counts = dict.fromkeys(("lost_call", "doubled_call", "replayed_call"), 0)
        """Of each fault, how often it struck"""

    def intercept_unary_unary(self, send: Callable[..., Any], details: Any, request: bytes) -> Any:
        if self._sent and self._strikes("replayed_call"):
            self._repeat(send, *self._script.rng.choice(self._sent))
        self._sent.append((details, request))
        lost = self._strikes("lost_call")
        if lost and self._script.rng.random() < 0.5:
            raise Lost
        if self._strikes("doubled_call"):
            self._repeat(send, details, request)
        call = send(details, request)
        if lost:
            call.code()  # once it has been carried out
            raise Lost
        return call

    def _strikes(self, kind: str) -> bool:
        fault = self._script.active(kind)
        hit = fault is not None and self._script.rng.random() < fault.value
        self.counts[kind] += hit
        return hit

    def _repeat(self, send: Callable[..., Any], details: Any, request: bytes) -> None:
        with contextlib.suppress(grpc.RpcError):
            send(details, request).result()

"""A bad network between an actor and a learner on this machine."""

import contextlib
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import grpc

from sim2real.network import LARGE_BYTES, Lost
from sim2real.relay import Relay


class Proxy(Relay):
    """A relay that holds everything back, cuts every connection, or changes a byte, when told."""

    def __init__(self, target: int) -> None:
        self.delay_s = 0.0
        """For each piece of up to 64 KiB that is relayed"""
        self._flips = 0
        self._passing = threading.Event()
        self._passing.set()
        super().__init__(target)

    def part(self) -> None:
        """From now on nothing passes, in either direction, and nobody is told."""
        self._passing.clear()

    def heal(self) -> None:
        """What was held back arrives now, also from connections that were given up meanwhile."""
        self._passing.set()

    def flip(self) -> None:
        """Change one byte in the middle of the next large piece on its way to the learner."""
        self._flips += 1

    def close(self) -> None:
        self.heal()
        super().close()

    def hold_back(self) -> None:
        self._passing.wait()

    def alter(self, data: bytearray, outward: bool) -> None:
        time.sleep(self.delay_s)
        if outward and self._flips and len(data) > LARGE_BYTES:
            self._flips -= 1
            data[len(data) // 2] ^= 1


class Unreliable(grpc.UnaryUnaryClientInterceptor):
    """Loses, doubles, delays and repeats messages, each with probability `rate`."""

    def __init__(self, seed: int, rate: float, longest_delay_s: float = 0.02) -> None:
        self.rate = rate
        self.counts = dict.fromkeys(("calls", "bytes", "lost", "unanswered", "doubled", "late", "delayed"), 0)
        self._longest_s = longest_delay_s
        self._rng = random.Random(seed)
        self._sent: deque[tuple[Any, bytes]] = deque(maxlen=8)

    def intercept_unary_unary(self, send: Callable[..., Any], details: Any, request: bytes) -> Any:
        if self._strikes("delayed"):
            time.sleep(self._rng.uniform(0, self._longest_s))
        if self._sent and self._strikes("late"):
            self._repeat(send, *self._rng.choice(self._sent))  # overtaken by newer ones, it arrives only now
        self._sent.append((details, request))
        if self._strikes("lost"):
            raise Lost
        if self._strikes("doubled"):
            self._repeat(send, details, request)
        call = self._send(send, details, request)
        if self._strikes("unanswered"):
            call.code()  # once it has been carried out
            raise Lost
        return call

    def _strikes(self, kind: str) -> bool:
        hit = self._rng.random() < self.rate
        self.counts[kind] += hit
        return hit

    def _send(self, send: Callable[..., Any], details: Any, request: bytes) -> Any:
        self.counts["calls"] += 1
        self.counts["bytes"] += len(request)
        return send(details, request)

    def _repeat(self, send: Callable[..., Any], details: Any, request: bytes) -> None:
        with contextlib.suppress(grpc.RpcError):
            self._send(send, details, request).result()

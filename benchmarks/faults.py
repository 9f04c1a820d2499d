"""A bad network between an actor and a learner on this machine."""

import contextlib
import random
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import grpc


class Proxy:
    """A TCP relay that can hold everything back, cut every connection, or change a byte."""

    def __init__(self, target: int) -> None:
        self.target = target
        """Port of the learner; may change at any time"""
        self.delay_s = 0.0
        """For each piece of up to 64 KiB that is relayed"""
        self._flips = 0
        self._passing = threading.Event()
        self._passing.set()
        self._sockets: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def part(self) -> None:
        """From now on nothing passes, in either direction, and nobody is told."""
        self._passing.clear()

    def heal(self) -> None:
        """What was held back arrives now, also from connections that were given up meanwhile."""
        self._passing.set()

    def flip(self) -> None:
        """Change one byte in the middle of the next large piece on its way to the learner."""
        self._flips += 1

    def cut(self) -> None:
        """Break every connection."""
        for end in list(self._sockets):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.heal()
        self._listener.close()
        self.cut()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._join, args=(client,), daemon=True).start()

    def _join(self, client: socket.socket) -> None:
        self._passing.wait()
        try:
            learner = socket.create_connection(("127.0.0.1", self.target))
        except OSError:
            client.close()
            return
        self._sockets |= {client, learner}
        back = threading.Thread(target=self._relay, args=(learner, client, False), daemon=True)
        back.start()
        self._relay(client, learner, True)
        back.join()
        self._sockets -= {client, learner}
        client.close()
        learner.close()

    def _relay(self, source: socket.socket, sink: socket.socket, outward: bool) -> None:
        with contextlib.suppress(OSError):
            while data := bytearray(source.recv(65536)):
                self._passing.wait()
                time.sleep(self.delay_s)
                if outward and self._flips and len(data) > 10_000:
                    self._flips -= 1
                    data[len(data) // 2] ^= 1
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class Lost(grpc.RpcError):
    """What a caller sees when a request or its reply does not arrive."""

    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.UNAVAILABLE

    def details(self) -> str:
        return "lost on purpose"


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

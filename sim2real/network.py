"""A network that fails by a script: below the link's messages, byte by byte, and between them, call by call."""

import contextlib
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import grpc

from sim2real.script import Fault, Script

PIECE_BYTES = 65536
LARGE_BYTES = 10_000
"""A piece of this size carries frames, not only a greeting."""
LOOK_S = 0.005


class FaultyLink:
    """A TCP relay on the loopback device that holds back, cuts, delays, or changes a byte."""

    def __init__(self, target: int, script: Script) -> None:
        """`target` is the port of the learner and may change at any time."""
        self.target, self._script = target, script
        self.flipped = 0
        """Bytes changed so far"""
        self._done: list[Fault] = []
        self._sockets: set[socket.socket] = set()
        self._closed = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()
        threading.Thread(target=self._cut_when_told, daemon=True).start()

    def close(self) -> None:
        self._closed.set()
        self._listener.close()
        self._cut()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):  # how closing the listener ends it
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._join, args=(client,), daemon=True).start()

    def _join(self, client: socket.socket) -> None:
        self._wait()
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
        with contextlib.suppress(OSError):  # a connection that breaks is broken on both sides
            while data := bytearray(source.recv(PIECE_BYTES)):
                self._wait()
                if slow := self._script.active("slow_network"):
                    time.sleep(slow.value)
                if outward and len(data) > LARGE_BYTES:
                    self._flip(data)
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _flip(self, data: bytearray) -> None:
        fault = self._script.active("flipped_byte")
        if fault and fault not in self._done:
            self._done.append(fault)
            data[len(data) // 2] ^= 1
            self.flipped += 1

    def _wait(self) -> None:
        while self._script.active("partition") and not self._closed.wait(LOOK_S):
            pass

    def _cut_when_told(self) -> None:
        while not self._closed.wait(LOOK_S):
            if self._script.active("cut"):
                self._cut()

    def _cut(self) -> None:
        for end in list(self._sockets):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


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

"""A relay that does what the script says to the bytes that pass it."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import pytest

from robot_rl.clock import ManualClock, MonotonicClock
from sim2real.network import LARGE_BYTES, FaultyCalls, FaultyLink, Lost
from sim2real.script import Fault, Script

DATA = bytes(range(256)) * 100


@contextmanager
def echo(*faults: Fault) -> Iterator[tuple[FaultyLink, socket.socket]]:
    """A connection through a relay to somebody who repeats everything."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        end, _ = server.accept()
        with end:
            while data := end.recv(1 << 16):
                end.sendall(data)

    threading.Thread(target=serve, daemon=True).start()
    link = FaultyLink(server.getsockname()[1], Script(faults, MonotonicClock()))
    with socket.create_connection(("127.0.0.1", link.port), timeout=20.0) as client:
        yield link, client
    link.close()
    server.close()


def back(client: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count and (more := client.recv(1 << 16)):
        data += more
    return data


def test_without_a_fault_every_byte_passes() -> None:
    with echo(Fault("partition", 1000.0)) as (link, client):
        client.sendall(DATA)
        assert back(client, len(DATA)) == DATA and not link.flipped


def test_one_byte_is_changed_once_for_each_fault() -> None:
    with echo(Fault("flipped_byte")) as (link, client):
        for expected in (1, 0):
            client.sendall(DATA)
            received = back(client, len(DATA))
            assert sum(a != b for a, b in zip(received, DATA, strict=True)) == expected
        assert link.flipped == 1 and len(DATA) > LARGE_BYTES


def test_what_a_partition_holds_back_arrives_when_it_is_over() -> None:
    clock = MonotonicClock()
    with echo(Fault("partition", 0.0, 0.4)) as (_, client):
        before_s = clock.now_s()
        client.sendall(DATA)
        assert back(client, len(DATA)) == DATA
        assert clock.now_s() - before_s > 0.2


def test_a_cut_connection_ends() -> None:
    with echo(Fault("cut", 0.05)) as (_, client), pytest.raises(OSError):
        while client.recv(1) or True:
            client.sendall(DATA)


class Call:
    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.OK

    def result(self) -> None:
        pass


def test_without_a_fault_every_call_passes_once() -> None:
    sent: list[bytes] = []

    def send(details: Any, request: bytes) -> Call:
        sent.append(request)
        return Call()

    calls = FaultyCalls(Script([Fault("lost_call", 1000.0, 1.0, 1.0)], ManualClock()))
    for k in range(20):
        calls.intercept_unary_unary(send, None, bytes([k]))
    assert sent == [bytes([k]) for k in range(20)] and not any(calls.counts.values())


@pytest.mark.parametrize("kind", ["lost_call", "doubled_call", "replayed_call"])
def test_a_call_is_lost_doubled_or_replayed_and_counted(kind: str) -> None:
    sent: list[bytes] = []

    def send(details: Any, request: bytes) -> Call:
        sent.append(request)
        return Call()

    calls, lost = FaultyCalls(Script([Fault(kind, value=0.5)], ManualClock(), seed=1)), 0
    for k in range(200):
        try:
            calls.intercept_unary_unary(send, None, k.to_bytes(2))
        except Lost:
            lost += 1
    struck = calls.counts.pop(kind)
    assert 50 < struck < 150 and not any(calls.counts.values())
    assert lost == (struck if kind == "lost_call" else 0)
    unsent = 200 - len(set(sent))
    assert 0 < unsent < struck if kind == "lost_call" else len(sent) == 200 + struck

"""Who may talk to a learner, and what the others are told."""

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import grpc
import pytest

from robot_rl.clock import ManualClock
from robot_rl.config import LinkConfig
from robot_rl.errors import LinkError
from robot_rl.link import link_pb2 as pb
from robot_rl.link import protocol
from robot_rl.link.calls import Calls
from robot_rl.link.protocol import CRC, MAX_MESSAGE_BYTES, SERVICE, Refused, checksum
from robot_rl.link.security import Access
from robot_rl.link.server import LearnerServer
from robot_rl.link.sessions import SILENCE_S, Refusal, Sessions
from tests.robot_rl.link.ends import HASH, PATIENCE_S, Shelf, Store, courier, learner, make_frame, refusal


@pytest.fixture
def port() -> Iterator[int]:
    """Of a learner that has nothing yet."""
    with learner(Store()) as (_, port):
        yield port


def test_another_config_is_refused_with_both_hashes(port: int) -> None:
    text = "agreement differs: actor 'ann' .* has 'ffff', the learner .* has '0123abcd'; start both with the same"
    with courier(Shelf(), port, agreement="ffff") as link, pytest.raises(LinkError, match=text):
        link.agree(PATIENCE_S)


def refused(theirs: str, ours: str) -> str:
    """What an actor with these settings is told by a learner with others."""
    with (
        learner(Store(), agreement=ours) as (_, port),
        courier(Shelf(), port, agreement=theirs) as link,
        pytest.raises(LinkError) as told,
    ):
        link.agree(PATIENCE_S)
    return str(told.value)


def test_other_settings_are_named() -> None:
    theirs, ours = ({"seed": 1, "learner.utd": utd, "task.id": "x" * 500 * utd} for utd in (2, 4))
    told = refused(json.dumps(theirs), json.dumps(ours))
    assert "learner.utd is 2 at the actor, 4 at the learner; task.id is 'xxx" in told
    assert "seed" not in told and len(told) < 600


@pytest.mark.parametrize("odd", ["[" * 100_000, "[1]", "nan", '{"seed": 1}'])
def test_settings_that_are_none_are_refused_too(odd: str) -> None:
    assert "differ" in refused(odd, '{"seed": 2}')


def test_another_protocol_is_refused_with_both_numbers(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("robot_rl.link.client.PROTOCOL", 99)
    text = f"protocol differs: actor 'ann' .* has 99, the learner .* has {protocol.PROTOCOL}"
    with courier(Shelf(), port) as link, pytest.raises(LinkError, match=text):
        link.agree(PATIENCE_S)


def test_a_name_that_is_none_is_refused(port: int) -> None:
    with courier(Shelf(), port, actor="a/b") as link, pytest.raises(LinkError, match=r"link.actor='a/b' is no name"):
        link.agree(PATIENCE_S)


def test_nobody_there_is_said_in_time() -> None:
    with courier(Shelf(), 1) as link:
        assert not link.agree(0.5)
        assert "no answer from the learner at 127.0.0.1:1" in link.status.trouble


def test_a_refused_actor_connects_once_the_right_learner_runs() -> None:
    with learner(Store()) as (_, port), courier(Shelf(), port, agreement="ffff") as link:
        assert link.wait(lambda: "agreement" in link.status.trouble, PATIENCE_S)
        other = LearnerServer(LinkConfig(f"127.0.0.1:{port}"), "ffff", Store())
        with pytest.raises(LinkError, match="cannot listen"):
            other.start()
        other.stop()
    right = LearnerServer(LinkConfig(f"127.0.0.1:{port}"), "ffff", Store())
    with courier(Shelf(), port, agreement="ffff") as link:
        right.start()
        assert link.agree(PATIENCE_S)
        right.stop()


def test_a_second_live_actor_of_a_name_is_refused(port: int) -> None:
    with courier(Shelf(), port) as first:
        assert first.agree(PATIENCE_S)
        with courier(Shelf(), port) as second:
            assert not second.agree(0.5)
            assert "an actor named 'ann' is connected" in second.status.trouble
        assert first.status.connected


def test_a_silent_actor_loses_its_name_and_a_busy_one_keeps_it() -> None:
    clock = ManualClock()
    sessions = Sessions(clock)
    sessions.admit("ann", "old")
    sessions.admit("ann", "old")  # its own reply was lost
    with sessions.turn("ann", "old"):
        clock.sleep_until(SILENCE_S + 1)
        with pytest.raises(Refusal, match="connected already"):
            sessions.admit("ann", "new")
    with pytest.raises(Refusal, match="connected already"):
        sessions.admit("ann", "new")
    clock.sleep_until(2 * SILENCE_S + 1)
    sessions.admit("ann", "new")
    with pytest.raises(Refusal, match="another courier speaks"), sessions.turn("ann", "old"):
        pass
    with pytest.raises(Refusal, match="has not said hello"), sessions.turn("bob", "old"):
        pass


def test_a_log_that_lacks_what_the_learner_has_is_refused() -> None:
    store = Store()
    store.accept([make_frame(i) for i in range(4)])
    with learner(store) as (_, port), courier(Shelf(), port) as link:
        assert "has frame 3 of actor 'ann', which is not in the log here" in refusal(link)


def call(port: int, data: bytes, crc: str, method: str = "Hello") -> None:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        metadata = ((CRC, crc),)
        channel.unary_unary(f"/{SERVICE}/{method}")(data, timeout=PATIENCE_S, metadata=metadata)


@pytest.mark.parametrize(
    ("data", "crc", "code", "text"),
    [
        (b"\xff\xff\xff", checksum(b"\xff\xff\xff"), grpc.StatusCode.INVALID_ARGUMENT, "are not a HelloRequest"),
        (b"hello", checksum(b"hellp"), grpc.StatusCode.DATA_LOSS, "was sent with"),
        (b"hello", "", grpc.StatusCode.DATA_LOSS, "was sent with"),
    ],
    ids=["not ours", "changed", "no checksum"],
)
def test_foreign_messages_are_refused(port: int, data: bytes, crc: str, code: grpc.StatusCode, text: str) -> None:
    with pytest.raises(grpc.RpcError, match=text) as caught:
        call(port, data, crc)
    assert caught.value.code() == code


def test_a_message_over_the_cap_is_not_read(port: int) -> None:
    data = bytes(MAX_MESSAGE_BYTES + 1)
    with pytest.raises(grpc.RpcError, match="larger than max") as caught:
        call(port, data, checksum(data))
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize(
    "noise", [b"GET / HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 500, b"\0"]
)
def test_foreign_bytes_disturb_nobody(port: int, noise: bytes) -> None:
    with courier(Shelf(), port) as link, socket.create_connection(("127.0.0.1", port)) as stranger:
        stranger.sendall(noise)
        link.agree(PATIENCE_S)


def test_an_actor_that_meets_another_service_is_told() -> None:
    from concurrent.futures import ThreadPoolExecutor

    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    calls = Calls(LinkConfig(f"127.0.0.1:{port}"), Access())
    with pytest.raises(Refused, match="Method not found"):
        calls.hello(pb.HelloRequest())
    calls.close()
    server.stop(None).wait()


def test_a_learner_that_hangs_up_in_the_middle_leaves_the_terminal_clean() -> None:
    script = f"""
from robot_rl.config import LinkConfig
from tests.robot_rl.link.ends import *
store, shelf = Store(), Shelf([make_frame(i) for i in range(9)])
with learner(store) as (_, port), courier(shelf, port) as link:
    link.agree(20)
    try:
        LearnerServer(LinkConfig(f"127.0.0.1:{{port}}"), {HASH!r}, store).start()
    except RobotRLError:
        pass
with courier(shelf, port) as link:
    link.wait(lambda: bool(link.status.trouble), 20)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_hanging_call_of_one_actor_does_not_block_another() -> None:
    shelf, store = Shelf([make_frame(i, actor) for i in range(3) for actor in ("ann", "bob")]), Store()
    hanging, go_on = threading.Event(), threading.Event()

    def hang_once() -> None:
        store.before = lambda: None
        hanging.set()
        go_on.wait(PATIENCE_S)

    store.before = hang_once
    with learner(store) as (_, port), courier(shelf, port) as ann:
        assert hanging.wait(PATIENCE_S)
        with courier(shelf, port, actor="bob") as bob:
            assert bob.wait(lambda: bob.status.watermark == 2, PATIENCE_S)
            assert not store.of("ann")
            go_on.set()
            assert ann.wait(lambda: ann.status.watermark == 2, PATIENCE_S)

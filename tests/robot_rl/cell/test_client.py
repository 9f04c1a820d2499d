import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from robot_rl.cell import cell_pb2 as pb
from robot_rl.cell.client import CellClient
from robot_rl.cell.remote import RemoteArm, RemoteAuthority
from robot_rl.errors import FaultError, HardwareError, StaleError

Answerer = Callable[[pb.Request, socket.socket], None]


class Stage:
    """A stand-in for the arm's process, whose answers a test makes up."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(str(path))
        self.listener.listen()
        self.threads: list[threading.Thread] = []

    def answers(self, *answerers: Answerer) -> None:
        """One for each request; then it hangs up."""
        self.threads.append(threading.Thread(target=self._play, args=answerers))
        self.threads[-1].start()

    def _play(self, *answerers: Answerer) -> None:
        end, _ = self.listener.accept()
        with end:
            for answerer in answerers:
                answerer(pb.Request.FromString(end.recv(8192)), end)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path / "arm")
    yield stage
    for thread in stage.threads:
        thread.join()
    stage.listener.close()


def reply(id_: int, refused: str = "") -> bytes:
    return pb.Reply(id=id_, answer=pb.Answer(refused=refused, view=pb.View(state="hold"))).SerializeToString()


def test_a_late_reply_is_never_the_answer_to_a_later_request(stage: Stage) -> None:
    held = []
    stage.answers(
        lambda request, end: held.append(request.id),
        lambda request, end: [end.send(reply(held[0], "late")), end.send(reply(request.id))],
        lambda request, end: end.send(reply(request.id, "third")),
    )
    client = CellClient(stage.path, 0.3)
    authority = RemoteAuthority(client)
    with pytest.raises(StaleError, match=r"0\.3 s.*ask again"):
        authority.renew(1)
    client._timeout_s = 20.0
    assert authority.renew(1).refused == ""
    assert authority.renew(1).refused == "third"
    client.close()


def test_replies_to_others_do_not_stretch_the_deadline(stage: Stage) -> None:
    done = threading.Event()

    def babble(request: pb.Request, end: socket.socket) -> None:
        try:
            while not done.wait(0.01):
                end.send(reply(request.id + 7))
        except OSError:
            return

    stage.answers(babble)
    client = CellClient(stage.path, 0.2)
    with pytest.raises(StaleError):
        client.read()
    done.set()
    client.close()


def test_a_process_that_hangs_up_is_named_and_the_next_call_connects_anew(stage: Stage) -> None:
    client = CellClient(stage.path, 5.0)
    stage.answers(lambda request, end: None)
    with pytest.raises(HardwareError, match=r"arm.*hung up.*begin anew"):
        client.fault()
    stage.answers(lambda request, end: end.send(reply(request.id)))
    assert client.fault() == ""
    client.close()


def test_a_process_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(HardwareError, match=r"nobody.*No such file.*whether it runs"):
        CellClient(tmp_path / "nobody").read()


def test_a_state_that_is_not_known_is_a_fault(stage: Stage) -> None:
    stage.answers(
        lambda request, end: end.send(pb.Reply(id=request.id, unknown="joint 3 is silent").SerializeToString())
    )
    client = CellClient(stage.path, 5.0)
    with pytest.raises(FaultError, match="joint 3 is silent"):
        RemoteArm(client, "ann").read()
    client.close()

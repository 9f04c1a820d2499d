"""An arm process without a process: the server on a clock that is moved by hand, and clients on real sockets."""

import socket
from pathlib import Path
from typing import Any

import numpy as np

from controllers.records import PoseCommand
from robot_rl.cell import cell_pb2 as pb
from robot_rl.cell import codec
from robot_rl.cell.process import build, load
from robot_rl.cell.server import CellServer
from robot_rl.clock import ManualClock
from robot_rl.operator import State

PERIOD_S = 0.002


class Line:
    """One client's end, which sends and looks but never waits."""

    def __init__(self, path: Path) -> None:
        self.end = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.end.connect(str(path))
        self.end.setblocking(False)

    def send(self, **verb: Any) -> None:
        self.end.send(pb.Request(id=1, **verb).SerializeToString())

    def replies(self) -> list[pb.Reply]:
        """All that wait."""
        found = []
        while True:
            try:
                data = self.end.recv(65536)
            except BlockingIOError:
                return found
            if not data:
                return found
            found.append(pb.Reply.FromString(data))

    @property
    def dropped(self) -> bool:
        """The server has hung up (what waits is lost)."""
        try:
            while self.end.recv(65536):
                pass
        except BlockingIOError:
            return False
        except ConnectionResetError:
            pass
        return True


class Desk:
    """The server, its clock and its first client."""

    def __init__(self, folder: Path) -> None:
        self.path, self.clock = folder / "arm", ManualClock(100.0)
        self.server: CellServer = build(load([f"socket={self.path}"]), self.clock)
        self.lines: list[Line] = []
        self.actor = self.line()

    def close(self) -> None:
        for line in self.lines:
            line.end.close()
        self.server.close()

    @property
    def state(self) -> State:
        return self.server.guard.authority.state

    def line(self) -> Line:
        self.lines.append(Line(self.path))
        self.tick()
        return self.lines[-1]

    def tick(self, periods: int = 1) -> None:
        for _ in range(periods):
            self.clock.sleep_until(self.clock.now_s() + PERIOD_S)
            self.server.tick(self.clock.now_s())

    def ask(self, line: Line, **verb: Any) -> pb.Reply:
        line.send(**verb)
        self.tick()
        (reply,) = line.replies()
        return reply

    def start(self, line: Line) -> int:
        """Bring the arm to follow this client; its fence."""
        view = self.ask(line, take=pb.Lease(client="ann")).answer.view
        for verb in ("arm", "policy"):
            start = pb.Start(fence=view.fence, seen=view.revision, person="ann")
            answer = self.ask(line, **{verb: start}).answer
            assert not answer.refused, answer.refused
            view = answer.view
        return view.fence

    def step(self, fence: int, sequence: int, metres: float = 0.05, valid_for_s: float = 0.2) -> pb.Command:
        """A command `metres` to the side of the measured pose."""
        now = self.server._motors.read()
        self.server._model.update(now.q_rad, now.dq_rad_s)
        target = self.server._model.tcp().moved(np.array([0.0, metres, 0.0]), np.zeros(3))
        return codec.encode_command(PoseCommand(target, sequence, valid_for_s, fence, "policy"))

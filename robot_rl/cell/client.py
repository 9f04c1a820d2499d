"""One connection to the arm's process. Every call has a deadline."""

import socket
from pathlib import Path

from controllers.records import ArmState, PoseCommand, Verdict
from robot_rl.cell import cell_pb2 as pb
from robot_rl.cell import codec
from robot_rl.clock import MonotonicClock
from robot_rl.errors import FaultError, HardwareError, StaleError
from robot_rl.operator import Answer

MAX_REPLY_BYTES = 65536
TIMEOUT_S = 0.1
"""Fifty periods of a 500 Hz loop."""


class CellClient:
    """Asks and waits for the answer to just that; for one thread. Connects at the first call, and again after a loss.

    A lost connection is a released lease: whoever moved the arm begins anew.
    """

    def __init__(self, path: str | Path, timeout_s: float = TIMEOUT_S) -> None:
        self._path, self._timeout_s, self._clock = str(path), timeout_s, MonotonicClock()
        self._end: socket.socket | None = None
        self._last = 0

    def ask(self, request: pb.Request) -> pb.Reply:
        """The reply to this request, whose id is set here.

        Raises StaleError when none came in time (whether it was obeyed is not known), HardwareError when the arm's
        process cannot be reached.
        """
        self._last += 1
        request.id = self._last
        deadline_s = self._clock.now_s() + self._timeout_s
        try:
            end = self._end or self._connect()
            end.settimeout(self._timeout_s)
            end.send(request.SerializeToString())
            while True:
                end.settimeout(max(1e-6, deadline_s - self._clock.now_s()))
                data = end.recv(MAX_REPLY_BYTES)
                if not data:
                    raise ConnectionResetError("it hung up")
                reply: pb.Reply = pb.Reply.FromString(data)
                if reply.id == self._last:
                    return reply
        except TimeoutError:
            raise StaleError(
                f"no answer from the arm's process at {self._path} within {self._timeout_s} s; "
                "see whether it stands still, then ask again"
            ) from None
        except OSError as error:
            self.close()
            cause = error.strerror or error
            raise HardwareError(
                f"the arm's process at {self._path} cannot be reached ({cause}); see whether it runs, then begin anew"
            ) from error

    def answer(self, request: pb.Request) -> Answer:
        """Ask the authority or the supervisor."""
        return codec.decode_answer(self.ask(request).answer)

    def read(self) -> ArmState:
        """Raises FaultError when the state is not known."""
        reply = self.ask(pb.Request(read=pb.Nothing()))
        if reply.WhichOneof("content") == "unknown":
            raise FaultError(f"where the arm is, is not known: {reply.unknown}; see to it")
        return codec.decode_state(reply.state)

    def command(self, command: PoseCommand) -> Verdict:
        return codec.decode_verdict(self.ask(pb.Request(command=codec.encode_command(command))).verdict)

    def fault(self) -> str:
        return self.ask(pb.Request(view=pb.Nothing())).fault

    def close(self) -> None:
        """Hang up; allowed twice. The next call connects anew."""
        if self._end is not None:
            self._end.close()
        self._end = None

    def _connect(self) -> socket.socket:
        end = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        end.settimeout(self._timeout_s)
        try:
            end.connect(self._path)
        except OSError:
            end.close()
            raise
        self._end = end
        return end

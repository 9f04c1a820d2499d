"""A Robotiq gripper's socket on a loopback port, in a thread: fingers that take a third of a second from end to end."""

import contextlib
import socket
import threading
import time

SPEED = 255 / 0.3
"""Position units per second."""


class RobotiqServer:
    """Takes one client after the other until it is closed. `end` is what follows an `ack`."""

    def __init__(self, status: int = 3, end: str = "") -> None:
        self.values = {"ACT": 1, "GTO": 1, "STA": status, "FLT": 0, "SPE": 0, "FOR": 0, "PRE": 0}
        self.orders: list[str] = []
        self.garbage = False
        self._end, self._target, self._from, self._since_s = end, 0, 0.0, time.monotonic()
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = self._door.getsockname()[1]
        self._line: socket.socket | None = None
        threading.Thread(target=self._run, daemon=True).start()

    def position(self) -> int:
        way, most = self._target - self._from, SPEED * (time.monotonic() - self._since_s)
        return round(self._from + max(-most, min(most, way)))

    def hang_up(self) -> None:
        """As a cable that is pulled, which stays so."""
        self._door.close()
        if self._line is not None:
            with contextlib.suppress(OSError):
                self._line.shutdown(socket.SHUT_RDWR)

    def _run(self) -> None:
        while True:
            try:
                self._line, _ = self._door.accept()
                with self._line, self._line.makefile("rb") as lines:
                    for line in lines:
                        self._line.sendall(self._answer(line.decode().split()).encode())
            except OSError:
                if self._door.fileno() < 0:
                    return

    def _answer(self, words: list[str]) -> str:
        if self.garbage:
            return "?\n"
        if words[0] == "GET":
            return f"{words[1]} {self.position() if words[1] == 'POS' else self.values[words[1]]}\n"
        self.orders.append(" ".join(words))
        for name, value in zip(words[1::2], words[2::2], strict=True):
            if name == "POS":
                self._from, self._since_s, self._target = float(self.position()), time.monotonic(), int(value)
            else:
                self.values[name] = int(value)
        return "ack" + self._end

"""A TCP relay on the loopback device, the place where a network can be made to fail."""

import contextlib
import socket
import threading

PIECE_BYTES = 65536


class Relay:
    """Passes every byte on, both ways. What goes wrong with them is said by `hold_back` and `alter`."""

    def __init__(self, target: int) -> None:
        """`target` is the port of the learner and may change at any time."""
        self.target = target
        self._sockets: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def hold_back(self) -> None:
        """Return when something may pass."""

    def alter(self, data: bytearray, outward: bool) -> None:
        """Change a piece on its way, in place; `outward` is towards the learner."""

    def cut(self) -> None:
        """Break every connection."""
        for end in list(self._sockets):
            _hang_up(end)

    def close(self) -> None:
        """No further connections, and an end to those there are."""
        self._listener.close()
        self.cut()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):  # how closing the listener ends it
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._join, args=(client,), daemon=True).start()

    def _join(self, client: socket.socket) -> None:
        self.hold_back()
        try:
            learner = socket.create_connection(("127.0.0.1", self.target))
        except OSError:
            client.close()
            return
        self._sockets |= {client, learner}
        back = threading.Thread(target=self._pass_on, args=(learner, client, False), daemon=True)
        back.start()
        self._pass_on(client, learner, True)
        back.join()
        self._sockets -= {client, learner}
        client.close()
        learner.close()

    def _pass_on(self, source: socket.socket, sink: socket.socket, outward: bool) -> None:
        with contextlib.suppress(OSError):  # a connection that breaks is broken on both sides
            while data := bytearray(source.recv(PIECE_BYTES)):
                self.hold_back()
                self.alter(data, outward)
                sink.sendall(data)
        for end in (source, sink):
            _hang_up(end)


def _hang_up(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)

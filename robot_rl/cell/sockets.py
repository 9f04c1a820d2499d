"""The door of the arm's process: a local socket whose clients can be neither waited for nor flooded by.

SOCK_SEQPACKET: one message is one packet, and the kernel tells at once when a client has died.
"""

import fcntl
import os
import select
import socket
import stat
from collections.abc import Callable
from pathlib import Path

from robot_rl.clock import Clock
from robot_rl.errors import ConfigError, DataError

MAX_BYTES = 8192
"""Of one message"""
MAX_CLIENTS = 16
"""Each is served at least once in every period: nobody's flood delays another's STOP."""
PER_CLIENT, PER_TICK = 4, 16
"""Requests answered in one period, of one client and in all"""
LONGEST_PATH = 107
"""Bytes; the kernel's `sockaddr_un`"""


class Client:
    """One connection."""

    def __init__(self, end: socket.socket, now_s: float) -> None:
        self.end = end
        self.empty_s = now_s
        """When it was last seen with nothing waiting: what waits now came later."""
        self.heard_s = now_s
        self.fence = -1
        """Number of the lease it has used; -1: none."""
        self.gone = False
        """Its process has hung up; messages of its may still wait."""


Serve = Callable[[Client, bytes, float], bytes]
"""The reply to one message and the time since which it may have waited. Raises DataError for one that is none."""


class Door:
    """Listens at a path, for this user's processes only. `tick` never blocks."""

    def __init__(self, path: Path, clock: Clock, serve: Serve, lost: Callable[[Client], None]) -> None:
        """`lost` is told once of every client that has gone. Raises ConfigError when the path cannot be had."""
        self._path, self._clock, self._serve, self._lost = path, clock, serve, lost
        self._lock, self._listener = _listen(path)
        self._poll = select.poll()
        self._poll.register(self._listener, select.POLLIN)
        self._clients: dict[int, Client] = {}
        self.counts = {"malformed": 0, "deaf": 0, "crowded": 0}
        """Connections closed: their message was none, they did not read, others needed the place."""

    def tick(self) -> None:
        """Answer what waits, within the bounds of one period."""
        now_s = self._clock.now_s()
        events = dict(self._poll.poll(0))
        waiting = []
        for file, client in list(self._clients.items()):
            if file not in events:
                client.empty_s = now_s
                continue
            if events[file] & (select.POLLHUP | select.POLLERR):
                self._hung_up(client)
            waiting.append(client)
        left = PER_TICK
        for _ in range(PER_CLIENT):
            turn = waiting[:left]
            waiting = [client for client in turn if self._one(client)]
            left -= len(turn)
        if self._listener.fileno() in events:
            self._admit()

    def close(self) -> None:
        """Hang up and remove the path; allowed twice."""
        for client in list(self._clients.values()):
            self._close(client)
        if self._listener.fileno() >= 0:
            self._path.unlink(missing_ok=True)
            self._listener.close()
            os.close(self._lock)

    def _one(self, client: Client) -> bool:
        """Take and answer one message; whether there may be another."""
        now_s = self._clock.now_s()
        try:
            data = client.end.recv(MAX_BYTES + 1)
        except BlockingIOError:
            client.empty_s = now_s
            return False
        except ConnectionResetError:  # it died with replies unread; what it sent before still waits
            self._hung_up(client)
            return True
        if not data:
            self._close(client)
            return False
        client.heard_s = now_s
        try:
            if len(data) > MAX_BYTES:
                raise DataError(f"a message of more than {MAX_BYTES} bytes")
            reply = self._serve(client, data, client.empty_s)
        except DataError:
            return self._drop(client, "malformed")
        try:
            client.end.send(reply)
        except (BrokenPipeError, ConnectionResetError):
            self._hung_up(client)
        except OSError:
            return self._drop(client, "deaf")
        return True

    def _admit(self) -> None:
        """One newcomer. When all places are taken, who has been silent longest and moves nothing gives way."""
        try:
            end, _ = self._listener.accept()
        except OSError:  # it has hung up already, or this process has no file left: the next period tries again
            return
        if len(self._clients) >= MAX_CLIENTS:
            silent = min(self._clients.values(), key=lambda client: (client.fence >= 0, client.heard_s))
            self._drop(silent, "crowded")
        end.setblocking(False)
        self._clients[end.fileno()] = Client(end, self._clock.now_s())
        self._poll.register(end, select.POLLIN)

    def _drop(self, client: Client, reason: str) -> bool:
        self.counts[reason] += 1
        self._close(client)
        return False

    def _hung_up(self, client: Client) -> None:
        if not client.gone:
            client.gone = True
            self._lost(client)

    def _close(self, client: Client) -> None:
        self._hung_up(client)
        self._poll.unregister(client.end)
        del self._clients[client.end.fileno()]
        client.end.close()


def _listen(path: Path) -> tuple[int, socket.socket]:
    """The lock file, which the kernel frees however its holder dies, and the listening socket."""
    if len(os.fsencode(path)) > LONGEST_PATH:
        raise ConfigError(f"socket path {path} has more than {LONGEST_PATH} bytes; give a shorter one")
    try:
        lock = _lock(path)
        if path.exists() and not stat.S_ISSOCK(path.lstat().st_mode):
            raise ConfigError(f"{path} exists and is not a socket; give another path")
        path.unlink(missing_ok=True)  # of a process that died: the lock is ours
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        mask = os.umask(0o177)
        try:
            listener.bind(os.fspath(path))
        finally:
            os.umask(mask)
    except OSError as error:
        raise ConfigError(f"cannot listen at {path} ({error.strerror}); give a path in a folder of yours") from error
    listener.setblocking(False)
    listener.listen(MAX_CLIENTS)
    return lock, listener


def _lock(path: Path) -> int:
    file = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(file, 20, 0).decode(errors="replace").strip() or "unknown"
        os.close(file)
        raise ConfigError(
            f"{path} is the socket of process {holder}, which runs; stop it or give another path"
        ) from None
    os.ftruncate(file, 0)
    os.pwrite(file, str(os.getpid()).encode(), 0)
    return file

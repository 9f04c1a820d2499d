"""The processes of one bring-up: started, listened to, started again, and ended without orphans."""

import os
import selectors
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence

from robot_rl.bringup import PATIENCE_S, UNUSABLE, Part
from robot_rl.errors import ConfigError, RobotRLError
from robot_rl.processes import TIED

LOOK_S = 0.1
"""Between two looks at what has ended and whether a stop is asked for."""
DELAY_S, LONGEST_DELAY_S = 0.5, 30.0
"""Before the first restart of a part, doubled with each; one that has lived for the longest starts anew."""
HELD = (signal.SIGINT, signal.SIGTERM)
"""Signals that wait for a part which is starting up: the interpreter would answer them with a traceback"""
IN_ORDER = (0, 128 + signal.SIGINT, -signal.SIGINT)
"""Exit codes of a part that was told to end, the last two of a verb that had not done its work"""
LAST_LINES = 12
LONGEST_LINE = 65536
"""Bytes after which a line without an end is told as one."""


class Child:
    """One part and its process. Its session is its own: a Ctrl-C reaches only the parent.

    It is tied to the parent by its standard input, which closes with it (`robot_rl/processes.py`).
    """

    def __init__(self, part: Part, command: Sequence[str]) -> None:
        self.part, self._command = part, list(command)
        self.label = part.full_name
        self.last_lines: deque[str] = deque(maxlen=LAST_LINES)
        self.restarts = 0
        self.due_s = 0.0
        """When to start it"""
        self.since_s = 0.0
        """When it was started"""
        self.process: subprocess.Popen[bytes] | None = None
        self._rest = b""

    def start(self, environment: Mapping[str, str], now_s: float) -> "subprocess.Popen[bytes]":
        pipe = subprocess.PIPE
        # Until it can listen: `robot_rl/ros/__init__.py` for a node, `robot_rl/cli.py` for a verb.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, HELD)
        try:
            self.process = subprocess.Popen(
                self._command, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, env=environment,
                start_new_session=True,
            )  # fmt: skip
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        assert self.process.stdout
        os.set_blocking(self.process.stdout.fileno(), False)
        self.since_s = now_s
        return self.process

    def lines(self) -> list[str] | None:
        """Whole lines that have come since; None when none will come any more. Never blocks."""
        chunk = self._read()
        return self._split(chunk or b"") if chunk != b"" else None

    def last_words(self) -> list[str]:
        """What it has left unread, its last line also without an end."""
        unread = b"".join(iter(lambda: self._read() or b"", b""))
        return self._split(unread + b"\n" if unread or self._rest else b"")

    def _read(self) -> bytes | None:
        """None: nothing at the moment. Empty: the end."""
        assert self.process and self.process.stdout
        try:
            return os.read(self.process.stdout.fileno(), LONGEST_LINE)
        except BlockingIOError:
            return None

    def _split(self, chunk: bytes) -> list[str]:
        *whole, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) >= LONGEST_LINE:
            whole, self._rest = [*whole, self._rest], b""
        texts = [line.decode(errors="replace").rstrip() for line in whole]
        self.last_lines.extend(filter(None, texts))
        return texts

    def ended(self) -> bool:
        """Whether the process has, looked up without taking its exit code: until then its group's number is its own."""
        look = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return self.process is not None and os.waitid(os.P_PID, self.process.pid, look) is not None

    def signal(self, number: int) -> None:
        """To the process itself: what it has started is its own to end."""
        assert self.process
        os.kill(self.process.pid, number)  # not send_signal, which takes the exit code of one that has ended

    def bury(self) -> int:
        """Kill what is left of its group, close its pipes, and give its exit code."""
        assert self.process and self.process.stdin and self.process.stdout
        os.killpg(self.process.pid, signal.SIGKILL)
        code = self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        self.process = None
        return code


class Crew:
    """All parts of a bring-up, on one thread."""

    def __init__(self, children: Iterable[Child], environment: Mapping[str, str], say: Callable[[str], None]) -> None:
        """`say` takes a line, without its end; `environment` is the children's."""
        self._children = tuple(children)
        self._environment = dict(environment) | {TIED: "1", "PYTHONUNBUFFERED": "1"}
        self._say = say
        self._selector = selectors.DefaultSelector()
        self._wrong: list[str] = []
        """Parts that have not ended in order, and how they did"""

    def run(self, asked: Callable[[], bool]) -> None:
        """Until `asked`, or until an essential part ends, or any for its settings. Nothing runs any more afterwards.

        Raises RobotRLError with the part's last lines when it has failed, ConfigError when its settings were why, and
        RobotRLError when what moves the arm or is essential has not ended in order.
        """
        over: tuple[Child, int] | None = None
        try:
            while not asked() and over is None:
                self._start()
                self._listen()
                over = self._look()
        finally:
            self.end()
        if over is not None and over[1]:
            child, code = over
            lines = "".join(f"\n  {line}" for line in child.last_lines)
            said = f"{child.label} ended ({in_words(code)}), so everything has; it last said:{lines or ' nothing'}"
            raise ConfigError(said) if code == UNUSABLE else RobotRLError(said)
        if self._wrong:
            raise RobotRLError(f"not ended in order: {', '.join(self._wrong)}; see to the robot before the next start")

    def end(self) -> None:
        """What moves the arm first, while the rest still runs; then the rest. The last that was started is told first:
        who sends commands, then who obeys them."""
        for moves in (True, False):
            group = [child for child in reversed(self._children) if child.process and child.part.moves is moves]
            for number in (signal.SIGINT, signal.SIGKILL):
                for child in group:
                    if number is signal.SIGKILL:
                        self._say(f"[{child.label}] has not ended within {PATIENCE_S:g} s: killed")
                    child.signal(number)
                group = self._left(group)

    def _left(self, group: list[Child]) -> list[Child]:
        """Those that have not ended after `PATIENCE_S`; the others are buried."""
        until_s = time.monotonic() + PATIENCE_S
        while group and time.monotonic() < until_s:
            self._listen()
            for child in group:
                if child.ended():
                    code = self._bury(child)
                    self._say(f"[{child.label}] ended ({in_words(code)})")
                    if code not in IN_ORDER and (child.part.essential or child.part.moves):
                        self._wrong.append(f"{child.label} ({in_words(code)})")
            group = [child for child in group if child.process]
        return group

    def _start(self) -> None:
        now_s = time.monotonic()
        for child in self._children:
            if child.process is None and child.due_s <= now_s:
                process = child.start(self._environment, now_s)
                self._selector.register(process.stdout, selectors.EVENT_READ, child)  # type: ignore[arg-type]
                self._say(f"[{child.label}] started, process {process.pid}")

    def _listen(self) -> None:
        """Pass on what the children say, for `LOOK_S` at most."""
        for key, _ in self._selector.select(LOOK_S):
            lines = key.data.lines()
            if lines is None:
                self._selector.unregister(key.fileobj)
            for line in lines or ():
                self._say(f"[{key.data.label}] {line}")

    def _look(self) -> tuple[Child, int] | None:
        """Bury what has ended, and see to what becomes of it; the part that ends everything and its exit code."""
        for child in self._children:
            if not child.ended():
                continue
            code, now_s = self._bury(child), time.monotonic()
            if child.part.essential or code == UNUSABLE:
                self._say(f"[{child.label}] ended ({in_words(code)}), so everything ends")
                return child, code
            if not child.part.respawn:
                child.due_s = float("inf")
                self._say(f"[{child.label}] ended ({in_words(code)}); the rest goes on")
                continue
            child.restarts = 0 if now_s - child.since_s > LONGEST_DELAY_S else child.restarts
            delay_s = min(DELAY_S * 2**child.restarts, LONGEST_DELAY_S)
            child.restarts, child.due_s = child.restarts + 1, now_s + delay_s
            self._say(f"[{child.label}] ended ({in_words(code)}); started again in {delay_s:g} s")
        return None

    def _bury(self, child: Child) -> int:
        """Its exit code, once its last words are passed on."""
        assert child.process and child.process.stdout
        for line in child.last_words():
            self._say(f"[{child.label}] {line}")
        if child.process.stdout in self._selector.get_map():
            self._selector.unregister(child.process.stdout)
        return child.bury()


def in_words(code: int) -> str:
    """An exit code as `subprocess` gives it."""
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name

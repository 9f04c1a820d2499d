"""The verb `up`: what a launch file starts, where ROS's launch is not installed."""

import os
import select
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec

from robot_rl.arguments import ARGUMENTS
from robot_rl.bringup import PROFILE, Part, config_folder, parts
from robot_rl.errors import ConfigError
from robot_rl.jobs.crew import Child, Crew
from robot_rl.jobs.folder import Outcome
from robot_rl.suggest import nearest

USAGE = f"robot-rl up {'|'.join(ARGUMENTS)} [--show-args] [KEY:=VALUE ...]"
TAKE_S = 1.0
"""How long the first line waits that nobody takes"""
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def up(arguments: Sequence[str]) -> Outcome:
    """Start everything and stay until told to end, or until an essential part ends.

    Raises ConfigError for a request that cannot be, RobotRLError when an essential part has failed.
    """
    words = [word for word in arguments if word != "--show-args"]
    kind = words.pop(0) if words else ""
    if kind not in ARGUMENTS:
        raise ConfigError(f"up {kind or '...'}: {USAGE}{nearest(kind, ARGUMENTS) if kind else ''}")
    if len(words) + 1 < len(arguments):
        return Outcome(show_arguments(kind))
    chosen = parts(kind, given(words))
    if any(part.arguments is None for part in chosen) and find_spec("rclpy") is None:
        raise ConfigError(
            "ROS 2 is not here: source /opt/ros/jazzy/setup.bash, or without it pip install 'robot_rl[ros]'"
        )
    run(chosen)
    return Outcome(f"{kind}: everything has ended")


def given(words: Sequence[str]) -> dict[str, str]:
    """From `KEY:=VALUE` or `KEY=VALUE`. Raises ConfigError for anything else, and for a key said twice."""
    found: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        key = key.removesuffix(":")
        if not equals or not key or key in found:
            raise ConfigError(f"cannot use {word!r}; {USAGE}")
        found[key] = value
    return found


def show_arguments(kind: str) -> str:
    """What `kind` takes, one argument per line."""
    lines = [f"up {kind} takes, as NAME:=VALUE"]
    for argument in ARGUMENTS[kind]:
        allowed = f" ({'|'.join(argument.allowed)})" if argument.allowed else ""
        default = "must be given" if argument.default is None else argument.default and f"default {argument.default}"
        lines.append(f"  {argument.name:<12}{argument.help}{allowed}{f'; {default}' if default else ''}")
    return "\n".join(lines)


def run(chosen: Sequence[Part]) -> None:
    """Start `chosen` and stay until a stop is asked for. Raises RobotRLError when an essential part fails."""
    folder = config_folder()
    environment = {PROFILE: str(folder / "fastdds.xml")} | os.environ
    children = [Child(part, [sys.executable, "-m", part.module, *part.words(folder)]) for part in chosen]
    with stop_asked() as stop:
        Crew(children, environment, stop.say).run(stop.asked)


class Stop:
    """Whether an end has been asked for, by a signal or by nobody listening any more."""

    def __init__(self) -> None:
        self.why = ""
        self._left_out = 0

    def asked(self) -> bool:
        return bool(self.why)

    def by_signal(self, number: int, _: object) -> None:
        """The first one counts; later ones wait with it."""
        self.why = self.why or signal.Signals(number).name

    def say(self, line: str) -> None:
        """A line on standard output, or not, where nobody takes it: a full pipe must not hold up a stop.

        Where it can no longer be written at all the arm is not left alone: everything ends.
        """
        missed = f"({self._left_out} lines are left out: nobody took them)\n" if self._left_out else ""
        text = f"{missed}{line}\n".encode(errors="replace")
        try:
            for start in range(0, len(text), select.PIPE_BUF):  # as much as a pipe takes that takes anything
                if not select.select([], [sys.stdout], [], 0.0 if self._left_out else TAKE_S)[1]:
                    self._left_out += 1
                    return
                os.write(sys.stdout.fileno(), text[start : start + select.PIPE_BUF])
            self._left_out = 0
        except OSError as error:
            self.why = self.why or f"standard output: {error.strerror}"


@contextmanager
def stop_asked() -> Iterator[Stop]:
    """A `Stop` that hears SIGINT, SIGTERM and SIGHUP meanwhile."""
    stop = Stop()
    before: Mapping[int, object] = {number: signal.signal(number, stop.by_signal) for number in STOPS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

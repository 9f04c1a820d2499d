"""Processes in place of nodes, and a `robot-rl up` that starts them.

python -m tests.launch.stand_in part NAME MANNER FOLDER      a part; what it does is noted in FOLDER/noted
python -m tests.launch.stand_in up FOLDER NAME=MANNER ...    the verb with such parts
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from robot_rl import cli
from robot_rl.bringup import Part
from robot_rl.jobs import crew, up
from robot_rl.processes import tie_to_parent


def note(folder: Path, what: str) -> None:
    """One line, appended in one write."""
    with (folder / "noted").open("a") as file:
        file.write(f"{what}\n")


def part(name: str, manner: str, folder: Path) -> int:
    """Good until a signal comes, or as `manner` says."""
    if manner == "failing":
        sys.stdout.write("about to fail\nthe device is not there")
        return 3
    if manner == "unusable":
        sys.stderr.write("error: out=/proc/nope: nothing can be written there\n")
        return 2
    if manner == "finished":
        return 0
    told: list[int] = []  # no Event: its lock may be held when a signal comes

    def ask(number: int, _: object) -> None:
        note(folder, f"{name} {signal.Signals(number).name}")
        told.append(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN if manner == "deaf" else ask)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGTERM))
    if manner == "parent":
        left = subprocess.Popen(["sleep", "1000"])
        note(folder, f"sleep pid {left.pid}")
    tie_to_parent()
    note(folder, f"{name} pid {os.getpid()}")
    while not told:
        time.sleep(0.05)
        if manner == "finished later" and (folder / "finish").exists():
            break
        if manner == "chatty":
            sys.stdout.write("all is well\n" * 1000)
            sys.stdout.flush()
    if manner == "slow":
        time.sleep(0.5)
    note(folder, f"{name} ended")
    return {"late failure": 3, "interrupted": 130}.get(manner, 0)


def start(folder: Path, parts: list[str]) -> int:
    """`up` with them: an arm and a replay are essential and told first, cameras are started again."""
    deaf = any(text.endswith("=deaf") for text in parts)
    crew.PATIENCE_S = 3.0 if deaf else 20.0  # nobody waits in vain for who is not

    def made(text: str) -> Part:
        name, _, manner = text.partition("=")
        words = ("part", name, manner, str(folder))
        moves = name in ("arm", "replay")
        return Part(
            name, "", "tests.launch.stand_in", arguments=words, essential=moves, moves=moves, respawn=name == "camera"
        )

    up.parts = lambda kind, given: tuple(made(text) for text in parts)  # type: ignore[assignment]
    return cli.main(["up", "sim"])


if __name__ == "__main__":
    if sys.argv[1] == "part":
        sys.exit(part(sys.argv[2], sys.argv[3], Path(sys.argv[4])))
    sys.exit(start(Path(sys.argv[2]), sys.argv[3:]))

"""A UR controller on a loopback address, in a process of its own."""

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
_count = itertools.count(2)


class Robot:
    """The controller, in a process of its own, at an address of its own."""

    def __init__(self) -> None:
        pid = os.getpid()
        self.address = f"127.{1 + pid // 250 % 250}.{pid % 250}.{next(_count)}"
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.robot_rl.drivers.rtde_server", self.address]
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert self.child.stdout.readline() == "ready\n"

    def order(self, line: str) -> None:
        self.child.stdin.write(line + "\n")
        self.child.stdin.flush()

    def report(self) -> dict:
        self.order("report")
        return json.loads(self.child.stdout.readline())

    def kill(self) -> None:
        self.child.kill()
        self.child.wait()
        self.child.stdin.close()
        self.child.stdout.close()


def settings(robot: Robot, folder: Path) -> list[str]:
    """Of an arm's process before this robot."""
    return [f"socket={folder / 'arm'}", "robot.driver=ur", "robot.model=ur5e", f"address={robot.address}"]


def refused_start(robot: Robot, folder: Path, *more: str) -> "subprocess.CompletedProcess[str]":
    """The arm's process where it cannot start."""
    command = [sys.executable, "-m", "robot_rl.cell", *settings(robot, folder), *more]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)

"""A UR controller on a loopback address, the arm's own process before it, and a person who arms it."""

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from controllers.records import PoseCommand
from robot_rl.cell.client import CellClient
from robot_rl.cell.remote import RemoteArm, RemoteAuthority
from robot_rl.cell.spawn import spawn
from robot_rl.operator import CHECKS, Finding, State

ROOT = Path(__file__).parents[3]
_count = itertools.count(2)


def until(true: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Whether it became true in time."""
    deadline_s = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.02)
    return True


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


class Cell:
    """The arm's process, and one client of it."""

    def __init__(self, folder: Path, robot: Robot) -> None:
        self.path = folder / "arm"
        self.settings = [f"socket={self.path}", "robot.driver=ur", "robot.model=ur5e", f"address={robot.address}"]
        self.start()

    def start(self) -> None:
        self.child = spawn(self.settings)
        self.client = CellClient(self.path, 2.0)
        self.arm, self.authority, self.sequence = RemoteArm(self.client, "ann"), RemoteAuthority(self.client), 0

    def armed(self) -> int:
        """A person arms it, again if a slow machine has stopped it; the fence."""
        for _ in range(5):
            view = self.authority.view()
            if view.state is State.STOPPED:
                view = self.authority.clear(self.fence(), view.revision, "eve").view
            if not self.arm_it().refused:
                view = self.authority.view()
                if not self.authority.policy(view.fence, view.revision).refused:
                    return view.fence
        raise AssertionError(self.authority.view())

    def fence(self) -> int:
        view = self.authority.view()
        return view.fence if view.holder == "ann" else self.authority.take("ann").view.fence

    def arm_it(self):
        fence, view = self.fence(), self.authority.view()
        now_s = time.monotonic()
        return self.authority.arm(fence, view.revision, "eve", [Finding(c.name, True, now_s, "eve") for c in CHECKS])

    def move(self, metres: float) -> None:
        """To the side, in small steps, whatever a slow machine does in between."""
        fence, sent = self.armed(), 0
        goal = self.arm.read().tcp.moved(np.array([0.0, metres, 0.0]), np.zeros(3))
        while np.linalg.norm(self.arm.read().tcp.position_m - goal.position_m) > 2e-3 and sent < 600:
            self.authority.renew(fence)
            self.sequence, sent = self.sequence + 1, sent + 1
            if self.arm.command(PoseCommand(goal, self.sequence, 0.3, fence, "policy")).refused:
                fence = self.armed()
            time.sleep(0.02)
        assert sent < 600

    def end(self) -> None:
        self.client.close()
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()
        self.child.stdin.close()
        self.child.stdout.close()


def refused_start(robot: Robot, folder: Path, *more: str) -> "subprocess.CompletedProcess[str]":
    """The arm's process where it cannot start."""
    settings = [f"socket={folder / 'arm'}", "robot.driver=ur", "robot.model=ur5e", f"address={robot.address}", *more]
    command = [sys.executable, "-m", "robot_rl.cell", *settings]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)

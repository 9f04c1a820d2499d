"""A person who arms an arm's process with the whole list, and moves the arm."""

import time
from collections.abc import Callable

import numpy as np

from controllers.records import PoseCommand
from robot_rl.cell.client import CellClient
from robot_rl.cell.remote import RemoteArm, RemoteAuthority
from robot_rl.cell.spawn import spawn
from robot_rl.operator import CHECKS, Answer, Finding, State


def until(true: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Whether it became true in time."""
    deadline_s = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.02)
    return True


class Cell:
    """The arm's process, and one client of it."""

    def __init__(self, *settings: str) -> None:
        """`settings` with the socket first."""
        self.settings, self.path = settings, settings[0].removeprefix("socket=")
        self.start()

    def start(self) -> None:
        self.child = spawn(list(self.settings))
        self.client = CellClient(self.path, 2.0)
        self.arm, self.authority, self.sequence = RemoteArm(self.client, "ann"), RemoteAuthority(self.client), 0

    def armed(self) -> int:
        """A person arms it, again if a slow machine has stopped it; the fence."""
        assert until(self.tried), self.authority.view()
        return self.fence()

    def tried(self) -> bool:
        """Whether it follows the policy."""
        view = self.authority.view()
        if view.state is State.STOPPED:
            self.authority.clear(self.fence(), view.revision, "eve")
        if self.arm_it().refused:
            return False
        view = self.authority.view()
        return not self.authority.policy(view.fence, view.revision).refused

    def fence(self) -> int:
        view = self.authority.view()
        return view.fence if view.holder == "ann" else self.authority.take("ann").view.fence

    def arm_it(self) -> Answer:
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

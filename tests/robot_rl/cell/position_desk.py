"""The arm's process before drives that take joint positions, on a clock that is moved by hand."""

from pathlib import Path

import numpy as np
import pytest

from controllers.models import home_q
from robot_rl.cell import cell_pb2 as pb
from robot_rl.cell import codec
from robot_rl.cell.motors import Reading
from robot_rl.cell.process import build, load
from robot_rl.clock import ManualClock
from robot_rl.errors import HardwareError
from robot_rl.operator import CHECKS, Finding
from tests.robot_rl.cell.desk import Desk, Line


class FakeDrives:
    """Six joints that jump where they are told to."""

    kind, simulated, lost = "position", False, ""

    def __init__(self, q_rad: np.ndarray) -> None:
        self.q, self.dq, self.wrench = q_rad.copy(), np.zeros(6), np.zeros(6)
        self.told, self.against, self.fault = [], (), ""
        self.blind = self.deaf = self.closed = self.inactive = False
        """Says nothing; refuses; let go; takes commands and does nothing about them"""
        self.cleared = 0

    def read(self) -> Reading:
        if self.blind:
            raise HardwareError("the drives say nothing")
        return Reading(self.q.copy(), self.dq.copy(), self.wrench.copy(), fault=self.fault)

    def apply(self, values: np.ndarray) -> None:
        if self.deaf:
            raise HardwareError("protective stop")
        self.q = self.q if self.inactive else values.copy()
        self.told.append(values.copy())

    def objections(self, now_s: float) -> tuple[Finding, ...]:
        return self.against

    def clear(self) -> None:
        self.cleared += 1

    def close(self) -> None:
        self.closed = True


class PositionDesk(Desk):
    """A desk whose arm is a UR5e with such drives, away from its home."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, rate_hz: float = 500.0) -> None:
        self.period_s = 1.0 / rate_hz
        self.drives = FakeDrives(home_q("ur5e") + 0.05)
        monkeypatch.setattr("robot_rl.cell.process.open_motors", lambda *_: self.drives)
        self.path, self.clock = folder / "arm", ManualClock(100.0)
        config = load([f"socket={self.path}", "robot.model=ur5e"])
        config.robot.control_hz = rate_hz
        self.server = build(config, self.clock)
        self.lines: list[Line] = []
        self.actor = self.line()

    def tick(self, periods: int = 1) -> None:
        for _ in range(periods):
            self.clock.sleep_until(self.clock.now_s() + self.period_s)
            self.server.tick(self.clock.now_s())

    def arm(self, line: Line) -> pb.Answer:
        view = self.ask(line, view=pb.Nothing()).answer.view
        fence = view.fence if view.holder else self.ask(line, take=pb.Lease(client="ann")).answer.view.fence
        view = self.ask(line, view=pb.Nothing()).answer.view
        findings = codec.encode_findings([Finding(c.name, True, self.clock.now_s(), "eve") for c in CHECKS])
        start = pb.Start(fence=fence, seen=view.revision, person="eve", findings=findings)
        return self.ask(line, arm=start).answer

    def clear(self, line: Line) -> None:
        view = self.ask(line, view=pb.Nothing()).answer.view
        fence = view.fence if view.holder else self.ask(line, take=pb.Lease(client="ann")).answer.view.fence
        view = self.ask(line, view=pb.Nothing()).answer.view
        answer = self.ask(line, clear=pb.Start(fence=fence, seen=view.revision, person="eve")).answer
        assert not answer.refused, answer.refused

    def go(self, line: Line) -> int:
        answer = self.arm(line)
        assert not answer.refused, answer.refused
        start = pb.Start(fence=answer.view.fence, seen=answer.view.revision)
        assert not self.ask(line, policy=start).answer.refused
        return int(answer.view.fence)

from collections.abc import Iterator
from pathlib import Path

import pytest

from robot_rl.cell.client import CellClient
from robot_rl.cell.remote import RemoteArm, RemoteAuthority
from robot_rl.cell.spawn import spawn
from robot_rl.clock import Clock, MonotonicClock
from robot_rl.hardware import Arm
from robot_rl.operator import Pilot
from tests.contracts.arm import ArmContract


@pytest.mark.real_time
class TestArmProcess(ArmContract):
    """The simulated arm in a process of its own."""

    @pytest.fixture(autouse=True)
    def _open(self, tmp_path: Path) -> Iterator[None]:
        self.path = tmp_path / "arm"
        child = spawn([f"socket={self.path}"])
        self.arm, self.clock, self.pilot = self.open()
        self.start()
        yield
        self.arm.close()
        child.terminate()
        assert child.wait(timeout=10) == 0
        child.stdin.close()
        child.stdout.close()

    def open(self) -> tuple[Arm, Clock, Pilot]:
        client, clock = CellClient(self.path, 10.0), MonotonicClock()
        return RemoteArm(client, "ann"), clock, Pilot(RemoteAuthority(client), clock, "ann", simulated=True)

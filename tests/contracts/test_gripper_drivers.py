"""Grippers of real robots, before a loopback socket and a fake of the vendor's library."""

from collections.abc import Iterator

import pytest

from robot_rl.clock import Clock, MonotonicClock
from robot_rl.drivers.franka_gripper import open_franka_gripper
from robot_rl.drivers.robotiq import open_robotiq
from robot_rl.hardware import Gripper
from tests.contracts.gripper import GripperContract
from tests.robot_rl.drivers.fake_franky import SDK
from tests.robot_rl.drivers.robotiq_server import RobotiqServer

pytestmark = pytest.mark.real_time


class TestRobotiq(GripperContract):
    full_m = 0.085

    @pytest.fixture(autouse=True)
    def _open(self) -> Iterator[None]:
        self.server = RobotiqServer()
        self.gripper, self.clock = self.open()
        yield
        self.gripper.close()
        self.server.hang_up()

    def open(self) -> tuple[Gripper, Clock]:
        clock = MonotonicClock()
        return open_robotiq("127.0.0.1", clock, self.full_m, self.server.port), clock


class TestFrankaHand(GripperContract):
    def open(self) -> tuple[Gripper, Clock]:
        clock = MonotonicClock()
        return open_franka_gripper("10.0.0.1", clock, SDK), clock

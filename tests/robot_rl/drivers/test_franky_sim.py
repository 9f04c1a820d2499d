"""The real franky and libfranka against a simulated Research 3 (`pip install franky-sim`)."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from robot_rl.operator import State
from tests.robot_rl.drivers.person import Cell, until

pytest.importorskip("franky")
pytest.importorskip("franky_sim")
pytestmark = pytest.mark.real_time
PORT = 1337


class Robot:
    """The simulated robot, at a loopback address of its own."""

    def __init__(self) -> None:
        self.address = f"127.{1 + os.getpid() // 250 % 250}.{os.getpid() % 250}.1"
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "franky_sim.run_server", "-s", "mujoco", "--hostname", self.address]
        self.child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert until(self.listens)

    def listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((self.address, PORT)) == 0

    def kill(self) -> None:
        self.child.kill()
        self.child.wait()


@pytest.fixture
def robot() -> Iterator[Robot]:
    robot = Robot()
    yield robot
    robot.kill()


@pytest.fixture
def cell(robot: Robot, tmp_path: Path) -> Iterator[Cell]:
    settings = ("robot.driver=franka", "robot.model=panda", f"address={robot.address}", "robot.control_hz=250")
    cell = Cell(f"socket={tmp_path / 'arm'}", *settings, "realtime_kernel=false")
    yield cell
    cell.end()


def test_it_connects_stands_still_moves_and_lets_go(cell: Cell) -> None:
    before = cell.arm.read()
    assert cell.authority.view().state in (State.DISARMED, State.STOPPED)
    cell.move(0.03)
    moved_m = cell.arm.read().tcp.position_m - before.tcp.position_m
    np.testing.assert_allclose(np.linalg.norm(moved_m), 0.03, atol=4e-3)
    cell.child.terminate()
    assert cell.child.wait(timeout=20) == 0


def test_a_robot_that_is_gone_stops_the_arm_and_ends_the_process_and_a_fresh_one_takes_over(
    robot: Robot, cell: Cell
) -> None:
    cell.armed()
    cell.client._timeout_s = 10.0  # the library blocks while it finds out
    robot.kill()
    assert until(lambda: cell.authority.view().state is State.STOPPED)
    assert until(lambda: any("the Franka is gone" in fault for fault in cell.authority.view().faults))
    assert cell.child.wait(timeout=20) == 1
    cell.end()
    robot.start()
    cell.start()
    cell.move(0.02)

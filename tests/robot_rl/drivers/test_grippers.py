import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from robot_rl.clock import MonotonicClock
from robot_rl.drivers.franka_gripper import FrankaFingers, open_franka_gripper
from robot_rl.drivers.polled_gripper import PolledGripper
from robot_rl.drivers.robotiq import RobotiqFingers, open_robotiq
from robot_rl.errors import ConfigError, HardwareError, StaleError
from tests.robot_rl.drivers import fake_franky
from tests.robot_rl.drivers.fake_franky import SDK
from tests.robot_rl.drivers.robotiq_server import RobotiqServer

pytestmark = pytest.mark.real_time


def until(true: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline_s = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.005)
    return True


def raised(gripper: PolledGripper) -> str:
    try:
        gripper.read()
    except HardwareError as error:
        return str(error)
    return ""


@pytest.fixture
def server() -> Iterator[RobotiqServer]:
    server = RobotiqServer()
    yield server
    server.hang_up()


@pytest.fixture
def robotiq(server: RobotiqServer) -> Iterator[PolledGripper]:
    gripper = open_robotiq("127.0.0.1", MonotonicClock(), port=server.port)
    yield gripper
    gripper.close()


def test_robotiq_is_told_position_speed_and_force_in_one_line_and_only_once(
    server: RobotiqServer, robotiq: PolledGripper
) -> None:
    for _ in range(5):
        robotiq.command(closing=True)
    assert until(lambda: robotiq.read().width_m == 0.0)
    robotiq.command(closing=False)
    assert until(lambda: robotiq.read().width_m > 0.08)
    assert server.orders == ["SET POS 255 SPE 255 FOR 100 GTO 1", "SET POS 0 SPE 255 FOR 100 GTO 1"]


@pytest.mark.parametrize("end", ["", "\n"])
def test_robotiq_s_ack_may_end_with_its_line_or_without(end: str) -> None:
    server = RobotiqServer(end=end)
    fingers = RobotiqFingers("127.0.0.1", 0.085, server.port)
    for closing in (True, False, True):
        fingers.move(closing)
        assert 0.0 <= fingers.width_m() <= 0.085
    fingers.close()
    server.hang_up()


def test_opening_robotiq_moves_nothing(server: RobotiqServer, robotiq: PolledGripper) -> None:
    assert robotiq.read().width_m == pytest.approx(0.085)
    assert not server.orders


def test_a_robotiq_that_is_not_activated_is_refused_and_not_activated() -> None:
    server = RobotiqServer(status=0)
    with pytest.raises(HardwareError, match="activate it at the pendant"):
        RobotiqFingers("127.0.0.1", 0.085, server.port)
    assert not server.orders
    server.hang_up()


def test_a_robotiq_that_is_not_there_is_said_with_its_address() -> None:
    with pytest.raises(HardwareError, match=r"127\.0\.0\.1:1 .*URCap"):
        RobotiqFingers("127.0.0.1", 0.085, 1)


@pytest.mark.parametrize("full_m", [0.0, -0.1, 85.0, float("nan")])
def test_an_opening_that_no_gripper_has_is_refused(full_m: float) -> None:
    with pytest.raises(ConfigError, match="full_m"):
        RobotiqFingers("127.0.0.1", full_m, 1)


def test_a_fault_of_the_robotiq_is_said_while_it_lasts(server: RobotiqServer, robotiq: PolledGripper) -> None:
    server.values["FLT"] = 14
    assert until(lambda: "fault 14: overcurrent" in raised(robotiq))
    with pytest.raises(HardwareError, match="overcurrent"):
        robotiq.command(closing=True)
    server.values["FLT"] = 0
    assert until(lambda: not raised(robotiq))


def test_a_robotiq_that_is_gone_is_said(server: RobotiqServer, robotiq: PolledGripper) -> None:
    server.hang_up()
    assert until(lambda: "see to its cable" in raised(robotiq))


def test_garbage_from_the_robotiq_is_no_width(server: RobotiqServer, robotiq: PolledGripper) -> None:
    server.garbage = True
    assert until(lambda: "answered '?'" in raised(robotiq))


def test_a_reading_that_is_too_old_is_refused(server: RobotiqServer) -> None:
    hung = threading.Event()

    class Stuck(RobotiqFingers):
        waits = False

        def width_m(self) -> float:
            if self.waits:
                hung.wait(20.0)
            return super().width_m()

    fingers = Stuck("127.0.0.1", 0.085, server.port)
    gripper = PolledGripper(fingers, MonotonicClock())
    fingers.waits = True
    assert until(lambda: "old" in raised(gripper))
    with pytest.raises(StaleError):
        gripper.read()
    hung.set()
    gripper.close()


def test_the_franka_hand_grasps_whatever_its_width_and_stops_before_it_turns_round() -> None:
    gripper = open_franka_gripper("a", MonotonicClock(), SDK)
    hand = gripper._fingers._hand
    for closing in (True, False):
        gripper.command(closing)
        assert until(lambda: gripper.read().width_m == (0.0 if closing else 0.08))  # noqa: B023
    gripper.close()
    assert hand.said == ["grasp", "stop", "open"]


def test_a_franka_hand_that_refuses_is_said() -> None:
    gripper = open_franka_gripper("a", MonotonicClock(), SDK)
    gripper._fingers._hand.broken = True
    gripper.command(closing=True)
    assert until(lambda: "refuses to move" in raised(gripper))
    gripper.close()


def test_a_franka_hand_that_was_never_homed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fake_franky.Gripper, "max_width", 0.0)
    with pytest.raises(HardwareError, match="home it in Desk"):
        FrankaFingers("a", SDK)


def test_without_franky_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "franky", None)
    with pytest.raises(ConfigError, match=r"robot_rl\[franka\]"):
        FrankaFingers("a")

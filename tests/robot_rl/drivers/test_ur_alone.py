"""The UR driver's own rules, with a fake of its library: test_ur.py has the real one."""

import pytest

from controllers.models import home_q
from robot_rl.clock import ManualClock
from robot_rl.drivers.ur import UrMotors
from robot_rl.errors import HardwareError
from tests.robot_rl.drivers.fake_ur import Ur, motors_of


@pytest.fixture
def robot() -> Ur:
    return Ur(home_q("ur5e"), [0.0] * 6)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(1.0)


@pytest.fixture
def motors(robot: Ur, clock: ManualClock) -> UrMotors:
    return motors_of(robot, clock)


def test_why_the_robot_has_stopped_is_told_with_the_reading_and_stays(robot: Ur, motors: UrMotors) -> None:
    assert motors.read().fault == ""
    robot.says["getSafetyMode"] = 3
    assert "protective stop" in motors.read().fault
    robot.says["getSafetyMode"] = 1
    assert "protective stop" in motors.read().fault
    with pytest.raises(HardwareError, match="protective stop"):
        motors.apply(home_q("ur5e"))


def test_a_command_that_is_not_taken_is_told_until_the_robot_says_why(robot: Ur, motors: UrMotors) -> None:
    robot.says["servoJ"] = False
    with pytest.raises(HardwareError, match="takes no `servoj`"):
        motors.apply(home_q("ur5e"))
    assert "takes no `servoj`" in motors.read().fault
    robot.says["getRuntimeState"] = 1
    assert "program on the UR has ended" in motors.read().fault


def test_why_the_robot_has_stopped_is_not_hidden_by_a_state_that_is_old(
    robot: Ur, motors: UrMotors, clock: ManualClock
) -> None:
    motors.read()
    clock.sleep_until(1.15)
    with pytest.raises(HardwareError, match="no state"):
        motors.read()
    robot.says["getTimestamp"], robot.says["getSafetyMode"] = 2.0, 3
    motors.read()
    clock.sleep_until(1.3)
    with pytest.raises(HardwareError, match="protective stop"):
        motors.read()


@pytest.mark.parametrize("control_hz", [100.0, 125.0, 500.0])
def test_each_command_is_for_as_long_as_a_period(robot: Ur, clock: ManualClock, control_hz: float) -> None:
    motors, told = motors_of(robot, clock, control_hz), []
    motors._control = type("Control", (), {"servoJ": lambda _, *given: told.append(given) or True})()
    motors.apply(home_q("ur5e"))
    ((_, _, _, seconds, _, _),) = told
    assert seconds == pytest.approx(1.0 / control_hz)

"""The Franka driver at the border to franky, whose part is played by a fake with the same names and arguments."""

import ast
import inspect
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import yaml

from controllers.kinematics import ArmModel
from controllers.models import arm_limits, arm_spec, home_q
from robot_rl.clock import ManualClock
from robot_rl.drivers.franka import FOLLOW_S, FrankaMotors
from robot_rl.errors import ConfigError, HardwareError
from tests.robot_rl.drivers import fake_franky
from tests.robot_rl.drivers.fake_franky import SDK, RobotMode

PERIOD_S = 0.002
OWN = ("advance", "realtime", "reachable")
"""What the fake has for the tests alone."""


class Desk:
    """Motors, their fake robot and a clock moved by hand."""

    def __init__(self, period_s: float = PERIOD_S) -> None:
        self.clock, self.period_s = ManualClock(10.0), period_s
        self.motors = open_motors(self.clock, period_s=period_s)
        self.robot = self.motors._robot

    def period(self, q_rad: np.ndarray) -> None:
        self.motors.read()
        self.motors.apply(q_rad)
        self.wait(self.period_s)

    def wait(self, seconds: float) -> None:
        self.robot.advance(seconds)
        self.clock.sleep_until(self.clock.now_s() + seconds)

    def cleared(self) -> None:
        self.motors.clear()
        self.motors._recovery.join(5.0)


def open_motors(clock: ManualClock, realtime_kernel: bool = True, period_s: float = PERIOD_S) -> FrankaMotors:
    tool, limits = ArmModel(arm_spec("panda").compile(), 7), arm_limits("panda")
    return FrankaMotors("10.0.0.1", tool, limits, clock, period_s, realtime_kernel=realtime_kernel, sdk=SDK)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_at_the_measured_joints_it_asks_for_no_motion_at_all(desk: Desk) -> None:
    home = desk.motors.read().q_rad
    for _ in range(100):
        desk.period(home)
    assert not desk.robot.motions and (desk.robot.q == home_q("panda")).all()


@pytest.mark.parametrize("rate_hz", [500, 125, 100])
def test_it_follows_joints_that_move_within_a_few_milliseconds(rate_hz: int) -> None:
    desk = Desk(1.0 / rate_hz)
    q_rad, rate = home_q("panda").copy(), np.array([0.3, 0.0, -0.2, 0.0, 0.0, 0.1, 0.5])
    for i in range(rate_hz):
        q_rad = home_q("panda") + rate * desk.period_s * i
        desk.period(q_rad)
    assert np.abs(desk.robot.q - q_rad).max() < 0.5 * 0.03
    for _ in range(int(0.6 * rate_hz)):
        desk.period(q_rad)
    assert np.abs(desk.robot.q - q_rad).max() < 2e-4
    assert all(np.abs(m.target).max() <= arm_limits("panda").dq_max_rad_s.max() for m in desk.robot.motions)


def test_silence_ends_the_motion_after_a_tenth_of_a_second(desk: Desk) -> None:
    for i in range(100):
        desk.period(home_q("panda") + 0.3 * PERIOD_S * i)
    assert desk.robot.dq.any()
    desk.wait(0.11)
    assert not desk.robot.dq.any()


def test_a_command_far_from_the_robot_is_an_error_and_no_motion(desk: Desk) -> None:
    with pytest.raises(HardwareError, match=r"0\.200 rad"):
        for _ in range(5):
            desk.period(home_q("panda") + 0.2)
    assert not desk.robot.motions


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_command_that_is_no_number_is_an_error_and_no_motion(desk: Desk, bad: float) -> None:
    with pytest.raises(HardwareError):
        for _ in range(5):
            desk.period(np.full(7, bad))
    assert not desk.robot.motions


def test_a_reflex_is_latched_with_the_robot_s_own_flags_until_a_person_clears_it(desk: Desk) -> None:
    desk.robot.mode, desk.robot.errors.joint_reflex = RobotMode.Reflex, True
    desk.motors.read()
    desk.robot.mode, desk.robot.errors.joint_reflex = RobotMode.Idle, False
    for _ in range(10):
        desk.motors.read()
        with pytest.raises(HardwareError, match=r"Reflex: joint_reflex"):
            desk.motors.apply(home_q("panda"))
    assert desk.robot.recoveries == 0
    desk.cleared()
    desk.period(home_q("panda"))
    assert desk.robot.recoveries == 1


def test_why_the_robot_has_stopped_is_told_with_the_reading_also_when_its_state_is_old(desk: Desk) -> None:
    assert desk.motors.read().fault == ""
    desk.robot.mode, desk.robot.errors.joint_reflex = RobotMode.Reflex, True
    assert "Reflex: joint_reflex" in desk.motors.read().fault
    desk.robot.frozen = True
    desk.motors.read()
    desk.clock.sleep_until(desk.clock.now_s() + 0.11)
    with pytest.raises(HardwareError, match="joint_reflex"):
        desk.motors.read()


def test_after_a_stop_that_nobody_asked_about_no_speed_from_before_is_gone_on_with(desk: Desk) -> None:
    for i in range(20):
        desk.period(home_q("panda") + 0.3 * PERIOD_S * i)
    desk.robot.mode, desk.robot.errors.joint_reflex = RobotMode.Reflex, True
    desk.wait(0.2)
    assert desk.motors.read().fault
    desk.cleared()
    sent, away = len(desk.robot.motions), desk.robot.q + 0.01
    for _ in range(5):
        desk.period(away)
    (motion,) = desk.robot.motions[sent:]
    assert np.abs(motion.target).max() == pytest.approx(0.01 / FOLLOW_S)


def test_a_motion_that_was_broken_off_names_its_errors(desk: Desk) -> None:
    desk.robot.failed, desk.robot.ended.communication_constraints_violation = "motion aborted", True
    desk.motors.read()
    with pytest.raises(HardwareError, match="communication_constraints_violation"):
        desk.motors.apply(home_q("panda"))


def test_a_robot_that_does_not_recover_stays_stopped(desk: Desk) -> None:
    desk.robot.mode, desk.robot.recovers = RobotMode.UserStopped, False
    desk.motors.read()
    desk.cleared()
    desk.motors.read()
    with pytest.raises(HardwareError, match="does not recover"):
        desk.motors.apply(home_q("panda"))


def test_while_it_recovers_nobody_is_told_joints_from_before(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    go, recover = threading.Event(), desk.robot.recover_from_errors
    monkeypatch.setattr(desk.robot, "recover_from_errors", lambda: go.wait(5.0) and recover())
    desk.robot.mode, desk.robot.errors.joint_reflex = RobotMode.Reflex, True
    desk.motors.read()
    desk.motors.clear()
    desk.robot.q = desk.robot.q + 0.09  # a person guides it meanwhile
    for _ in range(10):
        with pytest.raises(HardwareError, match="recovers"):
            desk.motors.read()
        with pytest.raises(HardwareError, match="Reflex"):
            desk.motors.apply(home_q("panda"))
    go.set()
    desk.motors._recovery.join(5.0)
    np.testing.assert_array_equal(desk.motors.read().q_rad, desk.robot.q)
    assert not desk.robot.motions


def test_clearing_a_robot_without_errors_asks_it_for_nothing(desk: Desk) -> None:
    desk.motors.clear()
    assert desk.robot.recoveries == 0


@pytest.mark.parametrize("error", [fake_franky.NetworkException("UDP receive"), RuntimeError("Net Exception")])
def test_a_robot_that_is_gone_is_gone_for_good(desk: Desk, error: Exception) -> None:
    desk.robot.gone = error
    with pytest.raises(HardwareError, match=str(error)):
        desk.motors.read()
    assert "start the arm's process again" in desk.motors.lost
    with pytest.raises(HardwareError):
        desk.motors.apply(home_q("panda"))


def test_a_state_that_no_longer_changes_is_not_believed(desk: Desk) -> None:
    desk.robot.frozen = True
    desk.motors.read()
    desk.clock.sleep_until(desk.clock.now_s() + 0.11)
    with pytest.raises(HardwareError, match="no state"):
        desk.motors.read()
    assert not desk.motors.lost
    desk.clock.sleep_until(desk.clock.now_s() + 1.0)
    with pytest.raises(HardwareError, match="is gone"):
        desk.motors.read()
    assert desk.motors.lost


def test_the_wrench_is_what_acts_on_the_tool_not_its_reaction(desk: Desk) -> None:
    desk.robot.force = np.array([0.0, 0.0, -12.0, 0.0, 0.5, 0.0])
    np.testing.assert_array_equal(desk.motors.read().wrench, [0.0, 0.0, 12.0, 0.0, -0.5, 0.0])


def test_a_payload_or_tool_that_is_not_set_is_an_objection(desk: Desk) -> None:
    assert desk.motors.objections(1.0) == ()
    desk.robot.mass_kg = 0.0
    (finding,) = desk.motors.objections(1.0)
    assert (finding.check, finding.passed, finding.by) == ("payload", False, "franka") and "0 kg" in finding.detail


def test_the_parameter_file_asks_for_the_rate_of_the_page() -> None:
    root = Path(__file__).parents[3]
    (told,) = yaml.safe_load((root / "launch/config/franka.yaml").read_text()).values()
    rate_hz = told["ros__parameters"]["robot"]["control_hz"]
    assert f"robot.control_hz={rate_hz:g} " in (root / "docs/hardware-franka.md").read_text()


def test_closing_stops_the_robot(desk: Desk) -> None:
    desk.motors.close()
    assert desk.robot.stopped == 1


def test_a_kernel_without_real_time_is_refused_unless_development_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fake_franky.Robot, "realtime", False)
    with pytest.raises(ConfigError, match="realtime_kernel=false"):
        open_motors(ManualClock(1.0))
    assert open_motors(ManualClock(1.0), realtime_kernel=False).read().q_rad.shape == (7,)


def test_a_robot_that_cannot_be_reached_is_said_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fake_franky.Robot, "reachable", False)
    with pytest.raises(HardwareError, match=r"10\.0\.0\.1.*FCI"):
        open_motors(ManualClock(1.0))


def test_without_franky_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "franky", None)
    with pytest.raises(ConfigError, match=r"robot_rl\[franka\]"):
        FrankaMotors("a", None, None, ManualClock(1.0), PERIOD_S, realtime_kernel=True)


def real_stubs() -> dict[str, dict[str, list[list[str]]]]:
    """Class, then method or property, then the argument names of each of its overloads, of the installed franky."""
    franky = pytest.importorskip("franky")
    tree = ast.parse((Path(franky.__file__).parent / "_franky.pyi").read_text())
    found: dict[str, dict[str, list[list[str]]]] = {}
    for node in [node for node in tree.body if isinstance(node, ast.ClassDef)]:
        methods = found.setdefault(node.name.replace("_RobotInternal", "Robot"), {})
        for f in [f for f in node.body if isinstance(f, ast.FunctionDef)]:
            methods.setdefault(f.name, []).append([arg.arg for arg in f.args.args])
    return found


@pytest.mark.parametrize("name", ["Robot", "Gripper", "JointVelocityMotion", "Duration", "BoolFuture"])
def test_the_fake_has_the_names_and_arguments_of_the_real_library(name: str) -> None:
    real, fake = real_stubs()[name], vars(getattr(SDK, name))
    for method in [m for m in fake if m not in OWN and (m in real or not m.startswith("_"))]:
        assert method in real, f"{name}.{method}"
        if inspect.isfunction(fake[method]):
            wanted = list(inspect.signature(fake[method]).parameters)
            assert any(wanted == overload[: len(wanted)] for overload in real[method]), (method, real[method])


def test_the_fake_s_state_has_the_names_of_the_real_one() -> None:
    real, state = real_stubs(), fake_franky.Robot("a").state
    assert set(vars(state)) <= set(real["RobotState"])
    assert {"joint_reflex", "power_limit_violation", "communication_constraints_violation"} <= set(real["Errors"])
    franky = sys.modules["franky"]
    assert all(hasattr(franky, n) for n in vars(SDK)) and all(hasattr(franky.RobotMode, n) for n in vars(RobotMode))
    assert issubclass(franky.NetworkException, franky.Exception) and issubclass(
        franky.RealtimeException, franky.Exception
    )

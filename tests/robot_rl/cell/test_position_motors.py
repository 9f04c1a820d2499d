"""The arm's process before drives that take joint positions."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from controllers.kinematics import ArmModel
from controllers.models import arm_limits, arm_spec, home_q
from robot_rl.cell import cell_pb2 as pb
from robot_rl.cell.following import Following
from robot_rl.cell.motors import Reading
from robot_rl.cell.process import End, build, load, run
from robot_rl.cell.sockets import Door
from robot_rl.clock import ManualClock
from robot_rl.errors import ConfigError, HardwareError
from robot_rl.operator import Finding, State
from tests.robot_rl.cell.desk import PERIOD_S, Desk
from tests.robot_rl.cell.position_desk import FakeDrives, PositionDesk


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PositionDesk]:
    desk = PositionDesk(tmp_path, monkeypatch)
    yield desk
    desk.close()
    assert desk.drives.closed


def test_the_first_command_equals_the_measured_joints_and_nothing_moves_before_it_is_asked(desk: PositionDesk) -> None:
    desk.tick(500)
    for told in (desk.drives.told[0], desk.drives.told[-1]):
        np.testing.assert_allclose(told, home_q("ur5e") + 0.05, atol=1e-6)


def test_before_the_first_reading_nothing_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = PositionDesk.__new__(PositionDesk)
    monkeypatch.setattr(FakeDrives, "read", lambda _: Reading(np.full(6, np.nan), np.full(6, np.nan), np.zeros(6)))
    desk.__init__(tmp_path, monkeypatch)  # type: ignore[misc]
    desk.tick(50)
    assert not desk.drives.told
    desk.close()


def test_a_command_moves_the_joints_within_their_limits(desk: PositionDesk) -> None:
    fence = desk.go(desk.actor)
    start = desk.drives.q.copy()
    for sequence in range(1, 30):
        reply = desk.ask(desk.actor, command=desk.step(fence, sequence, 0.03))
        assert not reply.verdict.refused
        desk.ask(desk.actor, renew=pb.Lease(fence=fence))
        desk.tick(20)
    assert np.abs(desk.drives.q - start).max() > 0.02
    speed = np.diff(desk.drives.told, axis=0) / PERIOD_S
    limits = arm_limits("ur5e")
    assert (np.abs(speed) <= limits.dq_max_rad_s + 1e-9).all()
    assert (np.abs(np.diff(speed, axis=0)) <= limits.ddq_max_rad_s2 * PERIOD_S + 1e-9).all()


def test_drives_that_say_nothing_are_told_to_stay_where_they_were_and_stop_the_arm(desk: PositionDesk) -> None:
    desk.go(desk.actor)
    desk.tick(10)
    before = desk.drives.told[-1]
    desk.drives.blind = True
    desk.tick(50)
    assert desk.state is State.STOPPED
    np.testing.assert_allclose(desk.drives.told[-1], before, atol=1e-6)


def test_a_force_beyond_the_limit_latches_and_the_arm_gives_way_by_the_clip_at_most(desk: PositionDesk) -> None:
    desk.go(desk.actor)
    model = ArmModel(arm_spec("ur5e").compile(), 6)
    model.update(desk.drives.q, np.zeros(6))
    before = model.tcp_position_m().copy()
    desk.drives.wrench[2] = -200.0
    desk.tick(3000)
    model.update(desk.drives.q, np.zeros(6))
    assert desk.state is State.STOPPED and "200.0 N" in desk.server.loop.fault
    given_m = np.linalg.norm(model.tcp_position_m() - before)
    assert 0.005 < given_m < 0.017


def test_a_push_before_arming_moves_it_by_the_clip_at_most(desk: PositionDesk) -> None:
    model = ArmModel(arm_spec("ur5e").compile(), 6)
    model.update(desk.drives.q, np.zeros(6))
    before = model.tcp_position_m().copy()
    desk.drives.wrench[2] = -100.0
    desk.tick(5000)
    model.update(desk.drives.q, np.zeros(6))
    assert np.linalg.norm(model.tcp_position_m() - before) < 0.017
    assert desk.state is State.DISARMED


def test_an_arm_that_is_pushed_too_far_stops_and_says_by_what(desk: PositionDesk) -> None:
    fence = desk.go(desk.actor)
    desk.drives.wrench[2] = -60.0
    for _ in range(40):
        desk.ask(desk.actor, renew=pb.Lease(fence=fence))
        desk.tick(200)
    assert desk.state is State.STOPPED
    assert "gave way" in desk.server.guard.authority.view().why


def test_what_the_drives_object_to_outweighs_what_a_person_ticked(desk: PositionDesk) -> None:
    desk.drives.against = (Finding("payload", False, desk.clock.now_s(), "ur", "the robot's payload is 0 kg"),)
    answer = desk.arm(desk.actor)
    assert "payload is 0 kg" in answer.refused and desk.state is State.DISARMED
    desk.drives.against = ()
    assert not desk.arm(desk.actor).refused


def test_a_socket_that_cannot_be_had_lets_the_drives_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drives = FakeDrives(home_q("ur5e"))
    monkeypatch.setattr("robot_rl.cell.process.open_motors", lambda *_: drives)
    with pytest.raises(ConfigError):
        build(load([f"socket={tmp_path}/nowhere/arm", "robot.model=ur5e"]), ManualClock(1.0))
    assert drives.closed


def test_torque_motors_need_no_follower(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    assert desk.server._following is None
    desk.close()


def test_position_motors_have_one(desk: PositionDesk) -> None:
    assert isinstance(desk.server._following, Following)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        (["robot.driver=urr"], "did you mean ur"),
        (["robot.driver=ur"], "address"),
        (["robot.driver=ur", "address=10.0.0.1; reboot"], "address"),
        (["robot.driver=franka", "address=-"], "address"),
        (["address=10.0.0.1"], "no use to robot.driver=sim"),
        (["priority=100"], "priority=100"),
        (["priority=-1"], "priority=-1"),
        (["robot.driver=ur", "address=127.0.0.1", "robot.control_hz=1000"], "control_hz"),
        (["robot.driver=ur", "address=127.0.0.1", "robot.model=panda"], "moves 6 joints"),
        (["robot.driver=franka", "address=127.0.0.1", "robot.model=ur5e"], "moves 7 joints"),
    ],
)
def test_settings_that_cannot_be_used_are_answered_with_one_line(
    settings: list[str], named: str, tmp_path: Path
) -> None:
    model = [] if any("model" in word for word in settings) else ["robot.model=ur5e"]
    with pytest.raises(ConfigError, match=named) as caught:
        build(load([f"socket={tmp_path / 'arm'}", *model, *settings]), ManualClock(1.0))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("driver", ["ur", "franka", "ros2_control"])
def test_only_an_arm_of_joint_positions_may_have_a_loop_of_100_hz(driver: str) -> None:
    for hz in (100.0, 125.0):
        settings = load(["socket=s", f"robot.driver={driver}", "address=crisp", f"robot.control_hz={hz:g}"])
        assert settings.robot.control_hz == hz
        with pytest.raises(ConfigError, match=r"200 or more with robot\.driver=sim"):
            load(["socket=s", f"robot.control_hz={hz:g}"])
    with pytest.raises(ConfigError, match="100 or more"):
        load(["socket=s", f"robot.driver={driver}", "address=crisp", "robot.control_hz=90"])


class Drives(FakeDrives):
    """Like those behind a library or a graph: out of reach once they are closed."""

    @property
    def lost(self) -> str:
        return "out of reach" if self.closed or self.gone else ""

    def __init__(self, q_rad: np.ndarray, gone: bool = False, broken: bool = False) -> None:
        super().__init__(q_rad)
        self.gone, self.broken = gone, broken

    def read(self) -> Reading:
        if self.broken and self.told:
            raise ZeroDivisionError("a fault of this program")
        return super().read()


@pytest.fixture
def process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[FakeDrives], None]]:
    """Runs a process that has been told to end before it began; puts back what it does to this one."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def run_with(drives: FakeDrives) -> None:
        monkeypatch.setattr("robot_rl.cell.process.open_motors", lambda *_: drives)
        monkeypatch.setattr(End, "asked", lambda end: end.because("told to") or True)
        run(load([f"socket={tmp_path / 'arm'}", "robot.model=ur5e"]))

    yield run_with
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_drives_that_are_out_of_reach_once_they_are_let_go_are_no_error(process: Callable[[FakeDrives], None]) -> None:
    drives = Drives(home_q("ur5e"))
    process(drives)
    assert drives.closed


def test_drives_that_were_out_of_reach_before_are_one(process: Callable[[FakeDrives], None]) -> None:
    with pytest.raises(HardwareError, match="out of reach"):
        process(Drives(home_q("ur5e"), gone=True))


def test_a_fault_of_the_program_ends_it_loudly_and_lets_the_drives_go_whatever_the_socket_does(
    process: Callable[[FakeDrives], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    drives, close = Drives(home_q("ur5e"), broken=True), Door.close

    def stuck(door: Door) -> None:
        close(door)
        raise OSError("the socket's folder is gone")

    monkeypatch.setattr(Door, "close", stuck)
    with pytest.raises(OSError, match="folder is gone") as caught:
        process(drives)
    assert drives.told and drives.closed
    assert isinstance(caught.value.__context__, ZeroDivisionError)

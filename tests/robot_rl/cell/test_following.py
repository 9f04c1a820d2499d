"""What position drives are sent after a gap, and what becomes of drives that do not do as they are told."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from controllers.models import arm_limits
from robot_rl.cell import cell_pb2 as pb
from robot_rl.cell.following import STRAY_RAD
from robot_rl.operator import State
from tests.robot_rl.cell.desk import PERIOD_S
from tests.robot_rl.cell.position_desk import PositionDesk

AWAY_RAD = np.array([0.18, 0.0, -0.1, 0.0, 0.05, 0.0])


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PositionDesk]:
    desk = PositionDesk(tmp_path, monkeypatch)
    yield desk
    desk.close()


def faults(desk: PositionDesk) -> str:
    return "; ".join(desk.server.guard.authority.view().faults)


def moved_by_hand(desk: PositionDesk, periods: int = 500) -> np.ndarray:
    """Where a person has brought the joints, slowly."""
    for _ in range(periods):
        desk.drives.q = desk.drives.q + AWAY_RAD / periods
        desk.tick()
    return desk.drives.q.copy()


@pytest.mark.parametrize("armed", [False, True])
def test_drives_that_obey_again_are_first_told_the_joints_measured_then(desk: PositionDesk, armed: bool) -> None:
    if armed:
        desk.go(desk.actor)
    desk.tick(10)
    desk.drives.deaf = True
    desk.tick(10)
    assert desk.state is State.STOPPED and "protective stop" in faults(desk)
    moved = moved_by_hand(desk)
    told = len(desk.drives.told)
    desk.drives.deaf = False
    desk.tick(200)
    assert len(desk.drives.told) > told
    np.testing.assert_allclose(desk.drives.told[told:], np.tile(moved, (len(desk.drives.told) - told, 1)), atol=1e-5)
    assert desk.state is State.STOPPED and not faults(desk)


def test_drives_that_refuse_are_a_fault_for_as_long_as_they_do_also_while_a_person_moves_the_arm(
    desk: PositionDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.tick(10)
    desk.drives.deaf = True
    desk.tick(10)
    desk.drives.dq = np.full(6, 0.05)
    for _ in range(100):
        desk.tick()
        assert "protective stop" in faults(desk)
    told = len(desk.drives.told)
    desk.drives.deaf = False
    desk.tick(50)
    assert len(desk.drives.told) == told and "protective stop" in faults(desk), "it moves still"
    desk.drives.dq = np.zeros(6)
    desk.tick(5)
    assert len(desk.drives.told) > told and not faults(desk)


def test_after_a_gap_in_the_readings_the_joints_measured_then_are_held(desk: PositionDesk) -> None:
    desk.tick(10)
    desk.drives.blind = True
    desk.tick(2)
    told = len(desk.drives.told)
    moved = moved_by_hand(desk)
    assert len(desk.drives.told) == told, "where the arm is nobody knows, and it was at rest"
    desk.drives.blind = False
    desk.tick(200)
    np.testing.assert_allclose(desk.drives.told[told:], np.tile(moved, (len(desk.drives.told) - told, 1)), atol=1e-5)


def test_after_a_gap_an_arm_that_is_not_at_rest_is_told_nothing_and_cannot_be_armed(desk: PositionDesk) -> None:
    desk.tick(10)
    desk.drives.blind = True
    desk.tick(2)
    desk.drives.blind, desk.drives.dq = False, np.full(6, 0.05)
    told = len(desk.drives.told)
    desk.tick(20)
    desk.clear(desk.actor)
    desk.tick(20)
    assert len(desk.drives.told) == told
    assert "at rest" in faults(desk) and "at rest" in desk.arm(desk.actor).refused
    desk.drives.dq = np.zeros(6)
    desk.tick(20)
    assert len(desk.drives.told) > told and "at rest" not in faults(desk)


def test_an_arm_that_moves_while_its_readings_end_is_braked_within_its_limits_and_then_told_nothing(
    desk: PositionDesk,
) -> None:
    fence = desk.go(desk.actor)
    for sequence in range(1, 10):
        desk.ask(desk.actor, command=desk.step(fence, sequence, 0.03))
        desk.tick(20)
    speed = np.diff(desk.drives.told[-2:], axis=0)[0]
    assert np.abs(speed).max() > 1e-4
    begin = len(desk.drives.told)
    desk.drives.blind = True
    desk.tick(500)
    braking = np.diff(desk.drives.told[begin - 1 :], axis=0)
    assert 2 < len(braking) < 200
    assert (np.abs(np.diff(np.vstack((speed, braking)), axis=0)).max(axis=1) < np.abs(speed).max()).all()
    assert (braking[-1] == 0.0).all()


def test_a_period_that_came_late_is_a_gap_as_well(desk: PositionDesk) -> None:
    desk.tick(10)
    told = len(desk.drives.told)
    desk.clock.sleep_until(desk.clock.now_s() + 5.0)
    desk.drives.q = desk.drives.q + 0.5 * STRAY_RAD
    moved = desk.drives.q.copy()
    desk.tick(50)
    np.testing.assert_allclose(desk.drives.told[told:], np.tile(moved, (len(desk.drives.told) - told, 1)), atol=1e-5)


@pytest.mark.parametrize("armed", [False, True])
def test_an_arm_that_somebody_else_moves_is_a_fault_and_is_never_told_to_jump_back(
    desk: PositionDesk, armed: bool
) -> None:
    if armed:
        desk.go(desk.actor)
    desk.tick(200)
    desk.drives.inactive = True
    moved = moved_by_hand(desk)
    assert desk.state is State.STOPPED and "does not follow" in faults(desk)
    desk.drives.inactive = False
    desk.tick(500)
    np.testing.assert_allclose(desk.drives.q, moved, atol=1e-5)
    assert "does not follow" in desk.arm(desk.actor).refused or desk.state is State.STOPPED
    desk.clear(desk.actor)
    desk.tick(100)
    assert desk.state is State.DISARMED and not faults(desk)
    np.testing.assert_allclose(desk.drives.told[-1], moved, atol=1e-5)
    assert not desk.arm(desk.actor).refused


def test_drives_that_stop_while_the_arm_is_told_to_move_are_a_fault_before_it_is_far_ahead(desk: PositionDesk) -> None:
    fence, start = desk.go(desk.actor), desk.drives.q.copy()
    desk.drives.inactive = True
    for sequence in range(1, 60):
        desk.ask(desk.actor, command=desk.step(fence, sequence, 0.03))
        desk.ask(desk.actor, renew=pb.Lease(fence=fence))
        desk.tick(20)
    assert desk.state is State.STOPPED and "does not follow" in faults(desk)
    assert STRAY_RAD < np.abs(np.array(desk.drives.told) - start).max() < 0.2
    np.testing.assert_allclose(desk.drives.told[-1], start, atol=1e-9)


def test_drives_that_lag_are_followed_without_a_fault(desk: PositionDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    fence, told = desk.go(desk.actor), desk.drives.told

    def apply(values: np.ndarray) -> None:
        told.append(values.copy())
        desk.drives.q = told[max(0, len(told) - round(0.15 / PERIOD_S))].copy()

    desk.drives.inactive = True
    monkeypatch.setattr(desk.drives, "apply", apply)
    start = desk.drives.q.copy()
    for sequence in range(1, 40):
        assert not desk.ask(desk.actor, command=desk.step(fence, sequence, 0.03)).verdict.refused
        desk.ask(desk.actor, renew=pb.Lease(fence=fence))
        desk.tick(20)
    desk.tick(1000)
    assert not faults(desk) and np.abs(desk.drives.q - start).max() > 0.02


def test_after_a_stop_that_a_person_clears_it_begins_where_the_arm_is(desk: PositionDesk) -> None:
    desk.go(desk.actor)
    desk.tick(10)
    desk.drives.deaf = True
    desk.tick(10)
    moved = moved_by_hand(desk)
    desk.clear(desk.actor)
    assert desk.drives.cleared == 1
    desk.tick(5)
    desk.drives.deaf = False
    desk.tick(200)
    np.testing.assert_allclose(desk.drives.told[-1], moved, atol=1e-5)
    assert not desk.arm(desk.actor).refused


def test_a_clear_begins_anew_also_where_the_drives_had_never_refused(desk: PositionDesk) -> None:
    desk.tick(10)
    desk.ask(desk.actor, stop=pb.Cause(by="eve", why="smoke"))
    desk.drives.inactive = True
    desk.drives.q = desk.drives.q + 0.5 * STRAY_RAD  # too little for a fault
    moved = desk.drives.q.copy()
    desk.clear(desk.actor)
    desk.drives.inactive = False
    desk.tick(5)
    np.testing.assert_allclose(desk.drives.told[-1], moved, atol=1e-6)


def test_drives_that_need_time_to_recover_say_nothing_until_then_and_one_clear_is_enough(desk: PositionDesk) -> None:
    desk.tick(10)
    desk.drives.deaf = True
    desk.tick(10)
    desk.clear(desk.actor)
    desk.drives.blind = True
    desk.tick(1000)
    desk.drives.q = desk.drives.q + AWAY_RAD
    moved = desk.drives.q.copy()
    desk.drives.blind = desk.drives.deaf = False
    desk.tick(200)
    assert desk.state is State.DISARMED and not faults(desk)
    np.testing.assert_allclose(desk.drives.told[-1], moved, atol=1e-5)


def strayed(desk: PositionDesk) -> None:
    """Drives that have stopped under way and not said why."""
    fence = desk.go(desk.actor)
    desk.drives.inactive = True
    for sequence in range(1, 30):
        desk.ask(desk.actor, command=desk.step(fence, sequence, 0.03))
        desk.ask(desk.actor, renew=pb.Lease(fence=fence))
        desk.tick(20)
    assert "does not follow" in faults(desk)


def test_why_the_drives_have_stopped_is_said_also_where_it_was_first_seen_that_the_arm_does_not_follow(
    desk: PositionDesk,
) -> None:
    strayed(desk)
    told = len(desk.drives.told)
    desk.drives.fault = "protective stop"
    for _ in range(50):
        desk.tick()
        assert "motors: protective stop" in faults(desk) and "does not follow" in faults(desk)
    desk.clear(desk.actor)
    desk.tick(5)
    assert faults(desk) == "motors: protective stop" and "protective stop" in desk.arm(desk.actor).refused
    assert len(desk.drives.told) == told, "nothing is sent to drives that have stopped"
    desk.drives.fault, desk.drives.inactive = "", False
    desk.tick(5)
    assert not faults(desk) and not desk.arm(desk.actor).refused
    np.testing.assert_allclose(desk.drives.told[-1], desk.drives.q, atol=1e-6)


def test_drives_that_say_why_they_have_stopped_are_not_blamed_for_not_following(desk: PositionDesk) -> None:
    desk.go(desk.actor)
    desk.tick(10)
    told = len(desk.drives.told)
    desk.drives.fault = "protective stop"
    moved_by_hand(desk)
    view = desk.server.guard.authority.view()
    assert (view.by, view.why, view.faults) == ("motors", "protective stop", ("motors: protective stop",))
    assert len(desk.drives.told) == told


def test_why_the_drives_have_stopped_is_said_before_that_the_arm_moves_after_a_gap(desk: PositionDesk) -> None:
    desk.tick(10)
    desk.drives.blind = True
    desk.tick(2)
    desk.drives.blind, desk.drives.dq = False, np.full(6, 0.05)
    desk.tick(5)
    assert "at rest" in faults(desk)
    desk.drives.fault = "protective stop"
    desk.tick(5)
    assert "motors: protective stop" in faults(desk) and "at rest" not in faults(desk)


@pytest.fixture(params=[100.0, 125.0])
def slow(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PositionDesk]:
    """An arm whose loop is as slow as one of joint positions may be."""
    desk = PositionDesk(tmp_path, monkeypatch, request.param)
    yield desk
    desk.close()


def lagging(desk: PositionDesk, monkeypatch: pytest.MonkeyPatch, lag_s: float) -> None:
    """Drives that are where they were told to be this long ago."""
    told = desk.drives.told

    def apply(values: np.ndarray) -> None:
        told.append(values.copy())
        before, desk.drives.q = desk.drives.q, told[max(0, len(told) - 1 - round(lag_s / desk.period_s))].copy()
        desk.drives.dq = (desk.drives.q - before) / desk.period_s

    monkeypatch.setattr(desk.drives, "apply", apply)


def commanded(desk: PositionDesk, fence: int, commands: int) -> None:
    """Ten a second, each valid for a fifth of one."""
    for sequence in range(1, commands + 1):
        assert not desk.ask(desk.actor, command=desk.step(fence, sequence, 0.03)).verdict.refused
        desk.ask(desk.actor, renew=pb.Lease(fence=fence))
        desk.tick(round(0.1 / desk.period_s) - 2)


def test_at_a_slow_loop_drives_that_lag_are_followed_and_rest_when_the_last_command_is_no_longer_valid(
    slow: PositionDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    fence, start = slow.go(slow.actor), slow.drives.q.copy()
    lagging(slow, monkeypatch, 0.1)
    commanded(slow, fence, 10)
    slow.tick(round(0.2 / slow.period_s))
    time_s, _ = slow.server.loop.motion.stopping()
    assert slow.server.loop.holding and 0.0 < time_s < 0.3
    slow.tick(round((time_s + 0.1) / slow.period_s) + 1)
    still = slow.drives.q.copy()
    slow.tick(20)
    np.testing.assert_allclose(slow.drives.q, still, atol=5e-4)  # what is left of a distance goes in 0.1 s
    assert not faults(slow) and np.abs(still - start).max() > 0.02
    rates = np.diff(np.vstack((start, slow.drives.told)), axis=0) / slow.period_s
    limits = arm_limits("ur5e")
    assert (np.abs(rates) <= limits.dq_max_rad_s + 1e-9).all()
    assert (np.abs(np.diff(rates, axis=0)) <= limits.ddq_max_rad_s2 * slow.period_s + 1e-9).all()


def test_at_a_slow_loop_drives_that_stop_under_way_are_a_fault_before_the_arm_is_far_ahead(slow: PositionDesk) -> None:
    fence, start = slow.go(slow.actor), slow.drives.q.copy()
    slow.drives.inactive = True
    for sequence in range(1, 20):
        slow.ask(slow.actor, command=slow.step(fence, sequence, 0.03))
        slow.ask(slow.actor, renew=pb.Lease(fence=fence))
        slow.tick(round(0.05 / slow.period_s))
    assert slow.state is State.STOPPED and "does not follow" in faults(slow)
    assert STRAY_RAD < np.abs(np.array(slow.drives.told) - start).max() < 0.2
    np.testing.assert_allclose(slow.drives.told[-1], start, atol=1e-9)


def test_at_a_slow_loop_an_arm_whose_readings_end_under_way_is_braked_and_then_told_nothing(
    slow: PositionDesk,
) -> None:
    commanded(slow, slow.go(slow.actor), 4)
    speed = np.diff(slow.drives.told[-2:], axis=0)[0]
    assert np.abs(speed).max() > 1e-3
    begin = len(slow.drives.told)
    slow.drives.blind = True
    slow.tick(200)
    braking = np.diff(slow.drives.told[begin - 1 :], axis=0)
    assert 2 <= len(braking) < 40 and (braking[-1] == 0.0).all()
    most = arm_limits("ur5e").ddq_max_rad_s2 * slow.period_s**2
    assert (np.abs(np.diff(np.vstack((speed, braking)), axis=0)) <= most + 1e-12).all()

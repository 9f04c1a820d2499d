"""What the arm loop does when its senses, its clock or what it touches fail it."""

import mujoco
import numpy as np
import pytest

from controllers.build import build_loop
from controllers.models import arm_limits
from controllers.pose import Pose
from controllers.records import PoseCommand
from tests.controllers.parts import arm_model, state_at
from tests.controllers.test_arm_loop import GAINS, PERIOD_S, Rig, tick


def test_while_readings_stay_away_the_arm_is_not_driven_and_does_not_run_away() -> None:
    rig = Rig()
    start = rig.tcp().position_m
    rig.command(rig.tcp().moved(np.array([0.03, 0.0, 0.0]), np.zeros(3)), 0)
    rig.run(0.1)
    speed_m_s, lost = rig.run(PERIOD_S)[-1], np.full(rig.n, np.nan)
    for _ in range(500):
        rig.data.ctrl[: rig.n] = rig.loop.tick(lost, lost, 0.0, rig.now_s)
        mujoco.mj_step(rig.model, rig.data)
        rig.now_s += PERIOD_S
    assert speed_m_s > 0.03, "it was under way"
    assert np.linalg.norm(rig.tcp().position_m - start) < 0.2 and np.abs(rig.data.qvel[: rig.n]).max() < 1.5
    rig.run(1.0)
    rested = rig.tcp().position_m
    rig.run(0.3)
    assert np.linalg.norm(rig.tcp().position_m - rested) < 1e-3, "it holds where it was found again"


def test_for_one_period_without_readings_the_last_torque_stands_in() -> None:
    rig = Rig()
    rig.command(rig.tcp().moved(np.array([0.03, 0.0, 0.0]), np.zeros(3)), 0)
    rig.run(0.1)
    before, lost = rig.data.ctrl[: rig.n].copy(), np.full(rig.n, np.nan)
    assert np.array_equal(rig.loop.tick(lost, lost, 0.0, rig.now_s), before)
    assert not np.array_equal(rig.loop.tick(lost, lost, 0.0, rig.now_s + PERIOD_S), before)


@pytest.mark.parametrize("lost", ["q_rad", "dq_rad_s"])
def test_while_a_fault_is_latched_neither_places_nor_speeds_that_are_no_numbers_are_gone_by(lost: str) -> None:
    rig = Rig()
    fine = {"q_rad": rig.q, "dq_rad_s": 0 * rig.q}
    rig.loop.tick(**fine, force_n=500.0, now_s=0.0)
    for k in range(1, 4):
        tau = rig.loop.tick(**(fine | {lost: np.full(rig.n, np.nan)}), force_n=0.0, now_s=k * PERIOD_S)
        assert np.isfinite(tau).all() and np.isfinite(rig.loop.motion.now.tcp.position_m).all()


def test_with_a_clock_that_stands_still_the_arm_brakes_and_holds_by_its_readings() -> None:
    rig = Rig()
    rig.command(rig.tcp().moved(np.array([0.03, 0.0, 0.0]), np.zeros(3)), 0)
    rig.run(0.1)
    for _ in range(500):
        rig.data.ctrl[: rig.n] = rig.loop.tick(rig.data.qpos[: rig.n], rig.data.qvel[: rig.n], 0.0, rig.now_s)
        mujoco.mj_step(rig.model, rig.data)
    assert "clock went" in rig.loop.fault and np.abs(rig.data.qvel[: rig.n]).max() < 0.02


def test_a_push_is_yielded_to_though_another_fault_is_latched_already() -> None:
    rig = Rig()
    rig.command(rig.tcp().moved(np.array([0.03, 0.0, 0.0]), np.zeros(3)), 0)
    rig.run(0.1)
    rig.loop.tick(rig.data.qpos[: rig.n], rig.data.qvel[: rig.n], 0.0, 0.0)  # time goes back
    assert "clock" in rig.loop.fault
    rig.now_s += 1.0
    rig.loop.tick(rig.data.qpos[: rig.n], rig.data.qvel[: rig.n], 500.0, rig.now_s)
    lead_m = rig.loop.motion.now.tcp.position_m - rig.tcp().position_m
    assert np.linalg.norm(lead_m) < 5e-4


class Never:
    """A slowdown that holds."""

    name = "never"

    def share(self, target: Pose, state: object) -> float:
        return 0.0


def test_a_hold_keeps_the_reference_so_that_a_load_does_not_walk_the_arm_on() -> None:
    rig = Rig()
    rig.loop.gate._slowdowns = (Never(),)
    rig.run(0.5)
    rig.data.xfrc_applied[rig.model.body("hand").id, 2] = -5.0
    rig.run(0.5)
    sagged = rig.tcp().position_m[2]
    for k in range(20):
        rig.command(rig.tcp().moved(np.array([0.01, 0.0, 0.0]), np.zeros(3)), k)
        rig.run(0.1)
    assert abs(rig.tcp().position_m[2] - sagged) < 1e-3


@pytest.mark.parametrize("speed", [1e-3, 1e-5, 1e-7, 1e-9, 1e-12, 1e-300, 0.0])
def test_no_share_of_the_speed_however_small_raises_into_the_loop(speed: float) -> None:
    rig = Rig()
    for k in range(20):
        rig.loop.motion.aim(rig.tcp().moved(np.array([0.03 * (-1.0) ** k, 0.0, 0.0]), np.zeros(3)), speed)
        for _ in range(10):
            assert np.isfinite(rig.loop.motion.tick().tcp.position_m).all()


# Faults latch, with a sentence; only a reset clears them


def faulty(rig: Rig) -> str:
    """The reason a command is refused now."""
    verdict = rig.loop.command(PoseCommand(rig.tcp(), 99), state_at(rig.tcp()), rig.now_s, rig.now_s)
    assert verdict.refused and verdict.reasons[0] == "fault" and verdict.why == f"fault: {rig.loop.fault}"
    return rig.loop.fault


def moved(rig: Rig, joint: int, rad: float) -> np.ndarray:
    q = rig.q.copy()
    q[joint] += rad
    return q


def test_a_reading_that_jumps_repeats_the_torque_once_and_latches() -> None:
    rig = Rig()
    before = tick(rig)
    assert np.array_equal(tick(rig, q=moved(rig, 2, 0.1)), before)
    assert faulty(rig) == "joint 3 jumped 0.1000 rad, at most 0.0587 rad" and rig.loop.holding
    assert not np.array_equal(tick(rig, q=moved(rig, 2, 0.1)), before), "and goes on from what it reads"
    rig.own.update(moved(rig, 2, 0.1), 0 * rig.q)
    np.testing.assert_allclose(rig.loop.motion.now.tcp.position_m, rig.own.tcp_position_m(), atol=1e-12)
    tick(rig, q=moved(rig, 4, 9.0))
    assert faulty(rig).startswith("joint 3 jumped"), "the first fault stays"
    rig.loop.reset(rig.q)
    assert rig.loop.fault == "" and not rig.loop.motion.braking


def test_the_first_reading_after_a_reset_is_held_against_it() -> None:
    rig = Rig()
    tick(rig, q=moved(rig, 2, 0.1))
    assert faulty(rig).startswith("joint 3 jumped 0.1000 rad, at most 0.05")


def test_after_a_late_period_joints_may_be_further_on() -> None:
    rig = Rig()
    tick(rig, now_s=1.0)
    tick(rig, now_s=1.1, q=moved(rig, 2, 0.3))
    assert rig.loop.fault == "" and rig.loop.overruns == 1


def test_as_it_is_built_a_loop_stands_still_at_its_posture() -> None:
    rig = Rig()
    loop = build_loop(rig.own, arm_limits("panda"), rig.settings, rig.q)
    loop.tick(moved(rig, 2, 0.001), 0 * rig.q, 0.0, 1.0)
    rig.own.update(rig.q, 0 * rig.q)
    assert loop.fault == "" and loop.overruns == 0 and loop.holding
    np.testing.assert_allclose(loop.motion.now.tcp.position_m, rig.own.tcp_position_m(), atol=1e-12)


def test_while_a_fault_is_latched_a_reading_that_is_not_finite_repeats_the_torque() -> None:
    rig = Rig()
    before = tick(rig)
    for _ in range(3):
        assert np.array_equal(tick(rig, q=moved(rig, 0, np.nan)), before)
    assert faulty(rig) == "joint reading not finite"


def test_without_any_torque_yet_a_bad_reading_is_answered_with_what_keeps_the_arm_from_falling() -> None:
    rig, other = Rig(), arm_model()
    other.update(rig.q, 0 * rig.q)
    weight = np.array(other.bias_nm())
    np.testing.assert_allclose(tick(rig, q=moved(rig, 0, np.nan)), weight)


@pytest.mark.parametrize("now_s", [1.0, 0.5, float("nan"), float("-inf")])
def test_a_clock_that_does_not_grow_latches(now_s: float) -> None:
    rig = Rig()
    tick(rig, now_s=1.0)
    assert np.isfinite(tick(rig, now_s=now_s)).all() and rig.loop.overruns == 0
    assert rig.loop.fault.startswith("clock went from 1.000000 s to ") and rig.loop.fault.endswith(", it must grow")


def test_a_clock_that_is_no_number_at_first_latches() -> None:
    tick(rig := Rig(), now_s=float("nan"))
    assert rig.loop.fault.startswith("clock went from -inf s to nan s")


def test_after_a_reset_time_may_begin_anywhere() -> None:
    rig = Rig()
    tick(rig, now_s=5.0)
    rig.loop.reset(rig.q)
    tick(rig, now_s=1.0)
    assert rig.loop.fault == "" and rig.loop.overruns == 0


@pytest.mark.parametrize(("periods", "late"), [(1.0, 0), (1.49, 0), (1.51, 1), (90.0, 1), (110.0, 1)])
def test_late_periods_are_counted(periods: float, late: int) -> None:
    rig = Rig()
    tick(rig, now_s=1.0)
    tick(rig, now_s=1.0 + periods * PERIOD_S)
    assert rig.loop.overruns == late and rig.loop.fault == ""


def test_one_and_a_half_periods_are_not_late() -> None:
    rig = Rig()
    for now_s in (0.0, 1.5 * PERIOD_S):
        tick(rig, now_s=now_s)
    assert rig.loop.overruns == 0


@pytest.mark.parametrize(
    ("given_s", "times_s"),
    [
        (0.0, (0.1, 0.2, 0.3)),  # late, and no gap
        (-0.1, (0.0, 0.2)),  # a gap is longer than 0.2 s
        (0.0, (-0.05, 0.2)),  # and so is the time since the command
    ],
)
def test_periods_that_come_late_without_a_gap_leave_a_command_alive(given_s: float, times_s: tuple) -> None:
    rig = Rig()
    rig.now_s = given_s
    rig.command(rig.tcp(), 0)
    for now_s in times_s:
        tick(rig, now_s=now_s)
    assert not rig.loop.holding and rig.loop.overruns == len(times_s) - 1


@pytest.mark.parametrize(
    ("gap_s", "given_before", "holds"), [(0.19, True, False), (0.21, True, True), (0.21, False, False)]
)
def test_after_a_long_gap_only_a_command_from_within_it_is_alive(gap_s: float, given_before: bool, holds: bool) -> None:
    rig = Rig()
    tick(rig, now_s=1.0)
    if given_before:
        rig.command(rig.tcp(), 0)
    else:
        rig.now_s += gap_s / 2
        rig.command(rig.tcp(), 0)
    tick(rig, now_s=1.0 + gap_s)
    assert rig.loop.holding is holds


def test_validity_runs_from_arrival() -> None:
    rig = Rig()
    tick(rig, now_s=1.0)
    rig.now_s = 1.05
    verdict = rig.loop.command(PoseCommand(rig.tcp(), 0, 0.1), state_at(rig.tcp()), 1.0, 1.05)
    assert not verdict.refused
    for now_s in (1.0999, 1.0 + 0.1 - 1e-9):
        tick(rig, now_s=now_s)
        assert not rig.loop.holding
    tick(rig, now_s=1.1)
    assert rig.loop.holding


def test_commands_that_shake_the_arm_are_said_and_counted() -> None:
    rig = Rig()
    for k in range(20):
        side = np.array([0.04 * (-1.0) ** k, 0.0, 0.0])
        target = Pose(rig.tcp().position_m + side, rig.tcp().quat_wxyz)
        told = rig.loop.command(PoseCommand(target, k), state_at(rig.tcp()), 0.0, 0.0)
    assert told.reasons[-1] == "chatter" and not told.refused
    assert 0 < rig.loop.gate.counts["chatter"] < 20


def test_a_contact_is_said_in_the_next_verdict_and_once() -> None:
    rig = Rig()
    tick(rig, force_n=20.5)
    told = [rig.loop.command(PoseCommand(rig.tcp(), k), state_at(rig.tcp()), rig.now_s, rig.now_s) for k in range(2)]
    assert [verdict.reasons for verdict in told] == [("contact",), ()] and not told[0].refused
    assert rig.loop.gate.counts == {"contact": 1}


def test_a_contact_is_said_in_a_refusal_too_after_its_reason() -> None:
    rig = Rig()
    tick(rig, force_n=20.5)
    verdict = rig.loop.command(PoseCommand(rig.tcp(), -5), state_at(rig.tcp()), rig.now_s, rig.now_s)
    assert verdict.reasons == ("sequence", "contact") and verdict.why.startswith("sequence: ")
    assert rig.loop.gate.counts == {"sequence": 1, "contact": 1}


@pytest.mark.parametrize("force_n", [163.2, float("nan")])
def test_a_blow_stops_in_the_same_period_at_the_measured_pose(force_n: float) -> None:
    rig = Rig()
    rig.command(rig.tcp().moved(np.array([0.05, 0.0, 0.0]), np.zeros(3)), 0)
    rig.run(0.15)
    q = rig.data.qpos[: rig.n].copy()
    before = rig.data.ctrl[: rig.n].copy()
    tau = rig.loop.tick(q, rig.data.qvel[: rig.n], force_n, rig.now_s)
    reference = rig.loop.motion.now
    rig.own.update(q, 0 * q)
    np.testing.assert_allclose(reference.tcp.position_m, rig.own.tcp_position_m(), atol=1e-12)
    assert not reference.linear_m_s.any() and not reference.angular_rad_s.any() and rig.loop.holding
    assert (np.abs(tau - before) <= GAINS.torque_rate_nm_s * PERIOD_S * (1 + 1e-9)).all()
    assert faulty(rig) == f"contact force {force_n:.1f} N, at most 150 N"
    later = rig.loop.motion.now
    rig.now_s += PERIOD_S
    rig.loop.tick(q + 0.001, 0 * q, force_n, rig.now_s)
    assert rig.loop.motion.now.tcp.position_m == pytest.approx(later.tcp.position_m), "it holds the first pose"


def test_faults_and_their_refusals_are_counted() -> None:
    rig = Rig()
    tick(rig, force_n=200.0)
    faulty(rig)
    assert rig.loop.gate.counts == {"fault": 1, "contact": 1}
    rig.loop.reset(rig.q)
    tick(rig)
    rig.command(rig.tcp(), 0)
    assert rig.loop.gate.counts == {"fault": 1, "contact": 1}

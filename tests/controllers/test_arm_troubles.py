"""What the arm loop does when its senses, its clock or what it touches fail it."""

import mujoco
import numpy as np
import pytest

from controllers.pose import Pose
from tests.controllers.test_arm_loop import PERIOD_S, Rig


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

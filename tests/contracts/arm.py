"""The conformance suite of `Arm`: every driver, real, simulated or fake, must pass it.

A test class inherits `ArmContract` and says in `open` how to get the arm, its clock, and a pilot who may move it.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from controllers.records import PoseCommand
from robot_rl.clock import Clock
from robot_rl.errors import HardwareError
from robot_rl.hardware import Arm
from robot_rl.operator import Pilot, State


class ArmContract:
    """What `Arm` promises."""

    def open(self) -> tuple[Arm, Clock, Pilot]:
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def _open(self):
        self.arm, self.clock, self.pilot = self.open()
        self.start()
        yield
        self.arm.close()

    def start(self) -> None:
        self.pilot.begin()
        self.pilot.enter(State.POLICY)

    def wait(self, seconds: float) -> None:
        self.clock.sleep_until(self.clock.now_s() + seconds)

    def send(self, sequence: int, metres: tuple[float, float, float], valid_for_s: float = 0.2, **more: Any):
        target = self.arm.read().tcp.moved(np.array(metres), np.zeros(3))
        command = PoseCommand(target, sequence, valid_for_s, self.pilot.fence, self.pilot.mode)
        return self.arm.command(replace(command, **more))

    def test_a_reading_is_finite_stamped_and_read_only(self) -> None:
        state = self.arm.read()
        assert state.q_rad.shape == state.dq_rad_s.shape and state.q_rad.ndim == 1
        assert state.force_n.shape == state.torque_nm.shape == (3,)
        assert all(
            np.isfinite(part).all() for part in (state.q_rad, state.dq_rad_s, state.force_n, state.tcp.position_m)
        )
        assert abs(np.linalg.norm(state.tcp.quat_wxyz) - 1) < 1e-6
        assert state.stamp_s <= self.clock.now_s()
        with pytest.raises(ValueError, match="read-only"):
            state.q_rad[0] = 0.0

    def test_stamps_grow_with_the_clock(self) -> None:
        before = self.arm.read().stamp_s
        self.wait(0.1)
        assert self.arm.read().stamp_s > before

    def test_an_allowed_command_moves_the_tool_its_way(self) -> None:
        start = self.arm.read().tcp
        for sequence in range(1, 6):
            assert not self.send(sequence, (0.01, 0.0, 0.0)).refused
            self.wait(0.1)
        moved = (start.inverse() @ self.arm.read().tcp).position_m
        assert moved[0] > 0.01 and np.abs(moved[1:]).max() < 0.01

    def test_a_repeated_sequence_is_refused(self) -> None:
        assert not self.send(3, (0.0, 0.0, 0.0)).refused
        assert self.send(3, (0.01, 0.0, 0.0)).refused

    @pytest.mark.parametrize("more", [{"fence": 0}, {"fence": 10**9}, {"mode": "human"}, {"mode": "reset"}])
    def test_a_command_under_another_lease_or_as_somebody_else_is_refused(self, more: dict[str, Any]) -> None:
        self.wait(0.5)
        start = self.arm.read().tcp.position_m
        verdict = self.send(1, (0.02, 0.0, 0.0), **more)
        assert verdict.refused and verdict.reasons == ("authority",)
        self.wait(0.3)
        assert np.linalg.norm(self.arm.read().tcp.position_m - start) < 1e-3
        self.start()
        assert not self.send(1, (0.0, 0.0, 0.0)).refused, "the number was not used up"

    def test_an_arm_without_fault_says_so(self) -> None:
        assert self.arm.fault == ""

    def test_a_command_that_is_not_finite_is_refused_and_nothing_moves(self) -> None:
        self.wait(0.5)
        start = self.arm.read().tcp.position_m
        assert self.send(1, (float("nan"), 0.0, 0.0)).refused
        self.wait(0.3)
        assert np.linalg.norm(self.arm.read().tcp.position_m - start) < 1e-3

    def test_a_jump_is_cut_to_a_step_and_the_cut_is_named(self) -> None:
        verdict = self.send(1, (0.5, 0.0, 0.0))
        assert not verdict.refused and verdict.reasons
        assert np.linalg.norm(verdict.target.position_m - self.arm.read().tcp.position_m) < 0.1

    def test_without_new_commands_the_arm_comes_to_rest(self) -> None:
        self.send(1, (0.05, 0.0, 0.0), valid_for_s=0.2)
        self.wait(1.2)
        rested = self.arm.read().tcp.position_m
        self.wait(0.5)
        assert np.linalg.norm(self.arm.read().tcp.position_m - rested) < 1e-3

    def test_stop_needs_no_permission_and_brings_the_arm_to_rest(self) -> None:
        self.send(1, (0.05, 0.0, 0.0), valid_for_s=0.5)
        self.wait(0.05)
        self.arm.stop()
        self.wait(0.8)
        rested = self.arm.read().tcp.position_m
        self.wait(0.3)
        assert np.linalg.norm(self.arm.read().tcp.position_m - rested) < 1e-3

    def test_close_may_be_called_twice_and_reading_afterwards_is_an_error(self) -> None:
        self.arm.close()
        self.arm.close()
        with pytest.raises(HardwareError):
            self.arm.read()

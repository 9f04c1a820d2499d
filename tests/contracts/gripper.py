"""The conformance suite of `Gripper`."""

import pytest

from robot_rl.clock import Clock
from robot_rl.errors import HardwareError
from robot_rl.hardware import Gripper


class GripperContract:
    """What `Gripper` promises. `open` gives an open gripper and its clock; `full_m` is its opening."""

    full_m = 0.08

    def open(self) -> tuple[Gripper, Clock]:
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def _open(self):
        self.gripper, self.clock = self.open()
        yield
        self.gripper.close()

    def command(self, closing: bool) -> None:
        self.gripper.command(closing)
        self.clock.sleep_until(self.clock.now_s() + 1.2)

    def test_it_closes_and_opens_and_says_so(self) -> None:
        self.command(closing=True)
        assert self.gripper.read().width_m < 0.1 * self.full_m and self.gripper.read().closing
        self.command(closing=False)
        assert self.gripper.read().width_m > 0.9 * self.full_m and not self.gripper.read().closing

    def test_a_command_does_not_wait_and_repeating_it_changes_nothing(self) -> None:
        took_s = []
        for closing in (True, True, False, True, False, True):
            before_s = self.clock.now_s()
            self.gripper.command(closing)
            took_s.append(self.clock.now_s() - before_s)
        assert min(took_s) < 0.02 and sum(took_s) < 1.0, "some may come while the machine has no time"
        assert self.gripper.read().closing

    def test_stamps_grow_with_the_clock(self) -> None:
        before = self.gripper.read().stamp_s
        self.clock.sleep_until(self.clock.now_s() + 0.1)
        assert before < self.gripper.read().stamp_s <= self.clock.now_s()

    def test_a_closed_device_neither_reads_nor_moves_and_may_be_closed_twice(self) -> None:
        self.gripper.close()
        self.gripper.close()
        with pytest.raises(HardwareError):
            self.gripper.read()
        with pytest.raises(HardwareError):
            self.gripper.command(closing=True)

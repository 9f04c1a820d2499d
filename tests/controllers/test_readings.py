"""Joint readings that cannot be true."""

import numpy as np
import pytest

from controllers.models import ArmLimits
from controllers.readings import Readings

PERIOD_S = 0.01
TABLE = ArmLimits(
    *(np.array(row) for row in ([-1.0, -1.5], [3.0, 1.5], [2.0, 4.0], [9.0, 9.0], [9.0, 9.0], [9.0, 9.0]))
)
# A jump is more than 2 x 2 rad/s x 0.01 s + 0.05 rad = 0.09 rad of the first joint, 0.13 rad of the second.


def readings(q: list[float]) -> Readings:
    fresh = Readings(TABLE, PERIOD_S)
    fresh.reset(np.array(q))
    return fresh


@pytest.mark.parametrize(
    ("start", "q", "fault"),
    [
        ([0.0, 0.0], [0.0899, -0.1299], ""),
        ([0.0, 0.0], [0.0901, 0.0], "joint 1 jumped 0.0901 rad, at most 0.0900 rad"),
        ([0.0, 0.0], [0.0, -0.1301], "joint 2 jumped 0.1301 rad, at most 0.1300 rad"),
        ([3.05, 0.0], [3.0999, 0.0], ""),
        ([3.05, 0.0], [3.1001, 0.0], "joint 1 reads 3.1001 rad, allowed -1.1000 to 3.1000 rad"),
        ([0.0, -1.55], [0.0, -1.6001], "joint 2 reads -1.6001 rad, allowed -1.6000 to 1.6000 rad"),
        ([2.9, -1.55], [2.9, -1.6001], "joint 2 reads -1.6001 rad, allowed -1.6000 to 1.6000 rad"),
        ([3.05, 1.55], [3.2, 1.61], "joint 1 reads 3.2000 rad, allowed -1.1000 to 3.1000 rad"),
        ([0.0, 0.0], [2.0 * 0.01 * 2 + 0.05, 0.0], ""),
        ([0.0, 0.0], [0.1, 0.12], "joint 1 jumped 0.1000 rad, at most 0.0900 rad"),
        ([0.0, 0.0], [3.1, 0.0], "joint 1 jumped 3.1000 rad, at most 0.0900 rad"),
        ([0.0, 0.0], [np.nan, 0.0], "joint reading not finite"),
        ([0.0, 0.0], [0.0, np.inf], "joint reading not finite"),
    ],
)
def test_each_fault_is_said_with_its_joint(start: list[float], q: list[float], fault: str) -> None:
    assert readings(start).fault(np.array(q), np.zeros(2), 0.0) == fault


@pytest.mark.parametrize("dq", [np.nan, np.inf, -np.inf])
def test_a_speed_that_is_not_finite_is_a_fault(dq: float) -> None:
    assert readings([0.0, 0.0]).fault(np.zeros(2), np.array([0.0, dq]), 0.0) == "joint reading not finite"


@pytest.mark.parametrize(
    ("elapsed_s", "jump_rad", "fault"),
    [
        (0.0149, 0.095, True),
        (0.015, 0.095, True),
        (0.016, 0.113, False),
        (0.016, 0.115, True),
        (0.1, 0.44, False),
        (0.1, 0.46, True),
    ],
)
def test_after_a_late_period_a_joint_may_have_gone_further(elapsed_s: float, jump_rad: float, fault: bool) -> None:
    checked = readings([0.0, 0.0])
    assert bool(checked.fault(np.array([jump_rad, 0.0]), np.zeros(2), elapsed_s)) is fault
    assert checked.fault(np.array([jump_rad + 0.1, 0.0]), np.zeros(2), 0.0), "only for that period"


def test_after_a_jump_readings_go_on_from_where_they_are_and_after_nan_from_before() -> None:
    checked, still = readings([0.0, 0.0]), np.zeros(2)
    assert checked.fault(np.array([0.5, 0.0]), still, 0.0)
    assert checked.fault(np.array([0.55, 0.0]), still, 0.0) == ""
    assert checked.fault(np.array([np.nan, 0.0]), still, 0.0)
    assert checked.fault(np.array([0.6, 0.0]), still, 0.0) == ""

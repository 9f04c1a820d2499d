"""Angular velocity and acceleration from a rotation vector, against differences of the orientation itself."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.pose import quat_conj, quat_from_rotvec, quat_mul, quat_to_rotvec
from controllers.turning import SMALL_RAD, angular_acceleration, angular_velocity

STEP_S = 1e-4
three = st.lists(st.floats(-1.5, 1.5), min_size=3, max_size=3).map(np.array)


def orientation(r: np.ndarray, dr: np.ndarray, ddr: np.ndarray, t: float) -> np.ndarray:
    return quat_from_rotvec(r + dr * t + 0.5 * ddr * t * t)


def measured(r: np.ndarray, dr: np.ndarray, ddr: np.ndarray, t: float) -> np.ndarray:
    """Mean angular velocity about t, base frame."""
    before, after = (orientation(r, dr, ddr, t + side * STEP_S / 2) for side in (-1, 1))
    return quat_to_rotvec(quat_mul(after, quat_conj(before))) / STEP_S


@settings(deadline=None)
@given(three, three, three)
def test_they_are_those_of_the_orientation(r: np.ndarray, dr: np.ndarray, ddr: np.ndarray) -> None:
    np.testing.assert_allclose(angular_velocity(r, dr), measured(r, dr, ddr, 0.0), atol=1e-6)
    change = (measured(r, dr, ddr, 2e-3) - measured(r, dr, ddr, -2e-3)) / 4e-3
    np.testing.assert_allclose(angular_acceleration(r, dr, ddr), change, atol=1e-3)


@pytest.mark.parametrize("way", [[1.0, 0.0, 0.0], [0.6, 0.0, 0.8]])
def test_series_and_closed_form_meet(way: list[float]) -> None:
    dr, ddr = [0.3, -1.0, 2.0], [1.0, 5.0, -3.0]
    below, above = (np.array(way) * SMALL_RAD * side for side in (1 - 1e-12, 1 + 1e-12))
    np.testing.assert_allclose(angular_velocity(below, dr), angular_velocity(above, dr), atol=1e-11)
    np.testing.assert_allclose(angular_acceleration(below, dr, ddr), angular_acceleration(above, dr, ddr), atol=1e-8)


def test_at_the_anchor_nothing_differs() -> None:
    assert angular_velocity([0.0] * 3, [1.0, 2.0, 3.0]) == [1.0, 2.0, 3.0]
    assert angular_acceleration([0.0] * 3, [1.0, 2.0, 3.0], [4.0, 5.0, 6.0]) == [4.0, 5.0, 6.0]

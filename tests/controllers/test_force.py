"""Contact is said once, a blow stops, and nothing that is not a number passes."""

import numpy as np
import pytest

from controllers.force import ForceMonitor


@pytest.mark.parametrize(
    ("force_n", "touched", "fault"),
    [
        (0.0, False, ""),
        (20.0, False, ""),
        (np.nextafter(20.0, 21.0), True, ""),
        (150.0, True, ""),
        (np.nextafter(150.0, 151.0), True, "contact force 150.0 N, at most 150 N"),
        (163.21, True, "contact force 163.2 N, at most 150 N"),
        (np.nan, True, "contact force nan N, at most 150 N"),
        (np.inf, True, "contact force inf N, at most 150 N"),
    ],
)
def test_each_threshold_is_the_last_value_allowed(force_n: float, touched: bool, fault: str) -> None:
    monitor = ForceMonitor(20.0, 150.0)
    assert monitor.fault(force_n) == fault
    assert monitor.touched() is touched


def test_a_contact_is_remembered_until_it_is_asked_for() -> None:
    monitor = ForceMonitor(20.0, 150.0)
    monitor.fault(30.0)
    monitor.fault(0.0)
    assert monitor.touched() and not monitor.touched()


@pytest.mark.parametrize(
    ("contact_n", "stop_n"),
    [(0.0, 1.0), (-1.0, 1.0), (2.0, 2.0), (3.0, 2.0), (1.0, float("inf")), (np.nan, 1.0), (1.0, np.nan)],
)
def test_thresholds_that_cannot_be_kept_are_refused(contact_n: float, stop_n: float) -> None:
    with pytest.raises(ValueError, match="allowed 0 < contact < stop, both finite"):
        ForceMonitor(contact_n, stop_n)


def test_thresholds_may_be_as_small_as_the_forces_of_the_task() -> None:
    monitor = ForceMonitor(0.25, 0.5)
    assert monitor.fault(0.375) == "" and monitor.touched() and monitor.fault(0.75)

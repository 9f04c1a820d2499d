"""A fault is active from its start up to, and without, its end."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_rl.clock import ManualClock
from robot_rl.errors import ConfigError
from sim2real.script import KINDS, Fault, FaultyClock, Script

TIMES = st.integers(0, 40)


@given(at=TIMES, lasts=st.integers(1, 40), now=TIMES, kind=st.sampled_from(sorted(KINDS)), start=TIMES)
def test_a_fault_is_active_exactly_from_its_start_to_its_end(
    at: int, lasts: int, now: int, kind: str, start: int
) -> None:
    clock = ManualClock(start)
    script = Script([Fault(kind, at, lasts, 1.0)], clock)
    clock.sleep_until(start + now)
    assert (script.active(kind) is not None) == (at <= now < at + lasts)
    assert not any(script.active(other) for other in KINDS if other != kind)


def test_the_first_of_several_faults_of_a_kind_counts() -> None:
    clock = ManualClock()
    script = Script([Fault("late_command", 0, 2, 0.1), Fault("late_command", 1, 5, 0.2)], clock)
    values = []
    for now_s in (0.0, 1.5, 2.0):
        clock.sleep_until(now_s)
        fault = script.active("late_command")
        values.append(fault.value if fault else None)
    assert values == [0.1, 0.1, 0.2]


@pytest.mark.parametrize(
    ("kind", "at_s", "for_s", "value"),
    [
        ("smoke", 0.0, 1.0, 0.0),
        ("black", -1.0, 1.0, 0.0),
        ("black", math.nan, 1.0, 0.0),
        ("black", 0.0, 0.0, 0.0),
        ("black", 0.0, math.nan, 0.0),
        ("black", 0.0, 1.0, math.inf),
    ],
)
def test_a_fault_that_cannot_be_is_refused_by_name(kind: str, at_s: float, for_s: float, value: float) -> None:
    with pytest.raises(ConfigError, match=kind):
        Fault(kind, at_s, for_s, value)


@given(at=TIMES, lasts=st.integers(1, 20), deadline=TIMES)
def test_who_sleeps_into_a_stall_wakes_at_its_end(at: int, lasts: int, deadline: int) -> None:
    inner = ManualClock()
    clock = FaultyClock(inner, Script([Fault("stall", at, lasts)], inner))
    clock.sleep_until(deadline)
    stalled = at <= deadline < at + lasts
    assert clock.now_s() == (at + lasts if stalled else deadline)

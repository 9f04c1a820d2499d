import math

import pytest

from robot_rl.operator.lease import Lease


def granted(now_s: float = 10.0) -> Lease:
    lease = Lease(2.0, first_fence=7)
    lease.grant("anna", now_s)
    return lease


def test_a_lease_comes_with_a_number_one_above_the_last() -> None:
    lease = granted()
    assert (lease.holder, lease.fence) == ("anna", 8)
    lease.grant("ben", 11.0)
    assert (lease.holder, lease.fence) == ("ben", 9)


@pytest.mark.parametrize(("now_s", "over"), [(10.0, False), (11.9, False), (12.0, True), (99.0, True), (9.9, True)])
def test_a_lease_runs_out_at_its_time_or_when_the_clock_goes_back(now_s: float, over: bool) -> None:
    assert granted().ran_out(now_s) is over


def test_time_that_is_not_a_number_ends_the_lease() -> None:
    assert granted().ran_out(math.nan)


def test_before_the_first_lease_nobody_has_ever_been_heard_of() -> None:
    assert Lease(2.0, first_fence=7).heard_s == -math.inf


def test_a_renewed_lease_counts_from_then() -> None:
    lease = granted()
    lease.renew(11.5)
    assert not lease.ran_out(13.4) and lease.ran_out(13.5)
    assert lease.left_s(12.0) == 1.5


def test_a_free_lease_neither_runs_out_nor_gives_a_right() -> None:
    lease = granted()
    assert lease.end() == "anna"
    assert not lease.ran_out(99.0) and lease.left_s(10.0) == 0.0
    assert lease.refusal(8) == "nobody holds the lease; take it first"


@pytest.mark.parametrize("fence", [7, 9, 0, -1, 8.0, math.nan, None, "8", [8]])
def test_any_number_but_the_present_one_is_refused_with_both(fence: object) -> None:
    refusal = granted().refusal(fence)  # type: ignore[arg-type]
    assert refusal == f"fence {fence!r} is not the present one, 8, held by 'anna'"


def test_the_present_number_is_a_right() -> None:
    assert granted().refusal(8) == ""

"""What must be kept alive: a person's hand on the device, and the lease."""

import math
from typing import Any

import pytest

from robot_rl.operator import MOVING, State
from tests.robot_rl.operator.cell import HOLD, QUARTER, A, H, P, at

# A person's hand


def test_silence_of_the_hand_is_hold_at_the_deadline_and_not_before() -> None:
    cell = at(H)
    cell.wait(QUARTER - 0.01)
    assert cell.view.state is H
    cell.wait(0.01)
    assert cell.view.state is HOLD and cell.last() == (H, HOLD, "anna", "no input for 0.25 s")


def test_who_looks_late_finds_the_hand_lost_too() -> None:
    cell = at(H)
    cell.wait(3.5 * QUARTER)
    assert cell.view.state is HOLD


def test_fresh_input_keeps_the_hand_on_and_a_timer_does_not() -> None:
    cell = at(H)
    for _ in range(8):
        cell.wait(0.125)
        assert not cell.do("input").refused
    assert cell.view.state is H
    cell.wait(0.125)
    cell.authority.renew(cell.view.fence)
    refused = cell.authority.input(cell.view.fence, cell.number).refused
    assert refused == f"input: input number {cell.number} is not above the last, {cell.number}: no new input"
    cell.wait(0.125)
    assert cell.view.state is HOLD


@pytest.mark.parametrize("number", [0, -1, None, 5.5, math.nan, "9"])
def test_the_hand_needs_an_input_number_that_has_grown(number: Any) -> None:
    cell = at(P)
    assert "no new input" in cell.do("human", number=number).refused
    assert cell.view.state is P


def test_input_of_a_hand_that_was_lost_takes_nothing_back() -> None:
    cell = at(H)
    cell.wait(QUARTER)
    answer = cell.do("input")
    assert answer.refused == "input: the arm is hold: no input for 0.25 s; ask for human first"
    assert cell.view.state is HOLD
    assert not cell.do("human").refused


def test_input_under_another_fence_keeps_nothing_alive() -> None:
    cell = at(H)
    cell.wait(0.125)
    assert "is not the present one" in cell.do("input", fence=cell.view.fence + 1).refused
    cell.wait(0.125)
    assert cell.view.state is HOLD


def test_a_correction_ends_in_the_policy_only_when_asked() -> None:
    cell = at(P)
    cell.do("human")
    assert cell.view.state is H
    assert not cell.do("policy").refused and cell.view.state is P
    cell.wait(1.0)
    assert cell.view.state is P


def test_input_numbers_start_anew_with_a_new_lease() -> None:
    cell = at(H)
    for _ in range(3):
        cell.do("input")
    cell.do("hand_over")
    assert not cell.do("human", client="ben", number=1).refused


def test_a_clock_that_goes_back_is_no_hand() -> None:
    cell = at(H)
    cell.clock._now_s -= 0.01
    assert cell.view.state is HOLD and cell.view.why == "no input for 0.25 s"


# The lease


def test_the_second_client_is_told_who_holds_the_lease_and_for_how_long() -> None:
    cell = at(A)
    cell.wait(0.5)
    answer = cell.authority.take("ben")
    assert answer.refused == (
        "take: 'anna' holds the lease, for 1.5 s more if silent; ask for it to be released or handed over"
    )
    assert (answer.view.holder, answer.view.lease_left_s) == ("anna", 1.5)
    assert "anna" in cell.authority.take("anna").refused, "another tab of hers is another client"
    assert cell.authority.take("").refused.startswith("take: '' is no client's name")


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("way", ["release", "hand_over", "run out"])
def test_whatever_ends_a_lease_what_moved_holds_and_the_old_fence_is_void(state: State, way: str) -> None:
    cell = at(state, input_s=1.0)
    fence = cell.view.fence
    if way == "run out":
        while cell.view.state is H and cell.clock.now_s() < 101.0:
            cell.wait(0.5)
            cell.do("input")
        cell.wait(2.0)
    else:
        cell.do(way)
    assert cell.view.state is (HOLD if state in MOVING else state)
    assert (cell.view.holder, cell.view.fence) == (("ben", fence + 1) if way == "hand_over" else ("", fence))
    if way == "hand_over":
        assert cell.last()[2:] == ("ben", f"lease {fence + 1} granted")
        assert cell.events[-2].why == "the lease was handed over to 'ben'"
    elif state is not H:
        assert cell.last()[2:] == ("anna", "the lease was released" if way == "release" else "the lease ran out")
    cell.do("take", client="ben")
    assert cell.view.holder == "ben" and cell.view.fence == fence + 1
    assert all(cell.authority.admits(fence, mode) for mode in State)
    for verb in ("renew", "release", "hand_over", "input"):
        assert cell.do(verb, fence=fence).refused.startswith(f"{verb}: fence {fence} is not")
    assert cell.view.holder == "ben"


def test_a_lease_is_not_handed_over_to_nobody() -> None:
    cell = at(P)
    assert cell.do("hand_over", heir="").refused == "hand_over: to whom? the client has no name"
    assert cell.view.holder == "anna" and cell.view.state is P


@pytest.mark.parametrize("verb", ["renew", "policy", "input"])
def test_a_holder_that_is_heard_of_keeps_the_lease_and_a_silent_one_loses_it(verb: str) -> None:
    cell = at(H if verb == "input" else A, lease_s=2.0, input_s=1.0)
    for _ in range(4):
        cell.wait(0.75)
        assert not cell.do(verb).refused
        verb = "renew" if verb == "policy" else verb
    assert cell.view.holder == "anna" and cell.view.lease_left_s == 2.0
    cell.wait(2.0)
    assert cell.view.holder == ""


def test_a_refused_request_keeps_no_lease_alive() -> None:
    cell = at(A)
    cell.wait(1.5)
    assert cell.do("clear").refused
    cell.wait(0.5)
    assert cell.view.holder == ""

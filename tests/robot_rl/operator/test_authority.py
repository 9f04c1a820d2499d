"""The authority: who may move the arm, and what ends that."""

import math
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_rl.clock import ManualClock
from robot_rl.errors import ConfigError
from robot_rl.operator import CHECKS, MOVING, TABLE, Authority, Finding, State
from tests.robot_rl.operator.cell import HOLD, QUARTER, A, Cell, D, H, P, R, S, at
from tests.robot_rl.operator.race import VERBS

# The table, written a second time: rows are verbs, columns states in the order D A P H R O S; "-" is refused.
EXPECTED = {
    "arm": "A------",
    "policy": "-P-P-P-",
    "human": "-HH-HH-",
    "reset": "-R---R-",
    "hold": "DOOOOOS",
    "disarm": "-DDDDD-",
    "stop": "SSSSSSS",
    "clear": "------D",
}
LETTER = dict(zip("DAPHROS", State, strict=True))


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("verb", EXPECTED)
def test_every_request_in_every_state_leads_where_the_table_says(verb: str, state: State) -> None:
    cell = at(state)
    expected = EXPECTED[verb][list(State).index(state)]
    answer = cell.do(verb)
    assert bool(answer.refused) is (expected == "-")
    assert answer.view.state is cell.view.state is LETTER.get(expected, state)
    if answer.refused:
        allowed = ", ".join(s.value for s in State if s in TABLE[verb].start)
        assert answer.refused == f"{verb}: the arm is {state.value}, allowed from {allowed}"


def test_the_table_has_no_other_verbs() -> None:
    assert set(TABLE) == set(EXPECTED)
    assert {P, H, R} == MOVING


@pytest.mark.parametrize("verb", ["arm", "policy", "human", "reset", "disarm", "clear"])
@pytest.mark.parametrize("fault", ["no lease", "stale fence", "stale view", "view of things to come"])
def test_what_starts_or_enables_needs_the_lease_and_a_fresh_look(verb: str, fault: str) -> None:
    start = next(state for state in State if state in TABLE[verb].start)
    cell = at(start)
    fence, seen = cell.view.fence, cell.view.revision
    if fault == "no lease":
        cell.do("release")
        seen = cell.view.revision
    fence -= fault == "stale fence"
    look = seen - (fault == "stale view") + (fault == "view of things to come")
    answer = cell.authority.disarm(fence, look) if verb == "disarm" else cell.do(verb, fence=fence, seen=look)
    words = {"no lease": "nobody holds", "stale fence": "is not the present one"}.get(fault, "look again")
    assert words in answer.refused and answer.refused.startswith(f"{verb}: ")
    assert answer.view.state is cell.view.state and answer.view.revision == cell.view.revision


def test_a_start_pressed_before_a_stop_does_nothing_after_it() -> None:
    cell = at(S)
    pressed = cell.view.revision
    cell.authority.stop("ben", "again")
    late = cell.do("clear", seen=pressed)
    assert late.refused == f"clear: asked in view of revision {pressed}, now it is {pressed + 1}: again; look again"
    assert cell.view.state is S


@pytest.mark.parametrize("state", State)
def test_stop_is_accepted_in_every_state_without_a_lease_and_latches(state: State) -> None:
    cell = at(state)
    cell.do("release")
    assert cell.authority.stop("somebody", "red button").refused == ""
    assert cell.last()[1:] == (S, "somebody", "red button")
    for verb in ("take", "arm", "policy", "human", "reset", "hold"):
        cell.do(verb)
    assert cell.view.state is S
    cell.wait(3600.0)
    assert cell.view.state is S


def test_going_on_after_a_stop_takes_a_person_twice() -> None:
    cell = at(S)
    assert "a person must do it, by name" in cell.authority.clear(cell.view.fence, cell.view.revision, "").refused
    assert not cell.do("clear").refused
    assert cell.view.state is D and "policy" in cell.do("policy").refused
    assert "a person must confirm it, by name" in cell.authority.arm(cell.view.fence, cell.view.revision, "").refused
    assert not cell.do("arm").refused and cell.view.state is A


@pytest.mark.parametrize("state", State)
def test_a_fault_of_any_part_latches_and_keeps_the_arm_from_being_armed(state: State) -> None:
    cell = at(state)
    cell.authority.mirror("franka", "joint reflex")
    assert cell.last() == (state, S, "franka", "joint reflex")
    assert cell.view.faults == ("franka: joint reflex",)
    cell.do("clear")
    assert cell.do("arm").refused == "arm: fault present: franka: joint reflex"
    cell.authority.mirror("franka", "joint reflex")
    assert cell.view.state is D, "the same fault, still there, is no new one"
    cell.authority.mirror("franka", "")
    assert cell.view.state is D and cell.view.faults == ()
    assert not cell.do("arm").refused


def test_a_fault_that_goes_away_clears_nothing_and_a_second_one_latches_anew() -> None:
    cell = at(P)
    cell.authority.mirror("franka", "reflex")
    cell.authority.mirror("franka", "")
    cell.authority.mirror("gripper", "")
    assert cell.view.state is S and cell.view.why == "reflex"
    cell.do("clear")
    cell.authority.mirror("gripper", "jammed")
    assert cell.view.state is S
    cell.authority.mirror("franka", "reflex")
    assert cell.view.faults == ("gripper: jammed", "franka: reflex")


def test_a_fault_after_a_deadline_is_logged_after_what_the_deadline_did() -> None:
    cell = at(H)
    cell.wait(QUARTER)
    cell.authority.mirror("franka", "reflex")
    assert [event.after for event in cell.events[-2:]] == [HOLD, S]


# Commands


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("mode", State)
def test_a_command_passes_only_in_the_state_it_was_made_for(state: State, mode: State) -> None:
    cell = at(state)
    refusal = cell.authority.admits(cell.view.fence, mode)
    assert (refusal == "") is (mode is state and state in MOVING)
    if state not in MOVING:
        assert refusal == f"the arm is {state.value}: {cell.view.why}"
    elif mode is not state:
        assert refusal == f"the arm follows {state.value} now"


def test_no_command_passes_under_another_fence_or_after_the_deadline() -> None:
    cell = at(H)
    fence = cell.view.fence
    assert not cell.authority.admits(fence, H)
    assert cell.authority.admits(fence - 1, H) and cell.authority.admits(fence + 1, H)
    cell.wait(QUARTER)
    assert cell.authority.admits(fence, H) == "the arm is hold: no input for 0.25 s"


def test_a_mode_may_come_as_text() -> None:
    cell = at(P)
    assert cell.authority.admits(cell.view.fence, b"policy".decode()) == ""
    assert cell.authority.admits(cell.view.fence, "Policy") == "the arm follows policy now"


def test_fences_and_revisions_count_by_value_however_large() -> None:
    authority = Authority(ManualClock(), lambda event: None, hardware=False, first_fence=10**6)
    for _ in range(400):
        authority.release(authority.take("anna").view.fence)
    view = authority.take("anna").view
    assert not authority.arm(int(str(view.fence)), int(str(view.revision)), "anna").refused


def test_settings_are_given_by_name() -> None:
    with pytest.raises(TypeError, match="positional"):
        Authority(ManualClock(), lambda event: None, False)  # type: ignore[misc,call-arg]


def test_fences_go_on_from_the_given_one() -> None:
    authority = Authority(ManualClock(), lambda event: None, hardware=False, first_fence=1000)
    assert authority.take("anna").view.fence == 1001


def test_the_hold_of_the_lease_s_holder_becomes_that_of_the_first_other_who_asks_and_stays_theirs() -> None:
    cell = at(P)
    steps = (("anna", 1, "anna"), (b"anna".decode(), 0, "anna"), ("aaron", 1, "aaron"), ("ben", 0, "aaron"))
    for by, told, holder in (*steps, ("anna", 0, "aaron"), ("zoe", 0, "aaron"), ("aaron", 0, "aaron")):
        before = cell.view.revision
        cell.authority.hold(by, "wait")
        assert (cell.view.by, cell.view.revision - before) == (holder, told)


@pytest.mark.parametrize("other", ["aaron", "zoe"])
def test_it_is_by_name_that_a_hold_is_the_holder_s_own(other: str) -> None:
    cell = at(P)
    cell.authority.hold(b"anna".decode(), "wait")
    cell.authority.hold(other, "mine")
    assert cell.view.by == other
    cell = at(P)
    cell.authority.hold(other, "mine")
    cell.authority.hold("bert", "no, mine")
    assert cell.view.by == other


def test_a_hold_after_the_lease_has_run_out_may_become_somebody_s() -> None:
    cell = at(P)
    cell.clock.sleep_until(200.0)
    assert (cell.view.state, cell.view.by) == (HOLD, "anna")
    cell.authority.hold("zoe", "stay")
    assert cell.view.by == "zoe"


@pytest.mark.parametrize("other", ["aaron", "zoe"])
@pytest.mark.parametrize("verb", ["policy", "human", "reset"])
def test_whoever_holds_the_lease_does_not_go_on_from_somebody_else_s_hold(verb: str, other: str) -> None:
    cell = at(P)
    cell.authority.hold(other, "a cable")
    refusal = f"{verb}: {other} holds the arm: a cable; a person lets go of it: disarm, then arm"
    assert cell.do(verb).refused == refusal and cell.view.state is HOLD
    assert not cell.do("disarm").refused and not cell.do("arm").refused
    assert not cell.do(verb).refused


def test_a_lease_s_end_keeps_nobody_from_going_on_and_a_hold_of_somebody_else_outlives_it() -> None:
    for end in ("release", "wait"):
        cell = at(P)
        cell.wait(2.0) if end == "wait" else cell.do(end)
        assert not cell.do("take", client="ben").refused and not cell.do("human").refused
    cell = at(P)
    cell.do("hand_over")
    assert cell.view.by == "ben" and not cell.do("policy").refused
    cell = at(P)
    cell.authority.hold("zoe", "a cable")
    cell.do("hand_over")
    assert cell.do("policy").refused.startswith("policy: zoe holds")


def test_whoever_asked_for_a_hold_goes_on_from_it_once_the_lease_is_theirs() -> None:
    cell = at(P)
    cell.authority.hold("zoe", "a cable")
    cell.do("release")
    assert not cell.do("take", client=b"zoe".decode()).refused and not cell.do("policy").refused


@pytest.mark.parametrize("state", [D, A, S])
def test_handing_the_lease_over_at_rest_does_not_change_who_brought_that_about(state: State) -> None:
    cell = at(state)
    by = cell.view.by
    assert not cell.do("hand_over").refused and cell.view.by == by


@pytest.mark.parametrize("state", [A, P, H, R])
def test_while_a_part_is_in_trouble_the_arm_holds_and_nothing_starts(state: State) -> None:
    cell = at(state)
    cell.authority.inhibit("wrist", "silent")
    assert cell.last() == (state, HOLD, "supervisor", "silent")
    assert not cell.do("disarm").refused and not cell.do("arm").refused
    cell.authority.inhibit("disk", "full")
    assert cell.last() == (A, HOLD, "supervisor", "full")
    assert not cell.do("disarm").refused and not cell.do("arm").refused
    for verb in ("policy", "human", "reset"):
        assert cell.do(verb).refused == f"{verb}: silent; full"
    cell.authority.inhibit("wrist", "")
    cell.authority.inhibit("wrist", "")
    assert cell.do("reset").refused == "reset: full"
    cell.authority.inhibit("disk", "")
    assert not cell.do("reset").refused


@pytest.mark.parametrize("state", [D, S])
def test_trouble_at_rest_changes_nothing_but_what_may_start(state: State) -> None:
    cell = at(state)
    revision = cell.view.revision
    cell.authority.inhibit("wrist", "silent")
    assert (cell.view.state, cell.view.revision) == (state, revision)


def test_trouble_takes_over_the_holder_s_own_hold_and_not_that_of_another() -> None:
    for by, then in (("anna", "supervisor"), ("zoe", "zoe")):
        cell = at(P)
        cell.authority.hold(by, "wait")
        cell.authority.inhibit("wrist", "silent")
        assert cell.view.by == then


def test_nobody_takes_the_lease_in_the_supervisor_s_name() -> None:
    refused = Cell().do("take", client="supervisor").refused
    assert refused == "take: 'supervisor' is no client's name; give one that others will recognise"


def test_state_and_last_word_of_a_holder_are_there_without_letting_time_act() -> None:
    cell = at(P)
    assert (cell.authority.state, cell.authority.heard_s) == (P, 100.0)
    cell.clock.sleep_until(200.0)
    assert cell.authority.state is P and cell.view.state is HOLD


# Pre-flight


def test_in_simulation_the_preflight_list_passes_itself_and_says_so() -> None:
    cell = at(A)
    assert cell.last() == (D, A, "anna", "pre-flight simulated: it passes itself")


def test_on_hardware_every_item_of_the_preflight_list_must_have_passed() -> None:
    cell = Cell(hardware=True)
    cell.do("take")
    assert cell.do("arm").refused.startswith("arm: payload: 0 findings")
    findings = [Finding(check.name, True, cell.clock.now_s(), "anna") for check in CHECKS]
    fence, seen = cell.view.fence, cell.view.revision
    for k in range(len(findings)):
        assert cell.authority.arm(fence, seen, "anna", findings[:k] + findings[k + 1 :]).refused
    cell.wait(1.0)
    assert not cell.authority.arm(fence, seen, "eva", findings).refused
    assert cell.last() == (D, A, "eva", "pre-flight passed")


# The log


def test_what_is_told_to_others_cannot_be_edited_by_them() -> None:
    cell = at(P)
    for record in (cell.events[0], cell.view, cell.do("renew"), CHECKS[0], Finding("box", True, 0.0, "anna")):
        with pytest.raises(FrozenInstanceError):
            setattr(record, next(iter(record.__slots__)), "edited")


@pytest.mark.parametrize(
    "settings", [{"input_s": 0.0}, {"input_s": 1.1}, {"lease_s": -1.0}, {"lease_s": math.nan}, {"lease_s": 30.1}]
)
def test_a_deadline_that_is_none_is_refused_at_the_start(settings: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(settings))} = .*a deadline above 0 and at most"):
        Cell(**settings)


def test_the_longest_deadlines_are_allowed_and_the_defaults_are_those_of_the_plan() -> None:
    Cell(input_s=1.0, lease_s=30.0)
    clock = ManualClock()
    authority = Authority(clock, lambda event: None, hardware=False)
    fence = authority.take("anna").view.fence
    assert fence == 1
    authority.arm(fence, 1, "anna")
    authority.human(fence, 2, 1)
    clock.sleep_until(0.29)
    assert authority.view().state is H
    clock.sleep_until(0.3)
    assert authority.view().state is HOLD
    clock.sleep_until(1.99)
    assert authority.view().holder == "anna"
    clock.sleep_until(2.0)
    assert authority.view().holder == ""


def test_a_fresh_authority_is_disarmed_and_free() -> None:
    view = Cell().view
    assert (view.state, view.revision, view.holder, view.faults, view.why) == (D, 0, "", (), "started")


wild = st.one_of(st.none(), st.floats(), st.text(max_size=3), st.integers(-(2**63), 2**63), st.booleans())
steps = st.tuples(
    st.sampled_from([*VERBS, "disarm", "fault", "well", "admits"]),
    st.sampled_from([0.0, 0.0625, 0.25, 2.0]),
    st.one_of(st.just("true"), wild),
)


@given(st.lists(steps, max_size=40))
def test_no_sequence_of_requests_raises_moves_without_arming_or_breaks_the_log(requests: list) -> None:
    cell, last_input_s = Cell(), 0.0
    for verb, pause_s, value in requests:
        cell.wait(pause_s)
        wrong = {} if value == "true" else {"fence": value, "seen": value, "number": value, "client": str(value)}
        if verb in ("fault", "well"):
            cell.authority.mirror("vendor", "reflex" if verb == "fault" else "")
        elif verb == "admits":
            cell.authority.admits(cell.view.fence if value == "true" else value, P)
        else:
            answer = cell.do(verb, **({} if verb == "disarm" else wrong))
            if verb in ("human", "input") and not answer.refused:
                last_input_s = cell.clock.now_s()
        if cell.view.state in MOVING:
            assert cell.view.holder and cell.view.lease_left_s > 0
        if cell.view.state is H:
            assert cell.clock.now_s() - last_input_s < QUARTER
    state, armed = D, False
    for k, event in enumerate(cell.events, start=1):
        assert event.revision == k and event.before is state and event.why
        state, armed = event.after, event.after not in (D, S) and (armed or event.after is A)
        assert armed or state in (D, S), "moved without having been armed"
        assert state is not A or event.before in (D, A)
        assert event.before is not S or state in (S, D)
    assert state is cell.view.state

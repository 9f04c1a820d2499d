import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from robot_rl.clock import ManualClock
from robot_rl.errors import HeldError
from robot_rl.operator import Authority, Finding, Pilot, State, View
from robot_rl.operator.preflight import CHECKS


class Later(ManualClock):
    """Does something each time somebody waits on it, and does not let anybody wait for ever."""

    def __init__(self, *acts: Callable[[], object]) -> None:
        super().__init__()
        self.acts = list(acts)
        self.waits_s: list[float] = []

    def sleep_until(self, deadline_s: float) -> None:
        self.waits_s.append(deadline_s - self.now_s())
        assert len(self.waits_s) < 500, "waits for what never comes"
        super().sleep_until(deadline_s)
        if self.acts:
            self.acts.pop(0)()


class Wire:
    """An authority in another process: what it answers are copies."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority

    def view(self) -> View:
        view = self._authority.view()
        holder, by = view.holder.encode().decode(), view.by.encode().decode()
        return replace(view, holder=holder, by=by, fence=int(str(view.fence)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._authority, name)


class Cell:
    """An authority, and pilots of it."""

    def __init__(self, hardware: bool = False) -> None:
        self.clock = Later()
        self.events: list[State] = []
        self.authority = Authority(self.clock, lambda event: self.events.append(event.after), hardware=hardware)
        self.hardware = hardware

    def pilot(self, name: str = "actor") -> Pilot:
        return Pilot(self.authority, self.clock, name, simulated=not self.hardware)

    @property
    def state(self) -> State:
        return self.authority.view().state

    def admitted(self, pilot: Pilot) -> bool:
        return not self.authority.admits(pilot.fence, pilot.mode)


@pytest.fixture
def cell() -> Cell:
    return Cell()


def test_in_simulation_a_pilot_arms_the_arm_and_says_so(cell: Cell, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    pilot = cell.pilot()
    pilot.begin()
    assert cell.state is State.RESET and cell.admitted(pilot)
    assert "pre-flight list passes itself" in caplog.text and "ends by itself" not in caplog.text


@pytest.mark.parametrize("mode", [State.POLICY, State.HUMAN, State.RESET])
def test_what_is_entered_is_what_the_authority_admits(cell: Cell, mode: State) -> None:
    pilot = cell.pilot()
    pilot.begin()
    pilot.enter(mode)
    assert cell.state is mode is pilot.mode and cell.admitted(pilot)


def test_hands_change_without_a_hold_between_policy_and_person(cell: Cell) -> None:
    pilot = cell.pilot()
    pilot.begin()
    pilot.enter(State.POLICY)
    cell.events.clear()
    for mode in (State.HUMAN, State.HUMAN, State.POLICY, State.HUMAN):
        pilot.enter(mode)
        cell.clock.sleep_until(cell.clock.now_s() + 0.1)
    assert State.HOLD not in cell.events


def test_a_pilot_keeps_its_lease_for_as_long_as_it_acts(cell: Cell) -> None:
    pilot = cell.pilot()
    pilot.begin()
    for _ in range(100):
        pilot.enter(State.POLICY)
        cell.clock.sleep_until(cell.clock.now_s() + 0.1)
    assert cell.admitted(pilot)


def test_it_goes_on_after_a_hold_of_its_own(cell: Cell) -> None:
    pilot = cell.pilot()
    pilot.begin()
    pilot.enter(State.POLICY)
    assert pilot.pause("looks around").state is State.HOLD
    pilot.enter(State.POLICY)
    assert cell.admitted(pilot)


def test_one_that_begins_beside_another_waits_for_the_lease_and_does_not_hold_the_other_s_arm(cell: Cell) -> None:
    first, second = cell.pilot(), cell.pilot("second")
    first.begin()
    first.enter(State.POLICY)
    cell.events.clear()
    cell.clock.acts = [lambda: first.enter(State.POLICY)] * 3 + [lambda: cell.events.append(cell.state), first.close]
    second.begin()
    assert cell.events[0] is State.POLICY and cell.state is State.RESET


def test_a_person_whose_hand_has_been_off_may_take_it_up_again(cell: Cell) -> None:
    pilot = cell.pilot()
    pilot.begin()
    pilot.enter(State.HUMAN)
    cell.clock.sleep_until(cell.clock.now_s() + 0.5)
    assert cell.state is State.HOLD
    pilot.enter(State.HUMAN)
    assert cell.state is State.HUMAN


@pytest.mark.parametrize("other", ["Ada", "zoe"])
def test_it_does_not_go_on_after_somebody_else_s_hold(cell: Cell, other: str) -> None:
    pilot = cell.pilot()
    pilot.begin()
    pilot.enter(State.POLICY)
    cell.authority.hold(other, "wait a moment")
    for mode in (State.POLICY, State.HUMAN, State.RESET):
        with pytest.raises(HeldError, match=f"^{other} holds the arm: wait a moment$"):
            pilot.enter(mode)


def test_somebody_else_may_make_its_own_hold_theirs(cell: Cell) -> None:
    pilot = cell.pilot()
    pilot.begin()
    pilot.enter(State.POLICY)
    pilot.pause("looks around")
    cell.authority.hold("Ada", "stay there")
    with pytest.raises(HeldError, match="Ada"):
        pilot.enter(State.POLICY)


@pytest.mark.parametrize("mode", [State.POLICY, State.HUMAN, State.RESET])
def test_a_stop_is_not_entered_over(cell: Cell, mode: State) -> None:
    pilot = cell.pilot()
    pilot.begin()
    cell.authority.stop("Ada", "no")
    with pytest.raises(HeldError, match="stopped"):
        pilot.enter(mode)
    assert cell.state is State.STOPPED


def test_in_simulation_the_next_begin_clears_a_stop_and_says_so(cell: Cell, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    pilot = cell.pilot()
    pilot.begin()
    cell.authority.stop("arm", "contact force 200 N")
    pilot.begin()
    assert cell.state is State.RESET
    assert "the stop (contact force 200 N) is cleared by itself" in caplog.text


@pytest.mark.parametrize("part", ["a camera", "camera front"])
def test_in_simulation_the_next_begin_ends_a_hold_of_the_supervisor(
    cell: Cell, part: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    pilot = cell.pilot()
    pilot.begin()
    pilot.enter(State.POLICY)
    cell.authority.hold(part, "silent")
    pilot.begin()
    assert "the hold (silent) ends by itself" in caplog.text
    assert cell.state is State.RESET and cell.admitted(pilot)


def test_a_lease_that_ran_out_is_an_error_in_between_and_taken_anew_at_the_next_begin(cell: Cell) -> None:
    pilot = cell.pilot()
    pilot.begin()
    pilot.enter(State.POLICY)
    fence = pilot.fence
    cell.clock.sleep_until(cell.clock.now_s() + 2.5)
    with pytest.raises(HeldError, match="nobody holds the lease"):
        pilot.enter(State.POLICY)
    pilot.begin()
    assert pilot.fence > fence and cell.admitted(pilot)


def test_after_close_its_commands_are_refused_and_the_lease_is_free(cell: Cell) -> None:
    pilot = cell.pilot()
    pilot.begin()
    pilot.close()
    assert not cell.admitted(pilot) and cell.authority.view().holder == ""


def passed(clock: ManualClock) -> list[Finding]:
    return [Finding(check.name, True, clock.now_s(), "Ada") for check in CHECKS]


def armed_by_ada(cell: Cell) -> None:
    """Takes the lease, arms, and gives the lease back."""
    authority = cell.authority
    taken = authority.take("Ada")
    assert not taken.refused, taken.refused
    assert not authority.arm(taken.view.fence, taken.view.revision, "Ada", passed(cell.clock)).refused
    assert not authority.release(taken.view.fence).refused


def test_on_hardware_a_pilot_waits_without_the_lease_until_a_person_has_armed(caplog: pytest.LogCaptureFixture) -> None:
    cell = Cell(hardware=True)
    cell.clock.sleep_until(1.0)
    waiting = Later(lambda: None, lambda: armed_by_ada(cell))
    Pilot(cell.authority, waiting, "actor", simulated=False).begin()
    assert cell.state is State.RESET
    assert caplog.text.count("waiting for the arm: it is disarmed: started; a person must clear and arm it") == 1


def test_on_hardware_a_pilot_gives_the_lease_back_at_a_stop_so_that_a_person_can_clear_it() -> None:
    cell = Cell(hardware=True)
    pilot = Pilot(cell.authority, Later(lambda: armed_by_ada(cell)), "actor", simulated=False)
    pilot.begin()
    cell.authority.stop("Ada", "look at that")

    def clear() -> None:
        taken = cell.authority.take("Ada")
        assert not taken.refused
        assert not cell.authority.clear(taken.view.fence, taken.view.revision, "Ada").refused
        cell.authority.release(taken.view.fence)

    pilot._clock = Later(lambda: None, clear, lambda: armed_by_ada(cell))
    pilot.begin()
    assert cell.state is State.RESET and cell.admitted(pilot)


def test_a_person_s_hold_stays_theirs_whatever_the_holder_of_the_lease_does(cell: Cell) -> None:
    pilot = cell.pilot()
    pilot.begin()
    pilot.enter(State.POLICY)
    cell.authority.hold("Ada", "stay there")
    cell.authority.hold("actor", "its connection closed")
    cell.authority.release(pilot.fence)
    cell.authority.hold("actor", "again")
    view = cell.authority.view()
    assert (view.by, view.why) == ("Ada", "stay there")


def test_a_person_may_take_over_the_hold_of_an_actor_that_is_gone(cell: Cell) -> None:
    pilot = cell.pilot()
    pilot.begin()
    pilot.enter(State.POLICY)
    pilot.pause("looks around")
    pilot.close()
    cell.authority.hold("Ada", "stay there")
    assert cell.authority.view().by == "Ada"


def test_on_hardware_a_pilot_waits_while_somebody_else_has_the_lease_or_holds() -> None:
    cell = Cell(hardware=True)
    fence = cell.authority.take("Ada").view.fence

    def arm() -> None:
        seen = cell.authority.view().revision
        assert not cell.authority.arm(fence, seen, "Ada", passed(cell.clock)).refused

    def release() -> None:
        assert not cell.authority.release(fence).refused

    pilot = Pilot(cell.authority, Later(arm, release), "actor", simulated=False)
    pilot.begin()
    assert cell.state is State.RESET and cell.admitted(pilot)


def test_a_pilot_that_gives_up_is_not_the_one_who_goes_on(cell: Cell) -> None:
    pilot = cell.pilot()
    pilot.begin()
    pilot.enter(State.POLICY)
    pilot.give_up("camera front is gone")
    assert cell.state is State.HOLD
    with pytest.raises(HeldError, match="actor's senses holds the arm: camera front is gone"):
        pilot.enter(State.POLICY)


@pytest.mark.parametrize("other", ["Ada", "zoe"])
def test_on_hardware_a_hold_of_somebody_else_is_waited_out_until_somebody_has_armed_anew(
    other: str, caplog: pytest.LogCaptureFixture
) -> None:
    cell = Cell(hardware=True)
    pilot = Pilot(cell.authority, Later(lambda: armed_by_ada(cell)), "actor", simulated=False)
    pilot.begin()
    pilot.enter(State.POLICY)
    cell.authority.hold(other, "a moment")

    def disarm() -> None:
        taken = cell.authority.take("Ada").view
        assert not cell.authority.disarm(taken.fence, taken.revision).refused
        cell.authority.release(taken.fence)

    pilot._clock = waiting = Later(lambda: None, disarm, lambda: armed_by_ada(cell))
    pilot.begin()
    assert cell.state is State.RESET and cell.admitted(pilot)
    assert f"waiting for the arm: {other} holds it: a moment" in caplog.text
    assert waiting.waits_s == pytest.approx([0.1, 0.1, 0.1])


def test_a_new_reason_to_wait_is_told(caplog: pytest.LogCaptureFixture) -> None:
    cell = Cell(hardware=True)
    cell.authority.stop("zoe", "red button")

    def clear() -> None:
        taken = cell.authority.take("Ada").view
        assert not cell.authority.clear(taken.fence, taken.revision, "Ada").refused
        cell.authority.release(taken.fence)

    Pilot(cell.authority, Later(clear, lambda: armed_by_ada(cell)), "actor", simulated=False).begin()
    assert "it is stopped: red button" in caplog.text and "it is disarmed: " in caplog.text


@pytest.mark.parametrize(("fence", "twin"), [(-1, "actor"), (99, "actor"), (1, "zoe"), (1, "Ada")])
def test_only_name_and_number_together_make_a_lease_its_own(
    cell: Cell, fence: int, twin: str, caplog: pytest.LogCaptureFixture
) -> None:
    seen = cell.authority.take(twin).view.revision
    assert not cell.authority.arm(1, seen, twin).refused
    pilot = cell.pilot()
    pilot.fence = fence
    pilot.begin()
    assert pilot.fence == 2 and sum(cell.clock.waits_s) >= 2.0, "it waits until the other's lease has run out"
    assert f"waiting for the arm: take: {twin!r} holds the lease" in caplog.text
    assert "fence" not in caplog.text
    assert cell.admitted(pilot)


def test_a_pilot_that_never_had_a_lease_takes_nobody_s_for_its_own(cell: Cell) -> None:
    cell.authority.take("actor")
    with pytest.raises(HeldError, match="fence -1 is not the present one"):
        cell.pilot().enter(State.POLICY)


def test_a_pilot_goes_on_with_an_authority_in_another_process(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clock = Later()
    authority = Authority(clock, lambda event: None, hardware=False, first_fence=10**6)
    pilot = Pilot(Wire(authority), clock, "actor", simulated=True)
    for _ in range(2):
        pilot.begin()
        pilot.enter(State.POLICY)
        pilot.pause("looks around")
        pilot.enter(State.HUMAN)
    assert pilot.fence == 10**6 + 1 and not authority.admits(pilot.fence, "human")
    assert "the hold" not in caplog.text and clock.waits_s == []


def test_on_hardware_a_pilot_knows_its_own_hold_though_an_authority_elsewhere_tells_of_it() -> None:
    cell = Cell(hardware=True)
    clock = Later()
    armed_by_ada(cell)
    pilot = Pilot(Wire(cell.authority), clock, "actor", simulated=False)
    for _ in range(2):
        pilot.begin()
        pilot.pause("looks around")
    assert clock.waits_s == [] and cell.authority.view().holder == "actor"


def test_whether_the_arm_is_simulated_is_said_by_name(cell: Cell) -> None:
    with pytest.raises(TypeError, match="positional"):
        Pilot(cell.authority, cell.clock, "actor", True)  # type: ignore[misc]


def test_in_simulation_a_fault_that_is_still_present_is_what_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    cell = Cell()
    clock = Later(lambda: None, lambda: cell.authority.mirror("arm loop", ""))
    cell.authority.mirror("arm loop", "contact force 200 N")
    Pilot(cell.authority, clock, "actor", simulated=True).begin()
    assert cell.state is State.RESET
    assert "waiting for the arm: it is disarmed: arm loop: contact force 200 N" in caplog.text

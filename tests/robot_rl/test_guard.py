import logging

import numpy as np
import pytest

from controllers.build import LoopSettings, build_loop
from controllers.limits import WorkspaceBox
from controllers.models import arm_limits, home_q
from controllers.records import PoseCommand
from robot_rl.clock import ManualClock
from robot_rl.compose import load_config
from robot_rl.errors import HeldError
from robot_rl.guard import Guard
from robot_rl.loop_settings import loop_settings
from robot_rl.make import make_env
from robot_rl.operator import Pilot, State
from robot_rl.supervisor import Alarm, Do
from tests.controllers.parts import arm_model, state_at

HZ = 500.0


def settings_of(box: WorkspaceBox) -> LoopSettings:
    config = load_config([])
    return loop_settings(config.safety, config.task, HZ, box, 0.02, 0.1)


class Cell:
    """An arm loop that stands at home, guarded."""

    def __init__(self) -> None:
        self.own, self.clock, self.q = arm_model(), ManualClock(), home_q("panda")
        self.own.update(self.q, 0 * self.q)
        here = self.own.tcp().position_m
        self.settings = settings_of(WorkspaceBox(here - 0.2, here + 0.2))
        self.loop = build_loop(self.own, arm_limits("panda"), self.settings, self.q)
        self.loop.reset(self.q)
        self.guard = Guard(self.loop, self.clock, HZ, hardware=False)
        self.pilot = Pilot(self.guard.authority, self.clock, "actor", simulated=True)
        self.sequence = 0

    def send(self, metres: float = 0.01):
        self.sequence += 1
        now_s, here = self.clock.now_s(), self.own.tcp()
        command = PoseCommand(
            here.moved(np.array([metres, 0.0, 0.0]), np.zeros(3)), self.sequence, 0.5, self.pilot.fence, self.pilot.mode
        )
        return self.loop.command(command, state_at(here, self.q), now_s, now_s)

    def run(self, seconds: float, q: np.ndarray | None = None) -> None:
        for _ in range(round(seconds * HZ)):
            self.clock.sleep_until(self.clock.now_s() + 1 / HZ)
            self.guard.tick()
            self.loop.tick(self.q if q is None else q, 0 * self.q, 0.0, self.clock.now_s())

    def drive(self) -> None:
        self.pilot.begin()
        self.pilot.enter(State.POLICY)
        assert not self.send().refused
        self.run(0.02)
        assert not self.loop.holding

    @property
    def state(self) -> State:
        return self.guard.authority.view().state


@pytest.fixture
def cell() -> Cell:
    return Cell()


def test_before_anybody_has_the_lease_every_command_is_refused(cell: Cell) -> None:
    verdict = cell.send()
    assert verdict.refused and verdict.reasons == ("authority",)


def test_a_loop_without_a_guard_takes_no_command_at_all() -> None:
    cell = Cell()
    bare = build_loop(cell.own, arm_limits("panda"), cell.settings, cell.q)
    assert bare.command(PoseCommand(cell.own.tcp(), 1), state_at(cell.own.tcp()), 0.0, 0.0).refused


@pytest.mark.parametrize("act", ["hold", "stop"])
def test_hold_and_stop_brake_at_the_next_tick_though_the_command_is_still_valid(cell: Cell, act: str) -> None:
    cell.drive()
    getattr(cell.guard.authority, act)("Ada", "wait")
    cell.run(1 / HZ)
    assert cell.loop.holding


def test_a_fault_of_the_loop_latches_a_stop_which_outlives_the_fault(cell: Cell) -> None:
    cell.drive()
    cell.run(1 / HZ, q=np.full(7, np.nan))
    cell.run(1 / HZ)
    assert cell.state is State.STOPPED
    cell.loop.reset(cell.q)
    cell.run(0.1)
    assert cell.state is State.STOPPED and cell.send().refused


def test_an_actor_that_falls_silent_is_held_and_told_of(cell: Cell, caplog: pytest.LogCaptureFixture) -> None:
    cell.drive()
    cell.run(0.5)
    assert cell.state is State.HOLD and cell.loop.holding
    assert "actor: silent for 0.40" in caplog.text and "then go on" in caplog.text
    assert [alarm.part for alarm in cell.guard.alarms] == ["actor"]


def test_nothing_is_asked_of_an_actor_while_the_arm_does_not_move(cell: Cell) -> None:
    cell.drive()
    cell.guard.authority.hold("Ada", "coffee")
    cell.run(3.0)
    assert not cell.guard.alarms


def test_an_actor_that_keeps_its_lease_is_alive_though_it_commands_nothing(cell: Cell) -> None:
    cell.drive()
    for _ in range(20):
        cell.pilot.enter(State.POLICY)
        cell.run(0.1)
    assert not cell.guard.alarms and cell.state is State.POLICY


def test_commands_that_are_refused_are_no_sign_of_life(cell: Cell) -> None:
    cell.drive()
    cell.pilot.mode = State.HUMAN
    for _ in range(5):
        assert cell.send().refused
        cell.run(0.1)
    assert [alarm.part for alarm in cell.guard.alarms] == ["actor"]


def overruns(cell: Cell) -> dict[str, int]:
    return {health.part: health.overruns for health in cell.guard.supervisor.health()}


def test_a_period_that_comes_late_is_counted_for_clock_and_arm(cell: Cell) -> None:
    cell.run(0.1)
    assert overruns(cell) == {"clock": 0, "arm": 0, "actor": 0}
    cell.clock.sleep_until(cell.clock.now_s() + 0.6 / HZ)
    cell.run(1 / HZ)
    assert overruns(cell) == {"clock": 1, "arm": 1, "actor": 0}


@pytest.mark.parametrize(("pause_s", "late"), [(0.14, 0), (0.16, 1)])
def test_an_actor_s_sign_of_life_that_comes_late_is_counted(cell: Cell, pause_s: float, late: int) -> None:
    cell.drive()
    cell.send()
    cell.run(pause_s)
    cell.send()
    assert overruns(cell)["actor"] == late


def test_the_last_thousand_events_are_remembered(cell: Cell) -> None:
    for _ in range(1005):
        cell.guard.authority.stop("Ada", "no")
    assert [event.revision for event in cell.guard.events] == list(range(6, 1006))


def test_leases_count_from_one_where_there_has_been_none(cell: Cell) -> None:
    assert cell.guard.authority.take("Ada").view.fence == 1


def test_whether_there_is_hardware_is_said_by_name(cell: Cell) -> None:
    with pytest.raises(TypeError, match="positional"):
        Guard(cell.loop, cell.clock, HZ, False)  # type: ignore[misc]


def test_a_part_that_reports_trouble_stops_or_holds_by_its_rule(cell: Cell) -> None:
    cell.drive()
    cell.guard.supervisor.trouble("arm", "joint 3 is hot")
    cell.run(1 / HZ)
    assert cell.state is State.STOPPED and "joint 3 is hot" in cell.guard.authority.view().why


def test_while_a_part_reports_what_stops_the_arm_nobody_can_arm_it(cell: Cell) -> None:
    cell.drive()
    cell.guard.supervisor.trouble("arm", "joint 3 is hot")
    cell.run(0.01)

    def rearm() -> str:
        authority, view = cell.guard.authority, cell.guard.authority.view()
        cleared = authority.clear(view.fence, view.revision, "Ada").view
        return authority.arm(view.fence, cleared.revision, "Ada").refused

    assert "joint 3 is hot" in rearm()
    cell.guard.supervisor.trouble("arm", "")
    cell.run(2.0)
    cell.pilot.begin()
    assert cell.state is State.RESET


def test_chatter_is_told_once_when_it_begins_and_once_when_it_is_over(
    cell: Cell, caplog: pytest.LogCaptureFixture
) -> None:
    cell.drive()
    for k in range(60):
        cell.pilot.enter(State.POLICY)
        cell.send((-1.0) ** k * 0.02)
        cell.run(0.02)
    assert caplog.text.count("actor: its commands chatter") == 1 and "over:" not in caplog.text
    assert "large steps; going on, within all limits: look at the policy" in caplog.text
    assert cell.state is State.POLICY, "it is told, nothing more"
    for _ in range(30):
        cell.pilot.enter(State.POLICY)
        cell.send(0.0)
        cell.run(0.02)
    assert caplog.text.count("over: actor: its commands chatter, to and fro with large steps; it may go on") == 1


@pytest.mark.parametrize("do", list(Do))
def test_an_alarm_does_what_its_rule_says_and_no_more(cell: Cell, do: Do) -> None:
    cell.drive()
    cell.guard._act_on(Alarm(0.0, "part", True, do, "cause", "action"))
    expected = {Do.STOP: State.STOPPED, Do.HOLD: State.HOLD}.get(do, State.POLICY)
    assert cell.state is expected
    cell.guard._act_on(Alarm(0.0, "part", False, do, "over: cause", "action"))
    assert cell.state is expected and cell.guard.authority.view().faults == ()


def test_ordinary_changes_are_logged_quietly_and_stops_aloud(cell: Cell, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    cell.drive()
    assert caplog.text == ""
    cell.guard.authority.stop("Ada", "no")
    assert "policy -> stopped, by Ada: no" in caplog.text
    assert cell.guard.events[-1].after is State.STOPPED and cell.guard.stops == 1
    cell.guard.authority.stop("Eve", "no, again")
    assert cell.guard.stops == 1


def test_an_actor_that_waits_for_its_gripper_is_not_taken_for_dead() -> None:
    env = make_env(load_config(["task=pick_cube"]))
    env.reset(seed=0)
    for close in (-1.0, 1.0, -1.0):
        _, _, _, _, info = env.step(np.array([0.0, 0.0, 0.0, close], np.float32))
        assert info["gripper_changed"]
    assert not env.scene.world.guard.alarms


def test_what_the_supervisor_holds_an_actor_does_not_take_for_its_own_hold(cell: Cell) -> None:
    cell.drive()
    cell.run(0.5)
    with pytest.raises(HeldError, match="supervisor holds the arm: actor: silent"):
        cell.pilot.enter(State.POLICY)


def test_trouble_that_comes_again_before_it_was_over_keeps_the_arm_at_rest_all_the_same(cell: Cell) -> None:
    cell.guard.supervisor.watch("wrist", "camera", 0.05)
    cell.drive()
    for text in ("no frame", "", "no frame", ""):
        cell.guard.supervisor.trouble("wrist", text)
        cell.run(0.1)
    with pytest.raises(HeldError, match="supervisor holds the arm: wrist"):
        cell.pilot.enter(State.POLICY)


def test_a_pilot_begins_when_what_held_the_arm_is_over() -> None:
    env = make_env(load_config(["task=reach"]))
    env.reset(seed=0)
    guard = env.scene.world.guard
    guard.authority.inhibit("wrist", "no frame")
    over_s, tick = env.clock.now_s() + 2.0, guard.tick

    def mended() -> None:
        if env.clock.now_s() >= over_s:
            guard.authority.inhibit("wrist", "")
        tick()

    guard.tick = mended  # type: ignore[method-assign]
    env.reset(seed=1)
    assert env.clock.now_s() > over_s and guard.authority.state is State.RESET


def test_a_reset_of_the_cell_takes_a_fault_off_the_authority_s_list_at_once() -> None:
    env = make_env(load_config(["task=reach"]))
    env.reset(seed=0)
    env.scene.world.loop.fault = "contact force 200 N, at most 150 N"
    env.step(np.ones(3, np.float32))
    before_s = env.clock.now_s()
    env.scene.world.reset(env.scene.world.data.qpos[:7].copy())
    assert env.scene.world.guard.authority.view().faults == ()
    assert env.clock.now_s() == before_s


def test_a_whole_episode_passes_through_reset_and_policy_only() -> None:
    env = make_env(load_config(["task=reach"]))
    for seed in range(2):
        env.reset(seed=seed)
        for _ in range(5):
            env.step(np.ones(3, np.float32))
    states = [event.after for event in env.scene.world.guard.events]
    assert set(states) <= {State.DISARMED, State.ARMED, State.RESET, State.HOLD, State.POLICY}
    assert not env.scene.world.guard.alarms

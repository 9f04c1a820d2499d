from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from robot_rl.cell import cell_pb2 as pb
from robot_rl.cell import codec
from robot_rl.cell.motors import Motors, Reading
from robot_rl.cell.sockets import MAX_BYTES, MAX_CLIENTS, PER_CLIENT
from robot_rl.errors import HardwareError
from robot_rl.guard import Guard
from robot_rl.operator import CHECKS, Finding, State
from tests.robot_rl.cell.desk import PERIOD_S, Desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.close()


class BadMotors:
    """Motors whose calls can be made to fail."""

    simulated = True

    def __init__(self, motors: Motors) -> None:
        self._motors = motors
        self.deaf = self.blind = False

    def __getattr__(self, name: str):
        return getattr(self._motors, name)

    def read(self) -> Reading:
        if self.blind:
            raise HardwareError("the drives say nothing")
        return self._motors.read()

    def apply(self, tau_nm) -> None:
        if self.deaf:
            raise HardwareError("the drives take nothing")
        self._motors.apply(tau_nm)

    def close(self) -> None:
        self._motors.close()


@pytest.fixture
def motors(desk: Desk) -> BadMotors:
    motors = BadMotors(desk.server._motors)
    desk.server._motors = motors
    return motors


def test_a_client_that_hangs_up_leaves_the_arm_holding_in_the_same_period_and_the_lease_free(desk: Desk) -> None:
    fence = desk.start(desk.actor)
    assert not desk.ask(desk.actor, command=desk.step(fence, 1)).verdict.refused
    desk.tick(20)
    assert not desk.server.loop.holding
    desk.actor.end.close()
    desk.tick()
    view = desk.server.guard.authority.view()
    assert (view.state, view.by, view.holder) == (State.HOLD, "ann", "") and "closed" in view.why
    assert desk.server.loop.holding


def test_a_client_without_the_lease_that_hangs_up_changes_nothing(desk: Desk) -> None:
    stranger = desk.line()
    fence = desk.start(desk.actor)
    stranger.end.close()
    desk.tick()
    assert desk.state is State.POLICY and not desk.ask(desk.actor, command=desk.step(fence, 1)).verdict.refused


def test_who_has_handed_the_lease_over_may_hang_up(desk: Desk) -> None:
    other, fence = desk.line(), desk.start(desk.actor)
    view = desk.ask(desk.actor, hand_over=pb.Lease(fence=fence, client="bob")).answer.view
    assert not desk.ask(other, renew=pb.Lease(fence=view.fence)).answer.refused
    desk.actor.end.close()
    desk.tick()
    assert desk.server.guard.authority.view().holder == "bob"
    other.end.close()
    desk.tick()
    assert desk.server.guard.authority.view().holder == ""


def test_a_stop_needs_no_lease_and_is_obeyed_in_the_period_it_is_seen(desk: Desk) -> None:
    other, fence = desk.line(), desk.start(desk.actor)
    desk.ask(desk.actor, command=desk.step(fence, 1))
    for sequence in range(2, 6):
        desk.actor.send(command=desk.step(fence, sequence))
    assert desk.ask(other, stop=pb.Cause(by="eve", why="smoke")).answer.view.state == "stopped"
    assert desk.server.loop.holding and desk.state is State.STOPPED
    desk.tick()
    desk.actor.replies()
    verdict = desk.ask(desk.actor, command=desk.step(fence, 9)).verdict
    assert verdict.refused and list(verdict.reasons) == ["authority"]


def test_silence_brakes_in_the_first_period_after_the_validity(desk: Desk) -> None:
    fence = desk.start(desk.actor)
    desk.actor.send(command=desk.step(fence, 1, valid_for_s=0.1))
    since_s = desk.clock.now_s()
    desk.tick()
    while not desk.server.loop.holding:
        desk.tick()
    assert since_s + 0.1 - 1e-9 <= desk.clock.now_s() <= since_s + 0.1 + PERIOD_S + 1e-9


def test_a_period_s_wait_in_the_socket_counts_as_age(desk: Desk) -> None:
    fence = desk.start(desk.actor)
    desk.actor.send(command=desk.step(fence, 1, valid_for_s=0.05))
    desk.clock.sleep_until(desk.clock.now_s() + 0.06)
    desk.tick()
    (reply,) = desk.actor.replies()
    assert reply.verdict.reasons == ["age"] and desk.server.loop.holding


def test_nothing_that_waited_while_the_process_stood_still_is_obeyed_but_a_stop(desk: Desk) -> None:
    other, fence = desk.line(), desk.start(desk.actor)
    desk.ask(desk.actor, command=desk.step(fence, 1))
    for sequence in range(2, 12):
        desk.actor.send(command=desk.step(fence, sequence, valid_for_s=0.5))
    desk.actor.send(renew=pb.Lease(fence=fence))
    desk.clock.sleep_until(desk.clock.now_s() + 0.15)
    desk.tick()
    assert desk.server.loop.holding and desk.state is State.STOPPED
    desk.tick(5)
    *verdicts, renewed = desk.actor.replies()
    assert len(verdicts) == 10 and all(reply.verdict.refused for reply in verdicts)
    assert "stale" in renewed.answer.refused
    other.send(hold=pb.Cause(by="eve", why="late"))
    desk.clock.sleep_until(desk.clock.now_s() + 0.15)
    desk.tick()
    assert other.replies()[0].answer.refused == ""


def test_standing_still_again_soon_after_a_person_has_cleared_it_latches_again(desk: Desk) -> None:
    fence = desk.start(desk.actor)
    for _ in range(3):
        desk.clock.sleep_until(desk.clock.now_s() + 0.5)
        desk.tick()
        assert desk.state is State.STOPPED
        desk.tick(600)  # the alarm has to be over before anybody can arm
        for verb in ("clear", "arm", "policy"):
            revision = desk.server.guard.authority.view().revision
            answer = desk.ask(desk.actor, **{verb: pb.Start(fence=fence, seen=revision, person="ann")}).answer
            assert answer.refused == ""


def test_the_last_words_of_a_dead_client_are_obeyed_if_they_are_stop(desk: Desk) -> None:
    other = desk.line()
    other.send(stop=pb.Cause(by="eve", why="smoke"))
    other.end.close()
    desk.tick()
    assert desk.state is State.STOPPED


def test_a_dead_client_takes_no_lease(desk: Desk) -> None:
    other = desk.line()
    for _ in range(3):
        other.send(view=pb.Nothing())
    other.send(take=pb.Lease(client="ghost"))
    other.end.close()
    desk.tick(3)
    assert desk.server.guard.authority.view().holder == ""


def test_a_new_client_counts_its_commands_from_one(desk: Desk) -> None:
    fence = desk.start(desk.actor)
    assert not desk.ask(desk.actor, command=desk.step(fence, 900)).verdict.refused
    assert desk.ask(desk.actor, command=desk.step(fence, 900)).verdict.reasons == ["sequence"]
    desk.actor.end.close()
    desk.tick()
    other = desk.line()
    view = desk.ask(other, take=pb.Lease(client="bob")).answer.view
    desk.ask(other, policy=pb.Start(fence=view.fence, seen=view.revision))
    assert not desk.ask(other, command=desk.step(view.fence, 1)).verdict.refused


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(min_size=1, max_size=200))
def test_whatever_comes_is_answered_or_ends_its_own_connection_only(desk: Desk, data: bytes) -> None:
    line, before = desk.line(), desk.server.counts["malformed"]
    line.end.send(data)
    desk.tick()
    closed = line.dropped
    assert closed == (desk.server.counts["malformed"] == before + 1)
    desk.lines.pop().end.close()
    desk.tick()
    assert desk.ask(desk.actor, view=pb.Nothing()).answer.view.state


def test_a_message_that_is_too_long_ends_its_connection(desk: Desk) -> None:
    line = desk.line()
    line.end.send(pb.Request(hold=pb.Cause(why="x" * MAX_BYTES)).SerializeToString())
    desk.tick()
    assert line.dropped and desk.server.counts["malformed"] == 1


def test_text_from_outside_is_cut_and_keeps_to_one_line(desk: Desk) -> None:
    view = desk.ask(desk.actor, stop=pb.Cause(by="e\nve", why="x" * 1000)).answer.view
    assert view.by == "e ve" and len(view.why) < 1000


@pytest.mark.parametrize("numbers", [[], [0.0] * 900, [float("nan")] * 3, [1e308] * 3])
def test_a_command_of_any_shape_is_refused_by_the_gate(desk: Desk, numbers: list[float]) -> None:
    fence = desk.start(desk.actor)
    command = desk.step(fence, 1)
    command.position_m[:] = numbers
    verdict = desk.ask(desk.actor, command=command).verdict
    assert verdict.refused or np.abs(verdict.position_m).max() < 2.0


def test_a_flood_gets_its_share_of_each_period_and_delays_nobody(desk: Desk) -> None:
    other, fence = desk.line(), desk.start(desk.actor)
    sent = 0
    try:
        for sequence in range(10_000):
            desk.actor.send(command=desk.step(fence, sequence + 1))
            sent += 1
    except BlockingIOError:
        pass
    assert sent > 10 * PER_CLIENT
    assert desk.ask(other, view=pb.Nothing()).answer.view.state == "policy"
    assert len(desk.actor.replies()) == PER_CLIENT


def test_who_floods_without_reading_is_hung_up(desk: Desk) -> None:
    for _ in range(2000):
        try:
            desk.actor.send(view=pb.Nothing())
        except BrokenPipeError:
            break
        except BlockingIOError:
            pass
        desk.tick()
    assert desk.server.counts["deaf"] == 1


def test_a_crowd_is_bounded_and_takes_the_place_of_neither_the_holder_nor_a_stop(desk: Desk) -> None:
    fence = desk.start(desk.actor)
    for _ in range(3 * MAX_CLIENTS):
        desk.line()
    assert len(desk.server._door._clients) == MAX_CLIENTS
    assert not desk.ask(desk.actor, renew=pb.Lease(fence=fence)).answer.refused
    assert desk.ask(desk.line(), stop=pb.Cause(by="eve", why="smoke")).answer.view.state == "stopped"


@pytest.mark.parametrize("part", ["arm", "clock"])
def test_parts_of_the_process_itself_are_not_for_clients(desk: Desk, part: str) -> None:
    for verb in ("beat", "trouble", "watch"):
        reply = desk.ask(desk.actor, **{verb: pb.Part(part=part, kind="camera", period_s=1.0)})
        assert "itself" in reply.answer.refused


def test_a_part_that_falls_silent_or_reports_trouble_makes_the_arm_hold(desk: Desk) -> None:
    desk.start(desk.actor)
    assert desk.ask(desk.actor, watch=pb.Part(part="wrist", kind="camera", period_s=0.03)).answer.refused == ""
    for sequence in range(5):
        desk.ask(desk.actor, beat=pb.Part(part="wrist", sequence=sequence))
        desk.tick(20)
    assert desk.state is State.POLICY
    desk.ask(desk.actor, trouble=pb.Part(part="wrist", text="no picture"))
    assert desk.state is State.HOLD and "no picture" in desk.server.guard.authority.view().why


def test_only_so_many_parts_are_watched_and_only_known_kinds(desk: Desk) -> None:
    answers = [
        desk.ask(desk.actor, watch=pb.Part(part=f"camera {i}", kind="camera", period_s=9.0)).answer for i in range(17)
    ]
    assert not any(answer.refused for answer in answers[:16]) and "16" in answers[16].refused
    assert "kettle" in desk.ask(desk.actor, watch=pb.Part(part="camera 1", kind="kettle", period_s=1.0)).answer.refused


def test_the_findings_of_a_person_reach_the_authority(desk: Desk) -> None:
    desk.server.guard = Guard(desk.server.loop, desk.clock, 500.0, hardware=True)
    view = desk.ask(desk.actor, take=pb.Lease(client="ann")).answer.view
    start = pb.Start(fence=view.fence, seen=view.revision, person="ann")
    assert "payload" in desk.ask(desk.actor, arm=start).answer.refused
    now_s = desk.clock.now_s()
    start.findings.extend(codec.encode_findings([Finding(check.name, True, now_s, "ann") for check in CHECKS]))
    assert desk.ask(desk.actor, arm=start).answer.view.state == "armed"


def test_drives_that_say_nothing_stop_the_arm_and_a_person_clears_it(desk: Desk, motors: BadMotors) -> None:
    fence = desk.start(desk.actor)
    command = desk.step(fence, 1)
    motors.blind = True
    desk.tick(2)
    assert desk.state is State.STOPPED
    reply = desk.ask(desk.actor, read=pb.Nothing())
    assert "say nothing" in reply.unknown and reply.fault
    assert desk.ask(desk.actor, command=command).verdict.refused
    motors.blind = False
    view = desk.ask(desk.actor, view=pb.Nothing()).answer.view
    assert view.state == "stopped"
    view = desk.ask(desk.actor, clear=pb.Start(fence=fence, seen=view.revision, person="ann")).answer.view
    desk.tick()
    reply = desk.ask(desk.actor, read=pb.Nothing())
    assert view.state == "disarmed" and reply.fault == "" and reply.HasField("state")


def test_drives_that_take_nothing_stop_the_arm(desk: Desk, motors: BadMotors) -> None:
    desk.start(desk.actor)
    motors.deaf = True
    desk.tick()
    motors.deaf = False
    assert desk.state is State.STOPPED and "take nothing" in desk.server.guard.authority.view().why

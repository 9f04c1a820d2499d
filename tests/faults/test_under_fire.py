"""Gate, reference and arm loop under a little fire; `python -m benchmarks.gate` is the long version."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.gate import POSITIONS, Run, Tally
from controllers.limits import WorkspaceBox
from controllers.records import PoseCommand
from controllers.reference import MotionLimits
from tests.controllers.parts import open_gate
from tests.faults.position_rig import PositionRig, position_parts
from tests.faults.rig import ARMS, FENCE, HIGH_M, LOW_M, Rig, parts
from tests.faults.streams import KINDS

RATE_HZ = 250.0
KEPT = (
    *("torque", "joint speed", "reference speed", "reference acceleration", "reference jerk", "reference path"),
    *("target", "admitted", "speed after", "way beyond", "vendor's", "reference turning", "turning after"),
    *("reference joint", "places where", "reference quaternion", "reference outside"),
)
"""Kinds of breach that there must never be."""


@pytest.fixture(scope="module", params=ARMS)
def shared(request: pytest.FixtureRequest):
    return parts(request.param)


def test_nothing_bad_is_admitted_and_the_reference_keeps_its_limits(shared) -> None:
    tally = Tally(shared.arm, RATE_HZ)
    for seed in (0, 2):  # the second in a box that reaches the arm itself
        Run(shared, RATE_HZ, seed, tally, []).fire()
    assert sum(tally.sent.values()) == 1000 and sum(tally.admitted.values()) > 500
    assert not [kind for kind in tally.breaches if kind.startswith(KEPT)], tally.first


def forward(rig: Rig, commands: int, metres: float = 0.03, way: tuple[float, ...] = (0.0, 1.0, 0.0)) -> None:
    for k in range(commands):
        state = rig.state()
        command = PoseCommand(
            replace(state.tcp, position_m=state.tcp.position_m + metres * np.array(way)), k, 0.1, FENCE
        )
        verdict = rig.loop.command(command, state, rig.now_s, rig.now_s)
        assert not verdict.refused
        rig.note(command, verdict, state, rig.now_s)
        rig.run(10)


def test_an_ordinary_motion_and_its_stop_have_no_breach(shared) -> None:
    rig = Rig(shared, RATE_HZ)
    forward(rig, 5)
    rig.run(200)
    assert rig.referee.breaches() == []
    assert rig.referee.samples[-1].tool_m[1] - rig.referee.samples[0].tool_m[1] > 0.03, "it has moved"


def trusting(shared) -> Rig:
    """A rig whose gate lets everything pass that has a number."""
    rig = Rig(shared, RATE_HZ)
    rig.loop.gate = open_gate(WorkspaceBox(LOW_M - 1.0, HIGH_M + 1.0), ())
    return rig


def test_without_its_limits_the_referee_would_see_it(shared) -> None:
    rig = trusting(shared)
    forward(rig, 40, metres=0.1)
    found = {breach.kind.split(",")[0] for breach in rig.referee.breaches()}
    assert {"target step", "target outside the box", "reference outside the box"} <= found


def test_a_loop_that_forgets_validity_would_be_seen(shared, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = trusting(shared)
    forward(rig, 3, metres=0.2)
    monkeypatch.setattr(rig.motion, "brake", lambda: None)
    rig.run(100)
    found = {breach.kind.split(",")[0] for breach in rig.referee.breaches()}
    assert {"way beyond the distance to stop", "speed after the time to stop"} <= found


def test_a_motor_that_gets_more_than_its_range_would_be_seen(shared, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(shared, RATE_HZ)
    tick = rig.loop.tick
    monkeypatch.setattr(rig.loop, "tick", lambda *args: tick(*args) + np.where(rig.ticks == 5, 200.0, 0.0))
    rig.run(8)
    assert {"torque over its range", "torque rate"} <= {b.kind.split(",")[0] for b in rig.referee.breaches()}


# Each limit taken away is seen


def seen(rig: Rig) -> set[str]:
    return {breach.kind.split(",")[0] for breach in rig.referee.breaches()}


@pytest.mark.parametrize(("kept", "expected"), [(True, False), (False, True)])
def test_joints_that_the_reference_would_overdrive_are_seen(kept: bool, expected: bool) -> None:
    rig = Rig(parts("panda"), RATE_HZ)
    if not kept:
        aim, fast = rig.motion.aim, MotionLimits(0.25, 2.5, 100.0, 1.0, 10.0, 400.0).rows()
        rig.motion._full = fast
        rig.motion.aim = lambda target, speed, joints: aim(target, speed)
    forward(rig, 3, 0.03, (1.0, 0.0, 1.0))
    assert ("reference joint acceleration" in seen(rig)) is expected


@pytest.mark.parametrize(("kept", "expected"), [(True, False), (False, True)])
def test_an_arm_that_folds_onto_itself_or_the_table_is_seen(kept: bool, expected: bool) -> None:
    rig, rng = Rig(parts("ur5e"), RATE_HZ, wide=True), np.random.default_rng(0)
    if not kept:
        rig.loop.gate._slowdowns = ()
    sequence = -1
    for _ in range(160):
        state = rig.state()
        command = KINDS["fold"](rng, state.tcp, sequence)
        rig.loop.command(command, state, rig.now_s, rig.now_s)
        sequence = command.sequence
        rig.run(20)
    assert ("places where the arm touches itself or the table" in seen(rig)) is expected


@pytest.mark.parametrize("kind", ["stale", "early", "foreign"])
def test_what_should_have_been_refused_would_be_seen(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tally = Tally("panda", RATE_HZ)
    run = Run(parts("panda"), RATE_HZ, 0, tally, [])
    run.send(KINDS[kind](run.rng, run.rig.state().tcp, -1), kind)
    assert not tally.breaches and not tally.raised
    monkeypatch.setattr(run.rig.loop.gate, "_refusal", lambda *args: ("", ""))
    for _ in range(20):
        command = KINDS[kind](run.rng, run.rig.state().tcp, -1)
        run.send(replace(command, valid_for_s=0.1), kind)
    assert tally.breaches[f"admitted: {kind}"] == 20


@pytest.mark.parametrize(("kept", "expected"), [(True, False), (False, True)])
def test_an_arm_that_pushes_on_after_a_stop_for_force_is_seen(kept: bool, expected: bool) -> None:
    rig = Rig(parts("panda", wall_m=0.48), RATE_HZ, stop_n=22.0)
    if not kept:
        rig.motion.hold = lambda pose: None
    for k in range(12):
        state = rig.state()
        command = PoseCommand(replace(state.tcp, position_m=state.tcp.position_m + [0.03, 0.0, 0.0]), k, 0.2, FENCE)
        rig.loop.command(command, state, rig.now_s, rig.now_s)
        rig.run(25)
    rig.run(100)
    assert rig.loop.fault.startswith("contact force ") and rig.loop.fault.endswith(" N, at most 22 N")
    assert ("force after a stop for force" in seen(rig)) is expected


def test_an_arm_that_does_not_stop_for_force_is_seen() -> None:
    rig = Rig(parts("panda", wall_m=0.48), RATE_HZ, stop_n=1e4)
    rig.referee.promise = replace(rig.referee.promise, force_n=20.0)
    for k in range(12):
        state = rig.state()
        command = PoseCommand(replace(state.tcp, position_m=state.tcp.position_m + [0.03, 0.0, 0.0]), k, 0.2, FENCE)
        verdict = rig.loop.command(command, state, rig.now_s, rig.now_s)
        rig.run(25)
    assert not rig.loop.fault and "contact" in verdict.reasons
    assert "contact force" in seen(rig)


# Drives that take joint positions, also at rates at which torques could not be given


@pytest.fixture(scope="module")
def by_positions():
    return position_parts()


@pytest.mark.parametrize("rate_hz", [100.0, 125.0])
def test_an_arm_of_joint_positions_keeps_all_its_limits_at_a_slow_loop(by_positions, rate_hz: float) -> None:
    tally = Tally(POSITIONS, rate_hz)
    for seed in (0, 2):
        Run(by_positions, rate_hz, seed, tally, []).fire()
    assert sum(tally.sent.values()) == 1000 and sum(tally.admitted.values()) > 500
    assert not tally.breaches and not tally.raised, tally.first


@pytest.mark.parametrize("rate_hz", [100.0, 125.0])
def test_an_arm_of_joint_positions_moves_and_comes_to_rest_where_its_reference_does(by_positions, rate_hz) -> None:
    rig = PositionRig(by_positions, rate_hz)
    forward(rig, 5)
    rig.run(200)
    assert rig.referee.breaches() == [] and rig.stopped == ""
    first, last = rig.referee.samples[0], rig.referee.samples[-1]
    assert last.tool_m[1] - first.tool_m[1] > 0.03, "it has moved"
    np.testing.assert_allclose(last.tool_m, last.reference_m, atol=1e-3)


BROKEN = {
    "told joint acceleration": lambda follower: setattr(follower, "_limits", _tenfold(follower._limits)),
    "told joint away from the measured one": lambda follower: setattr(follower, "_period_s", 0.05),
    "told joint beyond its range": lambda follower: setattr(follower, "_q", follower._q + 20.0),
}


def _tenfold(limits):
    return replace(limits, ddq_max_rad_s2=10.0 * limits.ddq_max_rad_s2, dq_max_rad_s=10.0 * limits.dq_max_rad_s)


@pytest.mark.parametrize("kind", BROKEN)
def test_joints_that_must_not_be_told_would_be_seen(by_positions, kind: str) -> None:
    rig = PositionRig(by_positions, 100.0)
    forward(rig, 3)
    BROKEN[kind](rig.following._follower)
    rig.following._follower._touches[0]._damping = 1.0  # it makes up for any distance at once
    forward_on(rig, 3)
    assert kind in seen(rig)


def forward_on(rig: Rig, commands: int) -> None:
    for k in range(commands):
        state = rig.state()
        target = replace(state.tcp, position_m=state.tcp.position_m - [0.0, 0.03, 0.0])
        rig.loop.command(PoseCommand(target, 100 + k, 0.1, FENCE), state, rig.now_s, rig.now_s)
        rig.run(10)


def test_drives_that_do_nothing_would_be_seen(by_positions, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = PositionRig(by_positions, 100.0)
    sent = rig.following.sent

    def lost(told: np.ndarray) -> None:
        sent(told)
        rig._due = rig.data.qpos[:6].copy()

    monkeypatch.setattr(rig.following, "sent", lost)
    forward(rig, 30)
    assert "does not follow" in rig.stopped

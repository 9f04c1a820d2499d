"""Gate, reference and arm loop under a little fire; `python -m benchmarks.gate` is the long version."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.gate import Run, Tally
from controllers.limits import WorkspaceBox
from controllers.records import PoseCommand
from tests.controllers.parts import open_gate
from tests.faults.rig import ARMS, HIGH_M, LOW_M, Rig, parts

RATE_HZ = 250.0
KEPT = (
    *("torque", "joint speed", "reference speed", "reference acceleration", "reference jerk", "reference path"),
    *("target", "admitted", "speed after", "way beyond", "vendor's tool"),
)
"""Kinds of breach that there must never be."""


@pytest.fixture(scope="module", params=ARMS)
def shared(request: pytest.FixtureRequest):
    return parts(request.param)


def test_nothing_bad_is_admitted_and_the_reference_keeps_its_limits(shared) -> None:
    tally = Tally(shared.arm, RATE_HZ)
    for seed in range(2):
        Run(shared, RATE_HZ, seed, tally, []).fire()
    assert sum(tally.sent.values()) == 1000 and sum(tally.admitted.values()) > 500
    assert not [kind for kind in tally.breaches if kind.startswith(KEPT)], tally.first


def forward(rig: Rig, commands: int, metres: float = 0.03) -> None:
    for k in range(commands):
        state = rig.state()
        command = PoseCommand(replace(state.tcp, position_m=state.tcp.position_m + [0.0, metres, 0.0]), k, 0.1)
        verdict = rig.loop.command(command, state, rig.now_s, rig.now_s)
        assert not verdict.refused
        rig.note(command, verdict, state, rig.now_s)
        rig.run(10)


def test_an_ordinary_motion_and_its_stop_have_no_breach_but_in_how_they_turn(shared) -> None:
    rig = Rig(shared, RATE_HZ)
    forward(rig, 5)
    rig.run(200)
    assert [b for b in rig.referee.breaches() if not b.kind.startswith("reference turning")] == []
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

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.gate import Gate
from controllers.limits import JointMargin, PoseStep, WorkspaceBox
from controllers.models import arm_limits, home_q
from controllers.pose import Pose, quat_from_rotvec, quat_mul, rotation_between_rad
from controllers.records import ArmState, PoseCommand
from tests.controllers.parts import DOWN, arm_model, open_gate, state_at

HERE = Pose.of([0.45, 0.0, 0.3], DOWN)
LOW, HIGH = np.array([0.3, -0.2, 0.1]), np.array([0.6, 0.2, 0.5])
STEP_M, STEP_RAD = 0.02, 0.1


def make_gate() -> Gate:
    return open_gate(WorkspaceBox(LOW, HIGH), (PoseStep(STEP_M, STEP_RAD),))


numbers = st.floats(allow_nan=True, allow_infinity=True, width=64)
wild = st.lists(numbers, min_size=3, max_size=3).map(np.array)
tame = st.lists(st.floats(-3, 3), min_size=3, max_size=3).map(np.array)


@given(wild)
def test_no_position_whatever_leaves_the_gate_outside_box_and_step(position: np.ndarray) -> None:
    verdict = make_gate().judge(PoseCommand(Pose(position, HERE.quat_wxyz), 1), state_at(HERE), 0.0, 0.0)
    target = verdict.target.position_m
    assert np.all((target >= LOW) & (target <= HIGH))
    assert np.all(np.abs(target - HERE.position_m) <= STEP_M + 1e-12)
    if not np.isfinite(position).all():
        assert verdict.refused


@given(tame)
def test_no_turn_leaves_the_gate_larger_than_the_step(turn: np.ndarray) -> None:
    quat = quat_mul(HERE.quat_wxyz, quat_from_rotvec(turn))
    verdict = make_gate().judge(PoseCommand(Pose(HERE.position_m, quat), 1), state_at(HERE), 0.0, 0.0)
    assert rotation_between_rad(HERE.quat_wxyz, verdict.target.quat_wxyz) <= STEP_RAD + 1e-6


@given(tame, tame)
def test_the_gate_is_idempotent_and_leaves_its_input_alone(position: np.ndarray, turn: np.ndarray) -> None:
    asked = Pose(position, quat_mul(HERE.quat_wxyz, quat_from_rotvec(turn)))
    before = (asked.position_m.copy(), asked.quat_wxyz.copy())
    gate = make_gate()
    once = gate.judge(PoseCommand(asked, 1), state_at(HERE), 0.0, 0.0)
    twice = gate.judge(PoseCommand(once.target, 2), state_at(HERE), 0.0, 0.0)
    assert twice.reasons == ()
    assert np.array_equal(twice.target.position_m, once.target.position_m)
    assert np.array_equal(asked.position_m, before[0]) and np.array_equal(asked.quat_wxyz, before[1])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"sequence": 5}, "sequence"),
        ({"sequence": 4}, "sequence"),
        ({"valid_for_s": 0.0}, "validity"),
        ({"valid_for_s": 0.6}, "validity"),
        ({"valid_for_s": float("nan")}, "validity"),
        ({"target": Pose(np.zeros(2), HERE.quat_wxyz)}, "shape"),
        ({"target": Pose(HERE.position_m, np.zeros(4))}, "not_finite_or_not_unit"),
        ({"target": Pose(HERE.position_m, np.array([np.nan, 0, 0, 0]))}, "not_finite_or_not_unit"),
    ],
)
def test_bad_commands_are_refused_with_the_reason_and_change_nothing(change: dict, reason: str) -> None:
    gate = make_gate()
    gate.judge(PoseCommand(HERE, 5), state_at(HERE), 0.0, 0.0)
    verdict = gate.judge(replace(PoseCommand(HERE, 6), **change), state_at(HERE), 0.0, 0.0)
    assert verdict.refused and verdict.reasons == (reason,)
    assert gate.counts == {reason: 1}
    assert not gate.judge(PoseCommand(HERE, 6), state_at(HERE), 0.0, 0.0).refused


def test_outside_the_box_the_tool_may_come_back_but_not_go_on() -> None:
    outside = Pose.of([0.70, 0.0, 0.3], DOWN)
    gate = make_gate()
    back = gate.judge(PoseCommand(Pose.of([0.5, 0.0, 0.3], DOWN), 1), state_at(outside), 0.0, 0.0)
    on = gate.judge(PoseCommand(Pose.of([0.9, 0.0, 0.3], DOWN), 2), state_at(outside), 0.0, 0.0)
    assert back.target.position_m[0] < 0.70 and on.target.position_m[0] < 0.70


def test_a_joint_in_its_margin_is_not_driven_deeper_but_may_leave() -> None:
    model, limits = arm_model(), arm_limits("panda")
    q = home_q("panda").copy()
    q[5] = limits.q_max_rad[5] - 0.01
    model.update(q, 0 * q)
    state = state_at(model.tcp(), q)
    margin = JointMargin(model, limits.q_min_rad, limits.q_max_rad, 0.05)
    answers = []
    for sign in (1, -1):
        moved = q.copy()
        moved[5] += sign * 0.02
        model.update(moved, 0 * q)
        target = model.tcp()
        model.update(q, 0 * q)
        answers.append(margin.apply(target, state) is target)
    assert answers == [False, True]


def test_a_box_with_low_above_high_is_refused() -> None:
    with pytest.raises(ValueError, match="below its high"):
        WorkspaceBox(HIGH, LOW)


class Sideways:
    """A limit with a fault: it pushes every target out of the box, or into nowhere."""

    name = "sideways"

    def __init__(self, x_m: float) -> None:
        self.x_m = x_m

    def apply(self, target: Pose, state: ArmState) -> Pose:
        return Pose.of([self.x_m, 0.0, 0.3], DOWN)


@pytest.mark.parametrize("x_m", [0.9, float("nan"), float("inf")])
def test_the_last_look_stops_what_a_faulty_limit_let_through(x_m: float) -> None:
    gate = open_gate(WorkspaceBox(LOW, HIGH), (Sideways(x_m),))
    verdict = gate.judge(PoseCommand(HERE, 1), state_at(HERE), 0.0, 0.0)
    assert verdict.refused and verdict.reasons[-1] == "final_check"


@pytest.mark.parametrize("field", ["tcp", "q_rad"])
def test_an_arm_that_does_not_know_where_it_is_takes_no_command(field: str) -> None:
    lost = {"tcp": Pose(np.full(3, np.nan), HERE.quat_wxyz), "q_rad": np.full(7, np.nan)}
    state = replace(state_at(HERE), **{field: lost[field]})
    verdict = make_gate().judge(PoseCommand(HERE, 1), state, 0.0, 0.0)
    assert verdict.refused and verdict.reasons == ("state_unknown",)

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.gate import Gate, anyone
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


@settings(deadline=None)
@given(wild)
def test_no_position_whatever_leaves_the_gate_outside_box_and_step(position: np.ndarray) -> None:
    verdict = make_gate().judge(PoseCommand(Pose(position, HERE.quat_wxyz), 1), state_at(HERE), 0.0, 0.0)
    target = verdict.target.position_m
    assert np.all((target >= LOW) & (target <= HIGH))
    assert np.all(np.abs(target - HERE.position_m) <= STEP_M + 1e-12)
    if not np.isfinite(position).all():
        assert verdict.refused


@settings(deadline=None)
@given(tame)
def test_no_turn_leaves_the_gate_larger_than_the_step(turn: np.ndarray) -> None:
    quat = quat_mul(HERE.quat_wxyz, quat_from_rotvec(turn))
    verdict = make_gate().judge(PoseCommand(Pose(HERE.position_m, quat), 1), state_at(HERE), 0.0, 0.0)
    assert rotation_between_rad(HERE.quat_wxyz, verdict.target.quat_wxyz) <= STEP_RAD + 1e-6


@settings(deadline=None)
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
        ({"target": Pose(np.zeros(4), HERE.quat_wxyz)}, "shape"),
        ({"target": Pose(np.zeros((3, 1)), HERE.quat_wxyz)}, "shape"),
        ({"target": Pose(HERE.position_m, np.array([0.0, 1.0, 0.0, 0.0, 0.0]))}, "shape"),
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


# Refusals explain themselves, in order, and are never raised


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (
            {"target": None},
            "shape: target: not 3 and 4 real numbers in arrays; allowed: position (3,) in m, quaternion (4,)",
        ),
        (
            {"target": Pose(np.array([0.0, np.inf, 0.5]), np.array([0.0, 2.0, 0.0, 0.0]))},
            "not_finite_or_not_unit: target: position [0.0, inf, 0.5] m, quaternion of length 2; "
            "allowed: finite, and 1 within 0.001",
        ),
        ({"sequence": 5}, "sequence: 5; allowed: whole numbers above 5"),
        ({"sequence": 6.5}, "sequence: 6.5; allowed: whole numbers above 5"),
        ({"sequence": True}, "sequence: a value of type bool; allowed: whole numbers above 5"),
        ({"sequence": 2**64 - 1}, f"sequence: {2**64 - 1}; allowed: whole numbers above 5"),
        ({"sequence": 2**64}, "sequence: a value of type int; allowed: whole numbers above 5"),
        ({"sequence": 10**5000}, "sequence: a value of type int; allowed: whole numbers above 5"),
        ({"sequence": "9" * 90}, f"sequence: '{'9' * 40}'; allowed: whole numbers above 5"),
        ({"fence": 7.0}, "authority: fence 7, mode 'policy'; allowed: a number, a word"),
        ({"mode": None}, "authority: fence 1, mode a value of type NoneType; allowed: a number, a word"),
        ({"fence": 2}, "authority: fence 2 is not 1"),
        ({"valid_for_s": 0.7}, "validity: 0.7 s; allowed: above 0, at most 0.5 s"),
        ({"valid_for_s": 10**400}, "validity: a value of type int s; allowed: above 0, at most 0.5 s"),
        ({"valid_for_s": True}, "validity: a value of type bool s; allowed: above 0, at most 0.5 s"),
        ({"valid_for_s": 0.1}, "age: 0.125 s; allowed: 0 s or more, below its validity of 0.1 s"),
    ],
)
def test_a_refusal_says_the_limit_the_value_and_what_is_allowed(change: dict, why: str) -> None:
    gate = make_gate()
    gate.permit = lambda fence, mode: "" if fence == 1 else f"fence {fence} is not 1"
    assert not gate.judge(PoseCommand(HERE, 5, fence=1), state_at(HERE), 0.0, 0.0).refused
    verdict = gate.judge(replace(PoseCommand(HERE, 6, fence=1), **change), state_at(HERE), 0.125, 0.25)
    assert verdict.refused and verdict.why == why and verdict.reasons == (why.split(":")[0],)


BREAKS = {
    "shape": {"target": None},
    "not_finite_or_not_unit": {"target": Pose(np.full(3, np.nan), HERE.quat_wxyz)},
    "far": {"target": Pose(np.array([0.0, -10.1, 0.0]), HERE.quat_wxyz)},
    "authority": {"fence": 3},
    "sequence": {"sequence": -1},
    "validity": {"valid_for_s": -1.0},
}


def test_of_several_faults_the_first_in_the_order_is_named() -> None:
    broken: dict = {}
    for name, change in reversed(BREAKS.items()):
        broken = broken | change
        gate = make_gate()
        gate.permit = lambda fence, mode: "no" if fence == 3 else ""
        assert gate.judge(replace(PoseCommand(HERE, 6), **broken), state_at(HERE), 9.0, 0.0).reasons == (name,)


@pytest.mark.parametrize(
    ("arrived_s", "refused"),
    [(1.0, False), (np.nextafter(1.0, 2.0), True), (0.75, True), (np.nextafter(0.75, 1.0), False), (None, True)]
    + [(float("nan"), True), (float("inf"), True), ("1", True), (10**400, True)],
)
def test_age_is_from_arrival_to_below_the_validity(arrived_s: object, refused: bool) -> None:
    verdict = make_gate().judge(PoseCommand(HERE, 1, 0.25), state_at(HERE), arrived_s, 1.0)
    assert verdict.refused is refused and verdict.reasons == (("age",) if refused else ())


@pytest.mark.parametrize(
    ("valid_s", "refused"), [(0.5, False), (np.nextafter(0.5, 1), True), (5e-324, False), (0.0, True)]
)
def test_validity_is_above_zero_and_at_most_its_largest(valid_s: float, refused: bool) -> None:
    assert make_gate().judge(PoseCommand(HERE, 1, valid_s), state_at(HERE), 0.0, 0.0).refused is refused


def test_each_lease_counts_its_commands_for_itself_and_a_former_one_is_not_taken_up_again() -> None:
    gate = make_gate()
    allowed = 1
    gate.permit = lambda fence, mode: "" if fence == allowed else "an old lease"

    def send(sequence: int, fence: int) -> tuple[str, ...]:
        return gate.judge(PoseCommand(HERE, sequence, fence=fence), state_at(HERE), 0.0, 0.0).reasons

    assert send(2**63 - 1, 1) == () and send(7, 1) == ("sequence",)
    allowed = 2
    assert send(0, 2) == () and send(0, 2) == ("sequence",) and send(9, 1) == ("authority",)
    allowed = 1
    assert send(0, 1) == (), "the numbers of another lease do not count, nor does which lease was first"


def test_a_lease_whose_number_is_large_counts_its_commands_as_well() -> None:
    gate = make_gate()
    for reasons in ((), ("sequence",)):
        command = PoseCommand(HERE, 1, fence=int("1000000"))
        assert gate.judge(command, state_at(HERE), 0.0, 0.0).reasons == reasons


@pytest.mark.parametrize(
    ("place_m", "far"), [(10.0, False), (np.nextafter(10.0, 11.0), True), (-10.0, False), (-11.0, True)]
)
def test_a_place_that_no_arm_reaches_is_a_mistake_not_a_direction(place_m: float, far: bool) -> None:
    for axis in range(3):
        position = np.array(HERE.position_m)
        position[axis] = place_m
        verdict = make_gate().judge(PoseCommand(Pose(position, HERE.quat_wxyz), 1), state_at(HERE), 0.0, 0.0)
        assert verdict.refused is far and (verdict.reasons == ("far",)) is far


@pytest.mark.parametrize("sequence", [0, np.int64(3), 2**63 - 1])
def test_any_whole_number_that_is_new_is_a_sequence(sequence: int) -> None:
    gate = make_gate()
    assert not gate.judge(PoseCommand(HERE, sequence), state_at(HERE), 0.0, 0.0).refused
    assert gate.judge(PoseCommand(HERE, sequence), state_at(HERE), 0.0, 0.0).refused
    assert gate.judge(PoseCommand(HERE, 2**63), state_at(HERE), 0.0, 0.0).reasons == ("sequence",)


junk = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.binary(),
    st.complex_numbers(),
    st.just(10**5000),
    st.lists(st.floats(), max_size=4),
    st.just(np.zeros(3, object)),
    st.just(np.array(["a"] * 3)),
    st.just(np.zeros((3, 1))),
    st.just(np.zeros(3, complex)),
    st.just(np.full(4, 1e308)),
    st.just(object()),
)


@settings(deadline=None)
@given(st.tuples(*[junk] * 7))
def test_nothing_that_is_sent_raises_or_changes_anything(sent: tuple) -> None:
    position, quat, sequence, valid_s, fence, mode, arrived_s = sent
    gate, state = make_gate(), state_at(HERE)
    gate.permit = lambda fence, mode: "nobody"
    for target in (Pose(position, quat), position):
        verdict = gate.judge(PoseCommand(target, sequence, valid_s, fence, mode), state, arrived_s, 0.0)
        assert verdict.refused and verdict.target is state.tcp and len(verdict.reasons) == 1 and verdict.why
    assert gate.judge(sent[0], state, 0.0, 0.0).reasons == ("shape",)
    gate.permit = lambda fence, mode: ""
    assert not gate.judge(PoseCommand(HERE, 0), state, 0.0, 0.0).refused


@settings(deadline=None)
@given(tame, tame)
def test_what_is_within_every_limit_goes_on_bit_for_bit(way: np.ndarray, turn: np.ndarray) -> None:
    asked = HERE.moved(way / 3 * STEP_M * 0.99, turn / 6 * STEP_RAD)
    verdict = make_gate().judge(PoseCommand(asked, 1), state_at(HERE), 0.0, 0.0)
    assert verdict.reasons == ()
    assert np.array_equal(verdict.target.position_m, asked.position_m)
    assert np.array_equal(verdict.target.quat_wxyz, asked.quat_wxyz)


def test_what_is_let_through_is_a_copy_and_a_unit() -> None:
    position, quat = np.array(HERE.position_m), np.array(HERE.quat_wxyz) * 1.0009
    target = make_gate().judge(PoseCommand(Pose(position, quat), 1), state_at(HERE), 0.0, 0.0).target
    position[:], quat[:] = 9.0, 9.0
    assert np.array_equal(target.position_m, HERE.position_m)
    assert np.linalg.norm(target.quat_wxyz) == pytest.approx(1.0, abs=1e-15)


@pytest.mark.parametrize(
    ("size", "refused"), [(1.000999, False), (1.001001, True), (0.999001, False), (0.998999, True)]
)
def test_a_quaternion_may_be_off_by_a_thousandth(size: float, refused: bool) -> None:
    asked = Pose(HERE.position_m, HERE.quat_wxyz * size)
    assert make_gate().judge(PoseCommand(asked, 1), state_at(HERE), 0.0, 0.0).refused is refused


def test_the_other_quaternion_of_the_same_orientation_is_no_turn() -> None:
    verdict = make_gate().judge(PoseCommand(Pose(HERE.position_m, -HERE.quat_wxyz), 1), state_at(HERE), 0.0, 0.0)
    assert verdict.reasons == () and rotation_between_rad(verdict.target.quat_wxyz, HERE.quat_wxyz) < 1e-9


def test_whole_and_single_numbers_are_taken_in_double_precision() -> None:
    asked = Pose(HERE.position_m.astype(np.float32), np.array([0, 1, 0, 0]))
    verdict = make_gate().judge(PoseCommand(asked, 1, np.float32(0.2), np.int32(0)), state_at(HERE), 0, np.float64(0.0))
    assert not verdict.refused and verdict.target.position_m.dtype == np.float64


@pytest.mark.parametrize("field", ["tcp", "q_rad"])
def test_an_unknown_state_is_said_with_its_numbers(field: str) -> None:
    lost = {"tcp": Pose(HERE.position_m, np.full(4, np.inf)), "q_rad": np.full(7, np.nan)}
    verdict = make_gate().judge(PoseCommand(HERE, 1), replace(state_at(HERE), **{field: lost[field]}), 0.0, 0.0)
    assert verdict.why.startswith("state_unknown: tool at [0.45, 0.0, 0.3] m, joints at [") and "\n" not in verdict.why


def test_a_command_that_the_last_look_refuses_does_not_use_up_its_number() -> None:
    gate = open_gate(WorkspaceBox(LOW, HIGH), (Sideways(0.9),))
    verdict = gate.judge(PoseCommand(HERE, 1), state_at(HERE), 0.0, 0.0)
    assert verdict.why == (
        "final_check: target [0.9, 0.0, 0.3] m after all limits; allowed: [0.3, -0.2, 0.1] to [0.6, 0.2, 0.5] m"
    )
    assert verdict.reasons == ("sideways", "final_check") and gate.counts["final_check"] == 1
    gate._limits = ()
    assert not gate.judge(PoseCommand(HERE, 1), state_at(HERE), 0.0, 0.0).refused


def test_a_gate_without_authority_lets_nobody_pass() -> None:
    verdict = Gate(WorkspaceBox(LOW, HIGH), ()).judge(PoseCommand(HERE, 1), state_at(HERE), 0.0, 0.0)
    assert verdict.why == "authority: no authority looks after this arm"


class Slow:
    """A slowdown that always answers the same."""

    def __init__(self, share: float, name: str = "slow") -> None:
        self._share, self.name = share, name

    def share(self, target: Pose, state: ArmState) -> float:
        return self._share


@pytest.mark.parametrize(
    ("shares", "speed", "reasons", "held"),
    [
        ((), 1.0, (), False),
        ((1.0,), 1.0, (), False),
        ((1.5,), 1.0, (), False),
        ((0.5, 0.25, 1.0), 0.25, ("a", "b"), False),
        ((0.25, 0.5), 0.25, ("a", "b"), False),
        ((5e-324,), 5e-324, ("a",), False),
        ((0.0, 0.5), 1.0, ("a", "b"), True),
        ((float("nan"), 0.5), 1.0, ("a", "b"), True),
        ((0.5, float("nan")), 1.0, ("a", "b"), True),
        ((-1.0,), 1.0, ("a",), True),
    ],
)
def test_the_smallest_share_wins_and_none_is_a_hold(shares: tuple, speed: float, reasons: tuple, held: bool) -> None:
    gate = Gate(WorkspaceBox(LOW, HIGH), (), [Slow(share, "abc"[k]) for k, share in enumerate(shares)])
    gate.permit = anyone
    state = state_at(HERE)
    asked = Pose(HERE.position_m + [0.01, 0.0, 0.0], HERE.quat_wxyz)
    verdict = gate.judge(PoseCommand(asked, 1), state, 0.0, 0.0)
    assert (verdict.speed, verdict.reasons, verdict.refused) == (speed, reasons, False)
    assert (verdict.target is state.tcp) is held and gate.counts == dict.fromkeys(reasons, 1)

"""Records to messages and back. Poses travel as they are: the gate judges what comes from outside."""

from collections.abc import Sequence

from controllers.pose import Array, Pose, frozen
from controllers.records import ArmState, PoseCommand, Verdict
from robot_rl.cell import cell_pb2 as pb
from robot_rl.operator import Answer, Finding, State, View

ROWS = ("q_rad", "dq_rad_s", "linear_m_s", "angular_rad_s", "force_n", "torque_nm")
WORDS = 200
"""Longest text, in characters, that is taken from outside."""


def tidy(text: str) -> str:
    """Text from outside, fit for one line of a log."""
    return " ".join(text.split())[:WORDS]


def encode_command(command: PoseCommand) -> pb.Command:
    return pb.Command(
        position_m=_list(command.target.position_m),
        quat_wxyz=_list(command.target.quat_wxyz),
        sequence=command.sequence,
        valid_for_s=command.valid_for_s,
        fence=command.fence,
        mode=command.mode,
    )


def decode_command(m: pb.Command) -> PoseCommand:
    """Shapes and values are as they came."""
    target = Pose(frozen(m.position_m), frozen(m.quat_wxyz))
    return PoseCommand(target, m.sequence, m.valid_for_s, m.fence, m.mode)


def encode_state(state: ArmState) -> pb.State:
    return pb.State(
        stamp_s=state.stamp_s,
        tcp_position_m=_list(state.tcp.position_m),
        tcp_quat_wxyz=_list(state.tcp.quat_wxyz),
        **{name: _list(getattr(state, name)) for name in ROWS},
    )


def decode_state(m: pb.State) -> ArmState:
    tcp = Pose(frozen(m.tcp_position_m), frozen(m.tcp_quat_wxyz))
    return ArmState(m.stamp_s, tcp=tcp, **{name: frozen(getattr(m, name)) for name in ROWS})


def encode_verdict(verdict: Verdict) -> pb.Verdict:
    return pb.Verdict(
        position_m=_list(verdict.target.position_m),
        quat_wxyz=_list(verdict.target.quat_wxyz),
        reasons=verdict.reasons,
        refused=verdict.refused,
        speed=verdict.speed,
        why=verdict.why,
    )


def decode_verdict(m: pb.Verdict) -> Verdict:
    return Verdict(Pose(frozen(m.position_m), frozen(m.quat_wxyz)), tuple(m.reasons), m.refused, m.speed, m.why)


def encode_answer(answer: Answer) -> pb.Answer:
    view = answer.view
    return pb.Answer(
        refused=answer.refused,
        view=pb.View(
            state=view.state,
            revision=view.revision,
            holder=view.holder,
            fence=view.fence,
            lease_left_s=view.lease_left_s,
            faults=view.faults,
            by=view.by,
            why=view.why,
        ),
    )


def decode_answer(m: pb.Answer) -> Answer:
    v = m.view
    return Answer(
        m.refused,
        View(State(v.state), v.revision, v.holder, v.fence, v.lease_left_s, tuple(v.faults), v.by, v.why),
    )


def encode_findings(findings: Sequence[Finding]) -> list[pb.Finding]:
    return [pb.Finding(check=f.check, passed=f.passed, stamp_s=f.stamp_s, by=f.by, detail=f.detail) for f in findings]


def decode_findings(messages: Sequence[pb.Finding]) -> list[Finding]:
    return [Finding(m.check, m.passed, m.stamp_s, tidy(m.by), tidy(m.detail)) for m in messages]


def _list(values: Array) -> list[float]:
    numbers: list[float] = values.tolist()
    return numbers

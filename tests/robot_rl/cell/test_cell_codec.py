import subprocess
import sys
from pathlib import Path

import numpy as np
from google.protobuf import descriptor_pb2
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from controllers.pose import Pose, frozen
from controllers.records import ArmState, PoseCommand, Verdict
from robot_rl.cell import cell_pb2 as pb
from robot_rl.cell import codec
from robot_rl.operator import Answer, State, View

ROOT = Path(__file__).parents[3]
SOURCE = "robot_rl/cell/cell.proto"
numbers = st.floats(allow_nan=True, allow_infinity=True)
texts = st.text(st.characters(codec="utf-8"), max_size=20)
counts = st.integers(-(2**63), 2**63 - 1)


def rows(size: int):
    return arrays(np.float64, size, elements=numbers).map(frozen)


poses = st.builds(Pose, rows(3), rows(4))
views = st.builds(
    View, st.sampled_from(State), counts, texts, counts, numbers, st.lists(texts).map(tuple), texts, texts
)


def same(a: object, b: object) -> bool:
    """Bit for bit: numbers that are none are equal to themselves."""
    return repr(a) == repr(b)


def through(message):
    return type(message).FromString(message.SerializeToString())


@given(st.builds(PoseCommand, poses, counts, numbers, counts, texts))
def test_a_command_arrives_as_it_was(command: PoseCommand) -> None:
    assert same(codec.decode_command(through(codec.encode_command(command))), command)


@given(st.builds(ArmState, numbers, rows(7), rows(7), poses, rows(3), rows(3), rows(3), rows(3)))
def test_a_state_arrives_as_it_was_and_read_only(state: ArmState) -> None:
    arrived = codec.decode_state(through(codec.encode_state(state)))
    assert same(arrived, state)
    assert not arrived.q_rad.flags.writeable and not arrived.tcp.position_m.flags.writeable


@given(st.builds(Verdict, poses, st.lists(texts).map(tuple), st.booleans(), numbers, texts))
def test_a_verdict_arrives_as_it_was(verdict: Verdict) -> None:
    assert same(codec.decode_verdict(through(codec.encode_verdict(verdict))), verdict)


@given(st.builds(Answer, texts, views))
def test_an_answer_arrives_as_it_was(answer: Answer) -> None:
    assert same(codec.decode_answer(through(codec.encode_answer(answer))), answer)


def test_the_generated_code_is_of_this_proto(tmp_path: Path) -> None:
    out = tmp_path / "out.binpb"
    command = [sys.executable, "-m", "grpc_tools.protoc", "-I.", f"--descriptor_set_out={out}", SOURCE]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60)
    (fresh,) = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file
    kept = descriptor_pb2.FileDescriptorProto()
    pb.DESCRIPTOR.CopyToProto(kept)
    for file in (fresh, kept):
        for message in file.message_type:
            for field in message.field:
                field.ClearField("json_name")
    assert kept == fresh


def test_the_generated_code_runs_on_every_protobuf_that_is_allowed() -> None:
    text = (ROOT / "robot_rl/cell/cell_pb2.py").read_text()
    assert "# Protobuf Python Version: 6.30." in text, "generate with grpcio-tools 1.72, see cell.proto"

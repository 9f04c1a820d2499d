"""Frames keep every bit on their way; what is no frame is refused by name."""

import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf import descriptor_pb2
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from controllers.pose import Pose
from controllers.records import ArmState
from robot_rl.errors import DataError
from robot_rl.link import link_pb2 as pb
from robot_rl.link.codec import AXES, decode, encode
from robot_rl.types import Frame, Source, Transition
from tests.robot_rl.link.ends import make_frame, plain

ROOT = Path(__file__).parents[3]
NAMES = st.from_regex(r"[A-Za-z0-9._-]{1,12}", fullmatch=True)
COUNTS = st.integers(0, 2**63 - 1)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


def vectors(dtype: type, size: int | None = None) -> st.SearchStrategy[Any]:
    width = np.dtype(dtype).itemsize * 8
    finite = st.floats(allow_nan=False, allow_infinity=False, width=width)  # type: ignore[call-overload]
    return arrays.arrays(dtype, size if size is not None else st.integers(0, 5), elements=finite)


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    step, a = draw(st.one_of(st.just(0), COUNTS)), draw(st.integers(0, 5))
    transition = Transition(
        draw(vectors(np.float32, a)),
        draw(vectors(np.float32, a)),
        draw(st.sampled_from(Source)),
        draw(NUMBERS),
        draw(st.booleans()),
        draw(st.booleans()),
        draw(st.booleans()),
        draw(NUMBERS),
        draw(st.booleans()),
        tuple(draw(st.lists(st.text(max_size=5), max_size=3))),
        draw(st.integers(-(2**63), 2**63 - 1)),
        draw(st.none() | NUMBERS),
    )
    n = draw(st.integers(0, 8))
    axes = {name: draw(vectors(np.float64, 3)) for name in AXES}
    pose = Pose(draw(vectors(np.float64, 3)), draw(vectors(np.float64, 4)))
    arm = ArmState(draw(NUMBERS), draw(vectors(np.float64, n)), draw(vectors(np.float64, n)), pose, **axes)
    images = draw(st.dictionaries(NAMES, arrays.arrays(np.uint8, st.tuples(*[st.integers(1, 4)] * 2, st.just(3)))))
    return Frame(
        draw(NAMES),
        draw(COUNTS),
        draw(COUNTS),
        step,
        draw(st.integers(-(2**63), 2**63 - 1)),
        draw(NUMBERS),
        draw(vectors(np.float32)),
        transition if step else None,
        images,
        draw(st.sampled_from([None, arm])),
        draw(COUNTS),
    )


@settings(max_examples=50, deadline=None)
@given(frames())
def test_a_frame_comes_back_bit_for_bit(frame: Frame) -> None:
    message = pb.Frame.FromString(encode(frame).SerializeToString())
    assert plain(decode(message, frame.actor)) == plain(frame)


BAD: dict[str, tuple[str, Any]] = {
    "stamp": ("stamp_s", math.nan),
    "state": ("state", np.array([1, np.inf], np.float32)),
    "sequence": ("sequence", -1),
    "transition": ("transition", None),
    "actor": ("actor", "eve"),
    "images": ("images", {"../etc": np.zeros((2, 2, 3), np.uint8)}),
}


@pytest.mark.parametrize("key", BAD)
def test_a_bad_field_is_refused_with_actor_and_sequence(key: str) -> None:
    name, value = BAD[key]
    bad = replace(make_frame(8), **{name: value})
    with pytest.raises(DataError, match=rf"frame {bad.sequence} of actor '{bad.actor}': .*nothing was taken"):
        decode(encode(bad), "ann")


@pytest.mark.parametrize("field", ["requested", "executed", "reward", "duration_s", "success_probability"])
def test_a_number_of_the_transition_that_is_not_finite_is_refused(field: str) -> None:
    message = encode(make_frame(8))
    if field in ("requested", "executed"):
        getattr(message.transition, field)[0] = math.nan
    else:
        setattr(message.transition, field, -math.inf)
    with pytest.raises(DataError, match=rf"frame 8 of actor 'ann': {field}(\[0\])? is .*finite"):
        decode(message, "ann")


@pytest.mark.parametrize("field", ["q_rad", "dq_rad_s", "tcp_position_m", "tcp_quat_wxyz", *AXES])
def test_a_reading_that_is_not_finite_or_of_another_size_is_refused(field: str) -> None:
    message = encode(make_frame(8))
    getattr(message.arm, field)[1] = math.nan
    with pytest.raises(DataError, match=rf"arm\.{field}\[1\] is nan, it must be finite"):
        decode(message, "ann")
    getattr(message.arm, field)[:] = [0.0] * 5
    with pytest.raises(DataError, match=r"arm\.\w+ has \d numbers, it must have \d"):
        decode(message, "ann")


def test_an_image_must_have_the_bytes_its_size_says() -> None:
    message = encode(make_frame(8, image_size=4))
    for height, width in ((4, 5), (-4, -4), (0, 4), (2**31 - 1, 2**31 - 1)):
        message.images[0].height, message.images[0].width = height, width
        with pytest.raises(DataError, match=f"image of camera wrist has 48 bytes for {height} x {width} x 3"):
            decode(message, "ann")


def test_two_images_of_one_camera_are_refused() -> None:
    message = encode(make_frame(8, image_size=4))
    message.images.append(message.images[0])
    with pytest.raises(DataError, match="two images are of one camera"):
        decode(message, "ann")


def test_an_unknown_source_is_refused_with_the_known_ones() -> None:
    message = encode(make_frame(8))
    message.transition.source = 9
    with pytest.raises(DataError, match=r"source is 9, it must be one of 0 \(POLICY\)"):
        decode(message, "ann")


def test_the_generated_code_is_of_this_proto(tmp_path: Path) -> None:
    source, out = "robot_rl/link/link.proto", tmp_path / "out.binpb"
    command = [sys.executable, "-m", "grpc_tools.protoc", "-I.", f"--descriptor_set_out={out}", source]
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
    text = (ROOT / "robot_rl/link/link_pb2.py").read_text()
    assert "# Protobuf Python Version: 6.30." in text, "generate with grpcio-tools 1.72, see link.proto"

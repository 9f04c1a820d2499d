"""Frames and labels survive the trip into ROS 2 messages and back, bit for bit."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from controllers.pose import Pose
from controllers.records import ArmState
from robot_rl.data.checks import check_frame, check_label
from robot_rl.data.messages import Route, decode_frame, decode_label, encode_frame, encode_label
from robot_rl.data.schemas import ARM_STATE, LABEL, STORE, TRANSITION, definition
from robot_rl.errors import DataError
from robot_rl.types import Frame, Label, Mark, Source, Transition
from tests.robot_rl.data.log_parts import exact, make_frame

NAMES = st.from_regex(r"[A-Za-z0-9._-]{1,8}", fullmatch=True)
DOUBLES = st.floats(allow_nan=False, allow_infinity=False)
SINGLES = st.floats(allow_nan=False, allow_infinity=False, width=32)
COUNTS = st.integers(0, 2**63 - 1)
INT64 = st.integers(-(2**63), 2**63 - 1)


def doubles(size: int) -> st.SearchStrategy:
    return arrays(np.float64, size, elements=DOUBLES)


def singles(size: int) -> st.SearchStrategy:
    return arrays(np.float32, size, elements=SINGLES)


@st.composite
def transitions(draw: st.DrawFn) -> Transition:
    size = draw(st.integers(0, 8))
    return Transition(
        requested=draw(singles(size)),
        executed=draw(singles(size)),
        source=draw(st.sampled_from(Source)),
        reward=draw(DOUBLES),
        terminated=draw(st.booleans()),
        truncated=draw(st.booleans()),
        success=draw(st.booleans()),
        duration_s=draw(DOUBLES),
        gripper_changed=draw(st.booleans()),
        reasons=tuple(draw(st.lists(st.text(), max_size=3))),
        policy_version=draw(INT64),
        success_probability=draw(st.none() | DOUBLES),
    )


@st.composite
def arms(draw: st.DrawFn) -> ArmState:
    n = draw(st.integers(0, 8))
    threes = [draw(doubles(3)) for _ in range(5)]
    return ArmState(draw(DOUBLES), draw(doubles(n)), draw(doubles(n)), Pose(threes.pop(), draw(doubles(4))), *threes)


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    step = draw(st.just(0) | COUNTS)
    shapes = st.tuples(st.integers(1, 5), st.integers(1, 5), st.just(3))
    return Frame(
        actor=draw(NAMES),
        sequence=draw(COUNTS),
        episode=draw(COUNTS),
        step=step,
        seed=draw(INT64),
        stamp_s=draw(DOUBLES),
        state=draw(singles(draw(st.integers(0, 9)))),
        transition=draw(transitions()) if step else None,
        images=draw(st.dictionaries(NAMES, arrays(np.uint8, shapes), max_size=3)),
        arm=draw(st.none() | arms()),
        demo_set=draw(COUNTS),
    )


def there_and_back(frame: Frame) -> Frame:
    messages = encode_frame(frame)
    images = {route.camera: data for route, data in messages if route.kind == "camera"}
    return decode_frame(messages[-1][1], images)


@given(frames())
@settings(max_examples=100, deadline=None)
def test_every_frame_comes_back_bit_for_bit(frame: Frame) -> None:
    check_frame(frame)
    assert exact(there_and_back(frame)) == exact(frame)


@given(st.builds(Label, NAMES, COUNTS, st.sampled_from(Mark), st.text()))
@settings(max_examples=50, deadline=None)
def test_every_label_comes_back(label: Label) -> None:
    check_label(label)
    assert decode_label(encode_label(label)[0][1]) == label


def test_an_image_that_is_a_view_of_a_larger_one_is_stored_as_seen() -> None:
    whole = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)
    frame = make_frame("a", 0)
    shown = Frame("a", 0, 0, 0, 0, 0.0, frame.state, images={"flipped": whole[::-1, 2:5]})
    np.testing.assert_array_equal(there_and_back(shown).images["flipped"], whole[::-1, 2:5])


def test_a_missing_image_is_an_error_and_never_that_of_another_frame() -> None:
    messages = encode_frame(make_frame("a", 1))
    with pytest.raises(DataError, match=r"frame 1 of actor 'a': no image of side, wrist"):
        decode_frame(messages[-1][1], {})


def test_poses_cross_the_border_with_x_first() -> None:
    frame = make_frame("a", 1)
    assert frame.arm
    pose = next(data for route, data in encode_frame(frame) if route.kind == "tcp_pose")
    q = STORE.deserialize_cdr(pose, "geometry_msgs/msg/PoseStamped").pose.orientation  # type: ignore[attr-defined]
    assert [q.w, q.x, q.y, q.z] == frame.arm.tcp.quat_wxyz.tolist()


@pytest.mark.parametrize(
    ("route", "topic"),
    [
        (Route("actor", "transition"), "/actor/transition"),
        (Route("actor", "camera", "wrist"), "/actor/camera/wrist"),
        (Route("robot-2.left", "label"), "/robot_2_left/label"),
        (Route("2nd", "wrench"), "/_2nd/wrench"),
    ],
)
def test_topics_are_names_that_ros_2_allows(route: Route, topic: str) -> None:
    assert route.topic == topic


@pytest.mark.parametrize("name", [TRANSITION, ARM_STATE, LABEL])
def test_every_field_is_explained_in_the_file_and_in_the_document(name: str) -> None:
    own = definition(name).decode().split("=" * 80)[0]
    assert all("#" in line for line in own.splitlines())
    page = (Path(__file__).parents[3] / "docs" / "data_format.md").read_text()
    for field, _ in STORE.fielddefs[name][1]:
        assert f"`{field}`" in page, field

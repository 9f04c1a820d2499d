import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from rclpy.clock import Clock
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import Image, JointState

from controllers.pose import Pose, frozen
from controllers.records import ArmState
from robot_rl.errors import HardwareError
from robot_rl.hardware import GripperState
from robot_rl.ros import convert

NUMBERS = st.floats(-1e3, 1e3)
STAMP = convert.to_stamp(Clock(), 0.0)


def vectors(size: int):
    return hnp.arrays(np.float64, size, elements=NUMBERS).map(frozen)


STATES = st.builds(
    ArmState,
    st.just(5.0),
    vectors(7),
    vectors(7),
    st.builds(Pose, vectors(3), vectors(4)),
    vectors(3),
    vectors(3),
    vectors(3),
    vectors(3),
)


@given(STATES)
def test_an_arm_s_state_comes_back_from_the_wire_to_the_last_bit(state: ArmState) -> None:
    messages = convert.arm_messages(state, [f"joint{i}" for i in range(7)], STAMP)
    back = convert.arm_state(*(deserialize_message(serialize_message(m), type(m)) for m in messages), 5.0)
    for name in ("q_rad", "dq_rad_s", "linear_m_s", "angular_rad_s", "force_n", "torque_nm"):
        assert np.array_equal(getattr(back, name), getattr(state, name))
    assert np.array_equal(back.tcp.position_m, state.tcp.position_m)
    assert np.array_equal(back.tcp.quat_wxyz, state.tcp.quat_wxyz)


def test_quaternions_end_with_their_real_part_on_the_wire() -> None:
    state = ArmState(0.0, *[np.zeros(2)] * 2, Pose.of([1, 2, 3], [0.5, 0.5, -0.5, 0.5]), *[np.zeros(3)] * 4)
    joints, pose, twist, wrench = convert.arm_messages(state, ["a", "b"], STAMP)
    o = pose.pose.orientation
    assert (o.x, o.y, o.z, o.w) == (0.5, -0.5, 0.5, 0.5)
    assert (pose.header.frame_id, twist.header.frame_id, wrench.header.frame_id) == ("base", "base", "tcp")
    assert joints.name == ["a", "b"]


@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3))))
def test_pictures_come_back_to_the_last_bit(picture: np.ndarray) -> None:
    sent = convert.image_message(picture[:, ::-1], STAMP, "front")
    back = convert.to_picture(deserialize_message(serialize_message(sent), Image))
    assert np.array_equal(back, picture[:, ::-1]) and back.flags.owndata


def test_padded_rows_and_blue_first_are_understood() -> None:
    data = bytes([1, 2, 3, 4, 5, 6, 0, 0])
    message = Image(height=1, width=2, encoding="bgr8", step=8, data=data)
    assert convert.to_picture(message).tolist() == [[[3, 2, 1], [6, 5, 4]]]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"encoding": "mono8"}, "'mono8'; allowed: rgb8, bgr8"),
        ({"data": bytes(5)}, "has 5 bytes"),
        ({"step": 2}, "2 bytes a row"),
        ({"height": 0, "data": b""}, "0 x 2 pixels"),
    ],
)
def test_a_picture_that_is_none_is_refused(more: dict, said: str) -> None:
    with pytest.raises(HardwareError, match=said):
        convert.to_picture(Image(**{"height": 1, "width": 2, "encoding": "rgb8", "step": 6, "data": bytes(6)} | more))


@given(st.floats(0.0, 100.0))
def test_a_stamp_keeps_its_age_from_clock_to_clock(age_s: float) -> None:
    clock, before_s = Clock(), time.monotonic()
    back_s = convert.to_monotonic(clock, convert.to_stamp(clock, before_s - age_s))
    assert before_s - age_s - 0.05 < back_s < before_s - age_s + 0.5


def test_a_stamp_of_a_clock_that_is_ahead_is_one_of_now() -> None:
    clock = Clock()
    ahead = convert.to_stamp(clock, time.monotonic() + 5.0)
    assert convert.to_monotonic(clock, ahead) <= time.monotonic()


def test_a_gripper_s_width_comes_back_by_name() -> None:
    message = convert.gripper_message(GripperState(0.0, 0.04, False), STAMP)
    message.name, message.position = ["other", *message.name], [1.0, *message.position]
    assert convert.gripper_width_m(message) == 0.04
    with pytest.raises(HardwareError, match=r"\['joint'\]"):
        convert.gripper_width_m(JointState(name=["joint"], position=[1.0]))

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from geometry_msgs.msg import WrenchStamped
from hypothesis import given
from hypothesis import strategies as st
from rclpy.clock import Clock
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray

from robot_rl.errors import ConfigError, HardwareError, StaleError
from robot_rl.operator import State
from robot_rl.ros import control, qos
from robot_rl.ros.control import PRESETS, Ros2ControlMotors, by_name
from robot_rl.ros.convert import to_stamp
from tests.robot_rl.drivers.person import Cell
from tests.robot_rl.ros.controller import NAMES, SHUFFLED, Controller, Other
from tests.robot_rl.ros.graph import Process, graph, spun, until

pytestmark = pytest.mark.real_time


@pytest.fixture
def node(domain: int) -> Iterator[Node]:
    with graph(domain) as context:
        node = Node("controller", context=context)
        with spun(node):
            yield node


@pytest.mark.parametrize("preset", PRESETS)
def test_an_arm_is_read_by_name_and_goes_where_it_is_told(node: Node, preset: str) -> None:
    controller = Controller(node, preset)
    motors = Ros2ControlMotors(NAMES, preset, 0.002)
    assert np.allclose(motors.read().q_rad, 0.1) and not motors.objections(0.0) and motors.lost == ""
    goal = 0.1 + 0.003 * np.arange(6)
    motors.apply(goal)
    assert until(lambda: np.allclose(motors.read().q_rad, goal)), controller.told
    if preset == "joint_trajectory_controller":
        due = controller.told[0].points[0].time_from_start
        assert (due.sec, due.nanosec) == (0, 4_000_000)
    motors.close()
    motors.close()
    assert motors.lost == ""  # it was given back


def test_what_is_not_near_the_last_reading_is_never_sent(node: Node) -> None:
    controller = Controller(node, "crisp")
    motors = Ros2ControlMotors(NAMES, "crisp", 0.002)
    motors.read()
    for goal in (np.full(6, 0.121), np.full(6, 0.079), np.full(6, np.nan), np.full(5, 0.1)):
        with pytest.raises(HardwareError, match="nothing was sent"):
            motors.apply(goal)
    motors.apply(np.full(6, 0.119))
    assert until(lambda: controller.told) and len(controller.told) == 1
    motors.close()


def test_an_inactive_controller_that_ignores_commands_is_never_led_far_from_the_arm(node: Node) -> None:
    controller = Controller(node, "forward_position_controller")
    controller.obey("inactive")
    motors = Ros2ControlMotors(NAMES, "forward_position_controller", 0.002)
    for i, lead_rad in enumerate((0.0, 0.01, 0.019), 1):
        q_rad = motors.read().q_rad
        motors.apply(q_rad + lead_rad)
        assert until(lambda sent=i: len(controller.told) == sent)
    for lead_rad in (0.021, 0.1, 0.3):
        motors.read()
        with pytest.raises(HardwareError, match="list_controllers"):
            motors.apply(q_rad + lead_rad)
    motors.apply(q_rad)
    assert until(lambda: len(controller.told) == 4)
    assert np.abs(np.array([message.data for message in controller.told]) - 0.1).max() <= control.JUMP_RAD
    motors.close()


@given(st.floats(-3, 3), st.floats(-10, 10), st.floats(0, 0.06))
def test_drives_that_lag_by_a_few_hundredths_of_a_second_are_near_their_command(
    dq_rad_s: float, ddq_rad_s2: float, lag_s: float
) -> None:
    ahead_rad = dq_rad_s * lag_s + 0.5 * ddq_rad_s2 * lag_s**2
    assert control.near(np.array([ahead_rad]), np.zeros(1), np.array([dq_rad_s]))


@given(st.floats(-3, 3), st.floats(0.0201, 10))
def test_nothing_is_near_that_is_not_in_the_direction_of_motion(dq_rad_s: float, off_rad: float) -> None:
    assert not control.near(np.array([-np.copysign(off_rad, dq_rad_s)]), np.zeros(1), np.array([dq_rad_s]))
    assert not control.near(np.array([off_rad]), np.zeros(1), np.zeros(1))


@pytest.mark.parametrize("frame", ["", "tcp"])
def test_a_wrench_in_another_frame_than_the_tool_s_is_refused(node: Node, frame: str) -> None:
    Controller(node, "crisp")
    frames = [frame]
    wrench = node.create_publisher(WrenchStamped, "wrench", qos.STATE)
    node.create_timer(0.01, lambda: wrench.publish(stamped(frames[0])))
    motors = Ros2ControlMotors(NAMES, "crisp", 0.002, wrench_topic="wrench")
    assert motors.read().wrench.tolist() == [0.0, 0.0, 2.0, 0.0, 0.0, 0.0]
    frames[0] = "tool0"
    assert until(lambda: "frame 'tool0', not 'tcp'" in _complaint(motors))
    motors.close()


def test_without_a_wrench_it_says_that_no_contact_is_felt(node: Node, caplog: pytest.LogCaptureFixture) -> None:
    Controller(node, "crisp")
    Ros2ControlMotors(NAMES, "crisp", 0.002).close()
    (line,) = (record.getMessage() for record in caplog.records if "wrench_topic" in record.getMessage())
    assert "contact" in line and "\n" not in line


def test_a_joint_that_goes_missing_and_states_that_grow_old_are_errors(node: Node) -> None:
    controller = Controller(node, "crisp")
    motors = Ros2ControlMotors(NAMES, "crisp", 0.002)
    controller.left_out = "joint4"
    assert until(lambda: _complaint(motors).endswith("needed once each: joint4"))
    controller.left_out, controller.age_s = "", 0.5
    assert until(lambda: "old; allowed: 0 to 0.1 s" in _complaint(motors))
    controller.age_s = 0.0
    assert until(lambda: _complaint(motors) == "")
    controller.timer.cancel()
    assert until(lambda: "joint_states is" in _complaint(motors))
    motors.close()


def _complaint(motors: Ros2ControlMotors) -> str:
    try:
        motors.read()
    except HardwareError as error:
        return str(error)
    return ""


def test_a_controller_that_is_not_active_or_has_another_master_gets_nothing(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "READY_S", 1.0)
    controller = Controller(node, "forward_position_controller")
    with pytest.raises(HardwareError, match="no controller listens on target_joint"):
        Ros2ControlMotors(NAMES, "crisp", 0.002)
    monkeypatch.setattr(control, "READY_S", 20.0)
    motors = Ros2ControlMotors(NAMES, "forward_position_controller", 0.002)
    motors.read()
    other = node.create_publisher(Float64MultiArray, "forward_position_controller/commands", qos.COMMAND)
    assert until(lambda: motors.objections(3.0))
    with pytest.raises(HardwareError, match="1 more publish"):
        motors.apply(np.full(6, 0.1))
    node.destroy_publisher(other)
    assert until(lambda: not motors.objections(3.0))
    node.destroy_subscription(controller.subscription)
    assert until(lambda: motors.objections(3.0))
    with pytest.raises(HardwareError, match="switch_controllers"):
        motors.apply(np.full(6, 0.1))
    assert controller.told == []
    motors.close()


def test_joint_states_and_wrenches_of_two_are_nobody_s(node: Node) -> None:
    controller = Controller(node, "crisp")
    wrench = node.create_publisher(WrenchStamped, "wrench", qos.STATE)
    timer = node.create_timer(0.01, lambda: wrench.publish(stamped("tcp")))
    motors = Ros2ControlMotors(NAMES, "crisp", 0.002, wrench_topic="wrench")
    for kind, topic in ((JointState, "joint_states"), (WrenchStamped, "wrench")):
        other = node.create_publisher(kind, topic, qos.STATE)
        assert until(lambda said=f"2 publish on {topic}": said in _complaint(motors))
        assert "2 publish" in motors.objections(3.0)[0].detail
        node.destroy_publisher(other)
        assert until(lambda: _complaint(motors) == "") and not motors.objections(3.0)
    node.destroy_timer(timer)
    assert controller.told == []
    motors.close()


GRIPPER = ("left_finger", "right_finger")


def test_joint_states_of_somebody_else_are_passed_over(node: Node) -> None:
    controller = Controller(node, "crisp")
    controller.others.append(Other(node, GRIPPER))
    motors = Ros2ControlMotors(NAMES, "crisp", 0.002)
    end_s, goal = time.monotonic() + 1.0, 0.1
    while time.monotonic() < end_s:
        q_rad = motors.read().q_rad
        goal = min(0.12, goal + 1e-4)
        motors.apply(np.full(6, goal))
        assert (np.abs(q_rad - goal) < 0.02).all()
        time.sleep(0.002)
    assert not motors.objections(3.0) and np.allclose(controller.told[-1].position, 0.12)
    controller.others.append(Other(node, ("camera_tilt",)))
    assert until(lambda: "2 publish" in _complaint(motors) or _complaint(motors) == "")
    assert until(lambda: _complaint(motors) == "")
    controller.others.clear()  # they say nothing any more, but are there: nobody has come instead
    time.sleep(0.1)
    assert _complaint(motors) == ""
    motors.close()


def test_an_arm_that_says_nothing_is_stale_whatever_others_say(node: Node) -> None:
    controller = Controller(node, "crisp")
    controller.others.append(gripper := Other(node, GRIPPER))
    motors = Ros2ControlMotors(NAMES, "crisp", 0.002)
    controller.timer.cancel()
    node.create_timer(0.005, gripper.publish)
    assert until(lambda: "joint_states is" in _complaint(motors))
    with pytest.raises(StaleError, match="old; allowed"):
        motors.read()
    motors.close()


def test_of_two_senders_one_of_which_has_some_of_the_arm_s_joints_the_missing_ones_are_named(node: Node) -> None:
    controller = Controller(node, "crisp")
    motors = Ros2ControlMotors(NAMES, "crisp", 0.002)
    assert _complaint(motors) == ""
    controller.left_out = "joint4"
    controller.others.append(Other(node, GRIPPER))
    assert until(lambda: _complaint(motors).endswith("needed once each: joint4"))
    controller.left_out = ""
    assert until(lambda: _complaint(motors) == "")
    motors.close()


@pytest.mark.parametrize("names", [NAMES, NAMES[:1], (*GRIPPER, "joint4"), ()])
def test_a_second_sender_that_may_be_the_arm_s_is_refused_also_beside_a_gripper_s(
    node: Node, names: tuple[str, ...]
) -> None:
    controller = Controller(node, "crisp")
    controller.others.append(Other(node, GRIPPER))
    motors = Ros2ControlMotors(NAMES, "crisp", 0.002)
    assert _complaint(motors) == ""
    controller.others.append(Other(node, names))
    assert until(lambda: "3 publish on joint_states" in _complaint(motors))
    assert all("3 publish" in _complaint(motors) for _ in range(100))
    assert "3 publish" in motors.objections(3.0)[0].detail
    motors.close()


def stamped(frame: str) -> WrenchStamped:
    """2 N along z."""
    message = WrenchStamped()
    message.header.stamp, message.header.frame_id = to_stamp(Clock(), time.monotonic()), frame
    message.wrench.force.z = 2.0
    return message


def test_an_arm_of_which_nothing_is_heard_gets_what_brakes_it_and_then_nothing(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller = Controller(node, "crisp")
    motors = Ros2ControlMotors(NAMES, "crisp", 0.002)
    q_rad = motors.read().q_rad
    controller.timer.cancel()
    assert until(lambda: "joint_states is" in _complaint(motors))
    motors.apply(q_rad)
    assert until(lambda: len(controller.told) == 1)
    monkeypatch.setattr(control, "BLIND_S", 0.0)
    with pytest.raises(StaleError, match="joint_states is"):
        motors.apply(q_rad)
    motors.close()
    assert len(controller.told) == 1


def test_without_joint_states_or_with_an_unknown_preset_it_does_not_open(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "READY_S", 0.3)
    with pytest.raises(HardwareError, match="no joint states on joint_states"):
        Ros2ControlMotors(NAMES, "crisp", 0.002)
    with pytest.raises(ConfigError, match="did you mean crisp"):
        Ros2ControlMotors(NAMES, "crips", 0.002)


@given(st.permutations(SHUFFLED), st.lists(st.floats(-3, 3), min_size=7, max_size=7))
def test_the_order_of_joints_means_nothing(names: list[str], values: list[float]) -> None:
    there = dict(zip(names, values, strict=True))
    message = JointState(name=names, position=values, velocity=[-value for value in values])
    q_rad, dq_rad_s = by_name(message, NAMES)
    assert q_rad.tolist() == [there[name] for name in NAMES] and np.array_equal(dq_rad_s, -q_rad)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"name": []}, "have no joint"),
        ({"name": ["a", "a"]}, "needed once each: a, b"),
        ({"velocity": []}, "2 names, 2 positions, 0 velocities"),
        ({"position": [float("nan"), 0.0]}, "not all finite"),
        ({"velocity": [float("inf"), 0.0]}, "not all finite"),
    ],
)
def test_joint_states_that_are_none_are_refused(more: dict, said: str) -> None:
    message = JointState(**({"name": ["a", "b"], "position": [0.0, 1.0], "velocity": [0.0, 0.0]} | more))
    with pytest.raises(HardwareError, match=said):
        by_name(message, ("a", "b"))


@pytest.fixture
def controller(domain: int) -> Iterator[Process]:
    process = Process("-m", "tests.robot_rl.ros.controller", "forward_position_controller")
    yield process
    assert process.end() == (0, "")  # its standard input is closed


@pytest.fixture
def cell(controller: Process, tmp_path: Path) -> Iterator[Cell]:
    settings = ("robot.driver=ros2_control", "robot.model=ur5e", "address=forward_position_controller")
    cell = Cell(f"socket={tmp_path / 'arm'}", *settings)
    yield cell
    cell.end()


@pytest.mark.parametrize("rate_hz", [500, 125, 100])
def test_the_arm_s_process_moves_an_arm_whose_controller_is_another_process(
    controller: Process, tmp_path: Path, rate_hz: int
) -> None:
    settings = ("robot.driver=ros2_control", "robot.model=ur5e", "address=forward_position_controller")
    cell = Cell(f"socket={tmp_path / 'arm'}", *settings, f"robot.control_hz={rate_hz}")
    before_m = cell.arm.read().tcp.position_m
    cell.move(0.04)
    assert np.allclose(cell.arm.read().tcp.position_m - before_m, [0.0, -0.04, 0.0], atol=4e-3)
    cell.end()


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ("leave_out joint4", "needed once each: joint4"),
        ("age 0.5", "old; allowed: 0 to 0.1 s"),
        ("nan joint2", "finite"),
        ("mute", "old; allowed: 0 to 0.1 s"),
        ("double", "2 publish on joint_states"),
        ("deaf", "no controller listens on forward_position_controller/commands"),
    ],
)
def test_what_goes_wrong_at_the_controller_stops_the_arm_and_is_said(
    cell: Cell, controller: Process, order: str, said: str
) -> None:
    cell.armed()
    controller.order(order)
    assert until(lambda: cell.authority.view().state is State.STOPPED)
    assert until(lambda: any(said in fault for fault in cell.authority.view().faults)), cell.authority.view()


def test_without_its_controller_the_arm_s_process_ends_before_anything_moves(
    controller: Process, tmp_path: Path
) -> None:
    settings = ("robot.driver=ros2_control", "robot.model=ur5e", "address=crisp", f"socket={tmp_path / 'arm'}")
    process = Process("-m", "robot_rl.cell", *settings)
    code, output = process.end(40.0)
    assert code == 1 and "no controller listens on target_joint" in output.strip().splitlines()[-1], output

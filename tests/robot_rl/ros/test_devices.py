import time
from collections.abc import Iterator

import numpy as np
import pytest
from rclpy.node import Node
from std_msgs.msg import Bool

from robot_rl.compose import load_config
from robot_rl.errors import ConfigError, HardwareError, StaleError
from robot_rl.ros import devices, qos
from robot_rl.ros.ask import Answerer
from robot_rl.ros.devices import open_devices
from robot_rl.ros.gripper_topics import GripperTopics
from robot_rl.ros.remote import RosCamera, RosGripper
from robot_rl.ros.scenes import HandScene, RosScene
from robot_rl.tasks import make_task
from tests.robot_rl.ros.fakes import FakeCamera, FakeGripper, Notes
from tests.robot_rl.ros.graph import arm_node, graph, spun, until

pytestmark = pytest.mark.real_time


@pytest.fixture
def cell(domain: int) -> Iterator[Node]:
    """A node for the devices of a cell."""
    with graph(domain) as context:
        node = Node("cell", context=context)
        with spun(node):
            yield node


@pytest.mark.parametrize("task", ["reach", "peg_insertion"])
def test_both_sides_of_a_simulated_scene_lay_out_the_same_episode(cell: Node, task: str) -> None:
    arm, notes, config = arm_node(), Notes(), load_config(["robot=ros", f"task={task}"])
    Answerer(cell, "scene", lambda _, body: notes.answer(make_task(config.task), body))
    own = make_task(config.task)
    opened = open_devices(config, own)
    assert opened.simulated and isinstance(opened.scene, RosScene)
    start = opened.scene.reset(np.random.default_rng(3))
    there = notes.places["target" if task == "reach" else "socket"]
    seen = own._target_m if task == "reach" else own._socket_m
    assert np.array_equal(there, seen) and np.isfinite(start.position_m).all()
    again = opened.scene.reset(np.random.default_rng(3))
    assert np.array_equal(again.position_m, start.position_m)
    assert opened.arm.read().q_rad.shape == (7,) and opened.port.view().holder == ""
    opened.arm.close()
    opened.close()
    opened.close()
    assert arm.stop()[0] == 0


def test_a_scene_of_another_task_is_noticed(cell: Node) -> None:
    arm, notes, config = arm_node(), Notes(), load_config(["robot=ros", "task=reach"])
    other = load_config(["task=reach", "task.params.start_range_m=0.05"])
    Answerer(cell, "scene", lambda _, body: notes.answer(make_task(other.task), body))
    opened = open_devices(config, make_task(config.task))
    with pytest.raises(HardwareError, match="give both the same task"):
        opened.scene.reset(np.random.default_rng(0))
    opened.close()
    arm.stop()


def test_a_real_cell_has_gripper_cameras_and_a_person_who_lays_out(cell: Node) -> None:
    arm, gripper = arm_node(), FakeGripper()
    GripperTopics(cell, gripper)
    FakeCamera(cell, "front")
    config = load_config(["robot=ros", "task=pick_cube", "robot.cameras=[front]"])
    opened = open_devices(config, make_task(config.task))
    assert not opened.simulated and isinstance(opened.scene, HandScene)
    start = opened.scene.reset(np.random.default_rng(0))
    assert np.allclose(start.position_m, opened.scene.task.home.position_m)
    assert opened.gripper is not None and opened.gripper.read().width_m == pytest.approx(0.08)
    assert [camera.name for camera in opened.cameras] == ["front"]
    assert opened.cameras[0].read().image.shape == (24, 32, 3)
    opened.close()
    arm.stop()


@pytest.mark.parametrize(
    ("there", "missing"),
    [
        ((), "no arm answers on arm/request"),
        (("arm",), "no gripper"),
        (("arm", "gripper"), "no picture on front/color"),
        (("arm", "gripper", "master"), "another one publishes on gripper/command"),
    ],
)
def test_what_is_missing_is_named(
    cell: Node, monkeypatch: pytest.MonkeyPatch, there: tuple[str, ...], missing: str
) -> None:
    monkeypatch.setattr(devices, "READY_S", 5.0)  # what is there must be found by then
    if "arm" in there:
        socketless = {"id": "1", "answer": {"view": {"state": "disarmed"}}}
        Answerer(cell, "arm", lambda _, body: socketless | {"id": body["id"]})
    if "gripper" in there:
        GripperTopics(cell, FakeGripper())
    if "master" in there:
        cell.create_publisher(Bool, "gripper/command", qos.COMMAND)
    config = load_config(["robot=ros", "task=pick_cube", "robot.cameras=[front]"])
    with pytest.raises(HardwareError, match=missing):
        open_devices(config, make_task(config.task))


def test_a_namespace_that_is_none_is_refused(cell: Node) -> None:
    config = load_config(["robot=ros", "robot.namespace='left arm'"])
    with pytest.raises(ConfigError, match="left arm"):
        open_devices(config, make_task(config.task))


def test_a_camera_that_has_gone_silent_is_stale_and_an_equal_stamp_is_the_same_frame(cell: Node) -> None:
    source, camera = FakeCamera(cell, "front"), RosCamera(cell, "front")
    with pytest.raises(StaleError, match="no picture on front"):
        camera.read()
    assert until(lambda: camera.ready)
    source.timer.cancel()
    assert until(lambda: _stale(camera), 3.0)
    source.publish(age_s=0.0)
    assert until(lambda: not _stale(camera))
    first = camera.read()
    message = camera._seen[2]
    camera._take(message)
    assert camera.read().sequence == first.sequence


def _stale(camera: RosCamera) -> bool:
    try:
        camera.read()
    except StaleError as error:
        return "old; allowed" in str(error)
    return False


def test_two_masters_of_a_gripper_are_refused_both(cell: Node, capfd: pytest.CaptureFixture[str]) -> None:
    gripper = FakeGripper()
    topics = GripperTopics(cell, gripper)
    one = RosGripper(cell)
    assert until(lambda: one.ready)
    one.command(True)
    assert until(lambda: gripper.commands == [True])
    two = RosGripper(cell)
    assert until(lambda: two.ready)
    for master in (one, two):
        with pytest.raises(HardwareError, match=r"2 publish on gripper/command.*5 s"):
            master.command(False)
    assert until(lambda: one.read().closing)  # what was not sent is not said to be done
    two._command.publish(Bool(data=False))
    assert until(lambda: topics.refused > 0) and gripper.commands == [True]
    assert "nobody is obeyed" in topics.health().message
    two.close()
    assert until(lambda: cell.count_publishers("gripper/command") == 1)
    one.command(False)
    assert until(lambda: gripper.commands == [True, False])
    assert capfd.readouterr().err.count("nobody is obeyed") == 1


def test_a_gripper_that_does_not_read_is_stale_for_its_user_and_says_why(cell: Node) -> None:
    gripper = FakeGripper()
    topics, user = GripperTopics(cell, gripper), RosGripper(cell)
    assert until(lambda: user.ready)
    gripper.address = "broken"
    assert until(lambda: "does not answer" in topics.health().message)
    time.sleep(devices.SCENE_S / 2)
    with pytest.raises(StaleError, match="gripper/joint_states"):
        user.read()

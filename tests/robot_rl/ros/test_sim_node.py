"""The simulated cell as a process, over real DDS."""

import contextlib
import json
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from rclpy.publisher import Publisher
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import Bool, String

from controllers.records import PoseCommand
from robot_rl.cell.client import CellClient
from robot_rl.cell.remote import RemoteArm, RemoteAuthority
from robot_rl.clock import MonotonicClock
from robot_rl.compose import load_config
from robot_rl.errors import HardwareError
from robot_rl.make import make_env
from robot_rl.operator import Pilot, State
from robot_rl.ros import qos
from robot_rl.ros.ask import Asker
from robot_rl.ros.convert import to_picture
from robot_rl.ros.port import RosCellClient
from robot_rl.ros.sim_node import SimNode
from tests.robot_rl.ros.graph import Process, graph, spun, until

pytestmark = pytest.mark.real_time
SETTINGS = {"task.name": "pick_cube", "robot.cameras": "[side]", "image_height": "60", "image_width": "80"}


@pytest.fixture(autouse=True)
def _path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))


def sim_node(**settings: str) -> Process:
    given = SETTINGS | {name.replace("__", "."): value for name, value in settings.items()}
    parts = (part for name, value in given.items() for part in ("-p", f"{name}:={value}"))
    return Process("-m", "robot_rl.ros.sim_node", "--ros-args", *parts)


def stamp_ns(message: Any) -> int:
    return int(message.header.stamp.sec * 10**9 + message.header.stamp.nanosec)


class Desk:
    """Somebody who listens and asks, beside a running node."""

    def __init__(self, node: Node) -> None:
        self.node, self.heard = node, dict[str, list[Any]]()
        self.scene = Asker(node, "scene", 5.0)
        for kind, topic, quality in (
            (Image, "side/color/image_raw", qos.LATEST),
            (CameraInfo, "side/color/camera_info", qos.LATEST),
            (PoseStamped, "objects/cube", qos.STATE),
            (PoseStamped, "current_pose", qos.STATE),
            (JointState, "joint_states", qos.STATE),
            (String, "arm/state", qos.LATCHED),
            (JointState, "gripper/joint_states", qos.STATE),
            (Bool, "gripper/closing", qos.LATCHED),
            (DiagnosticArray, "diagnostics", qos.STATE),
        ):
            self.heard[topic] = []
            node.create_subscription(kind, topic, self.heard[topic].append, quality)

    def next(self, topic: str) -> Any:
        """A message that was stamped from here on."""
        since_ns = self.node.get_clock().now().nanoseconds
        assert until(lambda: self.heard[topic] and stamp_ns(self.heard[topic][-1]) > since_ns), f"nothing on {topic}"
        return self.heard[topic][-1]

    def diagnostics(self) -> dict[str, dict[str, str]]:
        """The next ones: values by the name of the part."""
        message = self.next("diagnostics")
        return {part.name: {value.key: value.value for value in part.values} for part in message.status}

    def reset(self, seed: object) -> dict[str, Any]:
        return self.scene.ask({"reset": {"seed": seed}})


@pytest.fixture
def desk(domain: int) -> Iterator[Desk]:
    """Beside a node that is active; at the end a Ctrl-C ends it in good order."""
    process = sim_node()
    with graph(domain) as context, spun(node := Node("desk", context=context)):
        found = Desk(node)
        try:
            assert until(lambda: found.scene.answered, 30.0), process.stop()
            yield found
        finally:
            code, output = process.stop()
    assert code == 0, output


def test_pictures_come_in_rgb_with_the_lens_that_took_them(desk: Desk) -> None:
    assert desk.reset(3)["quat_wxyz"] == [0.0, 1.0, 0.0, 0.0]
    message, info = desk.next("side/color/image_raw"), desk.next("side/color/camera_info")
    picture = to_picture(message)
    assert picture.shape == (60, 80, 3) and message.encoding == "rgb8"
    assert message.header.frame_id == info.header.frame_id == "side_color_optical_frame"
    env = make_env(load_config(["task=pick_cube", "robot.cameras=[side]", "robot.image_size=60"]))
    env.scene.reset(np.random.default_rng(3))
    middle = env._cameras[0].read().image[:, 10:50].mean(axis=(0, 1))
    assert np.abs(picture[:, 20:60].mean(axis=(0, 1)) - middle).max() < 3.0, "colours in order"
    assert (info.width, info.height, info.k[2], info.k[5]) == (80, 60, 39.5, 29.5)
    assert info.k[0] == info.k[4] == pytest.approx(30 / np.tan(np.radians(21)))
    assert stamp_ns(message) <= desk.node.get_clock().now().nanoseconds


def test_the_same_seed_lays_out_the_same_scene_and_says_where_the_tool_starts(desk: Desk) -> None:
    env = make_env(load_config(["task=pick_cube"]))
    start = env.scene.reset(np.random.default_rng(5))
    cube_m = env.scene.world.data.body("cube").xpos
    answer = desk.reset(5)
    assert answer["position_m"] == start.position_m.tolist()
    cube = desk.next("objects/cube")
    p = cube.pose.position
    assert np.abs(np.array([p.x, p.y, p.z]) - cube_m).max() < 1e-3 and cube.header.frame_id == "base"


def test_a_scene_request_that_is_none_is_refused_with_what_there_is(desk: Desk) -> None:
    for body in ({}, {"reset": 5}, {"reset": {"seed": "5"}}, {"reset": {"seed": True}}, {"place": {}}):
        with pytest.raises(HardwareError, match="what there is"):
            desk.scene.ask(body)


def test_an_arm_is_driven_over_topics_and_a_reset_waits_until_it_holds(desk: Desk) -> None:
    client = RosCellClient(desk.node, 5.0)
    assert until(lambda: client.answered)
    arm, clock = RemoteArm(client, "ann"), MonotonicClock()
    pilot = Pilot(RemoteAuthority(client), clock, "ann", simulated=True)
    pilot.begin()
    pilot.enter(State.POLICY)
    before = arm.read().tcp
    verdict = arm.command(PoseCommand(before.moved(np.array([0.02, 0, 0]), np.zeros(3)), 1, 0.5, pilot.fence, "policy"))
    assert not verdict.refused
    with pytest.raises(HardwareError, match="hold it"):
        desk.reset(1)
    assert until(lambda: json.loads(desk.heard["arm/state"][-1].data)["holder"] == "ann")
    joints, pose = desk.next("joint_states"), desk.next("current_pose")
    assert len(joints.position) == 7 and pose.header.frame_id == "base"
    pilot.pause("a reset follows")
    desk.reset(1)
    arm.close()


def test_the_gripper_obeys_one_publisher_and_none_of_two(desk: Desk) -> None:
    def command(publisher: Publisher, closing: bool) -> None:
        assert until(lambda: publisher.get_subscription_count() > 0)
        publisher.publish(Bool(data=closing))

    def told() -> bool:
        return bool(desk.heard["gripper/closing"][-1].data)

    one = desk.node.create_publisher(Bool, "gripper/command", qos.COMMAND)
    assert until(lambda: desk.heard["gripper/closing"]) and not told()
    assert desk.next("gripper/joint_states").position[0] > 0.07
    command(one, True)
    assert until(told)
    assert until(lambda: desk.next("gripper/joint_states").position[0] < 0.07)
    other = desk.node.create_publisher(Bool, "gripper/command", qos.COMMAND)
    command(other, False)
    assert until(lambda: desk.diagnostics()["/sim_node: gripper"].get("refused") == "1")
    assert told()


def test_diagnostics_tell_rates_and_what_was_missed(desk: Desk) -> None:
    assert until(lambda: "/sim_node: camera side" in desk.diagnostics())
    found = desk.diagnostics()
    assert float(found["/sim_node: loop"]["rate_hz"]) > 0 and "overruns" in found["/sim_node: loop"]
    assert float(found["/sim_node: camera side"]["rate_hz"]) > 0 and "missed" in found["/sim_node: camera side"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"camera_hz": "0.0"}, "camera_hz=0.0 is out of range"),
        ({"robot__cameras": "[fornt]"}, "no camera 'fornt'"),
        ({"task__name": "pick_cub"}, "pick_cube"),
    ],
)
def test_settings_that_cannot_be_used_end_it_with_one_line(domain: int, settings: dict[str, str], said: str) -> None:
    code, output = sim_node(**settings).end(40.0)
    assert code == 2 and said in output, output


def test_an_arm_that_moves_is_braked_before_a_ctrl_c_ends_the_node(domain: int) -> None:
    process = sim_node()
    with graph(domain) as context, spun(node := Node("desk", context=context)):
        client = RosCellClient(node, 5.0)
        assert until(lambda: client.answered, 30.0), process.stop()
        pilot = Pilot(RemoteAuthority(client), MonotonicClock(), "ann", simulated=True)
        pilot.begin()
        process.tell(signal.SIGINT)
        code, output = process.end()
    assert code == 0, output


def test_it_can_be_released_and_opened_again(domain: int) -> None:
    settings = [part for name, value in SETTINGS.items() for part in ("-p", f"{name}:={value}")]
    with graph(domain, "--ros-args", *settings) as context, spun(node := SimNode(context)) as spinner:
        steps = (node.trigger_configure, node.trigger_activate, node.trigger_deactivate, node.trigger_cleanup)
        paths = set()
        for step in (*steps, *steps):
            assert spinner.do(step, 30.0) and node.trouble is None
            if node._thread:
                paths.add(node._thread.path)
        assert node.label == "unconfigured" and len(paths) == 2
        assert not any(path.exists() for path in paths)


def test_after_a_pause_nobody_is_served_and_the_arm_holds(domain: int) -> None:
    with graph(domain, "--ros-args", "-p", "task.name:=reach") as context, spun(node := SimNode(context)) as spinner:
        assert spinner.do(node.begin, 30.0) and node._thread
        client = RosCellClient(node, 5.0)
        assert until(lambda: client.answered)
        Pilot(RemoteAuthority(client), MonotonicClock(), "ann", simulated=True).begin()
        assert spinner.do(node.trigger_deactivate, 10.0)
        with contextlib.closing(CellClient(node._thread.path, 1.0)) as inside:
            view = RemoteAuthority(inside).view()
        assert (view.state, view.holder, view.by) == (State.HOLD, "", "sim node")
        assert until(lambda: not client.answered)
        assert spinner.do(node.end, 10.0)


def test_a_cell_that_answers_late_has_been_stopped_in_order(domain: int) -> None:
    with graph(domain, "--ros-args", "-p", "task.name:=reach") as context, spun(node := SimNode(context)) as spinner:
        assert spinner.do(node.begin, 30.0) and node._thread
        busy, cell = threading.Event(), node._thread.cell
        late = threading.Thread(target=cell._handover.do, args=(lambda: (busy.set(), time.sleep(0.5)),))
        late.start()
        assert busy.wait(10.0)
        assert spinner.do(node.end, 15.0) and not node.failed, node.trouble
        late.join()

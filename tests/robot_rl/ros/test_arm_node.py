import contextlib
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped, TwistStamped, WrenchStamped
from hypothesis import given
from hypothesis import strategies as st
from rclpy.clock import Clock
from rclpy.node import Node
from rclpy.time import Time
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from controllers.records import PoseCommand
from robot_rl.bringup import config_folder, parts
from robot_rl.cell import cell_pb2 as pb
from robot_rl.cell.process import load
from robot_rl.cell.remote import RemoteArm, RemoteAuthority
from robot_rl.cell.trace import read_trace
from robot_rl.clock import MonotonicClock
from robot_rl.compose import load_config
from robot_rl.errors import ConfigError, DataError, HardwareError, StaleError
from robot_rl.operator import Pilot, State
from robot_rl.ros import port, qos
from robot_rl.ros.arm_node import ArmNode, cell_settings, joint_names
from tests.robot_rl.ros.graph import ROOMY, Process, arm_node, graph, parameters, ready_client, spun, until

pytestmark = pytest.mark.real_time
TRACE = ROOMY.replace("]'", "]', 'trace={}'", 1)
"""With a file for what the loop did"""


def children(process: Process) -> list[int]:
    """Process ids of the children."""
    tasks = Path(f"/proc/{process.child.pid}/task").glob("*/children")
    return [int(word) for task in tasks for word in task.read_text().split()]


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@contextmanager
def client_node(domain: int) -> Iterator[Node]:
    with graph(domain) as context:
        node = Node("client", context=context)
        with spun(node):
            yield node


class Actor:
    """Moves the arm to and fro over ROS."""

    def __init__(self, node: Node) -> None:
        self.client = ready_client(node)
        self.clock, self.sequence = MonotonicClock(), 0
        self.arm = RemoteArm(self.client, "ann")
        self.authority = RemoteAuthority(self.client)
        self.pilot = Pilot(self.authority, self.clock, "ann", simulated=True)
        self.begin()

    def begin(self) -> None:
        self.pilot.begin()
        self.pilot.enter(State.POLICY)

    def step(self) -> None:
        """Obeyed; begun anew where a slow machine has stopped the arm."""
        for _ in range(5):
            self.sequence += 1
            self.authority.renew(self.pilot.fence)
            target = self.arm.read().tcp.moved(np.array([0.0, 0.05, 0.0]), np.zeros(3))
            verdict = self.arm.command(PoseCommand(target, self.sequence, 0.4, self.pilot.fence, "policy"))
            if not verdict.refused:
                break
            self.begin()
        assert not verdict.refused, verdict.why
        time.sleep(0.05)


def test_the_state_of_the_arm_is_on_the_topics_that_others_know(domain: int) -> None:
    arm, heard = arm_node(), {}
    with client_node(domain) as node:
        for kind, topic, quality in (
            (JointState, "joint_states", qos.STATE),
            (PoseStamped, "current_pose", qos.STATE),
            (TwistStamped, "current_twist", qos.STATE),
            (WrenchStamped, "wrench", qos.STATE),
            (String, "arm/state", qos.LATCHED),
            (DiagnosticArray, "diagnostics", qos.STATE),
        ):
            node.create_subscription(kind, topic, lambda m, t=topic: heard.setdefault(t, []).append(m), quality)
        assert until(lambda: len(heard) == 6 and len(heard["joint_states"]) > 60, 20.0)
        arm_state = RemoteArm(ready_client(node), "ann").read()
    stamps = np.array([m.header.stamp.sec + m.header.stamp.nanosec * 1e-9 for m in heard["joint_states"]])
    assert (np.diff(stamps) > 0).all()
    last = heard["joint_states"][-1]
    assert last.name == joint_names("panda") and np.allclose(last.position, arm_state.q_rad, atol=1e-3)
    assert heard["current_pose"][-1].header.frame_id == "base" and heard["wrench"][-1].header.frame_id == "tcp"
    view = json.loads(heard["arm/state"][0].data)
    assert view["state"] == "disarmed" and view["fault"] == "" and view["holder"] == ""
    names = {status.name for message in heard["diagnostics"] for status in message.status}
    assert {"/arm_node: node", "/arm_node: arm"} <= names
    assert arm.stop()[0] == 0


def test_an_arm_with_a_broadcaster_of_its_own_is_stopped_when_that_falls_silent(domain: int) -> None:
    controller = Process("-m", "tests.robot_rl.ros.controller", "forward_position_controller")
    given = ("robot.driver:=ros2_control", "robot.model:=ur5e", "address:=forward_position_controller")
    arm = Process("-m", "robot_rl.ros.arm_node", *parameters("task.name:=reach", *given))
    with client_node(domain) as node:
        authority = RemoteAuthority(ready_client(node))
        assert node.count_publishers("current_pose") == 1
        assert [node.count_publishers(topic) for topic in ("joint_states", "wrench")] == [1, 0]
        controller.order("mute")
        assert until(lambda: "joint_states is" in " ".join(authority.view().faults)), authority.view()
    assert arm.stop()[0] == 0 and controller.end() == (0, "")


@pytest.mark.parametrize(("number", "times"), [(signal.SIGINT, 2), (signal.SIGTERM, 1)])
def test_a_signal_while_it_moves_brakes_and_ends_everything(
    domain: int, tmp_path: Path, number: signal.Signals, times: int
) -> None:
    arm = arm_node(TRACE.format(tmp_path / "trace"))
    with client_node(domain) as node:
        actor = Actor(node)
        for _ in range(10):
            actor.step()
        (cell,) = children(arm)
        for _ in range(times):
            arm.tell(number)
        code, output = arm.end()
    rows = read_trace(tmp_path / "trace")
    assert code == 0 and "Traceback" not in output and not alive(cell)
    assert np.abs(rows["reference_m_s"]).max() > 0.05
    assert rows[-1]["braking"] == 1 and np.abs(rows[-1]["reference_m_s"]).max() < 1e-9


def test_a_killed_node_leaves_a_cell_that_brakes_and_ends(domain: int, tmp_path: Path) -> None:
    arm = arm_node(TRACE.format(tmp_path / "trace"))
    with client_node(domain) as node:
        actor = Actor(node)
        for _ in range(10):
            actor.step()
        (cell,) = children(arm)
        arm.tell(signal.SIGKILL)
        arm.end()
        assert until(lambda: not alive(cell))
    rows = read_trace(tmp_path / "trace")
    assert np.abs(rows["reference_m_s"]).max() > 0.05
    assert rows[-1]["braking"] == 1 and np.abs(rows[-1]["reference_m_s"]).max() < 1e-9


@pytest.mark.slow
def test_the_successor_of_a_killed_node_is_not_refused_for_what_that_leaves_in_the_graph(domain: int) -> None:
    first = arm_node()
    with client_node(domain) as other:
        ready_client(other)
        first.tell(signal.SIGKILL)
        first.end()
        assert other.count_publishers("arm/reply") == 1, "it has left a publisher behind"
        node = ArmNode(other.context)  # who shares a context sees what was seen before
        node.begin()
        try:
            assert node.label == "active", node.trouble
            assert other.count_publishers("arm/reply") == 1
        finally:
            node.end()
            node.destroy_node()


def test_a_killed_client_leaves_the_arm_holding_and_the_lease_free(domain: int) -> None:
    arm = arm_node()
    with client_node(domain) as other:
        with client_node(domain) as node:
            actor = Actor(node)
            for _ in range(5):
                actor.step()
        authority = RemoteAuthority(ready_client(other))
        assert until(lambda: (view := authority.view()).state is State.HOLD and view.holder == "")
    assert arm.stop()[0] == 0


def test_with_a_second_arm_on_its_topics_an_arm_takes_nothing_but_a_stop(domain: int) -> None:
    arm = arm_node()
    with client_node(domain) as node:
        authority = RemoteAuthority(ready_client(node))
        code, output = Process("-m", "robot_rl.ros.arm_node", *parameters(), "-r", "__node:=second").end()
        assert code == 2 and output.count("another arm answers on /arm/reply") == 1 and "Traceback" not in output
        other = node.create_publisher(String, "arm/reply", qos.REQUEST)
        for asked in (authority.view, partial(authority.take, "ann"), partial(authority.stop, "eve", "smoke")):
            with pytest.raises(HardwareError, match="2 answer on /arm/reply"):
                asked()
        node.destroy_publisher(other)
        assert until(lambda: node.count_publishers("arm/reply") == 1)
        assert until(lambda: authority.view().state is State.STOPPED) and authority.view().holder == ""
    assert arm.stop()[0] == 0


def test_a_cell_that_dies_is_an_error_and_is_not_started_anew(domain: int) -> None:
    arm = arm_node()
    with client_node(domain) as node:
        ready_client(node)
        (cell,) = children(arm)
        os.kill(cell, signal.SIGKILL)
        code, output = arm.end()
    assert code == 1 and output.count("the arm's process has ended by itself (exit code -9)") == 1
    assert "Traceback" not in output


@pytest.mark.parametrize(
    ("given", "kind", "said"),
    [
        ("robot.model:=pandda", ConfigError, "robot.model=pandda"),
        ("robot.control_hz:=50.0", ConfigError, "robot.control_hz=50"),
        ("task.name:=recah", ConfigError, "did you mean reach"),
        ("cell:=['speed=1']", ConfigError, "cannot use its settings"),
    ],
)
def test_settings_that_cannot_be_used_leave_it_unconfigured(domain: int, given: str, kind: type, said: str) -> None:
    with graph(domain, *parameters(given)) as context:
        node = ArmNode(context)
        node.begin()
        assert node.failed and node.label == "unconfigured"
        assert isinstance(node.trouble, kind) and said in str(node.trouble)
        node.destroy_node()


def test_the_cell_gets_the_settings_of_a_parameter_file_and_the_address_of_an_argument(
    domain: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, told = tmp_path / "own.yaml", list[str]()
    own.write_text('/**:\n  ros__parameters:\n    cell: ["wrench_topic=ft/wrench", "joints=[a,b,c,d,e,f]"]\n')
    part = parts("robot", {"robot": "ros2_control", "model": "ur5e", "parameters": str(own)})[0]

    def spawn(arguments: list[str]) -> None:
        told.extend(arguments)
        raise HardwareError("no arm here")

    monkeypatch.setattr("robot_rl.ros.arm_node.spawn", spawn)
    with graph(domain, *part.words(config_folder())) as context:
        node = ArmNode(context)
        node.begin()
        node.destroy_node()
    cell = load(told)
    assert (cell.robot.driver, cell.address) == ("ros2_control", "forward_position_controller")
    assert (cell.wrench_topic, cell.joints) == ("ft/wrench", list("abcdef"))


def test_it_can_be_deactivated_and_cleaned_up_and_begin_anew(domain: int) -> None:
    with graph(domain, *parameters("task.name:=reach", ROOMY)) as context:
        node = ArmNode(context)
        node.begin()
        first = node._child
        node.trigger_deactivate()
        assert node.label == "inactive" and first.poll() is None
        node.trigger_activate()
        node.trigger_deactivate()
        node.trigger_cleanup()
        assert first.poll() == 0 and node.label == "unconfigured"
        node.begin()
        assert node.label == "active" and node._child.poll() is None
        second = node._child
        node.end()
        assert second.poll() == 0 and node.trouble is None
        node.destroy_node()


def test_a_cell_that_answers_late_has_been_stopped_in_order(domain: int) -> None:
    with graph(domain, *parameters("task.name:=reach", ROOMY)) as context:
        node = ArmNode(context)
        node.begin()
        cell = node._child.pid
        os.kill(cell, signal.SIGSTOP)
        threading.Timer(0.5, os.kill, (cell, signal.SIGCONT)).start()
        node.end()
        assert not node.failed, node.trouble
        node.destroy_node()


@pytest.mark.parametrize("task", ["reach", "pick_cube", "peg_insertion"])
def test_the_cell_is_told_what_the_node_was_told(task: str) -> None:
    config = load_config([f"task={task}", "robot=ur5e", "safety.clip_m=0.012"])
    told = load(["socket=s", *cell_settings(config)])
    assert (told.robot, told.safety, told.task) == (config.robot, config.safety, config.task)
    assert told.low_m[2] < told.high_m[2] and told.step_m > 0


class Slow:
    """A clock that is half a second behind."""

    def now(self) -> Time:
        return Time(nanoseconds=Clock().now().nanoseconds - 500_000_000)


def test_what_has_waited_is_not_obeyed_but_a_stop_always_is(domain: int, monkeypatch: pytest.MonkeyPatch) -> None:
    arm = arm_node()
    with client_node(domain) as node:
        actor = Actor(node)
        actor.step()
        authority, target = actor.authority, actor.arm.read().tcp
        with monkeypatch.context() as patch:
            patch.setattr(port, "SYSTEM", Slow())
            assert "renew was sent 0.5" in authority.renew(actor.pilot.fence).refused
            command = PoseCommand(target, actor.sequence + 1, 0.4, actor.pilot.fence, "policy")
            verdict = actor.arm.command(command)
            assert verdict.refused and verdict.reasons == ("validity",)
            assert authority.stop("eve", "smoke").view.state is State.STOPPED
        with pytest.raises(HardwareError, match="none of the arm's"):
            actor.client._asker.ask({"nonsense": 1})
    assert arm.stop()[0] == 0


def test_a_clock_that_is_ahead_is_noticed_with_the_first_command() -> None:
    handle = port.CellPort._late
    request = pb.Request(command=pb.Command(valid_for_s=0.2))
    own = SimpleNamespace(counts={"late": 0})
    assert handle(own, request, port.SYSTEM.now().nanoseconds) == "" and 0.1 < request.command.valid_for_s <= 0.2
    with pytest.raises(StaleError, match="synchronise the clocks"):
        handle(own, request, port.SYSTEM.now().nanoseconds + 10**9)
    for unknown in (None, "x", 1.5, 10**400, -(10**400), 2**63):
        assert handle(own, pb.Request(take=pb.Lease(client="ann")), unknown).startswith("stale: take")
    assert own.counts == {"late": 7}


NUMBERS = st.sampled_from((10**400, -(10**400), 2**63, 2**64, -1, 1.5, 1e308)) | st.floats() | st.integers()
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "id": NUMBERS,
        "command": st.fixed_dictionaries(
            {}, optional={"positionM": st.lists(NUMBERS), "sequence": NUMBERS, "validForS": NUMBERS, "mode": st.text()}
        ),
        "stop": st.dictionaries(st.sampled_from(("by", "why", "x")), st.text() | NUMBERS),
    },
)


@given(BODIES)
def test_whatever_a_message_holds_it_is_a_request_or_a_data_error(body: dict) -> None:
    with contextlib.suppress(DataError):
        assert isinstance(port._parsed(json.loads(json.dumps(body)), pb.Request()), pb.Request)


def test_numbers_that_are_none_leave_the_node_in_order(domain: int) -> None:
    arm = arm_node()
    with client_node(domain) as node:
        asker = ready_client(node)._asker
        for body in ({"view": {}, "sent_ns": 10**400}, {"view": {}, "sent_ns": -(10**400)}):
            assert asker.ask(body)["answer"]["view"]["state"] == "disarmed"
        for body in ({"take": {"client": "x"}, "sent_ns": 10**400}, {"command": {}, "sent_ns": 10**400}):
            asker.ask(body)
        with pytest.raises(HardwareError, match="none of the arm's"):
            asker.ask({"command": {"validForS": 10**400}})
    assert arm.stop()[0] == 0

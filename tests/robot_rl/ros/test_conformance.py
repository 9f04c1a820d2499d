"""The conformance suites of tests/contracts over real DDS, from another process than the device's."""

from collections.abc import Iterator

import pytest
from rclpy.node import Node

from robot_rl.cell.remote import RemoteArm, RemoteAuthority
from robot_rl.clock import Clock, MonotonicClock
from robot_rl.hardware import Arm
from robot_rl.operator import Pilot
from robot_rl.ros.gripper_topics import GripperTopics
from robot_rl.ros.remote import RosCamera, RosGripper
from tests.contracts.arm import ArmContract
from tests.contracts.camera import CameraContract
from tests.contracts.gripper import GripperContract
from tests.robot_rl.ros.fakes import FakeCamera, FakeGripper
from tests.robot_rl.ros.graph import arm_node, graph, ready_client, spun, until

pytestmark = pytest.mark.real_time


@pytest.fixture(scope="class")
def node(class_domain: int) -> Iterator[Node]:
    """A node beside that of an arm."""
    child = arm_node()
    with graph(class_domain) as context:
        node = Node("client", context=context)
        with spun(node):
            yield node
    code, output = child.stop()
    assert code == 0, output


class TestArmNode(ArmContract):
    """The simulated arm behind `arm_node`, with one client for each test."""

    @pytest.fixture(autouse=True)
    def _open(self, node: Node) -> Iterator[None]:
        self.here = node
        self.arm, self.clock, self.pilot = self.open()
        self.start()
        yield
        self.arm.close()

    def open(self) -> tuple[Arm, Clock, Pilot]:
        client, clock = ready_client(self.here), MonotonicClock()
        return RemoteArm(client, "ann"), clock, Pilot(RemoteAuthority(client), clock, "ann", simulated=True)


@pytest.fixture
def nodes(domain: int) -> Iterator[tuple[Node, Node]]:
    """That of a device and that of its user."""
    with graph(domain) as context:
        device, user = Node("device", context=context), Node("user", context=context)
        with spun(device), spun(user):
            yield device, user


class TestGripperTopics(GripperContract):
    @pytest.fixture(autouse=True)
    def _open(self, nodes: tuple[Node, Node]) -> Iterator[None]:
        GripperTopics(nodes[0], FakeGripper())
        self.gripper, self.clock = RosGripper(nodes[1]), MonotonicClock()
        assert until(lambda: self.gripper.ready)
        yield
        self.gripper.close()


class TestCameraTopic(CameraContract):
    @pytest.fixture(autouse=True)
    def _open(self, nodes: tuple[Node, Node]) -> Iterator[None]:
        FakeCamera(nodes[0], "front")
        self.camera, self.clock = RosCamera(nodes[1], "front"), MonotonicClock()
        assert until(lambda: self.camera.ready)
        yield
        self.camera.close()

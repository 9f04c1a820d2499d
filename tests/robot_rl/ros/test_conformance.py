"""The conformance suites of tests/contracts over real DDS, from another process than the device's."""

from collections.abc import Iterator

import pytest
from rclpy.node import Node

from robot_rl.cell.remote import RemoteArm, RemoteAuthority
from robot_rl.clock import Clock, MonotonicClock
from robot_rl.hardware import Arm
from robot_rl.operator import Pilot
from tests.contracts.arm import ArmContract
from tests.robot_rl.ros.graph import arm_node, graph, ready_client, spun


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

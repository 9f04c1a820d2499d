import sys

import pytest
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node

from robot_rl.errors import ConfigError
from robot_rl.ros import qos
from robot_rl.ros.gripper_node import DRIVERS, GripperNode, open_gripper
from robot_rl.ros.node import OK
from robot_rl.ros.remote import RosGripper
from tests.robot_rl.ros.fakes import FakeGripper
from tests.robot_rl.ros.graph import Process, graph, parameters, spun, until

FAKE = "tests.robot_rl.ros.fakes:FakeGripper"


def test_a_gripper_in_another_process_closes_and_opens(domain: int) -> None:
    process = Process("-m", "robot_rl.ros.gripper_node", *parameters(f"driver:='{FAKE}'", "address:=here"))
    with graph(domain) as context:
        node = Node("user", context=context)
        heard = []
        node.create_subscription(DiagnosticArray, "diagnostics", lambda m: heard.extend(m.status), qos.STATE)
        gripper = RosGripper(node)
        with spun(node):
            assert until(lambda: gripper.ready, 20.0)
            gripper.command(True)
            assert until(lambda: gripper.read().width_m < 0.01 and gripper.read().closing)
            gripper.command(False)
            assert until(lambda: gripper.read().width_m > 0.07 and not gripper.read().closing)
            assert until(lambda: any(s.name == "/gripper_node: gripper" and s.level == OK for s in heard))
    assert process.stop()[0] == 0


def test_the_device_is_kept_through_a_pause_and_given_back_at_the_end(domain: int) -> None:
    with graph(domain, *parameters(f"driver:='{FAKE}'", "address:=here")) as context:
        node = GripperNode(context)
        node.begin()
        gripper = node._gripper
        assert type(gripper).__name__ == "FakeGripper" and gripper.address == "here"
        node.trigger_deactivate()
        assert not gripper.closed and gripper.commands == []
        node.trigger_activate()
        assert node.label == "active"
        node.end()
        assert gripper.closed
        node.destroy_node()


@pytest.mark.parametrize(
    ("driver", "said"),
    [
        ("", "driver='' is not known"),
        ("frnka", "did you mean franka"),
        ("no.such.module:Gripper", "cannot be imported"),
        ("robot_rl.hardware:Gripperr", "cannot be imported"),
    ],
)
def test_a_driver_that_is_not_there_is_said_in_one_line(driver: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        open_gripper(driver, "")
    assert "\n" not in str(caught.value)


def test_a_driver_by_name_is_made_with_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    for driver, path in DRIVERS.items():
        module, _, name = path.partition(":")
        monkeypatch.setitem(sys.modules, module, type("Module", (), {name: FakeGripper}))
        gripper = open_gripper(driver, "172.16.0.2")
        assert isinstance(gripper, FakeGripper) and gripper.address == "172.16.0.2"

"""Two nodes of one name: ROS only warns, and then nobody knows which of them spoke."""

import time

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from robot_rl.errors import ConfigError
from robot_rl.ros import qos

DISCOVERY_S = 1.0
"""How long another node may take to be seen."""
ALIVE_S = 2.0
"""A node says twice in this time how it is. One that was killed stays in the graph for a while and says nothing."""
LEAVE_S = 7.0
"""For how long: the lease in launch/config/fastdds.xml (5 s; without a profile it is 20 s), and a margin. Until it has
left its publishers count too."""
LOOK_S = 0.02


def namesakes(node: Node) -> int:
    """How many other nodes of this name the graph shows, dead ones among them."""
    names = node.get_node_names_and_namespaces()
    return names.count((node.get_name(), node.get_namespace())) - 1


def refuse_namesake(node: Node) -> None:
    """Return when no other living node has this one's name: one that was killed is given the time to leave the graph.

    Raises ConfigError when there is one. Call it before anything is opened or spun.
    """
    deadline_s = time.monotonic() + DISCOVERY_S
    while namesakes(node) < 1:
        if time.monotonic() >= deadline_s:
            return
        time.sleep(LOOK_S)
    name, deadline_s = node.get_fully_qualified_name(), time.monotonic() + LEAVE_S
    if _speaks(node):
        raise ConfigError(f"another node is called {name}; stop it, or give this one another name (__node:=NAME)")
    if namesakes(node) > 0:
        node.get_logger().info(f"waiting until another {name}, which says nothing, has left: {LEAVE_S:g} s at most")
    while namesakes(node) > 0 and time.monotonic() < deadline_s:
        time.sleep(LOOK_S)


def _speaks(node: Node) -> bool:
    """Whether diagnostics come under this node's name, which itself does not speak yet."""
    heard: list[str] = []
    reading = node.create_subscription(
        DiagnosticArray, "diagnostics", lambda m: heard.extend(status.name for status in m.status), qos.STATE
    )
    executor = SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    deadline_s = time.monotonic() + ALIVE_S
    prefix = f"{node.get_fully_qualified_name()}:"
    while namesakes(node) > 0 and time.monotonic() < deadline_s:
        if any(name.startswith(prefix) for name in heard):
            break
        executor.spin_once(timeout_sec=0.1)
    executor.remove_node(node)
    executor.shutdown()
    node.destroy_subscription(reading)
    return any(name.startswith(prefix) for name in heard)

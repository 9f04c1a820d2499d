"""This process's place in the ROS graph, for programs that are no nodes: one node, spun in the background."""

import os
import secrets
import time
from collections.abc import Callable

import rclpy
from rclpy.context import Context
from rclpy.exceptions import InvalidNamespaceException
from rclpy.node import Node

from robot_rl.errors import ConfigError, HardwareError
from robot_rl.ros.run import Spinner

LOOK_S = 0.02


class Session:
    """A context and a node of its own, whatever else the process does with ROS; signals are left alone."""

    def __init__(self, name: str, namespace: str = "") -> None:
        """The node's name ends in something random: many may run at once. Raises ConfigError for no namespace."""
        self._context = Context()
        rclpy.init(args=[], context=self._context)
        try:
            own = f"{name}_{secrets.token_hex(4)}"
            self.node = Node(own, context=self._context, namespace=namespace, use_global_arguments=False)
        except InvalidNamespaceException as error:
            rclpy.try_shutdown(context=self._context)
            raise ConfigError(f"namespace {namespace!r}: {' '.join(str(error).split())}") from error
        self._spinner = Spinner(self.node)

    def wait_for(self, what: str, true: Callable[[], object], bound_s: float) -> None:
        """Return once it is so. Raises HardwareError, which says what is missing, when it is not within the bound."""
        deadline_s = time.monotonic() + bound_s
        while not true():
            if time.monotonic() > deadline_s:
                domain = os.environ.get("ROS_DOMAIN_ID", "0")
                raise HardwareError(
                    f"{what} within {bound_s:g} s, in ROS domain {domain}, namespace {self.node.get_namespace()}; "
                    "start the node, or look with `ros2 node list`"
                )
            if self._spinner.error:
                raise HardwareError(f"messages are not taken any more: {self._spinner.error}")
            time.sleep(LOOK_S)

    @property
    def alive(self) -> bool:
        """Messages are taken."""
        return self._context.ok() and self._spinner.error is None

    def close(self) -> None:
        """Leave the graph; allowed twice."""
        if self._context.ok():
            self._spinner.close()
            self.node.destroy_node()
            rclpy.try_shutdown(context=self._context)

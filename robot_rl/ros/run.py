"""A node from start to exit: an executor in the background, signals in the foreground, an exit code at the end."""

import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Collection

import rclpy
from rclpy.exceptions import NameValidationException
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.logging import LoggingSeverity, get_logger_level, set_logger_level
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rclpy.utilities import remove_ros_args

from robot_rl.errors import ConfigError, RobotRLError
from robot_rl.processes import tie_to_parent
from robot_rl.ros import STOPS
from robot_rl.ros.node import DeviceNode
from robot_rl.ros.text import Watched, one_line

LOOK_S = 0.1
"""Between two looks at signals, parent and node."""
END_S = 15.0
"""Longest wait for a node that pauses and releases its device."""
WHERE = re.compile(r", at \S+:\d+")
"""Places in the source of rcl, in its messages"""
RCL = "rcl"
"""Its logger"""


class Spinner:
    """A single-threaded executor in a thread of its own. Callbacks store what came and return: work is done elsewhere.

    (rclpy's multi-threaded executor is the slower one in Python, and its events executor deadlocks.)
    What a callback raises is logged in one line; unless it was raised on purpose it ends the spinning: see `error`.
    """

    def __init__(self, node: Node) -> None:
        self.error: Exception | None = None
        self.node, self._ended = node, False
        self._executor = SingleThreadedExecutor(context=node.context)
        self._executor.add_node(node)
        self._thread = threading.Thread(target=self._spin, name=f"spin {node.get_name()}", daemon=True)
        self._thread.start()

    def do(self, act: Callable[[], None], timeout_s: float) -> bool:
        """Do it on the executor's thread; whether that was over in time."""
        done = threading.Event()

        def task() -> None:
            try:
                act()
            finally:
                done.set()

        self._executor.create_task(task)
        return done.wait(timeout_s)

    def close(self) -> None:
        """Stop spinning; allowed twice. The node is still the caller's."""
        self._ended = True
        self._executor.shutdown(timeout_sec=1.0)
        if self._thread is not threading.current_thread():
            self._thread.join(timeout=1.0)

    def _spin(self) -> None:
        while not (self._ended or self.error):
            with Watched(self._tell):
                self._executor.spin_once()

    def _tell(self, error: Exception) -> None:
        if isinstance(error, ExternalShutdownException):
            self._ended = True
            return
        self.node.get_logger().error(one_line(error))
        if not isinstance(error, RobotRLError):
            self.error = error


def run(make: Callable[[], DeviceNode]) -> int:
    """Spin the node until a signal, the end of the parent process, or its own failure; then pause and release.

    The first SIGINT or SIGTERM starts that, later ones wait with it. Exit code: 0 when told to end, 1 after a failure,
    2 for settings that cannot be used.
    """
    told, parent = _signals(), os.getppid()
    tie_to_parent()
    try:
        _init()
        node = _made(make)
        try:
            return _keep(node, told, parent)
        finally:
            node.destroy_node()
    except RobotRLError as error:
        sys.stderr.write(f"error: {one_line(error)}\n")
        return 2 if isinstance(error, ConfigError) else 1
    finally:
        rclpy.try_shutdown()


def _keep(node: DeviceNode, told: Collection[int], parent: int) -> int:
    spinner = Spinner(node)
    if not told:
        spinner.do(node.begin, 0.0)
    while not (told or node.over.wait(LOOK_S) or spinner.error):
        if os.getppid() != parent:  # `ros2 launch` that is told to terminate leaves its nodes behind
            node.get_logger().warning("the process that started this node is gone: ending")
            break
    return _end(node, spinner)


def _end(node: DeviceNode, spinner: Spinner) -> int:
    if spinner.error:
        node.end()
    elif not spinner.do(node.end, END_S):
        node.get_logger().fatal(f"pause and release were not over within {END_S} s; see to the device")
        return 1
    spinner.close()
    if not (node.failed or spinner.error):
        return 0
    return 2 if isinstance(node.trouble, ConfigError) else 1


def _signals() -> Collection[int]:
    """SIGINT and SIGTERM that have come. rclpy's own handlers would end the context, and no last word could be said.

    Not an Event: a handler runs between any two steps of the main thread, also while that holds the Event's lock.
    """
    told: list[int] = []
    for number in STOPS:
        signal.signal(number, lambda number, _: told.append(number))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)  # `robot-rl up` starts its nodes with both held back
    return told


def _init() -> None:
    """Raises ConfigError for a command line that ROS cannot read, and for anything on it that is not for ROS."""
    set_logger_level(RCL, LoggingSeverity.FATAL)  # it logs what its error says as well
    try:
        rclpy.init(args=sys.argv, signal_handler_options=SignalHandlerOptions.NO)
        others = remove_ros_args(sys.argv)[1:]
    except RuntimeError as error:  # RCLError and UnknownROSArgsError, which have no other public base
        raise ConfigError(f"ROS cannot read its arguments: {WHERE.sub('', str(error))}") from error
    finally:
        if get_logger_level(RCL) == LoggingSeverity.FATAL:  # unless a --log-level says another
            set_logger_level(RCL, LoggingSeverity.UNSET)
    if others:
        raise ConfigError(f"{others[0]!r} is not an argument; write --ros-args -p NAME:=VALUE")


def _made(make: Callable[[], DeviceNode]) -> DeviceNode:
    """Raises ConfigError for a name or namespace that ROS does not take."""
    try:
        return make()
    except NameValidationException as error:
        said = " ".join(str(error).rstrip(" ^").split())
        raise ConfigError(f"{said}; give it another name (__node:=NAME) or namespace (__ns:=/NAME)") from error

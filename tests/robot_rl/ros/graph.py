"""Nodes for tests: in this process in a context of their own, or as processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import rclpy
from rclpy.context import Context
from rclpy.node import Node

from robot_rl.ros.port import RosCellClient
from robot_rl.ros.run import Spinner


def until(true: Callable[[], object], bound_s: float = 30.0) -> bool:
    """Whether it became true within the bound."""
    deadline_s = time.monotonic() + bound_s
    while not true():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.01)
    return True


@contextmanager
def graph(domain: int, *arguments: str) -> Iterator[Context]:
    """A context with command line arguments of its own."""
    context = Context()
    rclpy.init(args=["test", *arguments], context=context, domain_id=domain)
    try:
        yield context
    finally:
        rclpy.try_shutdown(context=context)


@contextmanager
def spun(node: Node) -> Iterator[Spinner]:
    """A node that is spun in the background."""
    spinner = Spinner(node)
    try:
        yield spinner
    finally:
        spinner.close()
        node.destroy_node()


class Process:
    """`python ARGUMENTS` in a session of its own; its output is read when it has ended."""

    def __init__(self, *arguments: str, **more: str) -> None:
        self.child = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | more,
            start_new_session=True,
        )

    def tell(self, number: signal.Signals) -> None:
        self.child.send_signal(number)

    def order(self, line: str) -> None:
        """A line on its standard input."""
        self.child.stdin.write(line + "\n")
        self.child.stdin.flush()

    def end(self, bound_s: float = 40.0) -> tuple[int, str]:
        """Exit code and output; killed when it does not end by itself."""
        try:
            output, _ = self.child.communicate(timeout=bound_s)
        except subprocess.TimeoutExpired:
            self.child.kill()
            output, _ = self.child.communicate()
            return -999, output
        return self.child.returncode, output

    def stop(self) -> tuple[int, str]:
        """End it in good order."""
        if self.child.poll() is None:
            self.tell(signal.SIGINT)
        return self.end()


def parameters(*given: str) -> tuple[str, ...]:
    """A command line for `NAME:=VALUE`."""
    return ("--ros-args", *(part for parameter in given for part in ("-p", parameter)))


ROOMY = "cell:=['low_m=[0.15,-0.45,0.02]', 'high_m=[0.75,0.45,0.75]']"
"""A workspace with the arm's first pose inside"""


def arm_node(*given: str) -> Process:
    """A simulated arm for the task `reach`."""
    return Process("-m", "robot_rl.ros.arm_node", *parameters("task.name:=reach", ROOMY, *given))


def ready_client(node: Node, timeout_s: float = 5.0) -> RosCellClient:
    """A client of an arm node that answers."""
    client = RosCellClient(node, timeout_s)
    assert until(lambda: client.answered, 60.0), "no arm node answers"
    return client

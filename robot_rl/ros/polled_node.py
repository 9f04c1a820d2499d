"""A node whose device is asked over and over, by a thread of its own."""

import threading
from collections.abc import Mapping
from typing import Any, Generic, Protocol, TypeVar

from rclpy.context import Context
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile

from robot_rl.ros.node import DeviceNode
from robot_rl.ros.text import Watched


class Closable(Protocol):
    """A device that can be given back."""

    def close(self) -> None: ...


D = TypeVar("D", bound=Closable)


class PolledNode(DeviceNode, Generic[D]):
    """Between `start` and `pause` a thread repeats `poll`; what that raises ends the node.

    A subclass opens `device` and offers its topics in `open`, and implements `poll` and `health`.
    """

    def __init__(self, name: str, parameters: Mapping[str, object], context: Context | None = None) -> None:
        """Raises as `DeviceNode`."""
        super().__init__(name, parameters, context)
        self.device: D | None = None
        self.paused = threading.Event()
        """Whoever waits in `poll` waits for this"""
        self._thread = threading.Thread()
        self._offered: list[Publisher] = []

    def poll(self) -> None:
        """One turn of the thread."""

    def offer(self, kind: type[Any], topic: str, profile: QoSProfile) -> Publisher:
        """A topic that is there until the release."""
        self._offered.append(self.create_publisher(kind, topic, profile))
        return self._offered[-1]

    def close_device(self) -> None:
        """Give it back; allowed twice."""
        device, self.device = self.device, None
        if device is not None:
            device.close()

    def start(self) -> None:
        self.paused.clear()
        self._thread = threading.Thread(target=self._run, name=f"poll for {self.get_name()}", daemon=True)
        self._thread.start()

    def pause(self) -> None:
        self.paused.set()
        if self._thread.is_alive():
            self._thread.join()

    def release(self) -> None:
        self.close_device()
        while self._offered:
            self.destroy_publisher(self._offered.pop())

    def _run(self) -> None:
        with Watched(self.fail):
            while not self.paused.is_set():
                self.poll()

"""A reader of topics for tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.node import Node

from robot_rl.ros import qos
from tests.robot_rl.ros.graph import graph, spun


class Listener(Node):
    """Keeps every message of the topics it is told to hear."""

    def __init__(self, context: Any) -> None:
        super().__init__("listener", context=context)
        self.heard: dict[str, list[Any]] = {}
        self.create_subscription(DiagnosticArray, "diagnostics", self._keep("diagnostics"), qos.STATE)

    def hear(self, kind: type, topic: str, quality: Any = qos.STATE) -> list[Any]:
        """All messages of `topic` from here on, in a list that grows."""
        self.create_subscription(kind, topic, self._keep(topic), quality)
        return self.heard[topic]

    def health_of(self, device: str) -> DiagnosticStatus | None:
        """The newest diagnostics whose name ends so."""
        for message in reversed(self.heard["diagnostics"]):
            for status in message.status:
                if status.name.endswith(f": {device}"):
                    return status
        return None

    def number(self, device: str, key: str) -> float:
        """A number of the newest diagnostics; -1 before there is one."""
        status = self.health_of(device)
        return -1.0 if status is None else float({pair.key: pair.value for pair in status.values}[key])

    def _keep(self, topic: str) -> Any:
        return self.heard.setdefault(topic, []).append


@contextmanager
def listener(domain: int) -> Iterator[Listener]:
    """One that listens in `domain` while the block lasts."""
    with graph(domain) as context:
        node = Listener(context)
        with spun(node):
            yield node

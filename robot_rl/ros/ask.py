"""Questions and answers over topics: JSON in `std_msgs/String` on `NAME/request` and `NAME/reply`.

A topic, unlike a service, can be looked at from outside, needs no message type of its own, and a client that has gone
leaves nothing behind. Request: `{"client", "id", "body"}`; reply: `{"client", "id", "body"}` or, instead of a body,
`"error"` and whether it was a StaleError (`"stale"`).
"""

import json
import secrets
import threading
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

from rclpy.node import Node
from std_msgs.msg import String

from robot_rl.errors import HardwareError, RobotRLError, StaleError
from robot_rl.ros import qos
from robot_rl.ros.text import one_line

Body = dict[str, Any]
TIMEOUT_S = 0.5
KILLED = "one that was killed still counts for 5 s"
"""The lease in launch/config/fastdds.xml, for who finds one publisher too many"""


class Asker:
    """Asks and waits for the answer to just that. For any thread but the one that spins `node`."""

    def __init__(self, node: Node, name: str, timeout_s: float = TIMEOUT_S) -> None:
        self.client = f"{node.get_name()}-{secrets.token_hex(4)}"
        self._timeout_s, self._numbers, self._lock = timeout_s, count(1), threading.Lock()
        self._waiting: dict[int, threading.Event] = {}
        self._replies: dict[int, Body] = {}
        self._node = node
        self._request = node.create_publisher(String, f"{name}/request", qos.REQUEST)
        self._reply = node.create_subscription(String, f"{name}/reply", self._take, qos.REQUEST)

    @property
    def topic(self) -> str:
        """Full name of the requests' topic."""
        return str(self._request.topic_name)

    @property
    def answered(self) -> bool:
        """Somebody listens to requests, and somebody speaks on the topic of replies."""
        return self._request.get_subscription_count() > 0 and self._node.count_publishers(self._reply.topic_name) > 0

    @property
    def crowd(self) -> str:
        """Why no answer can be believed; empty while one answers at most."""
        return _crowd(self._node, self._reply.topic_name)

    def ask(self, body: Body, timeout_s: float | None = None) -> Body:
        """The body of the reply.

        Raises StaleError when none came in time, or the other side got none (whether it was obeyed is not known),
        HardwareError when nobody answers, when two do, or the answer is another error.
        """
        if crowd := self.crowd:
            raise HardwareError(crowd)
        if not self.answered:
            raise HardwareError(
                f"nobody answers on {self.topic}; start the node that does, in this namespace and domain"
            )
        wait_s = self._timeout_s if timeout_s is None else timeout_s
        number, came = next(self._numbers), threading.Event()
        with self._lock:
            self._waiting[number] = came
        self._send(number, body)
        came.wait(wait_s)
        with self._lock:
            del self._waiting[number]
            reply = self._replies.pop(number, None)
        if reply is None:
            raise StaleError(f"no answer on {self.topic} within {wait_s} s; see how the node is, then ask again")
        if "error" in reply:
            raise (StaleError if reply.get("stale") else HardwareError)(str(reply["error"]))
        answer = reply.get("body")
        return answer if isinstance(answer, dict) else {}

    def tell(self, body: Body) -> None:
        """Say something that needs no answer."""
        self._send(next(self._numbers), body)

    def close(self) -> None:
        """Leave the topics; allowed twice."""
        self._node.destroy_publisher(self._request)
        self._node.destroy_subscription(self._reply)

    def _send(self, number: int, body: Body) -> None:
        self._request.publish(String(data=json.dumps({"client": self.client, "id": number, "body": body})))

    def _take(self, message: String) -> None:
        if self.client not in message.data:  # for others: not worth parsing
            return
        reply = _parsed(message)
        if reply.get("client") != self.client:
            return
        with self._lock:
            came = self._waiting.get(reply["id"]) if isinstance(reply.get("id"), int) else None
            if came is not None:
                self._replies[reply["id"]] = reply
                came.set()


class Answerer:
    """Answers every request on the executor's thread; with an error while another one answers too."""

    def __init__(
        self,
        node: Node,
        name: str,
        handle: Callable[[str, Body], Body],
        spared: Callable[[Body], bool] = lambda body: False,
    ) -> None:
        """`handle` gets the client's name and the body, and gives the reply's body. A RobotRLError is the reply.
        `spared` are bodies that are handled also while another one answers."""
        self._node, self._handle, self._spared = node, handle, spared
        self.unreadable = 0
        """Messages that were no requests"""
        self._reply = node.create_publisher(String, f"{name}/reply", qos.REQUEST)
        self._request = node.create_subscription(String, f"{name}/request", self._take, qos.REQUEST)

    def close(self) -> None:
        """Leave the topics; allowed twice."""
        self._node.destroy_subscription(self._request)
        self._node.destroy_publisher(self._reply)

    def _take(self, message: String) -> None:
        request = _parsed(message)
        client, number, body = request.get("client"), request.get("id"), request.get("body")
        if not (isinstance(client, str) and isinstance(number, int) and isinstance(body, dict)):
            self.unreadable += 1
            self._node.get_logger().warning(f"no request: {message.data[:200]!r}", throttle_duration_sec=1.0)
            return
        reply: Mapping[str, Any]
        try:
            if not self._spared(body) and (crowd := _crowd(self._node, self._reply.topic_name)):
                raise HardwareError(crowd)
            reply = {"body": self._handle(client, body)}
        except RobotRLError as error:
            reply = {"error": one_line(error), "stale": isinstance(error, StaleError)}
        self._reply.publish(String(data=json.dumps({"client": client, "id": number, **reply})))


def _crowd(node: Node, topic: str) -> str:
    """Why nobody knows who has answered; empty with one on the topic of replies, or none."""
    answering = node.count_publishers(topic)
    said = f"{answering} answer on {topic}: nobody knows which of them obeys; end all but one; {KILLED}"
    return said if answering > 1 else ""


def _parsed(message: String) -> Body:
    """The object in a message; empty when there is none."""
    try:
        found = json.loads(message.data)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}

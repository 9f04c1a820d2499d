"""The arm's process over ROS: its socket's requests and replies as protobuf JSON on `arm/request` and `arm/reply`.

Beside the message's own fields a request carries `sent_ns`, and the reply to `read` carries `stamp_ns`, both the
sender's system time: what has waited is not obeyed, and readings keep their age, also between machines.
"""

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from google.protobuf import json_format
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node

from robot_rl.cell import cell_pb2 as pb
from robot_rl.cell.client import CellClient
from robot_rl.cell.remote import RemoteAuthority
from robot_rl.cell.server import ANY_AGE, STALE_S
from robot_rl.errors import ConfigError, DataError, HardwareError, StaleError
from robot_rl.ros.ask import KILLED, TIMEOUT_S, Answerer, Asker
from robot_rl.ros.namesake import DISCOVERY_S

NAME = "arm"
SILENT_S = 3.0
"""A client that is not heard for so long loses its connection, and with it its lease."""
CELL_S = 0.25
"""Longest wait for the arm's process, which answers within a period"""
HOLD_S = 2.0
"""The same before its node pauses: a late answer is no failed stop"""
BYE = "bye"
"""Key of a request that hangs up"""
SPARED = frozenset({"stop", "hold", BYE})
SYSTEM = Clock(clock_type=ClockType.SYSTEM_TIME)


class RosCellClient(CellClient):
    """A `CellClient` whose connection is a pair of topics. For any thread but the one that spins `node`."""

    def __init__(self, node: Node, timeout_s: float = TIMEOUT_S, name: str = NAME) -> None:
        super().__init__(name, timeout_s)
        self._asker = Asker(node, name, timeout_s)
        self._hung_up = True

    def ask(self, request: pb.Request) -> pb.Reply:
        """As in `CellClient`; HardwareError also for what the node refuses to pass on, and while two arms answer."""
        self._last += 1
        request.id = self._last
        self._hung_up = False
        said = json_format.MessageToDict(request) | {"sent_ns": SYSTEM.now().nanoseconds}
        if self._asker.crowd and _spared(said):
            self._asker.tell(said)  # both arms may stop, whichever of them would answer
        body = self._asker.ask(said)
        stamp_ns = body.pop("stamp_ns", None)
        reply = _parsed(body, pb.Reply())
        if reply.id != self._last or reply.WhichOneof("content") is None:
            raise HardwareError(f"the reply to request {self._last} is that to {reply.id}, or empty; begin anew")
        if _is_time(stamp_ns):
            reply.state.stamp_s = time.monotonic() - max(0, SYSTEM.now().nanoseconds - stamp_ns) * 1e-9
        return reply

    @property
    def answered(self) -> bool:
        """Somebody is there to ask."""
        return self._asker.answered

    def close(self) -> None:
        """Hang up; allowed twice. The next call connects anew."""
        if not self._hung_up and self._asker.answered:
            self._hung_up = True
            self._asker.tell({BYE: True})


@dataclass(slots=True)
class _Line:
    end: CellClient
    heard_s: float


class CellPort:
    """The node's side: one connection to the socket for each client on the topics. Runs on the executor's thread."""

    def __init__(self, node: Node, path: Path, name: str = NAME) -> None:
        self._path, self._lines = path, dict[str, _Line]()
        self.counts = {"requests": 0, "late": 0, "silent": 0}
        """Requests passed on; refused because they had waited; connections closed because nobody was heard"""
        self._node = node
        self._answerer = Answerer(node, name, self._handle, _spared)
        self._timer = node.create_timer(SILENT_S / 6, self._sweep, clock=Clock(clock_type=ClockType.STEADY_TIME))

    @property
    def clients(self) -> int:
        """Connections that are open."""
        return len(self._lines)

    @property
    def unreadable(self) -> int:
        """Messages that were no requests."""
        return self._answerer.unreadable

    def close(self) -> None:
        """Hang up for all."""
        self._node.destroy_timer(self._timer)
        self._answerer.close()
        for client in list(self._lines):
            self._drop(client)

    def _handle(self, client: str, body: dict[str, Any]) -> dict[str, Any]:
        if body.pop(BYE, False):
            self._drop(client)
            return {}
        sent_ns = body.pop("sent_ns", None)
        request = _parsed(body, pb.Request())
        late = self._late(request, sent_ns)
        line = self._lines.setdefault(client, _Line(CellClient(self._path, CELL_S), 0.0))
        line.heard_s = time.monotonic()
        self.counts["requests"] += 1
        number = request.id
        reply = line.end.ask(pb.Request(view=pb.Nothing()) if late else request)
        if late:
            reply.answer.refused = late
        reply.id = number
        found: dict[str, Any] = json_format.MessageToDict(reply)
        if reply.HasField("state"):
            age_s = time.monotonic() - reply.state.stamp_s
            found["stamp_ns"] = SYSTEM.now().nanoseconds - round(age_s * 1e9)
        return found

    def _late(self, request: pb.Request, sent_ns: object) -> str:
        """Why it is not passed on; empty when it is. A command is, and the gate refuses it when its validity, which
        began when it was sent, is over."""
        verb = request.WhichOneof("verb")
        age_s = (SYSTEM.now().nanoseconds - sent_ns) * 1e-9 if _is_time(sent_ns) else float("inf")
        if verb == "command" and age_s >= -STALE_S:
            request.command.valid_for_s -= max(0.0, age_s)
            return ""
        if verb in ANY_AGE or -STALE_S <= age_s <= STALE_S:
            return ""
        self.counts["late"] += 1
        if verb == "command":
            raise StaleError(f"a command was sent in {-age_s:.3f} s by its sender's clock; synchronise the clocks")
        return (
            f"stale: {verb} was sent {age_s:.3f} s ago by its sender's clock (at most {STALE_S} s); "
            "look again, then ask again, or synchronise the clocks"
        )

    def _sweep(self) -> None:
        now_s = time.monotonic()
        for client, line in list(self._lines.items()):
            if not now_s - line.heard_s <= SILENT_S:
                self.counts["silent"] += 1
                self._drop(client)

    def _drop(self, client: str) -> None:
        line = self._lines.pop(client, None)
        if line:
            line.end.close()


def serve_cell(node: Node, socket_path: Path) -> CellPort:
    """Carry requests between the topics and the arm's socket until `close`. Looks around for DISCOVERY_S.

    Raises ConfigError where another arm answers already.
    """
    topic, deadline_s = node.resolve_topic_name(f"{NAME}/reply"), time.monotonic() + DISCOVERY_S
    while time.monotonic() < deadline_s:
        if node.count_publishers(topic):
            raise ConfigError(
                f"another arm answers on {topic}; end it, or give this one a namespace of its own; {KILLED}: then wait"
            )
        time.sleep(0.02)
    return CellPort(node, socket_path)


def hold(socket_path: Path, by: str) -> None:
    """Brake the arm and hold it. Raises HardwareError when its process does not answer that it does."""
    with contextlib.closing(CellClient(socket_path, HOLD_S)) as client:
        RemoteAuthority(client).hold(by, "it was deactivated")


def _spared(body: dict[str, Any]) -> bool:
    """Asks for rest, or says goodbye: taken also while two arms answer."""
    return not body.keys().isdisjoint(SPARED)


def _is_time(value: object) -> TypeGuard[int]:
    """Whether it may be a time in ns: JSON's integers have no end, those of ROS's clocks are of 64 bits."""
    return isinstance(value, int) and -(2**63) <= value < 2**63


def _parsed(body: dict[str, Any], message: Any) -> Any:
    """The message in a JSON object. Raises DataError for what is none."""
    try:
        return json_format.ParseDict(body, message)
    except (json_format.ParseError, OverflowError) as error:  # the latter for integers that are no float
        raise DataError(f"a message that is none of the arm's: {' '.join(str(error).split())}") from error

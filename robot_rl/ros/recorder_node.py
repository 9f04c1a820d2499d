"""`python -m robot_rl.ros.recorder_node`: topics as they come, into one MCAP file that any ROS 2 tool reads.

Messages are written as the bytes they came in. A recorder that is killed leaves a file that is good up to its last
chunk, at most a second old.
"""

import importlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from diagnostic_msgs.msg import DiagnosticStatus
from mcap.well_known import MessageEncoding, Profile, SchemaEncoding
from mcap.writer import CompressionType, Writer
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.context import Context
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription
from rclpy.timer import Timer

from robot_rl.data.schemas import definition
from robot_rl.errors import ConfigError, StorageError
from robot_rl.ros.node import ERROR, OK, DeviceNode, status
from robot_rl.ros.run import run

LOOK_S = 0.5
"""Between two looks for topics, and between two chunks"""
CHUNK_BYTES = 1 << 20
LIBRARY = "robot_rl recorder"
DEPTH = 50
LEFT_OUT = ("/parameter_events", "/rosout")
"""Unless they are asked for by name"""


class RecorderNode(DeviceNode):
    """`out`: folder, made where it is not there. `topics`: which ones; empty: all that there are or will be."""

    def __init__(self, context: Context | None = None) -> None:
        super().__init__("recorder_node", {"out": "records", "topics": []}, context)
        self._record: Record | None = None
        self._taken_up: dict[str, tuple[int, Subscription]] = {}
        """Channel and subscription by topic"""
        self._unknown: dict[str, str] = {}
        self._timer: Timer | None = None

    def open(self) -> None:
        folder = Path(self.get_parameter("out").value).expanduser()
        name = datetime.now(UTC).strftime("record_%Y%m%d_%H%M%S_%f.mcap")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._record = Record(folder / name)
        except OSError as error:
            raise ConfigError(f"out={folder}: nothing can be written there ({error.strerror})") from error
        self.get_logger().info(f"recording to {folder / name}")

    def start(self) -> None:
        self._look()
        self._timer = self.create_timer(LOOK_S, self._look, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def pause(self) -> None:
        if self._timer:
            self.destroy_timer(self._timer)
        self._timer = None
        for channel, subscription in self._taken_up.values():
            self._drain(channel, subscription)
            self.destroy_subscription(subscription)
        self._taken_up = {}

    def release(self) -> None:
        """Raises StorageError when the end of the file cannot be written; what is in it stays good."""
        record, self._record = self._record, None
        if record:
            record.close()

    def health(self) -> list[DiagnosticStatus]:
        record = self._record
        if record is None:
            return []
        values = {"topics": len(self._taken_up), "messages": record.messages, "bytes": record.bytes}
        unknown = "; ".join(f"{topic}: {why}" for topic, why in self._unknown.items())
        return [status("record", ERROR if unknown else OK, unknown or str(record.path), **values)]

    def _look(self) -> None:
        """Take up topics that are there now, and close a chunk."""
        wanted = {self.resolve_topic_name(name) for name in self.get_parameter("topics").value}
        for topic, types in self.get_topic_names_and_types():
            known = topic in self._taken_up or topic in self._unknown
            if not known and (topic in wanted if wanted else topic not in LEFT_OUT) and self.count_publishers(topic):
                self._take_up(topic, types)
        if self._record:
            self._kept(self._record.flush)

    def _take_up(self, topic: str, types: list[str]) -> None:
        record = self._record
        assert record
        try:
            if len(types) != 1:
                raise ValueError(f"has the types {', '.join(types)}")
            kind, number = message_type(types[0]), record.channel(topic, types[0])
        except (ValueError, KeyError, ImportError, AttributeError) as error:
            self._unknown[topic] = f"not recorded, {types[0]}: {error}"
            self.get_logger().error(f"{topic}: {self._unknown[topic]}")
            return
        subscription = self.create_subscription(
            kind, topic, lambda data: self._take(number, data), self._quality(topic), raw=True
        )
        self._taken_up[topic] = number, subscription

    def _drain(self, channel: int, subscription: Subscription) -> None:
        """What has come and waits for its callback belongs to the record."""
        with subscription.handle:
            while (found := subscription.handle.take_message(subscription.msg_type, True)) is not None:
                self._take(channel, found[0])

    def _take(self, channel: int, data: bytes) -> None:
        now_ns = self.get_clock().now().nanoseconds
        if record := self._record:
            self._kept(lambda: record.add(channel, data, now_ns))

    def _kept(self, write: Callable[[], None]) -> None:
        """Without room on the disk this node has no use."""
        try:
            write()
        except OSError as error:
            self.fail(StorageError(f"nothing more can be recorded ({error.strerror}); make room, then start it again"))

    def _quality(self, topic: str) -> QoSProfile:
        """The best that every publisher offers: a reader that asks for more gets nothing."""
        offers = [info.qos_profile for info in self.get_publishers_info_by_topic(topic)]
        reliable = all(offer.reliability == ReliabilityPolicy.RELIABLE for offer in offers)
        latched = all(offer.durability == DurabilityPolicy.TRANSIENT_LOCAL for offer in offers)
        return QoSProfile(
            history=HistoryPolicy.KEEP_LAST,
            depth=DEPTH,
            reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
            durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
        )


class Record:
    """One MCAP file with chunks."""

    def __init__(self, path: Path) -> None:
        """Raises OSError."""
        self.path = path
        self.messages = self.bytes = 0
        self._file: BinaryIO = path.open("xb")
        self._mcap = Writer(self._file, CHUNK_BYTES, CompressionType.ZSTD)
        self._mcap.start(Profile.ROS2, LIBRARY)
        self._schemas: dict[str, int] = {}

    def channel(self, topic: str, kind: str) -> int:
        """Raises KeyError for a message type whose definition is not known."""
        if kind not in self._schemas:
            text = definition(kind)
            self._schemas[kind] = self._mcap.register_schema(kind, SchemaEncoding.ROS2, text)
        return self._mcap.register_channel(topic, MessageEncoding.CDR, self._schemas[kind])

    def add(self, channel: int, data: bytes, now_ns: int) -> None:
        """Raises OSError."""
        self._mcap.add_message(channel, now_ns, data, now_ns, self.messages & 0xFFFFFFFF)
        self.messages, self.bytes = self.messages + 1, self.bytes + len(data)

    def flush(self) -> None:
        """Close the chunk. Raises OSError."""
        self._mcap.flush()
        self._file.flush()

    def close(self) -> None:
        """Raises StorageError."""
        try:
            self._mcap.finish()
            self._file.close()
        except OSError as error:
            raise StorageError(f"{self.path}: its end cannot be written ({error.strerror}); make room") from error


def message_type(name: str) -> type:
    """The class of `std_msgs/msg/String`. Raises ImportError or AttributeError where its package is not installed."""
    package, _, message = name.partition("/msg/")
    found: type = getattr(importlib.import_module(f"{package}.msg"), message)
    return found


def main() -> int:
    """Exit code: 0 when told to end, 1 after a failure, 2 for settings that cannot be used."""
    return run(RecorderNode)


if __name__ == "__main__":
    raise SystemExit(main())

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from mcap.exceptions import McapError
from mcap.reader import make_reader
from mcap.stream_reader import StreamReader
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from robot_rl.errors import StorageError
from robot_rl.ros import qos
from robot_rl.ros.recorder_node import RecorderNode
from tests.robot_rl.ros.graph import Process, graph, parameters, spun, until


@pytest.fixture
def node(domain: int) -> Iterator[Node]:
    with graph(domain) as context:
        node = Node("source", context=context)
        with spun(node):
            yield node


def recorder(folder: Path, *given: str) -> Process:
    return Process("-m", "robot_rl.ros.recorder_node", *parameters(f"out:={folder}", *given))


def kinds(folder: Path) -> list[str]:
    """Of the records in the one file, which may have no end."""
    (file,) = folder.glob("*.mcap")
    found = []
    with file.open("rb") as stream, contextlib.suppress(McapError, EOFError):
        for record in StreamReader(stream).records:
            found.append(type(record).__name__)
    return found


def test_what_is_recorded_is_read_back_to_the_last_byte_with_its_definitions(node: Node, tmp_path: Path) -> None:
    latched = node.create_publisher(String, "arm/state", qos.LATCHED)
    latched.publish(String(data="before"))
    states = node.create_publisher(JointState, "joint_states", qos.STATE)
    other = node.create_publisher(String, "chatter", qos.STATE)
    process = recorder(tmp_path, "topics:=[arm/state, joint_states]")
    assert until(lambda: states.get_subscription_count() == 1 and latched.get_subscription_count() == 1, 20.0)
    for i in range(50):
        states.publish(JointState(name=["a"], position=[float(i)]))
        other.publish(String(data="no"))
    assert until(lambda: kinds(tmp_path).count("Message") == 51)
    code, output = process.stop()
    assert code == 0, output
    (file,) = tmp_path.glob("*.mcap")
    with file.open("rb") as stream:
        reader = make_reader(stream)
        found = [(schema, channel.topic, message.data) for schema, channel, message in reader.iter_messages()]
        assert reader.get_header().profile == "ros2"
    positions = [deserialize_message(data, JointState).position[0] for _, topic, data in found if "joint" in topic]
    assert positions == [float(i) for i in range(50)]
    texts = [deserialize_message(data, String).data for _, topic, data in found if topic == "/arm/state"]
    assert texts == ["before"] and {topic for _, topic, _ in found} == {"/arm/state", "/joint_states"}
    schema = next(schema for schema, topic, _ in found if "joint" in topic)
    assert (schema.name, schema.encoding) == ("sensor_msgs/msg/JointState", "ros2msg")
    assert b"float64[] position" in schema.data and b"MSG: std_msgs/Header" in schema.data


def test_a_killed_recorder_leaves_what_it_has_seen(node: Node, tmp_path: Path) -> None:
    texts = node.create_publisher(String, "chatter", qos.STATE)
    process = recorder(tmp_path)
    assert until(lambda: texts.get_subscription_count() == 1, 20.0)
    texts.publish(String(data="here"))
    assert until(lambda: "Message" in kinds(tmp_path))
    process.tell(signal.SIGKILL)
    process.end()
    assert {"Schema", "Channel", "Message"} <= set(kinds(tmp_path)) and "Footer" not in kinds(tmp_path)


def test_what_waits_when_it_is_told_to_end_is_recorded_too(domain: int, tmp_path: Path) -> None:
    with graph(domain, *parameters(f"out:={tmp_path}", "topics:=[chatter]")) as context:
        source, node = Node("source", context=context), RecorderNode(context)
        texts = source.create_publisher(String, "chatter", qos.STATE)
        assert until(lambda: node.count_publishers("chatter") == 1)
        node.begin()
        assert until(lambda: texts.get_subscription_count() == 1)
        for _ in range(5):
            texts.publish(String(data="here"))
        assert texts.wait_for_all_acked(Duration(seconds=5))
        node.end()
        node.destroy_node()
        source.destroy_node()
    assert kinds(tmp_path).count("Message") == 5 and "Footer" in kinds(tmp_path)


def test_a_folder_that_cannot_be_had_is_named(domain: int, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, output = recorder(tmp_path / "file").end()
    assert code == 2 and output.count("nothing can be written there") == 1


def test_a_full_disk_ends_it_with_one_line(domain: int, tmp_path: Path) -> None:
    with graph(domain, *parameters(f"out:={tmp_path}")) as context:
        node = RecorderNode(context)
        node.begin()

        def full() -> None:
            raise OSError(28, "No space left on device")

        node._kept(full)
        node._kept(full)
        assert node.failed and isinstance(node.trouble, StorageError) and "No space left" in str(node.trouble)
        node.end()
        node.destroy_node()

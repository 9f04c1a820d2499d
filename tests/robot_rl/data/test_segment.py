"""A segment is an MCAP file of ROS 2 messages: other programs read it and find the same values."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mcap.exceptions import McapError
from mcap.reader import NonSeekingReader, make_reader
from mcap.records import Chunk
from mcap.stream_reader import StreamReader
from rosbags.highlevel import AnyReader

from robot_rl.clock import ManualClock
from robot_rl.data.log import EpisodeLog, read_frames
from robot_rl.types import Frame, Label, Mark
from tests.robot_rl.data.log_parts import stream, write

KINDS = {"transition", "joint_states", "tcp_pose", "wrench", "camera/side", "camera/wrist"}


@pytest.fixture
def written(tmp_path: Path) -> list[Frame]:
    """In `tmp_path`, with a label at the end."""
    frames = list(stream("arm-1", 7))
    with EpisodeLog(tmp_path, facts={"task": "peg"}, reserve_bytes=0, clock=ManualClock()) as log:
        for frame in frames:
            log.append(frame)
        log.label(Label("arm-1", 0, Mark.KEEP, "good"))
    return frames


def check_messages(found: dict[str, list[Any]], frames: list[Frame]) -> None:
    """Decoded messages by topic against the frames they come from."""
    assert set(found) == {f"/arm_1/{kind}" for kind in KINDS | {"label"}}
    for number, frame in enumerate(frames):
        transition, arm = found["/arm_1/transition"][number], frame.arm
        assert arm
        assert (transition.actor, transition.sequence, transition.stamp_s) == ("arm-1", number, frame.stamp_s)
        np.testing.assert_array_equal(transition.state, frame.state)
        np.testing.assert_array_equal(transition.arm[0].q_rad, arm.q_rad)
        assert frame.transition is None or transition.reward == frame.transition.reward
        np.testing.assert_array_equal(found["/arm_1/joint_states"][number].velocity, arm.dq_rad_s)
        assert found["/arm_1/tcp_pose"][number].pose.position.y == arm.tcp.position_m[1]
        assert found["/arm_1/wrench"][number].wrench.force.z == arm.force_n[2]
        assert found["/arm_1/wrench"][number].header.frame_id == "tcp"
        image = found["/arm_1/camera/side"][number]
        assert (image.height, image.width, image.encoding, image.step) == (4, 6, "rgb8", 18)
        np.testing.assert_array_equal(image.data, frame.images["side"].reshape(-1))
        assert image.header.stamp.sec + 1e-9 * image.header.stamp.nanosec == pytest.approx(frame.stamp_s, abs=2e-9)
    (label,) = found["/arm_1/label"]
    assert (label.episode, label.mark, label.note) == (0, "keep", "good")


def test_rosbags_reads_every_message(tmp_path: Path, written: list[Frame]) -> None:
    found: dict[str, list[Any]] = {}
    with AnyReader([tmp_path / "0000.mcap"]) as reader:
        for connection, _, data in reader.messages():
            found.setdefault(connection.topic, []).append(reader.deserialize(data, connection.msgtype))
    check_messages(found, written)


def test_the_mcap_reader_finds_every_message_by_the_index_in_the_logs_order(
    tmp_path: Path, written: list[Frame]
) -> None:
    with (tmp_path / "0000.mcap").open("rb") as file:
        reader = make_reader(file, validate_crcs=True)
        summary = reader.get_summary()
        assert summary and summary.statistics and summary.statistics.message_count == 7 * len(KINDS) + 1
        messages = list(reader.iter_messages())
        notes = {note.name: note.metadata for note in reader.iter_metadata()}
    assert notes["facts"] == {"task": "peg"} and notes["robot_rl"]["version"] == "1"
    transitions = [m.sequence for _, channel, m in messages if channel.topic.endswith("transition")]
    assert transitions == [frame.sequence for frame in written]
    assert len({m.log_time for _, _, m in messages}) == 7 + 1, "one for each record, though the clock stood still"
    assert {schema.encoding for schema, _, _ in messages if schema} == {"ros2msg"}


def test_the_mcap_reader_reads_an_unclosed_file_up_to_its_end(tmp_path: Path) -> None:
    write(tmp_path / "log", 9, group=3)
    path = tmp_path / "log" / "0000.mcap"
    whole = path.read_bytes()
    with path.open("rb") as file:
        chunks = [r for r in StreamReader(file, emit_chunks=True).records if isinstance(r, Chunk)]
    assert len(chunks) == 3, "one for each commit"
    path.write_bytes(whole[: whole.index(chunks[2].data) + 5])  # as a kill while it is written
    found = []
    with path.open("rb") as file, pytest.raises(McapError):
        for _, channel, message in NonSeekingReader(file).iter_messages(log_time_order=False):
            if channel.topic == "/actor/transition":
                found.append(message.sequence)
    assert found == list(range(6)) == [frame.sequence for frame in read_frames(tmp_path / "log")]

"""What the learner's process takes from the link."""

from dataclasses import replace
from pathlib import Path

import pytest

from robot_rl.data.log import EpisodeLog, read_frames
from robot_rl.errors import DataError, LinkError, NonFiniteError, StorageError
from robot_rl.serve import BACKLOG_FRAMES, Inbox
from robot_rl.training import Training
from robot_rl.types import Frame
from tests.robot_rl.line import new_training, small, stream


def taken(inbox: Inbox) -> list[Frame]:
    return [inbox.frames.get_nowait() for _ in range(inbox.frames.qsize())]


def training_in(folder: Path) -> Training:
    return new_training(small(), folder / "checkpoints")


def test_frames_are_durable_and_queued_once_in_order(tmp_path: Path) -> None:
    frames = stream(episodes=2, demos=0)
    with EpisodeLog(tmp_path / "log") as log:
        inbox = Inbox(log, training_in(tmp_path))
        inbox.accept(frames[:5])
        inbox.accept(frames[:9])
        assert inbox.watermark("actor") == 8 and inbox.progress().waiting == 9
        assert [f.sequence for f in taken(inbox)] == list(range(9))


def spliced(frames: list[Frame]) -> Frame:
    return replace(frames[5], step=frames[5].step + 1)


def too_large(frames: list[Frame]) -> Frame:
    assert frames[5].transition
    return replace(frames[5], transition=replace(frames[5].transition, reward=1e39))


@pytest.mark.parametrize(("spoil", "error"), [(spliced, DataError), (too_large, NonFiniteError)])
def test_a_frame_that_cannot_be_learnt_from_never_reaches_the_log(tmp_path: Path, spoil, error) -> None:
    frames = stream(episodes=2, demos=0)
    with EpisodeLog(tmp_path / "log") as log:
        inbox = Inbox(log, training_in(tmp_path))
        with pytest.raises(error):
            inbox.accept([*frames[:5], spoil(frames)])
        assert inbox.watermark("actor") == 4 and len(taken(inbox)) == 5
        inbox.accept(frames[5:7])
    training_in(tmp_path).restore(lambda: read_frames(tmp_path / "log"))


def test_after_a_restart_the_next_frame_must_follow_those_in_the_log(tmp_path: Path) -> None:
    frames = stream(episodes=2, demos=0)
    with EpisodeLog(tmp_path / "log") as log:
        Inbox(log, training_in(tmp_path)).accept(frames[:5])
    training = training_in(tmp_path)
    with EpisodeLog(tmp_path / "log") as log:
        training.restore(lambda: read_frames(tmp_path / "log"))
        inbox = Inbox(log, training)
        with pytest.raises(DataError):
            inbox.accept([spliced(frames)])
        inbox.accept(frames[3:8])
        assert inbox.watermark("actor") == 7 and len(taken(inbox)) == 3


def test_too_long_a_backlog_and_a_full_disk_are_held_off(tmp_path: Path) -> None:
    frames = stream(episodes=1, demos=0)
    with EpisodeLog(tmp_path / "log") as log:
        inbox = Inbox(log, training_in(tmp_path))
        with pytest.raises(LinkError, match="wait to be learnt"):
            inbox.accept(frames * (BACKLOG_FRAMES // len(frames) + 1))
    with EpisodeLog(tmp_path / "full", reserve_bytes=1 << 60) as log:
        with pytest.raises(StorageError):
            Inbox(log, training_in(tmp_path)).accept(frames)
        assert log.durable("actor") == -1

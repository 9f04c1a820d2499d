"""Both ends of the link in one process, with real logs on the disk and a real connection between them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robot_rl.config import LearnerConfig, LinkConfig
from robot_rl.data.log import EpisodeLog, read_frames
from robot_rl.drills.records import ACTION, STATE, made_up, prints
from robot_rl.drills.runs import until
from robot_rl.learn.policy import Policy
from robot_rl.learn.policy_file import policy_from_bytes
from robot_rl.learner import Learner
from robot_rl.link.client import Courier
from robot_rl.link.server import LearnerServer
from robot_rl.serve import Inbox
from robot_rl.specs import Field, Layout, StateSpec
from robot_rl.training import Training
from robot_rl.types import Frame

HASH = "0123456789abcdef"
LAYOUT = Layout(StateSpec((Field("state", STATE, "m", 1.0),)), tuple(f"a{k}" for k in range(ACTION)), False)
CACHE_BYTES = 4 << 20


def new_learner(seed: int, layout: Layout = LAYOUT, **settings: Any) -> Learner:
    """A small one for frames that are made up."""
    small: dict[str, Any] = {"hidden": [16, 16], "critics": 2, "batch_size": 16, "capacity": 20_000}
    return Learner(LearnerConfig(**(small | settings)), layout, "made up", seed)


class LearnerEnd:
    """A learner that takes frames from the link, keeps them, and only inserts them."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.log = EpisodeLog(folder, cache_bytes=CACHE_BYTES)
        self.training = Training(new_learner(seed, start_steps=10**9), False, folder / "checkpoints", self.log.commit)
        self.inbox = Inbox(self.log, self.training)
        self.server = LearnerServer(LinkConfig("127.0.0.1:0"), HASH, self.inbox)
        self.port = self.server.start()

    def has(self, sequence: int, timeout_s: float = 60.0) -> bool:
        """Wait until it has all frames up to this one on its disk."""
        return until(lambda: self.log.durable("actor") >= sequence, timeout_s)

    def stop(self) -> None:
        self.server.stop()
        self.inbox.flush()
        while not self.inbox.frames.empty():
            self.training.take(self.inbox.frames.get())
        self.log.close()


@dataclass(frozen=True, slots=True)
class Trickle:
    """A log that gives a few frames at a time, so that there are many messages."""

    log: EpisodeLog
    group: int = 5

    def after(self, actor: str, sequence: int, max_bytes: int) -> list[Frame]:
        return self.log.after(actor, sequence, max_bytes)[: self.group]


class ActorEnd:
    """An actor's log, and the courier that carries it to `port`."""

    def __init__(self, folder: Path, port: int, interceptors: Any = (), agreement: str = HASH) -> None:
        self.log = EpisodeLog(folder, cache_bytes=CACHE_BYTES)
        config = LinkConfig(f"127.0.0.1:{port}", "actor")
        self.courier = Courier(config, agreement, Trickle(self.log), usable, interceptors)
        self.courier.start()

    def stop(self) -> bool:
        """True when all has been delivered."""
        delivered = self.courier.close(20.0)
        self.log.close()
        return delivered


def usable(blob: bytes) -> Policy:
    """What an actor makes of weights. Raises PolicyError."""
    policy = policy_from_bytes(blob)
    policy.check_fits(LAYOUT.state.names, LAYOUT.action_names)
    return policy


def difference(learner: LearnerEnd, frames: int, seed: int, image_size: int = 0) -> str:
    """How a learner that has stopped differs from one that got `frames` frames without a fault; empty: in nothing."""
    truth = [made_up(k, seed, image_size=image_size) for k in range(frames)]
    received = prints(read_frames(learner.folder))
    if received != prints(truth):
        return f"{len(received)} frames at the learner, {frames} sent, and not the same"
    plain = new_learner(seed)
    for frame in truth:
        plain.insert(frame)
    return "" if plain.practice.digest() == learner.training.learner.practice.digest() else "replay differs"

"""Both ends of the link in one process: frames from a list, into a list."""

import dataclasses
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from controllers.pose import Pose
from controllers.records import ArmState
from robot_rl.config import LinkConfig
from robot_rl.errors import LinkError, RobotRLError
from robot_rl.link.client import Courier
from robot_rl.link.server import LearnerServer, Progress
from robot_rl.types import Frame, Source, Transition

HASH = "0123abcd"
PATIENCE_S = 20.0
"""Far more than any wait here takes"""


def make_frame(sequence: int, actor: str = "ann", image_size: int = 0) -> Frame:
    """One that differs from every other; episodes have five frames."""
    rng = np.random.default_rng([sequence, *actor.encode()])
    step, numbers = sequence % 5, rng.normal(size=(6, 3))
    action = rng.uniform(-1, 1, 4).astype(np.float32)
    led = Transition(
        action, -action, Source.HUMAN, rng.normal(), False, step == 4, True, 0.1, True, ("speed",), sequence, 0.25
    )
    pose = Pose.of(numbers[0], rng.normal(size=4))
    image = rng.integers(0, 256, (image_size, image_size, 3), np.uint8)
    return Frame(
        actor,
        sequence,
        sequence // 5,
        step,
        7,
        0.1 * sequence,
        rng.normal(size=6).astype(np.float32),
        led if step else None,
        {"wrist": image} if image_size else {},
        ArmState(0.1, rng.normal(size=7), rng.normal(size=7), pose, *numbers[2:]),
    )


def plain(value: Any) -> Any:
    """Any record as something that `==` compares, types and all."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if dataclasses.is_dataclass(value):
        return [plain(getattr(value, f.name)) for f in dataclasses.fields(value)]
    if isinstance(value, dict):
        return [(key, plain(item)) for key, item in value.items()]
    return type(value), value


class Shelf:
    """An outbox: every frame on it is durable."""

    def __init__(self, frames: Sequence[Frame] = ()) -> None:
        self.frames = list(frames)
        self.largest_request_bytes = 0
        self.group = 100
        """Frames given at once"""

    def after(self, actor: str, sequence: int, max_bytes: int) -> list[Frame]:
        self.largest_request_bytes = max(self.largest_request_bytes, max_bytes)
        own = [f for f in self.frames if f.actor == actor and f.sequence > sequence]
        return own[: self.group]


class Store:
    """An inbox. `before` runs at the start of every `accept`."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.before: Callable[[], None] = lambda: None
        self.steps = 0
        self._lock = threading.Lock()

    def watermark(self, actor: str) -> int:
        with self._lock:
            return max((f.sequence for f in self.frames if f.actor == actor), default=-1)

    def accept(self, frames: Sequence[Frame]) -> None:
        self.before()
        with self._lock:
            self.frames += frames

    def progress(self) -> Progress:
        return Progress(self.steps, 10 * self.steps)

    def of(self, actor: str) -> list[Any]:
        return [plain(f) for f in self.frames if f.actor == actor]


def refuse_nonsense(blob: bytes) -> bytes:
    """A `check` that knows good weights by their first letter."""
    if not blob.startswith(b"W"):
        raise RobotRLError(f"{blob[:9]!r} are no weights")
    return blob


def refusal(link: Courier, timeout_s: float = PATIENCE_S) -> str:
    """What a courier that cannot get ready says."""
    with pytest.raises(LinkError) as caught:
        link.agree(timeout_s)
    return str(caught.value)


@contextmanager
def learner(store: Store, port: int = 0, agreement: str = HASH, **settings: Any) -> Iterator[tuple[LearnerServer, int]]:
    """A server on loopback and its port."""
    server = LearnerServer(LinkConfig(f"127.0.0.1:{port}", **settings), agreement, store)
    try:
        yield server, server.start()
    finally:
        server.stop()


@contextmanager
def courier(
    shelf: Shelf, port: int, actor: str = "ann", agreement: str = HASH, interceptors: Any = (), **settings: Any
) -> Iterator[Courier]:
    """A running one."""
    config = LinkConfig(f"127.0.0.1:{port}", actor, **settings)
    made = Courier(config, agreement, shelf, refuse_nonsense, interceptors)
    made.start()
    try:
        yield made
    finally:
        made.close(0.0)

"""Frames for logs, and what it means that two are the same."""

import struct
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path

import numpy as np

from controllers.pose import Pose
from controllers.records import ArmState
from robot_rl.data.disk import Disk
from robot_rl.data.log import EpisodeLog
from robot_rl.types import Frame, Source, Transition

CAMERAS = {"side": (4, 6, 3), "wrist": (3, 3, 3)}


def make_frame(
    actor: str, sequence: int, steps: int = 4, cameras: Mapping[str, tuple[int, ...]] | None = None
) -> Frame:
    """One like no other, of an actor whose episodes all have `steps` steps."""
    rng = np.random.default_rng([sequence, *actor.encode()])
    episode, step = divmod(sequence, steps + 1)
    action = rng.uniform(-1, 1, (2, 3)).astype(np.float32)
    return Frame(
        actor=actor,
        sequence=sequence,
        episode=episode,
        step=step,
        seed=int(rng.integers(2**31)),
        stamp_s=0.1 * sequence,
        state=rng.normal(size=5).astype(np.float32),
        transition=Transition(
            requested=action[0],
            executed=action[1],
            source=Source(int(rng.integers(3))),
            reward=float(step == steps),
            terminated=step == steps,
            truncated=False,
            success=step == steps,
            duration_s=0.1,
            reasons=("workspace",) * int(rng.integers(2)),
            policy_version=episode,
            success_probability=rng.uniform() if sequence % 2 else None,
        )
        if step
        else None,
        images={
            name: rng.integers(0, 256, shape, np.uint8)
            for name, shape in (CAMERAS if cameras is None else cameras).items()
        },
        arm=ArmState(0.1 * sequence, *rng.normal(size=(2, 7)), Pose.of(rng.normal(size=3)), *rng.normal(size=(4, 3))),
    )


def stream(actor: str = "actor", count: int = 10, start: int = 0, **more: object) -> Iterator[Frame]:
    return (make_frame(actor, sequence, **more) for sequence in range(start, start + count))  # type: ignore[arg-type]


def write(folder: Path, count: int = 10, start: int = 0, group: int = 3, actor: str = "actor") -> list[Frame]:
    """One closed segment with a commit after every `group` frames."""
    written = list(stream(actor, count, start))
    with EpisodeLog(folder, reserve_bytes=0, sync_s=60.0) as log:
        for number, frame in enumerate(written, 1):
            log.append(frame)
            if number % group == 0:
                log.commit()
    return written


def exact(value: object) -> object:
    """Equal for equal bits and types only."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, float):
        return struct.pack("<d", value)
    if isinstance(value, Mapping):
        return {name: exact(part) for name, part in value.items()}
    if is_dataclass(value):
        return [(f.name, exact(getattr(value, f.name))) for f in fields(value)]
    return type(value), value


def eventually(condition: Callable[[], object]) -> None:
    """Wait for another thread."""
    for _ in range(20_000):
        if condition():
            return
        time.sleep(0.001)
    raise AssertionError("it never came")


class FailingDisk(Disk):
    """Fails the n-th of the calls that change the disk, counted from 0, and the `times` - 1 after it."""

    def __init__(self, number: int = -1, errno: int = 28, times: int = 1) -> None:
        self.errno, self.failing = errno, range(number, number + times)
        self.calls: list[str] = []

    def create(self, path: Path) -> int:
        self._count("create")
        return super().create(path)

    def write(self, file: int, data: bytes | bytearray, offset: int) -> None:
        try:
            self._count("write")
        except OSError:
            super().write(file, data[: len(data) // 2], offset)  # as a disk that fills up does
            raise
        super().write(file, data, offset)

    def sync(self, file: int) -> None:
        self._count("sync")
        super().sync(file)

    def sync_folder(self, folder: Path) -> None:
        self._count("sync_folder")
        super().sync_folder(folder)

    def cut(self, file: int, size: int) -> None:
        self._count("cut")
        super().cut(file, size)

    def _count(self, name: str) -> None:
        self.calls.append(name)
        if len(self.calls) - 1 in self.failing:
            raise OSError(self.errno, "the disk fails on purpose")

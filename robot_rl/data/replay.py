"""Replay: every frame stored once, transitions as links between frames, one draw for a whole block of updates."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from robot_rl.data.block import Block
from robot_rl.data.columns import NO_IMAGES, Images, allocate, check_memory, layout, memory_estimate
from robot_rl.data.rows import NONE, Rows, RowSet
from robot_rl.data.samplers import Places, make_sampler
from robot_rl.errors import ConfigError, DataError, NonFiniteError
from robot_rl.types import Frame, Transition

LARGEST = float(np.finfo(np.float32).max)
CHUNK = 256
"""Transitions that are read at once to compare buffers."""


class ReplayBuffer:
    """The last `capacity` frames, and the transitions between them.

    A transition lives in the row of the frame that it led to, and knows the row of the frame before: the frames
    of several actors take turns, so that is any older row. Frames are overwritten oldest first.
    """

    def __init__(
        self,
        capacity: int,
        state_dim: int,
        action_dim: int,
        seed: int,
        *,
        images: Images = NO_IMAGES,
        folder: Path | None = None,
        sampler: str = "uniform",
    ) -> None:
        if not 2 <= capacity < 2**31:
            raise ConfigError(f"replay capacity is {capacity}; it must be at least 2 frames and less than 2^31")
        self.capacity, self.state_dim, self.action_dim, self.images = capacity, state_dim, action_dim, dict(images)
        self._sampler, self._sampler_name = make_sampler(sampler, capacity, seed), sampler
        check_memory(memory_estimate(capacity, state_dim, action_dim, images), folder)
        self._columns = allocate(capacity, layout(state_dim, action_dim, images), folder)
        self._before: Rows = np.full(capacity, NONE, np.int32)
        self._after: Rows = np.full(capacity, NONE, np.int32)
        self._drawable = RowSet(capacity)
        self._written = 0
        self._last: dict[str, tuple[int, int]] = {}
        """By actor: sequence of its last frame, and how many frames had been written before"""

    def __len__(self) -> int:
        """Transitions that can be drawn."""
        return len(self._drawable)

    def add(self, before: Frame, after: Frame) -> None:
        """Insert the transition from one frame to the next; of `before` only what is not here already.

        Raises:
            DataError: the frames do not follow each other, or do not fit this buffer.
            NonFiniteError: a number is NaN or infinite. In both cases nothing is stored.
        """
        transition = transition_between(before, after)
        stored = self._row(before)
        for frame in (before, after) if stored is None else (after,):
            self.check(frame)
        previous = self._write(before) if stored is None else stored
        row = self._write(after)
        self._link(previous, row, transition)
        self._sampler.add(row, after)

    def draw(self, utd: int, batch: int) -> Places:
        """(utd, batch) places among the transitions, without repeats in a batch unless there are too few.

        Until the first frame is overwritten, places count the transitions in order of insertion.
        """
        return self._sampler.draw(self._drawable, utd, batch)

    def gather(self, index: Places, out: Block, rows: slice) -> None:
        """Copy the transitions at the places `index` (utd, k) into `rows` of every batch of `out`."""
        after = self._drawable.rows[index].astype(np.intp)
        before = self._before[after].astype(np.intp)
        sources = [("state", before), *((name, after) for name in ("action", "reward", "mask", "state", "changed"))]
        sources += [(f"image.{camera}", source) for source in (before, after) for camera in sorted(self.images)]
        for (name, source), target in zip(sources, out.arrays(), strict=True):
            for chosen, batch in zip(source, target, strict=True):
                self._columns[name].take(chosen, axis=0, out=batch[rows], mode="clip")  # other modes copy twice

    def transitions(self) -> Iterator[Block]:
        """All of them in the order that `draw` counts in, as blocks of one batch."""
        for first in range(0, len(self), CHUNK):
            places = np.arange(first, min(first + CHUNK, len(self)))[None]
            block = Block.empty(1, places.size, self.state_dim, self.action_dim, images=self.images)
            self.gather(places, block, slice(None))
            yield block

    def digest(self) -> str:
        """SHA-256 of all transitions in order: equal digests, equal content."""
        digest = hashlib.sha256(str((len(self), self.state_dim, self.action_dim, sorted(self.images))).encode())
        for block in self.transitions():
            for array in block.arrays():
                digest.update(array.data)
        return digest.hexdigest()

    def get_state(self) -> dict[str, Any]:
        """What draws depend on beyond the frames; values are JSON or arrays."""
        return {"sampler": self._sampler_name, "transitions": len(self)} | self._sampler.get_state()

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue where `get_state` was taken, once the same frames have been added again.

        Raises:
            DataError: the state belongs to another sampler or to other frames.
        """
        here = {"sampler": self._sampler_name, "transitions": len(self)}
        for name, value in here.items():
            if state.get(name) != value:
                raise DataError(
                    f"the saved state of replay has {name} {state.get(name)!r}, this buffer has {value!r}; "
                    "resume with the run's own configuration and log"
                )
        self._sampler.set_state(state)

    def _row(self, frame: Frame) -> int | None:
        """Where it is, if it is its actor's last frame and outlives the next write."""
        sequence, written = self._last.get(frame.actor, (NONE, 0))
        stays = sequence == frame.sequence and self._written - written < self.capacity
        return written % self.capacity if stays else None

    def _write(self, frame: Frame) -> int:
        """Store a frame over the oldest; its row."""
        row = self._written % self.capacity
        lost = int(self._after[row])  # the transition into the oldest is gone already: it began in an older frame
        if lost != NONE:
            self._drawable.discard(lost)
            self._sampler.discard(lost)
        self._after[row] = NONE
        self._columns["state"][row] = frame.state
        for camera in self.images:
            self._columns[f"image.{camera}"][row] = frame.images[camera]
        self._last[frame.actor] = frame.sequence, self._written
        self._written += 1
        return row

    def _link(self, before: int, row: int, transition: Transition) -> None:
        """Store the transition into `row`."""
        columns = self._columns
        self._before[row], self._after[before] = before, row
        columns["action"][row] = transition.requested
        columns["reward"][row] = transition.reward
        columns["mask"][row] = not transition.terminated
        columns["changed"][row] = transition.gripper_changed
        self._drawable.add(row)

    def check(self, frame: Frame) -> None:
        """Raises DataError for wrong shapes, NonFiniteError for numbers that are not finite as float32."""
        numbers: dict[str, Any] = {"state": frame.state, "stamp_s": frame.stamp_s}
        shapes: dict[str, tuple[Any, Any]] = {"state": (np.shape(frame.state), (self.state_dim,))}
        if frame.transition:
            names = ("executed", "requested", "reward", "duration_s", "success_probability")
            numbers |= {name: getattr(frame.transition, name) for name in names}
            shapes |= {name: (np.shape(numbers[name]), (self.action_dim,)) for name in ("executed", "requested")}
        for camera, shape in self.images.items():
            image = frame.images.get(camera)
            found = "missing" if image is None else (image.shape, str(image.dtype))
            shapes[f"image {camera!r}"] = found, (shape, "uint8")
        for name, (found, expected) in shapes.items():
            if found != expected:
                raise DataError(f"{named(frame)}: {name} is {found}, this buffer takes {expected}; it was not stored")
        for name, value in numbers.items():
            if value is not None and not is_finite(value):
                raise NonFiniteError(f"{named(frame)}: {name} is {value}; it must be finite: it was not stored")


def named(frame: Frame) -> str:
    """For messages."""
    return f"frame {frame.sequence} of {frame.actor!r} (episode {frame.episode}, step {frame.step})"


def is_finite(value: Any) -> bool:
    """As the float32 that is stored. NaN fails every comparison."""
    fits = abs(value) <= LARGEST
    return bool(fits.all()) if isinstance(fits, np.ndarray) else bool(fits)


def transition_between(before: Frame, after: Frame) -> Transition:
    """Raises DataError unless `after` is the frame that follows `before`."""
    following = before.actor, before.episode, before.sequence + 1, before.step + 1
    if (after.actor, after.episode, after.sequence, after.step) != following or after.transition is None:
        raise DataError(f"{named(after)} does not follow {named(before)} by a transition; give consecutive frames")
    return after.transition


class BatchSampler:
    """Symmetric sampling (RLPD, Ball et al. 2023): every batch is part practice, part demos.

    The share of demos is `round(demo_ratio * batch_size)`. While one buffer is empty the other fills the
    whole batch; a buffer smaller than its share is drawn with repeats. Each buffer draws from its own
    generator.
    """

    def __init__(self, online: ReplayBuffer, demos: ReplayBuffer, batch_size: int, demo_ratio: float) -> None:
        if not 0.0 <= demo_ratio <= 1.0:
            raise ConfigError(f"demo_ratio is {demo_ratio}; it must lie in [0, 1]")
        one, other = ((b.state_dim, b.action_dim, b.images) for b in (online, demos))
        if one != other:
            raise ConfigError(
                f"practice has states of size {one[0]}, actions of size {one[1]} and images {one[2]}, "
                f"demos {other[0]}, {other[1]} and {other[2]}; record the demos again with this configuration"
            )
        self._online, self._demos = online, demos
        self._batch, self._ratio = batch_size, demo_ratio
        self._blocks: dict[tuple[int, int], Block] = {}

    def sample(self, utd: int) -> Block:
        """`utd` batches at once. The arrays belong to the sampler and are overwritten by the next call.

        Raises:
            ConfigError: both buffers are empty.
        """
        online = self._share()
        if (utd, online) not in self._blocks:
            n, a, images = self._online.state_dim, self._online.action_dim, self._online.images
            self._blocks = {(utd, online): Block.empty(utd, self._batch, n, a, online, images)}
        block = self._blocks[utd, online]
        for buffer, rows in ((self._online, slice(0, online)), (self._demos, slice(online, self._batch))):
            if rows.start < rows.stop:
                buffer.gather(buffer.draw(utd, rows.stop - rows.start), block, rows)
        return block

    def get_state(self) -> dict[str, Any]:
        """Of both buffers, in one flat dictionary."""
        parts = {"practice": self._online, "demos": self._demos}
        return {f"{part}.{key}": value for part, buffer in parts.items() for key, value in buffer.get_state().items()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue where `get_state` was taken, once the same frames have been added again.

        Raises:
            DataError: the state belongs to another sampler or to other frames.
        """
        for part, buffer in (("practice", self._online), ("demos", self._demos)):
            prefix = f"{part}."
            buffer.set_state({key.removeprefix(prefix): v for key, v in state.items() if key.startswith(prefix)})

    def _share(self) -> int:
        """Rows of practice in a batch."""
        if not len(self._online) and not len(self._demos):
            raise ConfigError("no transitions to learn from; record demos or practise before the first update")
        if not len(self._demos):
            return self._batch
        return 0 if not len(self._online) else self._batch - round(self._ratio * self._batch)

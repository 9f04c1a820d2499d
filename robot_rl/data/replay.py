"""Replay in memory: float32 columns in a ring, and one draw for a whole block of updates."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import ConfigError, NonFiniteError
from robot_rl.types import Float32, Step


@dataclass(frozen=True, slots=True)
class Block:
    """`utd` batches of B transitions, float32 columns (utd, B, ...). The next draw reuses the arrays."""

    observation: Float32
    """(utd, B, n) as recorded, in SI units"""
    action: Float32
    """(utd, B, a) executed, in [-1, 1]"""
    reward: Float32
    """(utd, B)"""
    mask: Float32
    """(utd, B) 0 where the task ended, else 1: a time limit bootstraps"""
    next_observation: Float32
    """(utd, B, n)"""
    gripper_changed: Float32
    """(utd, B) 1 where the action changed the gripper's command"""
    online: int
    """Rows [:online] of every batch come from practice, the others from demos and corrections."""

    @classmethod
    def empty(cls, utd: int, batch: int, observation_dim: int, action_dim: int, online: int = 0) -> "Block":
        """Room for (utd, batch) transitions."""

        def column(*shape: int) -> Float32:
            return np.zeros((utd, batch, *shape), np.float32)

        n, a = observation_dim, action_dim
        return cls(column(n), column(a), column(), column(), column(n), column(), online)


class ReplayBuffer:
    """The last `capacity` transitions."""

    def __init__(self, capacity: int, observation_dim: int, action_dim: int, seed: int) -> None:
        if capacity < 1:
            raise ConfigError(f"replay capacity is {capacity}; it must be at least 1")
        self.capacity = capacity
        self.observation_dim, self.action_dim = observation_dim, action_dim
        self.columns: dict[str, Float32] = {
            "observation": np.zeros((capacity, observation_dim), np.float32),
            "action": np.zeros((capacity, action_dim), np.float32),
            "reward": np.zeros(capacity, np.float32),
            "mask": np.zeros(capacity, np.float32),
            "next_observation": np.zeros((capacity, observation_dim), np.float32),
            "gripper_changed": np.zeros(capacity, np.float32),
        }
        self._added = 0
        self._rng = np.random.default_rng(seed)

    def __len__(self) -> int:
        return min(self._added, self.capacity)

    def add(self, step: Step) -> None:
        """Insert one transition over the oldest.

        Raises:
            NonFiniteError: a field holds NaN or infinity; nothing is stored.
        """
        values: dict[str, Float32 | float] = {
            "observation": step.observation,
            "action": step.action,
            "reward": step.reward,
            "mask": 1.0 - step.terminated,
            "next_observation": step.next_observation,
            "gripper_changed": step.gripper_changed,
        }
        for name, value in values.items():
            if not np.isfinite(value).all():
                raise NonFiniteError(f"step.{name} is {value}; it must be finite: the step was not stored")
        slot = self._added % self.capacity
        for name, value in values.items():
            self.columns[name][slot] = value
        self._added += 1

    def draw(self, utd: int, batch: int) -> NDArray[np.int64]:
        """(utd, batch) indices, without replacement inside each batch unless the buffer holds too few."""
        size = len(self)
        if size < batch:
            return self._rng.integers(size, size=(utd, batch))
        return np.stack([self._rng.choice(size, batch, replace=False, shuffle=False) for _ in range(utd)])

    def gather(self, index: NDArray[np.int64], out: Block, rows: slice) -> None:
        """Copy the transitions `index` (utd, k) into `rows` of every batch of `out`."""
        for name, column in self.columns.items():
            getattr(out, name)[:, rows] = column.take(index, axis=0)

    def get_state(self) -> dict[str, Any]:
        """State of the sampling generator."""
        return dict(self._rng.bit_generator.state)

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue sampling where `get_state` was taken."""
        self._rng.bit_generator.state = state


class BatchSampler:
    """Symmetric sampling (RLPD, Ball et al. 2023): every batch is part practice, part demos.

    The share of demos is `round(demo_ratio * batch_size)`. While one buffer is empty the other fills the
    whole batch; a buffer smaller than its share is drawn with replacement. Each buffer draws from its own
    generator.
    """

    def __init__(self, online: ReplayBuffer, demos: ReplayBuffer, batch_size: int, demo_ratio: float) -> None:
        if not 0.0 <= demo_ratio <= 1.0:
            raise ConfigError(f"demo_ratio is {demo_ratio}; it must lie in [0, 1]")
        if (online.observation_dim, online.action_dim) != (demos.observation_dim, demos.action_dim):
            raise ConfigError(
                f"practice has observations of size {online.observation_dim} and actions of size "
                f"{online.action_dim}, demos {demos.observation_dim} and {demos.action_dim}; "
                "record the demos again with this configuration"
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
        key = (utd, online)
        if key not in self._blocks:
            n, a = self._online.observation_dim, self._online.action_dim
            self._blocks = {key: Block.empty(utd, self._batch, n, a, online)}
        block = self._blocks[key]
        for buffer, rows in ((self._online, slice(0, online)), (self._demos, slice(online, self._batch))):
            if rows.start < rows.stop:
                buffer.gather(buffer.draw(utd, rows.stop - rows.start), block, rows)
        return block

    def _share(self) -> int:
        """Rows of practice in a batch."""
        if not len(self._online) and not len(self._demos):
            raise ConfigError("no transitions to learn from; record demos or practise before the first update")
        if not len(self._demos):
            return self._batch
        return 0 if not len(self._online) else self._batch - round(self._ratio * self._batch)

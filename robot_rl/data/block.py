"""What a learner updates from: several batches at once, column by column."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.data.columns import NO_IMAGES, Images
from robot_rl.types import Float32


@dataclass(frozen=True, slots=True)
class Block:
    """`utd` batches of B transitions, float32 columns (utd, B, ...). The next draw reuses the arrays."""

    observation: Float32
    """(utd, B, n) state as recorded, in SI units"""
    action: Float32
    """(utd, B, a) asked for, in [-1, 1]"""
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
    images: Mapping[str, NDArray[np.uint8]] = field(default_factory=dict)
    """(utd, B, H, W, 3) by camera"""
    next_images: Mapping[str, NDArray[np.uint8]] = field(default_factory=dict)

    @classmethod
    def empty(
        cls, utd: int, batch: int, state_dim: int, action_dim: int, online: int = 0, images: Images = NO_IMAGES
    ) -> "Block":
        """Room for (utd, batch) transitions."""

        def column(*shape: int) -> Float32:
            return np.zeros((utd, batch, *shape), np.float32)

        def pictures() -> dict[str, NDArray[np.uint8]]:
            return {camera: np.zeros((utd, batch, *shape), np.uint8) for camera, shape in images.items()}

        n, a = state_dim, action_dim
        numbers = column(n), column(a), column(), column(), column(n), column()
        return cls(*numbers, online, pictures(), pictures())

    def arrays(self) -> list[NDArray[Any]]:
        """All of them, in the order of `ReplayBuffer.gather`."""
        numbers = self.observation, self.action, self.reward, self.mask, self.next_observation, self.gripper_changed
        cameras = sorted(self.images)
        return [*numbers, *(self.images[c] for c in cameras), *(self.next_images[c] for c in cameras)]

"""One batch of transitions as the networks see it."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch of a block as the networks see it."""

    x: Tensor
    """(B, n) scaled state"""
    action: Tensor
    """(B, a) continuous entries"""
    choice: Tensor
    """(B, 1) index of the gripper's choice; without a gripper meaningless"""
    reward: Tensor
    """(B, 1)"""
    mask: Tensor
    """(B, 1)"""
    next_x: Tensor
    """(B, n)"""
    changed: Tensor
    """(B, 1)"""


def choice_index(entry: Tensor) -> Tensor:
    """(B,) gripper entries in [-1, 1] to (B, 1) indices: 0 close, 1 stay, 2 open."""
    return entry.round().long().clamp_(-1, 1).add_(1)[:, None]

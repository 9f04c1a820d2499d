"""Adam over one flat tensor, which refuses to take a step it cannot trust."""

import math

import torch
from torch import Tensor

State = dict[str, Tensor | int]
"""Everything needed to continue bit for bit, by name."""


class Adam:
    """Adam (Kingma & Ba 2015), fused, over the one tensor `weights`, whose gradient lies in `gradient`."""

    def __init__(self, weights: Tensor, gradient: Tensor, learning_rate: float) -> None:
        self._weights, self._gradient = weights, gradient
        self._moments = {
            "step": torch.zeros(()),
            "exp_avg": torch.zeros_like(weights),
            "exp_avg_sq": torch.zeros_like(weights),
        }
        weights.grad = gradient
        self._adam = torch.optim.Adam([weights], lr=learning_rate, fused=True)
        self._adam.state[weights] = self._moments

    def step(self, loss: float) -> float:
        """One step; returns the gradient's norm. A loss or gradient that is not finite gives NaN, no step."""
        norm = float(torch.linalg.vector_norm(self._gradient))
        if not math.isfinite(loss + norm):
            return math.nan
        self._adam.step()
        return norm

    def state(self) -> State:
        """Copies of weights and moments."""
        return {"weights": self._weights.clone(), **{k: v.clone() for k, v in self._moments.items()}}

    def load(self, state: State) -> None:
        """Restore weights and moments in place."""
        for name, tensor in {"weights": self._weights, **self._moments}.items():
            tensor.copy_(torch.as_tensor(state[name]))


def pack(**parts: State) -> State:
    """One flat state out of several, keys joined by a dot."""
    return {f"{part}.{key}": value for part, state in parts.items() for key, value in state.items()}


def unpack(state: State, part: str) -> State:
    """The entries that `pack` stored under `part`."""
    return {key.removeprefix(f"{part}."): value for key, value in state.items() if key.startswith(f"{part}.")}

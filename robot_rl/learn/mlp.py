"""Multi-layer perceptrons with a hand-written gradient.

All weights of all members lie in one flat tensor, so that the optimiser and a target copy are one pass over
memory, and each member runs alone, forward and backward, so that its activations stay in the processor's
cache. Without autograd the workspaces are kept from call to call.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from robot_rl.learn.policy import EPSILON

Layers = list[tuple[Tensor, Tensor]]
"""Weight (in, out) and bias (1, out) of each layer of one member: views into a flat tensor."""

_norm_backward = torch.ops.aten.native_layer_norm_backward
_relu_backward = torch.ops.aten.threshold_backward.grad_input


class Mlp:
    """`members` networks of one shape that share nothing: Linear, LayerNorm (optional), ReLU, ..., Linear.

    The LayerNorm has no gain or bias of its own. A positive gain is redundant before ReLU and a linear layer
    (ReLU is positively homogeneous), and the bias of the linear layer before it sets the thresholds.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        members: int,
        layer_norm: bool,
        generator: torch.Generator,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.sizes, self.members, self.layer_norm = tuple(sizes), members, layer_norm
        per_member = sum((n + 1) * m for n, m in pairwise(self.sizes))
        self.weights = torch.empty(members * per_member, dtype=dtype)
        self.gradient = torch.zeros_like(self.weights)
        self.layers = self.split(self.weights)
        self.gradients = self.split(self.gradient)
        for layers in self.layers:
            for weight, bias in layers:
                bound = 1 / math.sqrt(len(weight))
                weight.uniform_(-bound, bound, generator=generator)
                bias.uniform_(-bound, bound, generator=generator)
        self._room(0)

    def split(self, flat: Tensor) -> list[Layers]:
        """Views of a flat tensor of this shape: for every member its layers."""
        members = []
        for row in flat.view(self.members, -1):
            layers, start = [], 0
            for n, m in pairwise(self.sizes):
                middle, end = start + n * m, start + n * m + m
                layers.append((row[start:middle].view(n, m), row[middle:end].view(1, m)))
                start = end
            members.append(layers)
        return members

    def forward(self, layers: Layers, x: Tensor) -> Tensor:
        """(B, in) to (B, out). The activations stay for `backward`; the next call overwrites the result."""
        if len(x) != self._batch:
            self._room(len(x))
        for k, (weight, bias) in enumerate(layers[:-1]):
            x = torch.addmm(bias, x, weight, out=self._before[k])
            if self.layer_norm:
                x, *self._moments[k] = torch.native_layer_norm(x, (x.shape[1],), None, None, EPSILON)
            self._after[k] = x = x.relu_()
        weight, bias = layers[-1]
        return torch.addmm(bias, x, weight, out=self._result)

    def backward(self, layers: Layers, x: Tensor, d: Tensor, gradients: Layers | None) -> Tensor:
        """Gradient (B, h) at the first layer's output, from the gradient `d` (B, out) at the last layer's.

        Must follow `forward(layers, x)`. Fills `gradients`; None skips those products.
        """
        for k in reversed(range(len(layers))):
            if gradients is not None:
                torch.mm((self._after[k - 1] if k else x).t(), d, out=gradients[k][0])
                torch.mm(self._ones, d, out=gradients[k][1])
            if k:
                d = torch.mm(d, layers[k][0].t(), out=self._delta[k - 1])
                d = _relu_backward(d, self._after[k - 1], 0, grad_input=d)
                if self.layer_norm:
                    z, (mean, rstd) = self._before[k - 1], self._moments[k - 1]
                    d = _norm_backward(d, z, (z.shape[1],), mean, rstd, None, None, [True, False, False])[0]
        return d

    def _room(self, batch: int) -> None:
        """Workspaces for this batch size, kept between calls."""
        self._batch = batch
        *hidden, last = [self.weights.new_empty(batch, size) for size in self.sizes[1:]]
        self._before, self._after, self._result = hidden, list(hidden), last
        self._delta = [torch.empty_like(z) for z in hidden]
        self._moments: list[list[Tensor]] = [[] for _ in hidden]
        self._ones = self.weights.new_ones(1, batch)

"""The critics: N networks that share nothing, their slow copies, and the gradient into the action."""

import torch
from torch import Tensor

from robot_rl.learn.mlp import Mlp
from robot_rl.learn.optimise import Adam, State


class Critics:
    """LayerNorm critics Q(x), x = (state, action), with target networks (REDQ, Chen et al. 2021)."""

    def __init__(
        self,
        inputs: int,
        hidden: list[int],
        members: int,
        learning_rate: float,
        tau: float,
        generator: torch.Generator,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.mlp = Mlp((inputs, *hidden, 1), members, True, generator, dtype)
        for layers in self.mlp.layers:  # a value from birth takes 1 / (tau (1 - discount)) updates to be
            for tensor in layers[-1]:  # forgotten, and the smallest of several lies below what is possible
                tensor.mul_(0.01)
        self.target = self.mlp.weights.clone()
        self._target_layers = self.mlp.split(self.target)
        self._adam = Adam(self.mlp.weights, self.mlp.gradient, learning_rate)
        self._tau = tau

    def q(self, x: Tensor) -> Tensor:
        """(N, B) values of (B, inputs)."""
        return torch.stack([self.mlp.forward(layers, x)[:, 0].clone() for layers in self.mlp.layers])

    def target_min(self, x: Tensor, subset: list[int]) -> Tensor:
        """(B, 1) smallest target value among the members in `subset`; only those are computed."""
        lowest = self.mlp.forward(self._target_layers[subset[0]], x).clone()
        for i in subset[1:]:
            torch.minimum(lowest, self.mlp.forward(self._target_layers[i], x), out=lowest)
        return lowest

    def update(self, x: Tensor, y: Tensor) -> tuple[float, float, float]:
        """Regress every critic on the targets y (B, 1), then move the target networks by tau.

        Returns:
            mean loss of a critic, mean Q, gradient norm; the norm is NaN if the step was skipped.
        """
        loss, total = x.new_zeros(()), x.new_zeros(())
        for layers, gradients in zip(self.mlp.layers, self.mlp.gradients, strict=True):
            q = self.mlp.forward(layers, x)
            total += q.mean()
            error = q.sub_(y)
            loss += error.square().mean()
            self.mlp.backward(layers, x, error.mul_(2 / len(x)), gradients)
        mean_loss = float(loss) / self.mlp.members
        norm = self._adam.step(mean_loss)
        if norm == norm:
            self.target.lerp_(self.mlp.weights, self._tau)
        return mean_loss, float(total) / self.mlp.members, norm

    def action_gradient(self, x: Tensor, action_dim: int) -> tuple[Tensor, Tensor]:
        """Mean over critics of Q, (B, 1), and its gradient (B, a) into the last `action_dim` entries of x."""
        share = 1 / self.mlp.members
        q, gradient = x.new_zeros(len(x), 1), x.new_zeros(len(x), action_dim)
        d = x.new_full((len(x), 1), share)
        for layers in self.mlp.layers:
            q.add_(self.mlp.forward(layers, x), alpha=share)
            gradient.addmm_(self.mlp.backward(layers, x, d, None), layers[0][0][-action_dim:].t())
        return q, gradient

    def state(self) -> State:
        """Weights, targets and moments."""
        return {**self._adam.state(), "target": self.target.clone()}

    def load(self, state: State) -> None:
        """Restore in place."""
        self._adam.load(state)
        self.target.copy_(torch.as_tensor(state["target"]))


def draw_subset(members: int, size: int, generator: torch.Generator) -> list[int]:
    """`size` different critics."""
    return torch.randperm(members, generator=generator)[:size].tolist()

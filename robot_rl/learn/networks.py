"""The actor: a tanh-squashed diagonal Gaussian (SAC, Haarnoja et al. 2018, appendix C)."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from robot_rl.learn.mlp import Mlp
from robot_rl.learn.optimise import Adam, State
from robot_rl.learn.policy import LOG_STD_MAX, LOG_STD_MIN

LOG_SQRT_2PI = 0.5 * math.log(2 * math.pi)


class Actor:
    """a = tanh(u), u ~ N(mean, std), from scaled states (B, n) to actions (B, a).

    The log std is bounded by a scaled tanh, which unlike a clamp keeps a gradient everywhere; an untrained
    actor has a std near 0.2. `sample` must come before `backward`.
    """

    def __init__(
        self,
        inputs: int,
        hidden: list[int],
        action_dim: int,
        learning_rate: float,
        generator: torch.Generator,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.action_dim = action_dim
        self.mlp = Mlp((inputs, *hidden, 2 * action_dim), 1, True, generator, dtype)
        self.adam = Adam(self.mlp.weights, self.mlp.gradient, learning_rate)
        self.average = self.mlp.weights.clone()
        """Weights that are deployed: a moving average of those that learn, which by themselves swing from one episode
        to the next"""

    def step(self, loss: float, average_rate: float) -> float:
        """One step of Adam, and the average's towards it (1: all the way). Returns the gradient's norm, as `Adam`."""
        norm = self.adam.step(loss)
        if not math.isnan(norm):
            self.average.lerp_(self.mlp.weights, average_rate)
        return norm

    def heads(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log std of u, (B, a) each."""
        mean, raw = self.mlp.forward(self.mlp.layers[0], x).split(self.action_dim, 1)
        self._bend = torch.tanh(raw)
        self._mean = mean
        return mean, LOG_STD_MIN + 0.5 * (LOG_STD_MAX - LOG_STD_MIN) * (self._bend + 1)

    def sample(self, x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Actions (B, a) made with standard normal noise (B, a), and their log probability (B, 1)."""
        mean, log_std = self.heads(x)
        self._spread = log_std.exp() * noise
        u = mean + self._spread
        self._action = torch.tanh(u)
        gaussian = -0.5 * noise.square() - log_std - LOG_SQRT_2PI
        squash = 2 * (math.log(2) - u - F.softplus(-2 * u))
        return self._action, (gaussian - squash).sum(1, keepdim=True)

    def backward(
        self, x: Tensor, temperature: float, dq: Tensor, wanted: Tensor | None = None, weight: float = 0.0
    ) -> None:
        """Gradient of mean(temperature * log_prob - Q) for the last sample; dq (B, a) is dQ/da.

        `wanted` (k, a) are demonstrated actions of the last k rows: weight / 2 times the squared distance
        of tanh(mean) from them joins the loss of those rows.
        """
        a = self._action
        du = (2 * temperature * a - dq * (1 - a.square())) / len(x)
        dlog_std = du * self._spread - temperature / len(x)
        if wanted is not None and len(wanted):
            cloned = torch.tanh(self._mean[-len(wanted) :])
            du[-len(wanted) :] += weight / len(x) * (cloned - wanted) * (1 - cloned.square())
        self.backward_heads(x, du, dlog_std)

    def backward_heads(self, x: Tensor, dmean: Tensor, dlog_std: Tensor) -> None:
        """Weight gradients from the gradients (B, a) at mean and log std of the last `heads`."""
        draw = dlog_std * (0.5 * (LOG_STD_MAX - LOG_STD_MIN)) * (1 - self._bend.square())
        self.mlp.backward(self.mlp.layers[0], x, torch.cat((dmean, draw), 1), self.mlp.gradients[0])

    def state(self) -> State:
        """Weights, their average, and moments."""
        return self.adam.state() | {"average": self.average.clone()}

    def load(self, state: State) -> None:
        """Restore in place."""
        self.adam.load(state)
        self.average.copy_(torch.as_tensor(state["average"]))

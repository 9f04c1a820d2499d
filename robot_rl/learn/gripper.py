"""The gripper's choice as a small discrete critic beside the continuous actor (HIL-SERL, Luo et al. 2024)."""

import torch
from torch import Tensor

from robot_rl.config import LearnerConfig
from robot_rl.learn.batch import Batch
from robot_rl.learn.mlp import Mlp
from robot_rl.learn.optimise import Adam, State

CHOICES = 3
"""close, stay, open"""
HIDDEN = (128, 128)


class GripperCritic:
    """Double DQN (van Hasselt et al. 2016) with DQfD's large-margin term on demos (Hester et al. 2018).

    The reward is the task's less `gripper_penalty` for each change of the gripper's command. The margin asks
    that the demonstrated choice is worth at least `gripper_margin` more than the others. Without it the rare
    steps at which a gripper closes or opens are found only once a sparse reward has travelled back to them.
    """

    def __init__(self, inputs: int, config: LearnerConfig, generator: torch.Generator) -> None:
        self.mlp = Mlp((inputs, *HIDDEN, CHOICES), 1, True, generator)
        self.target = self.mlp.weights.clone()
        self._target_layers = self.mlp.split(self.target)[0]
        self._adam = Adam(self.mlp.weights, self.mlp.gradient, config.learning_rate)
        self._config = config

    def values(self, x: Tensor) -> Tensor:
        """(B, 3) values of (B, n)."""
        return self.mlp.forward(self.mlp.layers[0], x).clone()

    def targets(self, batch: Batch) -> Tensor:
        """(B, 1): the online network chooses the next action, the target network values it."""
        best = self.values(batch.next_x).argmax(1, keepdim=True)
        value = self.mlp.forward(self._target_layers, batch.next_x).gather(1, best)
        reward = batch.reward - self._config.gripper_penalty * batch.changed
        return reward + self._config.discount * batch.mask * value

    def update(self, batch: Batch, online: int) -> dict[str, float]:
        """One step; rows [online:] are demos. A gradient norm of NaN says that the step was skipped."""
        y = self.targets(batch)
        values = self.values(batch.x)
        error = values.gather(1, batch.choice) - y
        d = torch.zeros_like(values).scatter_(1, batch.choice, 2 * error / len(y))
        weight = self._config.gripper_margin / len(y)
        hinge, dhinge = large_margin(values[online:], batch.choice[online:], self._config.gripper_margin)
        d[online:] += weight * dhinge
        margin_loss = weight * hinge.sum()
        self.mlp.backward(self.mlp.layers[0], batch.x, d, self.mlp.gradients[0])
        loss = float(error.square().mean() + margin_loss)
        norm = self._adam.step(loss)
        if norm == norm:
            self.target.lerp_(self.mlp.weights, self._config.tau)
        return {"gripper_loss": loss, "gripper_margin_loss": float(margin_loss), "gripper_gradient": norm}

    def state(self) -> State:
        """Weights, targets and moments."""
        return {**self._adam.state(), "target": self.target.clone()}

    def load(self, state: State) -> None:
        """Restore in place."""
        self._adam.load(state)
        self.target.copy_(torch.as_tensor(state["target"]))


def large_margin(values: Tensor, choice: Tensor, margin: float) -> tuple[Tensor, Tensor]:
    """Hinge max over rivals of Q + margin, less Q of the demonstrated choice; never below 0.

    Returns:
        (B, 1) hinge and its gradient (B, 3) at the values
    """
    demo = values.gather(1, choice)
    rival, index = (values + margin).scatter_(1, choice, demo).max(1, keepdim=True)
    one = torch.ones_like(demo)
    return rival - demo, torch.zeros_like(values).scatter_add_(1, index, one).scatter_add_(1, choice, -one)

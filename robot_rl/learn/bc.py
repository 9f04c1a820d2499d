"""Behaviour cloning: a baseline of its own, and the start of reinforcement learning."""

import math

import torch
from torch import Tensor

from robot_rl.data.replay import Block
from robot_rl.learn.agent import Agent
from robot_rl.learn.batch import Batch
from robot_rl.learn.gripper import CHOICES, HIDDEN
from robot_rl.learn.mlp import Mlp
from robot_rl.learn.networks import Actor
from robot_rl.learn.optimise import Adam, State, pack, unpack


def clone_actor(
    actor: Actor, x: Tensor, action: Tensor, entropy_per_dim: float, average_rate: float = 1.0
) -> tuple[float, float]:
    """One step of mean squared error between tanh(mean) and the action (B, a).

    The log std is drawn to the one whose Gaussian has the target entropy, so that learning by reward starts
    with as much exploration as the temperature will ask for; a likelihood would shrink it to the demos' own
    spread.

    Returns:
        mean squared error, gradient norm (NaN: skipped)
    """
    mean, log_std = actor.heads(x)
    cloned = torch.tanh(mean)
    error = cloned - action
    wanted = entropy_per_dim - 0.5 * math.log(2 * math.pi * math.e)
    scale = 2 / action.numel()
    actor.backward_heads(x, scale * error * (1 - cloned.square()), 0.1 * scale * (log_std - wanted))
    loss = float(error.square().mean())
    return loss, actor.step(loss, average_rate)


class BcAgent(Agent):
    """Imitates demos and corrections only. The gripper's choice is a softmax classifier."""

    def build(self, observation_dim: int, has_gripper: bool) -> Mlp | None:
        self._head = None
        if has_gripper:
            self._head = Mlp((observation_dim, *HIDDEN, CHOICES), 1, True, self.generator)
            self._adam = Adam(self._head.weights, self._head.gradient, self.config.learning_rate)
        return self._head

    def update(self, block: Block) -> dict[str, float]:
        """As `clone`: demos and corrections are all that this learner uses."""
        return self.clone(block)

    def clone(self, block: Block) -> dict[str, float]:
        """Imitate rows [online:] of every batch."""
        return self.report([self._clone(batch) for batch in self.batches(block, demos_only=True)])

    def _clone(self, batch: Batch) -> dict[str, float]:
        c = self.config
        loss, norm = clone_actor(self.actor, batch.x, batch.action, c.target_entropy_per_dim, c.average_rate)
        record = {"clone_loss": loss, "actor_gradient": norm}
        if self._head is not None:
            record["gripper_loss"], record["gripper_gradient"] = self._classify(self._head, batch)
        return record

    def _classify(self, head: Mlp, batch: Batch) -> tuple[float, float]:
        """One step of cross-entropy; a choice counts by the root of its rarity, or a gripper never closes."""
        log_p = head.forward(head.layers[0], batch.x).log_softmax(1)
        counts = torch.bincount(batch.choice[:, 0], minlength=CHOICES).clamp_(min=1).float()
        weight = counts.rsqrt()[batch.choice]
        weight /= weight.sum()
        loss = float(-(weight * log_p.gather(1, batch.choice)).sum())
        d = weight * log_p.exp().scatter_add_(1, batch.choice, -torch.ones_like(weight))
        head.backward(head.layers[0], batch.x, d, head.gradients[0])
        return loss, self._adam.step(loss)

    def state(self) -> State:
        """Everything needed to continue bit for bit."""
        return super().state() | (pack(gripper=self._adam.state()) if self._head else {})

    def load(self, state: State) -> None:
        """Continue where `state` was taken."""
        super().load(state)
        if self._head:
            self._adam.load(unpack(state, "gripper"))

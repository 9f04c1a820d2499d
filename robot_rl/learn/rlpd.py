"""RLPD (Ball et al. 2023): SAC with a LayerNorm critic ensemble, many updates, demos in every batch."""

import math

import torch
from torch import Tensor

from robot_rl.data.replay import Block
from robot_rl.errors import ConfigError
from robot_rl.learn.agent import Agent
from robot_rl.learn.batch import Batch
from robot_rl.learn.bc import clone_actor
from robot_rl.learn.ensemble import Critics, draw_subset
from robot_rl.learn.gripper import GripperCritic
from robot_rl.learn.mlp import Mlp
from robot_rl.learn.optimise import Adam, State, pack, unpack
from robot_rl.types import Float32


class RlpdAgent(Agent):
    """Continuous actor and critics, and a discrete critic for a gripper.

    The continuous critics see the state and the continuous entries of the action only (HIL-SERL). For them to
    stay Markov the state must hold the gripper's opening and last command: then what the gripper does next is
    part of the policy's response to the state, not a hidden variable.
    """

    def build(self, observation_dim: int, has_gripper: bool) -> Mlp | None:
        c, generator = self.config, self.generator
        if not 1 <= c.target_subset <= c.critics:
            raise ConfigError(
                f"learner.target_subset is {c.target_subset}; choose from 1 to learner.critics = {c.critics}"
            )
        inputs = observation_dim + self.continuous_dim
        self.critics = Critics(inputs, c.hidden, c.critics, c.learning_rate, c.tau, generator)
        self.gripper = GripperCritic(observation_dim, c, generator) if has_gripper else None
        self.log_temperature = torch.full((1,), math.log(c.initial_temperature))
        self._log_temperature_gradient = torch.zeros(1)
        self._temperature_adam = Adam(self.log_temperature, self._log_temperature_gradient, c.learning_rate)
        self.updates = 0
        """Critic updates so far."""
        return self.gripper.mlp if self.gripper else None

    @property
    def temperature(self) -> float:
        """Weight of the entropy."""
        return float(self.log_temperature.exp())

    def update(self, block: Block) -> dict[str, float]:
        """One critic update a batch; actor and temperature follow after every `actor_every` of them."""
        records = []
        for batch in self.batches(block):
            record = self._update_critics(batch)
            if self.gripper:
                record |= self.gripper.update(batch, block.online)
            self.updates += 1
            if self.updates > self.config.head_start and self.updates % self.config.actor_every == 0:
                record |= self._update_actor(batch.x, batch.action[block.online :])
            records.append(record)
        return self.report(records)

    def _update_critics(self, batch: Batch) -> dict[str, float]:
        c = self.config
        next_action, log_prob = self.actor.sample(batch.next_x, self._noise(len(batch.next_x)))
        subset = draw_subset(c.critics, c.target_subset, self.generator)
        value = self.critics.target_min(torch.cat((batch.next_x, next_action), 1), subset)
        if c.backup_entropy:
            value -= self.temperature * log_prob
        y = batch.reward + c.discount * batch.mask * value
        loss, q, norm = self.critics.update(torch.cat((batch.x, batch.action), 1), y)
        return {"critic_loss": loss, "q": q, "target": float(y.mean()), "critic_gradient": norm}

    def _update_actor(self, x: Tensor, demonstrated: Tensor) -> dict[str, float]:
        action, log_prob = self.actor.sample(x, self._noise(len(x)))
        q, dq = self.critics.action_gradient(torch.cat((x, action), 1), self.continuous_dim)
        temperature, entropy = self.temperature, -float(log_prob.mean())
        loss = float((temperature * log_prob - q).mean())
        c = self.config
        weight = c.imitation_weight * 0.5 ** (self.updates / c.imitation_half_life)
        self.actor.backward(x, temperature, dq, demonstrated, weight)
        norm = self.actor.step(loss, c.average_rate)
        target_entropy = self.config.target_entropy_per_dim * self.continuous_dim
        self._log_temperature_gradient.fill_(temperature * (entropy - target_entropy))
        # With the actor's step skipped (NaN) the temperature stays too.
        self._temperature_adam.step(norm)
        return {"actor_loss": loss, "actor_gradient": norm, "entropy": entropy, "temperature": temperature}

    def clone(self, block: Block) -> dict[str, float]:
        """Start from the demos of a block: the actor imitates, the gripper critic learns with its margin."""
        records = []
        for batch in self.batches(block, demos_only=True):
            loss, norm = clone_actor(self.actor, batch.x, batch.action, self.config.target_entropy_per_dim)
            record = {"clone_loss": loss, "actor_gradient": norm}
            if self.gripper:
                record |= self.gripper.update(batch, online=0)
            records.append(record)
        return self.report(records)

    def values(self, observations: Float32, actions: Float32) -> Float32 | None:
        """(T,) mean over critics of Q of actions (T, a) in states (T, n)."""
        x = torch.from_numpy(observations) / self.scale
        q = self.critics.q(torch.cat((x, torch.from_numpy(actions[:, : self.continuous_dim])), 1))
        values: Float32 = q.mean(0).flatten().numpy()
        return values

    def _noise(self, batch: int) -> Tensor:
        return torch.randn(batch, self.continuous_dim, generator=self.generator)

    def state(self) -> State:
        """Everything needed to continue bit for bit."""
        gripper = pack(gripper=self.gripper.state()) if self.gripper else {}
        parts = pack(critics=self.critics.state(), temperature=self._temperature_adam.state())
        return super().state() | parts | gripper | {"updates": self.updates}

    def load(self, state: State) -> None:
        """Continue where `state` was taken."""
        super().load(state)
        self.critics.load(unpack(state, "critics"))
        self._temperature_adam.load(unpack(state, "temperature"))
        if self.gripper:
            self.gripper.load(unpack(state, "gripper"))
        self.updates = int(state["updates"])

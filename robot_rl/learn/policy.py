"""A policy to deploy: numpy only."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from robot_rl.errors import PolicyError
from robot_rl.types import Float32

EPSILON = 1e-5
"""Of LayerNorm."""
LOG_STD_MIN, LOG_STD_MAX = -5.0, 2.0
"""Bounds of the actor's log std."""

Layers = list[tuple[Float32, Float32]]
"""Weight (in, out) and bias (out,) of each layer."""


@dataclass(frozen=True)
class PolicyMeta:
    """What a policy is for."""

    task: str
    state_names: tuple[str, ...]
    """Fields of the observation, in order."""
    action_names: tuple[str, ...]
    """Entries of the action, in order."""
    robot: str = ""
    """Model of the arm it was trained on"""


@dataclass(frozen=True)
class Policy:
    """Actor, and gripper values when there is a gripper, over the state divided by `state_scale`."""

    meta: PolicyMeta
    state_scale: Float32
    """(n,) in the state's own units"""
    actor: Layers
    gripper: Layers | None
    """None: no gripper. Otherwise values of close, stay, open."""
    _rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0), repr=False)

    @property
    def observation_dim(self) -> int:
        """Entries of the observation."""
        return len(self.state_scale)

    @property
    def action_dim(self) -> int:
        """Entries of the action, the gripper's included."""
        return len(self.actor[-1][1]) // 2 + (self.gripper is not None)

    def act(self, observation: Float32, deterministic: bool = True) -> Float32:
        """(n,) state to (a,) float32 action in [-1, 1]; the gripper's entry, if any, is last: -1, 0 or 1."""
        noise = None if deterministic else self._rng.standard_normal(len(self.actor[-1][1]) // 2, np.float32)
        return self.respond(observation, noise)

    def respond(self, observation: Float32, noise: Float32 | None) -> Float32:
        """As `act`, with standard normal noise given; None is the tanh of the mean."""
        x = (observation / self.state_scale).astype(np.float32, copy=False)
        out = _forward(self.actor, x)
        half = len(out) // 2
        u = out[:half]
        if noise is not None:
            log_std = LOG_STD_MIN + 0.5 * (LOG_STD_MAX - LOG_STD_MIN) * (np.tanh(out[half:]) + 1)
            u = u + noise * np.exp(log_std)
        action = np.empty(self.action_dim, np.float32)
        np.tanh(u, out=action[:half])
        if self.gripper is not None:
            action[-1] = _forward(self.gripper, x).argmax() - 1
        return action

    def copy(self, meta: PolicyMeta) -> "Policy":
        """The same numbers in memory of their own."""
        actor, gripper = (
            [(weight.copy(), bias.copy()) for weight, bias in layers or []] for layers in (self.actor, self.gripper)
        )
        return Policy(meta, self.state_scale.copy(), actor, gripper or None)

    def check_fits(self, state_names: Sequence[str], action_names: Sequence[str]) -> None:
        """Refuse a robot or task this policy was not made for.

        Raises:
            PolicyError: names or sizes differ.
        """
        for verbs, own, offered in (
            (("observes", "offers"), self.meta.state_names, tuple(state_names)),
            (("drives", "has"), self.meta.action_names, tuple(action_names)),
        ):
            if own != offered:
                raise PolicyError(
                    f"the policy was trained for task={self.meta.task}: it {_difference(*verbs, own, offered)}; give "
                    f"task={self.meta.task}, or a policy of this task"
                )


def _difference(does: str, others: str, own: Sequence[str], offered: Sequence[str]) -> str:
    lacking, instead = (", ".join(n for n in a if n not in b) for a, b in ((own, offered), (offered, own)))
    if not (lacking or instead):
        return f"{does} the same in another order"
    return f"{does} {lacking or 'less'}, this task {others} {instead or 'nothing'} instead"


def _forward(layers: Layers, x: Float32) -> Float32:
    """One state through an MLP with LayerNorm without gain and bias."""
    for weight, bias in layers[:-1]:
        x = x @ weight
        x += bias
        x -= np.add.reduce(x) / len(x)
        x *= 1 / np.sqrt(x @ x / len(x) + EPSILON)
        np.maximum(x, 0, out=x)
    weight, bias = layers[-1]
    return x @ weight + bias

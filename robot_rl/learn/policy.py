"""A policy to deploy: numpy only, stored as a folder that can be checked before it moves anything."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from robot_rl.errors import ConfigError, PolicyError
from robot_rl.types import Float32

FORMAT, VERSION = "robot_rl.policy", 1
WEIGHTS, HEADER = "weights.safetensors", "policy.json"
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
        if tuple(state_names) != self.meta.state_names:
            raise PolicyError(
                f"the policy observes {list(self.meta.state_names)}, this task offers {list(state_names)}; "
                f"use a policy trained for this task (this one: {self.meta.task})"
            )
        if tuple(action_names) != self.meta.action_names:
            raise PolicyError(
                f"the policy drives {list(self.meta.action_names)}, this task {list(action_names)}; "
                f"use a policy trained for this task (this one: {self.meta.task})"
            )


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


def save_policy(policy: Policy, folder: str | Path) -> None:
    """Write the folder; its header, which makes it valid, comes last.

    Raises:
        ConfigError: the folder cannot be written.
    """
    folder = Path(folder)
    weights = save_tensors(_named(policy))
    header = {
        "format": FORMAT,
        "version": VERSION,
        **asdict(policy.meta),
        "state_scale": policy.state_scale.tolist(),
        "actor_sizes": _sizes(policy.actor),
        "gripper_sizes": _sizes(policy.gripper) if policy.gripper else [],
        "has_gripper": policy.gripper is not None,
        "sha256": hashlib.sha256(weights).hexdigest(),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _replace(folder / WEIGHTS, weights)
        _replace(folder / HEADER, json.dumps(header, indent=2).encode())
    except OSError as error:
        raise ConfigError(f"cannot write a policy to {folder}: {error.strerror}; choose another folder") from error


def load_policy(folder: str | Path) -> Policy:
    """Read a folder written by `save_policy`.

    Raises:
        PolicyError: nothing there, not a policy of ours, another version, or damaged.
    """
    folder = Path(folder)
    header = _header(folder)
    weights = _read(folder / WEIGHTS)
    if hashlib.sha256(weights).hexdigest() != header["sha256"]:
        raise PolicyError(f"{folder / WEIGHTS} does not match its checksum: damaged; copy or train it again")
    try:
        tensors = load_tensors(weights)
        scale = np.asarray(header["state_scale"], np.float32)
        actor = _layers(tensors, "actor", [len(scale), *header["actor_sizes"][1:]])
        gripper = _layers(tensors, "gripper", header["gripper_sizes"]) if header["has_gripper"] else None
        meta = PolicyMeta(header["task"], tuple(header["state_names"]), tuple(header["action_names"]), header["robot"])
        if not (np.isfinite(scale) & (scale > 0)).all():
            raise ValueError(f"state_scale is {scale}, not finite numbers above 0")
    except (SafetensorError, KeyError, TypeError, ValueError, IndexError) as error:
        raise PolicyError(f"{folder} is not a usable policy: {error}; copy or train it again") from error
    return Policy(meta, scale, actor, gripper)


def _header(folder: Path) -> dict:
    try:
        header = json.loads(_read(folder / HEADER))
    except ValueError as error:
        raise PolicyError(f"{folder / HEADER} is not JSON ({error}); copy or train the policy again") from error
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise PolicyError(f"{folder / HEADER} is not of format {FORMAT}; give a folder saved by train")
    if header.get("version") != VERSION:
        raise PolicyError(
            f"{folder / HEADER} has version {header.get('version')}, this program reads version {VERSION}; "
            "train again or use the program that wrote it"
        )
    if "sha256" not in header:
        raise PolicyError(f"{folder / HEADER} has no checksum: damaged; copy or train it again")
    return header


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PolicyError(f"no policy at {path} ({error.strerror}); give a folder saved by train") from error


def _replace(path: Path, content: bytes) -> None:
    """Write through a temporary file, so that no reader sees half of it."""
    temporary = path.with_name(path.name + ".part")
    temporary.write_bytes(content)
    temporary.replace(path)


def _sizes(layers: Layers) -> list[int]:
    return [len(layers[0][0]), *(len(bias) for _, bias in layers)]


def _named(policy: Policy) -> dict[str, Float32]:
    named = {}
    for net, layers in (("actor", policy.actor), ("gripper", policy.gripper or [])):
        for k, (weight, bias) in enumerate(layers):
            named[f"{net}.{k}.weight"] = np.ascontiguousarray(weight)
            named[f"{net}.{k}.bias"] = np.ascontiguousarray(bias)
    return named


def _layers(tensors: Mapping[str, NDArray], net: str, sizes: Sequence[int]) -> Layers:
    if len(sizes) < 2 or f"{net}.{len(sizes) - 1}.weight" in tensors:
        raise ValueError(f"{net}_sizes is {sizes}, but the weights have another number of layers")
    layers = []
    for k, (n, m) in enumerate(pairwise(sizes)):
        weight, bias = tensors[f"{net}.{k}.weight"], tensors[f"{net}.{k}.bias"]
        if weight.shape != (n, m) or bias.shape != (m,):
            raise ValueError(f"{net}.{k} has shapes {weight.shape}, {bias.shape} instead of {(n, m)}, {(m,)}")
        if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
            raise ValueError(f"{net}.{k} holds numbers that are not finite")
        layers.append((weight.astype(np.float32), bias.astype(np.float32)))
    return layers

"""Policies on disk and on the wire: checked in full before they move anything.

A folder holds the weights and, written last, a header with their checksum. On the wire both are one safetensors blob,
the header in its metadata, with a checksum over all of it.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from robot_rl.data.files import BLANK, is_sealed, seal, write_durably
from robot_rl.errors import ConfigError, PolicyError
from robot_rl.learn.policy import Layers, Policy, PolicyMeta
from robot_rl.types import Float32

FORMAT, VERSION = "robot_rl.policy", 1
WEIGHTS, HEADER = "weights.safetensors", "policy.json"
WIRE = "the policy received"


def save_policy(policy: Policy, folder: str | Path) -> None:
    """Write the folder; its header, which makes it valid, comes last.

    Raises:
        ConfigError: the folder cannot be made.
        StorageError: the disk does not take it.
    """
    folder, weights = Path(folder), save_tensors(_tensors(policy))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot write a policy to {folder}: {error.strerror}; choose another folder") from error
    write_durably(folder / WEIGHTS, weights)
    write_durably(folder / HEADER, _header(policy, hashlib.sha256(weights).hexdigest()).encode())


def load_policy(folder: str | Path) -> Policy:
    """Read a folder written by `save_policy`.

    Raises:
        PolicyError: nothing there, not a policy of ours, another version, or damaged.
    """
    folder = Path(folder)
    header = _checked(_read(folder / HEADER), str(folder / HEADER))
    weights = _read(folder / WEIGHTS)
    if hashlib.sha256(weights).hexdigest() != header["sha256"]:
        raise PolicyError(f"{folder / WEIGHTS} does not match its checksum: damaged; copy or train it again")
    return _policy(header, weights, str(folder))


def policy_to_bytes(policy: Policy) -> bytes:
    """One blob to send."""
    return seal(save_tensors(_tensors(policy), {FORMAT: _header(policy, BLANK)}))


def policy_from_bytes(blob: bytes) -> Policy:
    """What `policy_to_bytes` was given.

    Raises:
        PolicyError: not a policy of ours, another version, or damaged.
    """
    try:
        length = int.from_bytes(blob[:8], "little")  # of the JSON that safetensors begins with
        text = json.loads(blob[8 : 8 + length])["__metadata__"][FORMAT]
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise PolicyError(f"{WIRE} is damaged or none of ours ({error!r}); send it again") from error
    header = _checked(text, WIRE)
    if not is_sealed(blob, header["sha256"]):
        raise PolicyError(f"{WIRE} does not match its checksum: damaged; send it again")
    return _policy(header, blob, WIRE)


def _header(policy: Policy, sha256: str) -> str:
    header = {
        "sha256": sha256,
        "format": FORMAT,
        "version": VERSION,
        **asdict(policy.meta),
        "state_scale": policy.state_scale.tolist(),
        "actor_sizes": _sizes(policy.actor),
        "gripper_sizes": _sizes(policy.gripper) if policy.gripper else [],
        "has_gripper": policy.gripper is not None,
    }
    return json.dumps(header, indent=2)


def _checked(text: str | bytes, where: str) -> dict[str, Any]:
    """The header, if it is one of ours."""
    try:
        header = json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise PolicyError(f"{where} is not JSON ({error}); copy or train the policy again") from error
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise PolicyError(f"{where} is not of format {FORMAT}; give a folder saved by train")
    if header.get("version") != VERSION:
        raise PolicyError(
            f"{where} has version {header.get('version')}, this program reads version {VERSION}; "
            "train again or use the program that wrote it"
        )
    if "sha256" not in header:
        raise PolicyError(f"{where} has no checksum: damaged; copy or train it again")
    return header


def _policy(header: dict[str, Any], weights: bytes, where: str) -> Policy:
    try:
        tensors = load_tensors(weights)
        scale = np.asarray(header["state_scale"], np.float32)
        actor = _layers(tensors, "actor", [len(scale), *header["actor_sizes"][1:]])
        gripper = _layers(tensors, "gripper", header["gripper_sizes"]) if header["has_gripper"] else None
        meta = PolicyMeta(header["task"], tuple(header["state_names"]), tuple(header["action_names"]), header["robot"])
        if scale.ndim != 1 or not (np.isfinite(scale) & (scale > 0)).all():
            raise ValueError(f"state_scale is {scale}, not finite numbers above 0")
    except (SafetensorError, LookupError, TypeError, ValueError) as error:
        raise PolicyError(f"{where} is not a usable policy: {error}; copy or train it again") from error
    return Policy(meta, scale, actor, gripper)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        inner = path.parent / "policy"
        hint = f"did you mean {inner}?" if (inner / HEADER).exists() else "give a folder saved by train"
        raise PolicyError(f"no policy at {path} ({error.strerror}); {hint}") from error


def _sizes(layers: Layers) -> list[int]:
    return [len(layers[0][0]), *(len(bias) for _, bias in layers)]


def _tensors(policy: Policy) -> dict[str, Float32]:
    named = {}
    for net, layers in (("actor", policy.actor), ("gripper", policy.gripper or [])):
        for k, (weight, bias) in enumerate(layers):
            named[f"{net}.{k}.weight"] = np.ascontiguousarray(weight)
            named[f"{net}.{k}.bias"] = np.ascontiguousarray(bias)
    return named


def _layers(tensors: Mapping[str, NDArray], net: str, sizes: Sequence[int]) -> Layers:
    if len(sizes) < 2 or f"{net}.{len(sizes) - 1}.weight" in tensors:
        raise ValueError(f"{net}_sizes is {sizes}, but the weights have another number of layers")
    return [
        (_tensor(tensors, f"{net}.{k}.weight", (n, m)), _tensor(tensors, f"{net}.{k}.bias", (m,)))
        for k, (n, m) in enumerate(pairwise(sizes))
    ]


def _tensor(tensors: Mapping[str, NDArray], name: str, shape: tuple[int, ...]) -> Float32:
    tensor = tensors[name]
    if tensor.shape != shape or tensor.dtype != np.float32:
        raise ValueError(f"{name} has shape {tensor.shape} and type {tensor.dtype}, not {shape} and float32")
    if not np.isfinite(tensor).all():
        raise ValueError(f"{name} holds numbers that are not finite")
    return tensor

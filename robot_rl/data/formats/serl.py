"""Demonstrations as SERL and HIL-SERL pickle them: one list of transitions, each a dict.

Keys: `observations` and `next_observations` (dicts of `state` and a picture per camera, with or without a leading
history axis), `actions` in [-1, 1], `rewards`, `masks`, `dones`. Other keys are passed over.

These files keep no episode boundaries but `dones`, and call a time limit the end of the task. Here a done step with
a reward ended the task; any other end, also where the chain of observations breaks off, is a truncation.
"""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from robot_rl.data.facts import Facts
from robot_rl.data.formats.pickled import read_pickle
from robot_rl.data.formats.table import foreign_table, to_episode
from robot_rl.errors import DataError
from robot_rl.types import Episode, Image

HZ = 10.0
"""The policy rate of both; the files do not tell it."""
AXES = ("x", "y", "z", "rx", "ry", "rz", "gripper")
"""Of their Franka environments, which have the first six or all seven"""
GRIPPER_AT = 0.5
"""Both close at -0.5 and below, open at 0.5 and above."""
NEEDED = ("observations", "next_observations", "actions", "rewards", "dones")


def read_serl(path: Path) -> tuple[Facts, Iterator[Episode]]:
    """What is known of the file, and its episodes, under no name yet.

    Raises DataError for a file that is no such list, or holds anything but numbers; the record's place is named.
    """
    records = read_pickle(path)
    if not isinstance(records, list) or not records:
        raise DataError(f"{path} holds no list of transitions")
    transitions = [_transition(path, k, record) for k, record in enumerate(records)]
    states, actions = len(transitions[0]["before"]["state"]), len(transitions[0]["action"])
    names = AXES[:actions] if actions in (6, 7) else tuple(f"action[{k}]" for k in range(actions))
    facts = Facts("", "", HZ, tuple(f"state[{k}]" for k in range(states)), names)
    return facts, (_episode(path, first, chain) for first, chain in _chains(transitions))


def _chains(transitions: list[dict[str, Any]]) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """Runs of transitions in which each begins where the one before ended, and the place of their first."""
    first = 0
    for k, (now, after) in enumerate(pairwise(transitions), 1):
        if now["done"] or not np.array_equal(now["after"]["state"], after["before"]["state"]):
            yield first, transitions[first:k]
            first = k
    yield first, transitions[first:]


def _transition(path: Path, k: int, record: Any) -> dict[str, Any]:
    missing = [key for key in NEEDED if not isinstance(record, dict) or key not in record]
    if missing:
        raise DataError(f"{path}, record {k}: no {', '.join(missing)}; it is not a transition of SERL or HIL-SERL")
    try:
        return {
            "before": _observation(record["observations"]),
            "after": _observation(record["next_observations"]),
            "action": np.asarray(record["actions"], np.float32).reshape(-1),
            "reward": float(np.asarray(record["rewards"]).item()),
            "done": bool(np.asarray(record["dones"]).item()),
        }
    except (TypeError, ValueError) as error:
        raise DataError(f"{path}, record {k}: {error}") from error


def _observation(values: Any) -> dict[str, Any]:
    if not isinstance(values, dict):
        values = {"state": values}
    if "state" not in values:
        raise ValueError(f"an observation without `state`, only {', '.join(map(str, values))}")
    state = _newest(np.asarray(values["state"], np.float32), 1)
    if state.ndim != 1:
        raise ValueError(f"a state of shape {state.shape}, expected (numbers,)")
    pictures = {str(name): np.asarray(value) for name, value in values.items() if name != "state"}
    return {"state": state, **{name: _newest(picture, 3) for name, picture in pictures.items()}}


def _newest(values: np.ndarray, ndim: int) -> np.ndarray:
    """Without the history axis, if there is one."""
    return values[-1] if values.ndim == ndim + 1 and len(values) else values


def _episode(path: Path, first: int, chain: list[dict[str, Any]]) -> Episode:
    where = f"{path}, records {first} to {first + len(chain) - 1}"
    frames = [chain[0]["before"], *(t["after"] for t in chain)]
    if any(frame.keys() != frames[0].keys() for frame in frames):
        raise DataError(f"{where}: observations of different kinds")
    try:
        states, actions = np.stack([f["state"] for f in frames]), np.stack([t["action"] for t in chain])
        images: dict[str, list[Image]] = {name: [f[name] for f in frames] for name in frames[0] if name != "state"}
    except ValueError as error:
        raise DataError(f"{where}: transitions of different sizes ({error})") from error
    rewards = np.array([t["reward"] for t in chain])
    success = bool(chain[-1]["done"] and chain[-1]["reward"] > 0)
    if np.isfinite(actions).all():
        actions = np.clip(actions, -1, 1)  # as their environments do; corrections may leave the range
    if actions.shape[1] == len(AXES):
        actions[:, -1] = np.sign(actions[:, -1]) * (np.abs(actions[:, -1]) >= GRIPPER_AT)
    return to_episode(foreign_table(states, actions, rewards, success, HZ, images), where)

"""Demonstrations as robomimic's HDF5: `data/demo_<k>/{obs,next_obs,actions,rewards,dones}`.

`obs/state` is the state, `obs/<camera>` the pictures, without loss. What robomimic has no place for (requested
action, source, stamps, readings of the arm, ...) is in `data/demo_<k>/robot_rl`, so that a way back loses nothing.
"""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from robot_rl.data.facts import Facts
from robot_rl.data.folder import plain_file
from robot_rl.data.formats import optional
from robot_rl.data.formats.table import ARM, Table, foreign_table, to_episode, to_table
from robot_rl.errors import DataError
from robot_rl.types import Episode

OURS = "robot_rl"
HZ = 20.0
"""robosuite's control rate, for files that do not tell theirs"""
GYM = 2
"""robomimic's number for environments with Gymnasium's interface"""
MAX_BYTES = 8 << 30
"""Of one dataset. More is no demonstration but a file made to fill the memory."""
UNREADABLE = (OSError, ValueError, TypeError, KeyError, IndexError, RuntimeError, AttributeError)
"""What h5py, json and numpy raise for files that are damaged or of another kind."""


def write_robomimic(episodes: Iterable[Episode], facts: Facts, path: Path) -> None:
    """One file. Raises ConfigError without h5py."""
    h5py = optional("h5py")
    with h5py.File(path, "w") as file:
        data, total = file.create_group("data"), 0
        for k, episode in enumerate(episodes):
            _write_demo(data.create_group(f"demo_{k}"), to_table(episode), h5py.string_dtype())
            total += len(episode)
        data.attrs["total"] = total
        data.attrs["env_args"] = json.dumps({"env_name": facts.task, "type": GYM, "env_kwargs": {}})
        data.attrs[OURS] = facts.stamped()


def read_robomimic(path: Path) -> tuple[Facts, Iterator[Episode]]:
    """What the file says of itself, and its episodes, under no name yet.

    In a file of another program the low-dimensional observations, in alphabetical order, are the state; an episode
    ends at its first `done`; where `next_obs` is missing, the last observation is repeated for the one after it.

    Raises DataError for anything else, also for links and external data, which could name any file. ConfigError
    without h5py.
    """
    plain_file(path, "HDF5 file")
    with _opened(path) as file:
        data = _child(file, "data", path)
        ours = data.attrs.get(OURS)
        names = sorted(data, key=_number)
        if not names:
            raise DataError(f"{path} holds no demo")
        first = _child(data, names[0], path)
        facts = Facts.read_stamped(ours, str(path)) if ours is not None else _foreign_facts(path, data, first)
    return facts, _episodes(path, names, facts, ours is not None)


def _write_demo(group: Any, table: Table, text: Any) -> None:
    """Numbers with a checksum, pictures compressed one by one."""
    steps = table.steps
    group.attrs["num_samples"], group.attrs["seed"] = len(steps["action"]), table.seed
    columns = {"actions": steps["action"], "rewards": steps["reward"]}
    columns["dones"] = (steps["terminated"] | steps["truncated"]).astype(np.int64)
    for name, rows in (("obs", slice(None, -1)), ("next_obs", slice(1, None))):
        columns[f"{name}/state"] = table.frames["state"][rows]
        for camera, images in table.images.items():
            pictures = np.array(images[rows])
            chunks = (1, *pictures.shape[1:])
            group.create_dataset(
                f"{name}/{camera}",
                data=pictures,
                chunks=chunks,
                compression="gzip",
                compression_opts=1,
                fletcher32=True,
            )
    ours = {k: v for k, v in {**table.frames, **steps}.items() if k not in ("state", "action", "reward", "reasons")}
    for name, column in (columns | {f"{OURS}/{name}": column for name, column in ours.items()}).items():
        group.create_dataset(name, data=column, fletcher32=True)
    group.create_dataset(f"{OURS}/reasons", data=steps["reasons"], dtype=text)


def _episodes(path: Path, names: list[str], facts: Facts, ours: bool) -> Iterator[Episode]:
    with _opened(path) as file:
        for name in names:
            where = f"{path}, {name}"
            demo = _child(_child(file, "data", path), name, path)
            yield to_episode((_our_table if ours else _foreign_table)(demo, facts, where), where)


def _our_table(demo: Any, _: Facts, where: object) -> Table:
    ours = {name: _values(demo, f"{OURS}/{name}", where) for name in _child(demo, OURS, where)}
    actions, rewards = _values(demo, "actions", where), _values(demo, "rewards", where)
    if len(actions) != demo.attrs["num_samples"]:
        raise DataError(f"{where}: num_samples is {demo.attrs['num_samples']}, there are {len(actions)} actions")
    frames = {name: column for name, column in ours.items() if name == "stamp_s" or name in ARM}
    steps = {name: column for name, column in ours.items() if name not in frames}
    states, images = _observations(demo, where)
    frames, steps = {"state": states, **frames}, {"action": actions, "reward": rewards, **steps}
    return Table(frames, steps, images, int(demo.attrs["seed"]))


def _foreign_table(demo: Any, facts: Facts, where: object) -> Table:
    states, images = _observations(demo, where)
    actions, rewards = _values(demo, "actions", where), _values(demo, "rewards", where)
    dones = np.flatnonzero(_values(demo, "dones", where))
    steps = int(dones[0]) + 1 if dones.size else len(actions)
    success = bool(dones.size and rewards[steps - 1] > 0)
    pictures = {camera: images[camera][: steps + 1] for camera in images}
    return foreign_table(states[: steps + 1], actions[:steps], rewards[:steps], success, facts.hz, pictures)


def _observations(demo: Any, where: object) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """States (T + 1, n): all vectors side by side, in alphabetical order; and pictures (T + 1, h, w, 3) by camera."""
    after = "next_obs" if "next_obs" in demo else "obs"
    whole = {}
    for key in sorted(_child(demo, "obs", where)):
        values = _values(demo, f"obs/{key}", where)
        whole[key] = np.concatenate((values, _values(demo, f"{after}/{key}", where)[-1:]))
    vectors = [values.reshape(len(values), -1) for values in whole.values() if values.ndim in (1, 2)]
    if not vectors:
        raise DataError(f"{where}: obs has no vector, only {', '.join(whole) or 'nothing'}")
    pictures = {key: values for key, values in whole.items() if values.ndim == 4 and values.shape[3] == 3}
    return np.concatenate(vectors, axis=1), pictures


def _foreign_facts(where: Path, data: Any, first: Any) -> Facts:
    env = json.loads(data.attrs.get("env_args", "{}"))
    names = []
    for key in sorted(_child(first, "obs", where)):
        shape = _child(first, f"obs/{key}", where).shape
        names += [f"{key}[{k}]" for k in range(shape[1] if len(shape) == 2 else 1)] if len(shape) in (1, 2) else []
    actions = _child(first, "actions", where).shape[1]
    hz = float(env.get("env_kwargs", {}).get("control_freq", HZ))
    return Facts(str(env.get("env_name", "")), "", hz, tuple(names), tuple(f"action[{k}]" for k in range(actions)))


def _number(name: str) -> int:
    if not re.fullmatch(r"demo_\d{1,9}", name):
        raise DataError(f"data/{name} is no demo; expected demo_0, demo_1, ...")
    return int(name.removeprefix("demo_"))


def _values(group: Any, name: str, where: object) -> np.ndarray:
    """A dataset's content. Raises DataError for one that is too large or lies elsewhere."""
    item = _child(group, name, where)
    if not hasattr(item, "is_virtual") or item.is_virtual or item.external or item.nbytes > MAX_BYTES or not item.shape:
        raise DataError(f"{where}: {name} is no array, or too large, or its content is in another file")
    return item.asstr()[:] if item.dtype.kind == "O" else item[:]


def _child(group: Any, name: str, where: object) -> Any:
    """A member of a group, below it in this very file. Raises DataError otherwise."""
    for part in name.split("/"):
        link = group.get(part, getlink=True) if hasattr(group, "keys") else None
        if type(link).__name__ != "HardLink":
            raise DataError(f"{where}: {name} is {'a link to elsewhere' if link else 'missing'}")
        group = group[part]
    return group


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Raises DataError also for what goes wrong inside: files like these are not ours."""
    try:
        with optional("h5py").File(path, "r") as file:
            yield file
    except UNREADABLE as error:
        raise DataError(f"{path}: damaged, or not of robomimic ({error}); nothing of it was used") from error

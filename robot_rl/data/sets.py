"""New sets of demonstrations out of episodes, or out of other sets. The old ones stay as they are."""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from robot_rl.data.demos import COMMIT_S, DemoStore, Row
from robot_rl.data.facts import Facts
from robot_rl.data.folder import appearing
from robot_rl.data.log import EpisodeLog
from robot_rl.errors import ConfigError, DataError
from robot_rl.types import Episode, Label

ACTOR = "demos"
"""Who the frames of a new set come from; where they were recorded is in its facts, under `origin`"""


def write_set(
    episodes: Iterable[tuple[Episode, Sequence[Label]]], facts: Facts, origin: object, folder: Path
) -> tuple[int, int]:
    """A new log of complete episodes with their marks; returns how many episodes and steps.

    `origin` says where they come from, as JSON. The folder appears when all is written.

    Raises DataError when it is there already, or an episode does not fit those before; StorageError.
    """
    sequence = count = steps = 0
    with appearing(folder) as part, EpisodeLog(part, facts=facts.written() | {"origin": json.dumps(origin)}) as log:
        for count, (episode, marks) in enumerate(episodes, 1):
            for frame in episode.frames:
                log.append(replace(frame, actor=ACTOR, sequence=sequence, episode=count - 1))
                sequence += 1
            for label in marks:
                log.label(replace(label, actor=ACTOR, episode=count - 1))
            log.commit(COMMIT_S)
            steps += len(episode)
        if not count:
            raise DataError(f"nothing to write into {folder}: there is no complete episode")
    return count, steps


def merge(stores: Sequence[DemoStore], folder: Path) -> tuple[int, int]:
    """All complete episodes of several sets, one set after the other, as one; like `write_set`.

    Raises DataError when their facts differ.
    """
    for store in stores[1:]:
        if store.facts != stores[0].facts:
            raise DataError(f"{stores[0].folder} and {store.folder} differ: {_difference(stores[0], store)}")
    chosen = [(store, [row for row in store.rows if row.complete]) for store in stores]
    episodes = (pair for store, rows in chosen for pair in store.complete({row.number for row in rows}))
    origin = [_origin(store, row) for store, rows in chosen for row in rows]
    return write_set(episodes, stores[0].facts, origin, folder)


def split(store: DemoStore, numbers: Collection[int], folder: Path) -> tuple[int, int]:
    """Two new sets: `chosen` has the complete episodes among `numbers`, `rest` the others. Returns their sizes.

    Raises ConfigError for a number that is none of a complete episode, DataError when a part would be empty.
    """
    complete = [row for row in store.rows if row.complete]
    unknown = sorted(set(numbers) - {row.number for row in complete})
    if unknown:
        raise ConfigError(f"{store.folder} has no complete episodes {unknown}; `demos list` shows which it has")
    parts = {
        "chosen": [row for row in complete if row.number in numbers],
        "rest": [row for row in complete if row.number not in numbers],
    }
    sizes = len(parts["chosen"]), len(parts["rest"])
    if not all(sizes):
        raise DataError(f"{sizes[0]} of {len(complete)} complete episodes leave an empty part; choose otherwise")
    with appearing(folder) as both:
        for name, rows in parts.items():
            episodes = store.complete({row.number for row in rows})
            write_set(episodes, store.facts, [_origin(store, row) for row in rows], both / name)
    return sizes


def draw(store: DemoStore, share: float, seed: int) -> set[int]:
    """Numbers of about `share` of the complete episodes, drawn by `seed`; whole episodes, never parts of one.

    Raises ConfigError for a share outside (0, 1).
    """
    if not 0 < share < 1:
        raise ConfigError(f"share={share}: a number between 0 and 1")
    complete = [row.number for row in store.rows if row.complete]
    return set(np.random.default_rng(seed).permutation(complete)[: round(share * len(complete))].tolist())


def _origin(store: DemoStore, row: Row) -> dict[str, object]:
    return {"folder": str(store.folder), "actor": row.actor, "episode": row.episode}


def _difference(one: DemoStore, other: DemoStore) -> str:
    written = other.facts.written()
    pairs = [(key, value, written[key]) for key, value in one.facts.written().items()]
    return "; ".join(f"{key} {a} and {b}" for key, a, b in pairs if a != b)

"""The folder of a run: made and proved writable, or found again to go on with."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robot_rl.compose import read_config, resolved, save_config
from robot_rl.config import Config
from robot_rl.errors import ConfigError

MAY_CHANGE = ("out", "resume", "headless", "eval_episodes", "link", "learner.env_steps")
"""Settings that may differ when a run goes on."""
COMMIT_S = 30.0
"""Longest wait for the disk"""
FIGURES = "figures.json"
"""What each process has to say in the report"""
OWN = ("seed", "out", "headless", "eval_episodes", "policy", "resume", "demos", "episode", "link", "human")
"""Settings that actors of one learner may have each for themselves."""
PARTS = ("report.json", "demos", "practice", "received", "policy", "actor", "learner")
"""What shows that a folder holds a run: settings alone do not."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended."""

    text: str
    """What to tell the user"""
    complete: bool = True
    """False: interrupted, with what there was"""


def open_folder(config: Config, verb: str) -> Path:
    """The run's folder; without `out` the first free one below `runs`. Its config is in `config.yaml` afterwards.

    Raises ConfigError when it cannot be written, holds another run, or with `resume` one that was set up otherwise.
    """
    folder = _found(config) if config.resume else _new(config, verb)
    probe = folder / ".writable"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        raise ConfigError(f"out={folder}: {error.strerror}; choose a folder that can be written") from error
    save_config(config, folder / "config.yaml")
    return folder


def _new(config: Config, verb: str) -> Path:
    name = f"runs/{verb}-{config.task.name}-{config.seed}"
    names = [config.out] if config.out else [name, *(f"{name}-{k}" for k in range(2, 1000))]
    folder = next((path for path in map(Path, names) if not _holds_a_run(path)), None)
    if folder is None:
        raise ConfigError(
            f"out={names[0]} holds a run already; go on with it by resume=true, give another folder, or remove it"
        )
    return folder


def _found(config: Config) -> Path:
    folder = Path(config.out)
    if not config.out or not (folder / "config.yaml").exists():
        raise ConfigError(f"resume=true needs out=FOLDER, a folder with a run to go on with; {config.out!r} has none")
    before, now = (_flat(resolved(c)) for c in (read_config(folder / "config.yaml"), config))
    changed = [key for key in now if now[key] != before.get(key) and not key.startswith(MAY_CHANGE)]
    if changed:
        listing = ", ".join(f"{key} was {before.get(key)}, is {now[key]}" for key in changed)
        raise ConfigError(f"out={folder} was begun with other settings: {listing}; go on with the same, or start anew")
    return folder


def _holds_a_run(folder: Path) -> bool:
    return any((folder / part).exists() for part in PARTS)


def _flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flat


def agreement(config: Config) -> str:
    """What actor and learner must have in common: settings as a JSON object."""
    shared = {key: value for key, value in resolved(config).items() if key not in OWN}
    shared["learner"] = {k: v for k, v in shared["learner"].items() if k != "replay_folder"}
    return json.dumps(_flat(shared), sort_keys=True)

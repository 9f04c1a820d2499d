"""From a command line to a checked `Config`; every mistake is answered with one line.

Groups and their values are in `conf/`, the records in `config.py`, the ranges in `validate.py`.
"""

import dataclasses
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast, get_args, get_origin, get_type_hints

import yaml
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from robot_rl.config import Config
from robot_rl.errors import ConfigError
from robot_rl.validate import leaves, validate

CONF = Path(__file__).parent / "conf"
PARAMS = "task.params."
SHORT_LIST = 12
"""Longest list of valid names that still fits an error message."""

WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}

ConfigStore.instance().store(name="schema", node=Config)


def load_config(overrides: list[str]) -> Config:
    """The configuration for `overrides`, each `KEY=VALUE` or `GROUP=CHOICE`; later ones win.

    Raises ConfigError, always one line, for unknown names, wrong types and values out of range.
    """
    choices: dict[str, str] = {}
    values: list[tuple[str, Any]] = []
    for text in overrides:
        override = _parse(text)
        key = override.key_or_group
        if key in groups():
            choices[key] = _choice(key, str(override.value()))
        else:
            _check_known(key)
            values.append((key, override.value()))
    tree = _compose([f"{group}={choice}" for group, choice in choices.items()])
    for key, value in values:
        _set(tree, key, value)
    config = _to_config(tree)
    task = choices.get("task", config.task.name)
    if config.task.name != task:
        raise ConfigError(f"conf/task/{task}.yaml is for {config.task.name!r}; it must hold the line `name: {task}`")
    validate(config)
    return config


def resolved(config: Config) -> dict[str, Any]:
    """The configuration as nested plain values."""
    return dataclasses.asdict(config)


def save_config(config: Config, path: Path) -> None:
    """Write the configuration as YAML; `load_config` of its values gives the same run."""
    path.write_text(OmegaConf.to_yaml(OmegaConf.create(resolved(config))), encoding="utf-8")


def read_config(path: Path) -> Config:
    """The configuration that `save_config` wrote. Raises ConfigError when it is not one."""
    try:
        tree = OmegaConf.merge(OmegaConf.structured(Config), OmegaConf.load(path))
    except (OSError, UnicodeDecodeError, OmegaConfBaseException, yaml.YAMLError) as error:
        raise ConfigError(f"{path} is not a saved configuration: {_first_line(error)}") from error
    config = _to_config(cast(DictConfig, tree))
    validate(config)
    return config


def groups() -> dict[str, list[str]]:
    """Each group with its choices, as found in `conf/`."""
    return {d.name: sorted(f.stem for f in d.glob("*.yaml")) for d in sorted(CONF.iterdir()) if d.is_dir()}


def _parse(text: str) -> Override:
    try:
        override = OverridesParser.create().parse_override(text)
    except HydraException:
        raise ConfigError(f"cannot read {text!r}; write KEY=VALUE, for example seed=1") from None
    if override.type == OverrideType.DEL:
        raise ConfigError(f"cannot delete a setting ({text!r}); give it a value instead: KEY=VALUE")
    if override.is_sweep_override():
        raise ConfigError(f"{text!r} names several values; give one, or a list in brackets: KEY=[a,b]")
    return override


def _choice(group: str, choice: str) -> str:
    valid = groups()[group]
    if choice not in valid:
        hint = _nearest(choice, {v: v for v in valid})
        raise ConfigError(f"unknown {group} {choice!r}.{hint} Choose from: {', '.join(valid)}")
    return choice


def _check_known(key: str) -> None:
    known = dict(leaves(Config()))
    if key in known or (key.startswith(PARAMS) and len(key) > len(PARAMS)):
        return
    section, _, name = key.rpartition(".")
    here = {k.rpartition(".")[2]: k for k in known if k.rpartition(".")[0] == section}
    if not here or not section:
        here |= {group: group for group in groups()}
    hint = _nearest(name, here)
    if not hint and section == "task":
        hint = f" The task's own numbers are written {PARAMS}{name}=VALUE."
    elif not hint:
        hint = _nearest(name, {k.rpartition(".")[2]: k for k in known})
    listing = f" Valid here: {', '.join(here)}" if 0 < len(here) <= SHORT_LIST else ""
    raise ConfigError(f"unknown setting {key!r}.{hint}{listing}")


def _nearest(name: str, valid: dict[str, str]) -> str:
    """A sentence with the full name of the nearest of `valid` (name -> full name), or nothing."""
    close = get_close_matches(name, valid, n=1, cutoff=0.6) or [v for v in valid if v.startswith(name)]
    return f" Did you mean {valid[close[0]]}?" if close else ""


def _compose(choices: list[str]) -> DictConfig:
    try:
        with initialize_config_dir(str(CONF), job_name="robot_rl", version_base="1.3"):
            return compose("config", overrides=choices)
    except (HydraException, OmegaConfBaseException) as error:
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        raise ConfigError(f"{CONF} does not fit robot_rl/config.py: {_first_line(cause)}") from error


def _set(tree: DictConfig, key: str, value: Any) -> None:
    try:
        OmegaConf.update(tree, key, value, force_add=f"{key}.".startswith(PARAMS))
    except OmegaConfBaseException:
        default = dict(leaves(Config())).get(key, "")
        raise ConfigError(f"{key}={value} is not {_type_in_words(key)}; for example {key}={default}") from None


def _type_in_words(key: str) -> str:
    *sections, name = key.split(".")
    record: Any = Config()
    for section in sections:
        record = getattr(record, section)
    hint = get_type_hints(type(record))[name]
    if get_origin(hint) is list:
        return f"a list in which each entry is {WORDS.get(get_args(hint)[0], 'a list')}"
    return WORDS.get(hint, "a mapping {NAME: VALUE}")


def _to_config(tree: DictConfig) -> Config:
    try:
        config = OmegaConf.to_object(tree)
    except OmegaConfBaseException as error:
        raise ConfigError(f"cannot resolve the settings: {_first_line(error)}") from error
    assert isinstance(config, Config)
    return config


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]

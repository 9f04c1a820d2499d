"""The verbs `demos ...`: recorded demonstrations looked at, cleaned, exchanged."""

from robot_rl import curate
from robot_rl.config import Config
from robot_rl.errors import ConfigError
from robot_rl.jobs.folder import Outcome
from robot_rl.types import Mark


def listing(config: Config) -> Outcome:
    return Outcome(curate.listing(config.demos))


def show(config: Config) -> Outcome:
    return Outcome(curate.show(config.demos, _episode(config)))


def keep(config: Config) -> Outcome:
    return Outcome(curate.mark(config.demos, _episode(config), Mark.KEEP))


def discard(config: Config) -> Outcome:
    return Outcome(curate.mark(config.demos, _episode(config), Mark.DISCARD))


def undo(config: Config) -> Outcome:
    return Outcome(curate.mark(config.demos, _episode(config), Mark.UNDO))


def relabel(config: Config) -> Outcome:
    said = config.success.lower()
    if said not in ("true", "false"):
        raise ConfigError("demos relabel needs success=true or success=false")
    return Outcome(curate.relabel(config.demos, _episode(config), said == "true"))


def merge(config: Config) -> Outcome:
    return Outcome(curate.merge([config.demos, *config.more], config.out))


def split(config: Config) -> Outcome:
    return Outcome(curate.split(config.demos, config.out, config.episodes, config.share, config.seed))


def export(config: Config) -> Outcome:
    return Outcome(curate.export(config.demos, config.out, config.format))


def import_set(config: Config) -> Outcome:
    return Outcome(curate.import_set(config.demos, config.out, config.format))


def repair(config: Config) -> Outcome:
    return Outcome(curate.repair(config.demos, config.out))


def _episode(config: Config) -> int:
    if config.episode < 0:
        raise ConfigError("say which one: episode=N, as `demos list` counts")
    return config.episode

"""Demonstrations: recorded or found, and enlisted as the first frames of an actor."""

import logging
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from robot_rl.actor import Counter, PracticeEnv
from robot_rl.config import Config
from robot_rl.data.demos import DemoStore
from robot_rl.data.facts import Facts
from robot_rl.data.log import EpisodeLog
from robot_rl.env import RobotEnv
from robot_rl.errors import ConfigError
from robot_rl.jobs.folder import COMMIT_S, Outcome, open_folder
from robot_rl.make import make_env
from robot_rl.practice import Demos, enlist, record_demos
from robot_rl.progress import Progress
from robot_rl.specs import Layout
from robot_rl.types import Frame

log = logging.getLogger(__name__)


def log_facts(config: Config, layout: Layout) -> dict[str, str]:
    """What a log says of itself."""
    rate_hz, state = config.robot.policy_hz, layout.state.names
    return Facts(config.task.name, config.robot.model, rate_hz, state, layout.action_names).written()


def record(config: Config) -> Outcome:
    """Record demonstrations of the scripted expert, or of a person."""
    if not config.human.demos:
        raise ConfigError("demos record with human.demos=0 records nothing; set human.demos=20")
    folder = open_folder(config, "demos")
    env = make_env(config)
    try:
        with Progress(config.human.demos) as progress:
            demos = demonstrations(config, env, folder / "demos", progress)
        return Outcome(f"{len(demos.episodes)} demonstrations of {demos.tried} tries in {folder / 'demos'}")
    finally:
        env.close()


def demonstrations(config: Config, env: PracticeEnv, folder: Path, progress: Progress) -> Demos:
    """Those of `config.demos`, or else such as are recorded into `folder`, where earlier ones count."""
    if config.demos:
        store = DemoStore(Path(config.demos))
        store.check_fits(env.layout.state.names, env.layout.action_names)
        for cut in store.cut:
            log.warning("not all demonstrations can be read: %s; `demos repair` writes what is good", cut)
        kept = tuple(store.kept())
        return Demos(kept, len(kept))
    if not config.human.demos or not isinstance(env, RobotEnv):
        return Demos()
    with EpisodeLog(folder, facts=log_facts(config, env.layout)) as episodes:
        rows = DemoStore(folder).rows if episodes.recovered.frames else []
        done = sum(row.usable for row in rows)
        record_demos(env, config, episodes, done, len(rows), progress)
    store = DemoStore(folder)
    return Demos(tuple(store.kept()), len(store))


def join(
    actor: str, demos: Demos, position: tuple[int, int], take: Callable[[Frame], None], episodes: EpisodeLog
) -> Counter:
    """An actor's counter from `position` (sequence, episode) on; the demos that are missing are given to `take`."""
    sequence, episode = position
    counter = Counter(actor)
    for frame in islice(enlist(demos.episodes, counter), sequence, None):
        take(frame)
        if frame.ends:  # faster than a disk
            episodes.commit(COMMIT_S)
    return Counter(actor, max(counter.sequence, sequence), max(counter.episode, episode))

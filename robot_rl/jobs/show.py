"""Repeating what was recorded, and finding out what this machine can do."""

from dataclasses import replace as changed
from pathlib import Path

from robot_rl.check import check as find_out
from robot_rl.config import Config
from robot_rl.data.demos import DemoStore
from robot_rl.errors import ConfigError, RobotRLError
from robot_rl.jobs.folder import Outcome
from robot_rl.jobs.repeat import repeat
from robot_rl.make import make_env

SAME = 1e-3
"""Largest difference, in a state's own units, at which a replay counts as the recorded motion."""


def replay(config: Config) -> Outcome:
    """Repeat a recorded episode's executed actions and compare with the record: the states in lockstep simulation,
    where the tool was on a robot behind topics."""
    if not config.demos:
        raise ConfigError("replay needs demos=FOLDER, a log that demos record, dry-run or train has written")
    store = DemoStore(Path(config.demos))
    if config.robot.driver == "ros":
        return repeat(config, store)
    episode = store.get(max(0, config.episode))
    env = make_env(changed(config, task=changed(config.task, max_steps=len(episode))))
    try:
        shape = (env.layout.state.size, len(env.layout.action_names))
        if (episode.observations.shape[1], episode.actions.shape[1]) != shape:
            raise ConfigError(
                f"{config.demos} has {episode.observations.shape[1]} state and {episode.actions.shape[1]} action "
                f"entries, task {config.task.name} has {shape[0]} and {shape[1]}; give the task it was recorded on"
                + f": task={store.facts.task}"
                * bool(store.facts.task)
            )
        observation, _ = env.reset(seed=episode.seed)
        worst, success = abs(observation["state"] - episode.observations[0]).max(), False
        for action, recorded in zip(episode.actions, episode.observations[1:], strict=True):
            observation, _, success, _, _ = env.step(action)
            worst = max(worst, abs(observation["state"] - recorded).max())
        outcome = "success" if success else "no success"
        if worst > SAME:
            outcome += ", NOT the recorded motion: another robot, task or setting than recorded"
        said = f"{len(episode)} steps replayed, {outcome}; largest state difference from the record {worst:.2e}"
        return Outcome(said)
    finally:
        env.close()


def check(config: Config) -> Outcome:
    """What this machine can do. Raises RobotRLError when something needed is missing."""
    findings = find_out(config)
    marks = {(True, True): "ok", (True, False): "ok", (False, True): "MISSING", (False, False): "not here"}
    lines = [f"{f.part:20} {marks[f.works, f.needed]:9} {f.detail}" for f in findings]
    missing = [f.part for f in findings if f.needed and not f.works]
    if missing:
        raise RobotRLError("\n".join([*lines, f"the dry run cannot work without: {', '.join(missing)}"]))
    return Outcome("\n".join(lines))

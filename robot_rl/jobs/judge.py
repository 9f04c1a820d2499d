"""Scoring a policy, and the report about it."""

import logging
from pathlib import Path
from typing import Any

from robot_rl.actor import PracticeEnv
from robot_rl.config import Config
from robot_rl.env import RobotEnv
from robot_rl.errors import ConfigError, HardwareError
from robot_rl.evaluate import Score, filmstrips, score_policy
from robot_rl.jobs.folder import Outcome, open_folder
from robot_rl.learn.policy import Policy
from robot_rl.learn.policy_file import load_policy
from robot_rl.make import make_env
from robot_rl.progress import Progress
from robot_rl.report import write_report
from robot_rl.summary import facts, headline, rows_of, scored
from robot_rl.tasks.gymnasium_task import GymnasiumEnv

log = logging.getLogger(__name__)


def open_env(config: Config, pictures: bool = False) -> PracticeEnv:
    """The environment that the config names; `pictures` when `render` will be called.

    Where nothing can be drawn, goes on without pictures and says so.
    """
    if config.task.name == "gymnasium":
        return GymnasiumEnv(config.task)
    if not pictures:
        return make_env(config)
    try:
        return make_env(config, viewer=True)
    except HardwareError as error:
        log.warning("no pictures: %s", error)
        return make_env(config)


def evaluate(config: Config) -> Outcome:
    """Score the policy in the folder `config.policy`."""
    if not config.policy:
        raise ConfigError("evaluate needs policy=FOLDER, a folder saved by train or dry-run")
    policy = load_policy(config.policy)
    env = open_env(config, pictures=True)
    try:
        policy.check_fits(env.layout.state.names, env.layout.action_names)
        if policy.meta.robot not in ("", config.robot.model):
            log.warning("the policy was trained on %s, it is scored on %s", policy.meta.robot, config.robot.model)
        folder = open_folder(config, "evaluate")
        with Progress(config.eval_episodes) as progress:
            result = score(env, policy, config.eval_episodes, progress)
        complete = len(result.rows) == config.eval_episodes
        report = {**facts(config, env), **scored(result, env), "complete": complete}
        return write(folder, report, env, policy, result, [])
    finally:
        env.close()


def score(env: PracticeEnv, policy: Policy, episodes: int, progress: Progress) -> Score:
    """The score over `episodes` scoring seeds."""
    if not episodes:
        return Score(())
    progress.phase("evaluation", episodes)

    def show(so_far: Score) -> None:
        rate = {"success": so_far.successes / len(so_far.rows)} if env.layout.has_success else {}
        progress.advance(1, **rate)

    return score_policy(env, policy, episodes, show)


def write(
    folder: Path, report: dict[str, Any], env: PracticeEnv, policy: Policy, score: Score, rows: list[dict[str, Any]]
) -> Outcome:
    """The report at once, then again with pictures: drawing them may be interrupted."""
    episodes = rows_of(score, env)
    page = write_report(folder, report, rows, episodes, [])
    try:
        strips = _strips(env, policy, score)
        write_report(folder, report, rows, episodes, strips)
    except KeyboardInterrupt:
        log.warning("interrupted: the report is complete but for its pictures")
    return Outcome(f"{headline(report)}report: {page}", report["complete"])


def _strips(env: PracticeEnv, policy: Policy, score: Score) -> list[Any]:
    can_draw = isinstance(env, RobotEnv) and env.render_mode is not None
    return filmstrips(env, policy, score) if can_draw else []

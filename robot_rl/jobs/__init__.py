"""The jobs behind the verbs: demos, training, evaluation, and the dry run that chains all three."""

import logging
from dataclasses import dataclass
from dataclasses import replace as changed
from pathlib import Path
from typing import Any

from robot_rl.actor import PracticeEnv
from robot_rl.check import check as find_out
from robot_rl.clock import MonotonicClock
from robot_rl.compose import save_config
from robot_rl.config import Config
from robot_rl.data.episodes import load_episode, save_episode
from robot_rl.env import RobotEnv
from robot_rl.errors import ConfigError, HardwareError, RobotRLError
from robot_rl.evaluate import Score, filmstrips, score_policy
from robot_rl.learn.policy import Policy, load_policy, save_policy
from robot_rl.learner import Learner
from robot_rl.make import make_env
from robot_rl.practice import Demos, Practice, record_demos
from robot_rl.progress import Progress
from robot_rl.report import write_report
from robot_rl.summary import facts, headline, rows_of, scored, trained_facts
from robot_rl.tasks.gymnasium_task import GymnasiumEnv

log = logging.getLogger(__name__)
SAME = 1e-3
"""Largest difference, in a state's own units, at which a replay counts as the recorded motion."""


def open_folder(config: Config, verb: str) -> Path:
    """The run's folder, made and proved writable; without `out` the first free one below `runs`.

    Raises ConfigError when it cannot be written or holds another run.
    """
    name = f"runs/{verb}-{config.task.name}-{config.seed}"
    names = [config.out] if config.out else [name, *(f"{name}-{k}" for k in range(2, 1000))]
    folder = next((path for path in map(Path, names) if not _holds_a_run(path)), None)
    if folder is None:
        raise ConfigError(f"out={names[0]} holds a run already; give another folder, or remove it")
    probe = folder / ".writable"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        raise ConfigError(f"out={folder}: {error.strerror}; choose a folder that can be written") from error
    return folder


def _holds_a_run(folder: Path) -> bool:
    return any((folder / part).exists() for part in ("report.json", "config.yaml", "demos", "practice", "policy"))


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


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended."""

    text: str
    """What to tell the user"""
    complete: bool = True
    """False: interrupted, with what there was"""


@dataclass(frozen=True, slots=True)
class Trained:
    """What training leaves behind."""

    policy: Policy
    demos: Demos
    practice: Practice


def dry_run(config: Config) -> Outcome:
    """Demos, training with corrections, scoring, report."""
    return _train_and_report(config, "dry-run", config.eval_episodes)


def train(config: Config) -> Outcome:
    """Demos and training; scoring is left to `evaluate`."""
    return _train_and_report(config, "train", 0)


def _learn(config: Config, env: PracticeEnv, folder: Path, progress: Progress) -> Trained:
    """Demonstrations, cloning, practice; the policy and all episodes are in `folder` afterwards."""
    learner = Learner(config.learner, env, config.task.name, config.seed, config.robot.model)
    demos = Demos((), 0)
    if config.human.demos and isinstance(env, RobotEnv):
        demos = record_demos(env, config, folder / "demos", progress)
        for episode in demos.episodes:
            learner.add_demo(episode)
        progress.phase("cloning", config.learner.bc_steps)
        learner.clone(config.learner.bc_steps, progress.advance)
    practice = Practice(env, learner, config, progress)
    try:
        practice.run(lambda episode: save_episode(episode, folder / "practice" / f"{len(practice.rows):05d}.npz"))
    finally:  # a robot that fails at the last step must not cost the policy
        policy = learner.policy()
        save_policy(policy, folder / "policy")
    return Trained(policy, demos, practice)


def _train_and_report(config: Config, verb: str, episodes: int) -> Outcome:
    folder = open_folder(config, verb)
    clock, progress = MonotonicClock(), Progress(config.learner.env_steps)
    started_s = clock.now_s()
    env = open_env(config, pictures=True)
    try:
        save_config(config, folder / "config.yaml")
        if config.robot.cameras:
            log.warning("robot.cameras are drawn into the observation, but the learner uses the state only")
        with progress:
            trained = _learn(config, env, folder, progress)
            score = _score(env, trained.policy, episodes if trained.practice.complete else 0, progress)
        report = {
            **facts(config, env),
            **scored(score, env),
            **trained_facts(trained.demos, trained.practice),
            "wall_s": clock.now_s() - started_s,
            "complete": trained.practice.complete and len(score.rows) == episodes,
        }
        return _write(folder, report, env, trained.policy, score, trained.practice.rows)
    finally:
        env.close()


def evaluate(config: Config) -> Outcome:
    """Score the policy in the folder `config.policy`."""
    if not config.policy:
        raise ConfigError("evaluate needs policy=FOLDER, a folder saved by train or dry-run")
    policy = load_policy(config.policy)
    env = open_env(config, pictures=True)
    try:
        policy.check_fits(env.state_spec.names, env.action_names)
        if policy.meta.robot not in ("", config.robot.model):
            log.warning("the policy was trained on %s, it is scored on %s", policy.meta.robot, config.robot.model)
        folder = open_folder(config, "evaluate")
        save_config(config, folder / "config.yaml")
        with Progress(config.eval_episodes) as progress:
            score = _score(env, policy, config.eval_episodes, progress)
        complete = len(score.rows) == config.eval_episodes
        report = {**facts(config, env), **scored(score, env), "complete": complete}
        return _write(folder, report, env, policy, score, [])
    finally:
        env.close()


def record(config: Config) -> Outcome:
    """Record scripted demonstrations."""
    if not config.human.demos:
        raise ConfigError("demos record with human.demos=0 records nothing; set human.demos=20")
    folder = open_folder(config, "demos")
    env = make_env(config)
    try:
        save_config(config, folder / "config.yaml")
        with Progress(config.human.demos) as progress:
            demos = record_demos(env, config, folder / "demos", progress)
        return Outcome(f"{len(demos.episodes)} demonstrations of {demos.tried} tries in {folder / 'demos'}")
    finally:
        env.close()


def replay(config: Config) -> Outcome:
    """Repeat a recorded episode's executed actions in simulation and compare the states with the record."""
    if not config.episode:
        raise ConfigError("replay needs episode=FILE, a file that demos record or train has written")
    episode = load_episode(Path(config.episode))
    env = make_env(changed(config, task=changed(config.task, max_steps=len(episode))))
    try:
        shape = (env.state_spec.size, len(env.action_names))
        if (episode.observations.shape[1], episode.actions.shape[1]) != shape:
            raise ConfigError(
                f"{config.episode} has {episode.observations.shape[1]} state and {episode.actions.shape[1]} action "
                f"entries, task {config.task.name} has {shape[0]} and {shape[1]}; give the task it was recorded on"
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


def _score(env: PracticeEnv, policy: Policy, episodes: int, progress: Progress) -> Score:
    if not episodes:
        return Score(())
    progress.phase("evaluation", episodes)

    def show(score: Score) -> None:
        rate = {"success": score.successes / len(score.rows)} if env.has_success else {}
        progress.advance(1, **rate)

    return score_policy(env, policy, episodes, show)


def _write(
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


def check(config: Config) -> Outcome:
    """What this machine can do. Raises RobotRLError when something needed is missing."""
    findings = find_out(config)
    marks = {(True, True): "ok", (True, False): "ok", (False, True): "MISSING", (False, False): "not here"}
    lines = [f"{f.part:20} {marks[f.works, f.needed]:9} {f.detail}" for f in findings]
    missing = [f.part for f in findings if f.needed and not f.works]
    if missing:
        raise RobotRLError("\n".join([*lines, f"the dry run cannot work without: {', '.join(missing)}"]))
    return Outcome("\n".join(lines))

"""The dry run: the whole loop in one process."""

import logging

from robot_rl.actor import PracticeEnv
from robot_rl.clock import MonotonicClock
from robot_rl.config import Config
from robot_rl.data.log import EpisodeLog, read_frames
from robot_rl.jobs.demonstrate import demonstrations, join, log_facts
from robot_rl.jobs.folder import COMMIT_S, Outcome, open_folder
from robot_rl.jobs.judge import open_env, score, write
from robot_rl.learn.policy_file import save_policy
from robot_rl.learner import Learner
from robot_rl.lockstep import Lockstep
from robot_rl.practice import Demos, Practice, following
from robot_rl.progress import Progress
from robot_rl.summary import demo_facts, facts, scored
from robot_rl.training import Training

log = logging.getLogger(__name__)


def dry_run(config: Config) -> Outcome:
    """Demos, training with corrections, scoring, report."""
    folder = open_folder(config, "dry-run")
    started_s, progress = MonotonicClock().now_s(), Progress(config.learner.env_steps)
    env = open_env(config, pictures=True)
    try:
        if config.robot.cameras:
            log.warning("robot.cameras are recorded, but the learner uses the state only")
        with progress:
            demos = demonstrations(config, env, folder / "demos", progress)
            learner = Learner(config.learner, env.layout, config.task.name, config.seed, config.robot.model)
            log.info("%s", learner.memory)
            with EpisodeLog(folder / "practice", facts=log_facts(config, env.layout)) as episodes:
                training = Training(
                    learner,
                    env.layout.has_success,
                    folder / "checkpoints",
                    lambda: episodes.commit(COMMIT_S),
                    started_s=started_s,
                )
                try:
                    complete = practise(config, env, demos, training, episodes, progress)
                finally:  # a robot that fails at the last step must not cost the policy
                    policy = learner.policy()
                    save_policy(policy, folder / "policy")
            result = score(env, policy, config.eval_episodes if complete else 0, progress)
        report = {
            **facts(config, env),
            **scored(result, env),
            **demo_facts(demos),
            **training.figures(),
            "complete": complete and len(result.rows) == config.eval_episodes,
        }
        return write(folder, report, env, policy, result, training.curve.rows)
    finally:
        env.close()


def practise(
    config: Config, env: PracticeEnv, demos: Demos, training: Training, episodes: EpisodeLog, progress: Progress
) -> bool:
    """Learn from the demos, then practise in lockstep, both from where the log ends; False when interrupted."""
    learner, actor, frames = training.learner, config.link.actor, episodes.recovered.frames
    if frames:
        progress.phase("reading the log", frames)
        training.restore(lambda: read_frames(episodes.folder), progress.advance)
    mind = Lockstep(training, episodes)
    if demos.episodes and config.learner.bc_steps and not learner.sets:
        progress.phase("cloning", config.learner.bc_steps)
    learner.on_clone = progress.advance
    counter = join(actor, demos, following(episodes, actor), mind.take, episodes)
    return Practice(env, mind, config, progress, counter, len(demos.episodes)).run()

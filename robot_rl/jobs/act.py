"""The actor's process: it owns the robot, and never loads what learns."""

import json
from typing import Any

from robot_rl.config import Config
from robot_rl.data.files import write_durably
from robot_rl.data.log import EpisodeLog, read_frames
from robot_rl.evaluate import Score
from robot_rl.jobs.demonstrate import demonstrations, join, log_facts
from robot_rl.jobs.folder import COMMIT_S, FIGURES, Outcome, agreement, open_folder
from robot_rl.jobs.judge import open_env
from robot_rl.learn.policy import Policy
from robot_rl.learn.policy_file import policy_from_bytes
from robot_rl.link.client import Courier
from robot_rl.practice import Practice, following
from robot_rl.progress import Progress
from robot_rl.remote import Remote
from robot_rl.report import plain
from robot_rl.specs import Layout
from robot_rl.summary import demo_facts, facts, scored

GREETING_S = 3.0
"""Time for a learner that is there to say what does not fit; one that is not may come later"""
END_S = 30.0
"""Longest wait for the learner at the end"""


def actor(config: Config) -> Outcome:
    """Demonstrations and practice, sent to the learner at `link.address`."""
    folder = open_folder(config, "actor")
    (folder / FIGURES).unlink(missing_ok=True)
    env, name = open_env(config), config.link.actor
    progress = Progress(config.learner.env_steps)
    try:
        with progress, EpisodeLog(folder / "practice", facts=log_facts(config, env.layout)) as episodes:
            begun = following(episodes, name)
            courier = Courier(config.link, agreement(config), episodes, _checker(env.layout))
            try:
                courier.start()
                courier.agree(GREETING_S)
                demos = demonstrations(config, env, folder / "demos", progress)
                mind = Remote(config, episodes, courier, _practised(episodes), bool(demos.episodes))
                counter = join(name, demos, begun, mind.take, episodes)
                complete = Practice(env, mind, config, progress, counter, len(demos.episodes)).run()
                episodes.commit(COMMIT_S)
                if complete:
                    mind.finish()
            finally:
                courier.close(END_S)
        figures = {**facts(config, env), **scored(Score(()), env), **demo_facts(demos)}
        write_durably(folder / FIGURES, json.dumps(plain(figures)).encode())
        return Outcome(f"{mind.env_steps} steps of practice in {folder / 'practice'}", complete)
    finally:
        env.close()


def _practised(episodes: EpisodeLog) -> int:
    """Steps of practice in a log."""
    frames = read_frames(episodes.folder) if episodes.recovered.frames else ()
    return sum(frame.transition is not None and not frame.demo_set for frame in frames)


def _checker(layout: Layout) -> Any:
    def check(blob: bytes) -> Policy:
        policy = policy_from_bytes(blob)
        policy.check_fits(layout.state.names, layout.action_names)
        return policy

    return check

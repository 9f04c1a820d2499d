"""The learner's process."""

import json
import logging
import signal
import threading

from robot_rl.config import Config
from robot_rl.data.files import write_durably
from robot_rl.data.log import EpisodeLog, read_frames
from robot_rl.jobs.demonstrate import log_facts
from robot_rl.jobs.folder import COMMIT_S, FIGURES, Outcome, agreement, open_folder
from robot_rl.learn.policy_file import policy_to_bytes, save_policy
from robot_rl.learner import Learner, completes_set
from robot_rl.link.server import LearnerServer
from robot_rl.make import task_layout
from robot_rl.serve import Inbox, serve
from robot_rl.training import Training

log = logging.getLogger(__name__)


def learner(config: Config) -> Outcome:
    """Learn from the frames that actors send, until the budget of steps is spent."""
    folder = open_folder(config, "learner")
    (folder / FIGURES).unlink(missing_ok=True)
    stop = threading.Event()

    def look(_: int = 0) -> None:
        """In what takes long and is done again on resume"""
        if stop.is_set():
            raise KeyboardInterrupt

    for sign in (signal.SIGINT, signal.SIGTERM):  # between two frames, so that the last checkpoint is a whole one
        signal.signal(sign, lambda *_: stop.set())
    layout, agent = task_layout(config), new_learner(config)
    agent.on_clone = look
    with EpisodeLog(folder / "received", facts=log_facts(config, layout)) as episodes:
        training = Training(agent, layout.has_success, folder / "checkpoints", lambda: episodes.commit(COMMIT_S))
        if episodes.recovered.frames:
            training.restore(lambda: read_frames(episodes.folder), look)
        server = LearnerServer(config.link, agreement(config), inbox := Inbox(episodes, training))
        log.info("%s", agent.memory)

        def publish() -> None:
            server.publish(agent.version, policy_to_bytes(agent.practising()))

        def finished() -> bool:
            """At the end of an episode of practice, or of the last demo."""
            last = training.last
            ended = last is not None and last.ends and (not last.demo_set or completes_set(last))
            return ended and agent.env_steps >= config.learner.env_steps

        try:
            complete = serve(training, inbox, server, publish, finished, stop)
            training.save()
        finally:
            server.stop()
            if training.taken:
                save_policy(agent.policy(), folder / "policy")
        figures = {**training.figures(), "rows": training.curve.rows}
        write_durably(folder / FIGURES, json.dumps(figures).encode())
    return Outcome(f"{agent.env_steps} steps learnt from, policy in {folder / 'policy'}", complete)


def new_learner(config: Config) -> Learner:
    """As the configuration says, with nothing learnt."""
    return Learner(config.learner, task_layout(config), config.task.name, config.seed, config.robot.model)

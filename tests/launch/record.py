"""A record to repeat: one episode of one step."""

from pathlib import Path

import numpy as np

from robot_rl.data.facts import Facts
from robot_rl.data.log import EpisodeLog
from robot_rl.types import Frame, Source, Transition


def record(folder: Path, task: str = "reach", robot: str = "panda") -> Path:
    """Written into `folder`, which is returned. Empty: it does not say."""
    state, action = np.zeros(6, np.float32), np.zeros(3, np.float32)
    step = Transition(action, action, Source.SCRIPT, 1.0, True, False, True, 0.1)
    with EpisodeLog(folder, facts=Facts(task, robot).written()) as log:
        for k in range(2):
            log.append(Frame("demos", k, 0, k, 0, 0.1 * k, state, step if k else None))
        log.commit(10.0)
    return folder

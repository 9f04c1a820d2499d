"""The learner as a process: receives frames, keeps them, learns from them in their order, publishes the policy."""

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

from robot_rl.data.log import EpisodeLog
from robot_rl.errors import LinkError
from robot_rl.link.server import LearnerServer, Progress
from robot_rl.training import Training
from robot_rl.types import Frame

log = logging.getLogger(__name__)
BACKLOG_FRAMES = 2000
"""Frames received but not learnt from; more stay with the actors."""
COMMIT_S, LOOK_S = 5.0, 0.2


class Inbox:
    """What the server fills and the learner empties. The log's order is the queue's."""

    def __init__(self, episodes: EpisodeLog, training: Training) -> None:
        self._log, self._training = episodes, training
        self._lock = threading.Lock()
        self._written: deque[Frame] = deque()
        """Given to the log, not known to be durable"""
        self._last: dict[str, int] = {}
        self._taken = training.taken
        self._received = 0
        self.frames: queue.Queue[Frame] = queue.Queue()
        """To be learnt from"""

    def watermark(self, actor: str) -> int:
        return self._log.durable(actor)

    def accept(self, frames: Sequence[Frame]) -> None:
        """Durable on return. Raises LinkError when too much waits already, StorageError when the disk refuses."""
        waiting = self.frames.qsize() + len(self._written)
        if waiting + len(frames) > BACKLOG_FRAMES:
            raise LinkError(f"{waiting} frames wait to be learnt from; send again later")
        with self._lock:
            for frame in frames:
                if frame.sequence > self._last.get(frame.actor, self._log.durable(frame.actor)):
                    self._log.append(frame)
                    self._written.append(frame)
                    self._last[frame.actor] = frame.sequence
                    self._received += 1
        self._log.commit(COMMIT_S)
        self.flush()

    def flush(self) -> None:
        """Pass on what has become durable, in the log's order."""
        with self._lock:
            while self._written and self._written[0].sequence <= self._log.durable(self._written[0].actor):
                self.frames.put(self._written.popleft())

    def progress(self) -> Progress:
        learner = self._training.learner
        waiting = self._received - (self._training.taken - self._taken)
        return Progress(learner.env_steps, learner.gradient_steps, waiting)


def serve(
    training: Training,
    inbox: Inbox,
    server: LearnerServer,
    publish: Callable[[], None],
    finished: Callable[[], bool],
    stop: threading.Event,
) -> bool:
    """Learn until `finished` or `stop`; True when finished. `publish` is called when there is a new policy to give."""
    learner, published = training.learner, -1
    server.start()
    while not (stop.is_set() or finished()):
        due = learner.version - published >= learner.config.publish_every * learner.config.utd
        if published < 0 or due:
            publish()
            published = learner.version
        inbox.flush()
        with suppress(queue.Empty):
            training.take(inbox.frames.get(timeout=LOOK_S))
    return finished()

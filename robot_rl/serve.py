"""The learner as a process: receives frames, keeps them, learns from them in their order, publishes the policy."""

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence

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
        self._log.commit(COMMIT_S)
        self.flush()

    def flush(self) -> None:
        """Pass on what has become durable, in the log's order."""
        with self._lock:
            while self._written and self._written[0].sequence <= self._log.durable(self._written[0].actor):
                self.frames.put(self._written.popleft())

    def progress(self) -> Progress:
        learner = self._training.learner
        return Progress(learner.env_steps, learner.gradient_steps)


def serve(
    training: Training,
    inbox: Inbox,
    server: LearnerServer,
    publish: Callable[[], None],
    finished: Callable[[Frame | None], bool],
    stop: threading.Event,
) -> bool:
    """Learn until `finished` or `stop`; True when finished. `publish` is called when there is a new policy to give."""
    learner, published = training.learner, -1
    done = finished(None)
    server.start()
    while not (done or stop.is_set()):
        due = learner.version - published >= learner.config.publish_every * learner.config.utd
        if published < 0 or due:
            publish()
            published = learner.version
        inbox.flush()
        try:
            frame = inbox.frames.get(timeout=LOOK_S)
        except queue.Empty:
            continue
        training.take(frame)
        done = finished(frame)
    return done

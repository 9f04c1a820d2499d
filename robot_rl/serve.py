"""The learner as a process: receives frames, keeps them, learns from them in their order, publishes the policy."""

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

from robot_rl.data.log import EpisodeLog
from robot_rl.errors import LinkError, StorageError
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
        self._last: dict[str, Frame | None] = {}
        self._received = episodes.recovered.frames
        self.frames: queue.Queue[Frame] = queue.Queue()
        """To be learnt from"""

    def watermark(self, actor: str) -> int:
        return self._log.durable(actor)

    def accept(self, frames: Sequence[Frame]) -> None:
        """Durable on return.

        Raises LinkError when too much waits already, StorageError when the disk refuses; DataError or NonFiniteError
        for a frame that cannot be learnt from: it and those after it are not taken, those before it are.
        """
        if self._log.trouble:
            raise StorageError(self._log.trouble)
        waiting = self.frames.qsize() + len(self._written)
        if waiting + len(frames) > BACKLOG_FRAMES:
            raise LinkError(f"{waiting} frames wait to be learnt from; send again later")
        try:
            with self._lock:
                for frame in frames:
                    self._take(frame)
        finally:
            self._log.commit(COMMIT_S)
            self.flush()

    def _take(self, frame: Frame) -> None:
        learner, actor = self._training.learner, frame.actor
        before = self._last.setdefault(actor, learner.last(actor))
        if before is not None and frame.sequence <= before.sequence:
            return
        learner.check(before, frame)
        self._log.append(frame)
        self._written.append(frame)
        self._last[actor] = frame
        self._received += 1

    def flush(self) -> None:
        """Pass on what has become durable, in the log's order."""
        with self._lock:
            while self._written and self._written[0].sequence <= self._log.durable(self._written[0].actor):
                self.frames.put(self._written.popleft())

    def progress(self) -> Progress:
        learner = self._training.learner
        return Progress(learner.env_steps, learner.gradient_steps, self._received - self._training.taken)


def serve(
    training: Training,
    inbox: Inbox,
    server: LearnerServer,
    publish: Callable[[], None],
    finished: Callable[[], bool],
    stop: threading.Event,
) -> bool:
    """Learn until `finished` or `stop`; True when finished. `publish` is called when there is a policy to give."""
    learner, version, sets = training.learner, 0, -1
    server.start()
    while not (stop.is_set() or finished()):
        due = learner.version - version >= learner.config.publish_every * learner.config.utd
        if due or learner.sets != sets:
            publish()
            version, sets = learner.version, learner.sets
        inbox.flush()
        with suppress(queue.Empty):
            training.take(inbox.frames.get(timeout=LOOK_S))
    return finished()

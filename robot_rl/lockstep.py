"""Practice and learning in one process: every step is followed by its share of updates."""

from robot_rl.clock import MonotonicClock
from robot_rl.data.log import EpisodeLog
from robot_rl.practice import wait_for_room
from robot_rl.training import Training
from robot_rl.types import Float32, Frame


class Lockstep:
    """A `Mind` that learns where it acts. The same seed gives the same run, bit for bit."""

    def __init__(self, training: Training, episodes: EpisodeLog) -> None:
        self._training, self._learner, self._log = training, training.learner, episodes

    @property
    def env_steps(self) -> int:
        return self._learner.env_steps

    @property
    def version(self) -> int:
        return self._learner.version

    def ready(self) -> None:
        wait_for_room(self._log, MonotonicClock())

    def act(self, state: Float32) -> Float32:
        return self._learner.act(state)

    def take(self, frame: Frame) -> None:
        self._log.append(frame)
        self._training.take(frame)

"""Practice whose learner is another process, on this machine or another."""

import logging
import zlib
from collections.abc import Callable

import numpy as np

from robot_rl.clock import MonotonicClock
from robot_rl.config import Config
from robot_rl.data.log import EpisodeLog
from robot_rl.learn.policy import Policy
from robot_rl.link.client import Courier
from robot_rl.practice import wait_for_room
from robot_rl.types import Float32, Frame

log = logging.getLogger(__name__)
WAIT_S, PATIENCE_S = 1.0, 10.0
"""Between two looks, and before anything is said: starting takes a while"""


class Remote:
    """A `Mind` that keeps frames in its own log, from which a courier takes them to the learner.

    Acting needs neither the network nor the disk: the newest policy that has arrived acts. When practice is
    simulated faster than time, it waits for a learner that lags by more than `max_lag` steps; a real robot
    waits between episodes only, and with `max_lag=0` never.
    """

    def __init__(self, config: Config, episodes: EpisodeLog, courier: Courier, env_steps: int, has_demos: bool) -> None:
        """`has_demos`: this actor's frames begin with demonstrations; the policy waited for has learnt from them."""
        self._config, self._log, self._courier = config, episodes, courier
        self._steps, self._last = env_steps, episodes.durable(config.link.actor)
        self._rng = np.random.default_rng([config.seed, zlib.crc32(config.link.actor.encode()), env_steps])
        self._clock = MonotonicClock()
        self._first = 2 if has_demos else 1
        """Version to wait for"""
        self._policy: Policy | None = None
        self.version = 0

    @property
    def env_steps(self) -> int:
        """Of all actors, as far as is known here."""
        return max(self._steps, self._courier.status.env_steps)

    def ready(self) -> None:
        """Wait for room on the disk, for the first policy, and for a learner too far behind."""
        wait_for_room(self._log, self._clock)
        if not self._policy:
            self._await_policy()
        self._await_learner()

    def act(self, state: Float32) -> Float32:
        if not self._config.robot.realtime:
            self._await_learner()
        self._swap()
        assert self._policy is not None
        return self._explore(self._policy, state)

    def take(self, frame: Frame) -> None:
        self._log.append(frame)
        self._last = frame.sequence
        self._steps += frame.transition is not None and not frame.demo_set

    def finish(self) -> None:
        """Wait until the learner has learnt from everything, as long as it is there."""
        self._wait(lambda: self._lag() <= 0 or not self._courier.status.connected, "the learner is catching up")

    def _swap(self) -> None:
        latest = self._courier.latest
        if latest:
            self.version, self._policy = latest

    def _explore(self, policy: Policy, state: Float32) -> Float32:
        has_gripper = policy.gripper is not None
        noise = self._rng.standard_normal(policy.action_dim - has_gripper, np.float32)
        action = policy.respond(state, noise)
        if has_gripper and self._rng.random() < self._config.learner.gripper_epsilon:
            action[-1] = self._rng.integers(-1, 2)
        return action

    def _await_policy(self) -> None:
        def arrived() -> bool:
            return self._courier.status.weights_version >= self._first

        self._wait(arrived, "waiting for the learner's first policy")
        self._swap()

    def _await_learner(self) -> None:
        most = self._config.learner.max_lag
        if most and self._lag() > most:
            self._wait(lambda: self._lag() <= most, "practice waits: the learner is far behind")

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        """As `Courier.wait`; a wait of some length is told, with its cause, and told again when that changes."""
        start_s, told = self._clock.now_s(), ""
        while not self._courier.wait(condition, WAIT_S):
            why = what + self._trouble()
            if why != told and self._clock.now_s() > start_s + PATIENCE_S:
                log.warning("%s", why)
                told = why

    def _trouble(self) -> str:
        trouble = self._courier.status.trouble
        return f": {trouble}" if trouble else ""

    def _lag(self) -> int:
        """Frames that the learner has not learnt from: those it lacks, and those that wait there."""
        status = self._courier.status
        return self._last - status.watermark + status.waiting

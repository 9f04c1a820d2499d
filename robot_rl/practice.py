"""Demonstrations and practice: an environment, somebody who acts, and frames that go where they are learnt from."""

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from robot_rl.actor import Choice, Counter, PracticeEnv, run_episode
from robot_rl.clock import Clock, MonotonicClock
from robot_rl.config import Config
from robot_rl.data.log import EpisodeLog
from robot_rl.env import RobotEnv
from robot_rl.errors import RobotRLError
from robot_rl.human import TELEOP, Human, awaited, correcting, showing
from robot_rl.progress import Progress
from robot_rl.types import Episode, Float32, Frame, Source

DEMO_SEED, PRACTICE_SEED = 1, 100_000
SEEDS_PER_RUN = 1_000_000
"""Environment seeds of a run lie in [seed + 1, seed + 2) times this: apart from other runs and from scoring."""
RECENT = 20
LOOK_AGAIN_S = 0.2
"""At a disk without room"""
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Demos:
    """Demonstrations to learn from, and how many attempts were made for them."""

    episodes: tuple[Episode, ...] = ()
    tried: int = 0

    @property
    def cycle_time_s(self) -> float | None:
        """Mean time of a demonstration."""
        return float(np.mean([e.duration_s for e in self.episodes])) if self.episodes else None


class Mind(Protocol):
    """Where practice gets its actions from, and where its frames go."""

    @property
    def env_steps(self) -> int:
        """Steps of practice so far."""
        ...

    def ready(self) -> None:
        """Return when another episode may begin."""
        ...

    @property
    def version(self) -> int:
        """Of the policy in force."""
        ...

    def act(self, state: Float32) -> Float32:
        """An exploring action (a,) of the policy."""
        ...

    def take(self, frame: Frame) -> None:
        """Keep a frame, and learn from it or see that it is learnt from."""
        ...


def record_demos(
    env: RobotEnv, config: Config, episodes: EpisodeLog, kept: int, tried: int, progress: Progress
) -> None:
    """Let the scripted expert work, or a person show the task, until `human.demos` attempts have succeeded; `kept` of
    `tried` did before. A person's attempt begins with the first motion after the reset.

    Every attempt is in the log, frame by frame, and durable on return. Raises RobotRLError when the expert fails four
    times as often as it was to succeed.
    """
    wanted, by_person = config.human.demos, config.human.source == TELEOP
    source = Source.HUMAN if by_person else Source.SCRIPT
    counter = Counter("demos", *following(episodes, "demos"))
    progress.phase("demonstrations", wanted, done=min(kept, wanted))
    with showing(config, env, np.random.default_rng([config.seed, DEMO_SEED])) as human:
        while kept < wanted:
            if tried >= 5 * wanted + 10 and not by_person:
                raise RobotRLError(
                    f"the scripted expert of {config.task.name} succeeded {kept} times in {tried} tries: "
                    "the task as configured is too hard for it; relax task.params or raise task.max_steps"
                )
            wait_for_room(episodes, MonotonicClock())
            human.new_episode()
            if by_person:
                log.info("demonstration %d of %d: after the reset it begins when you move the arm", kept + 1, wanted)
            seed = (config.seed + 1) * SEEDS_PER_RUN + DEMO_SEED + tried
            episode = run_episode(env, seed, lambda _: Choice(awaited(human, env), source), episodes.append, counter)
            tried += 1
            if episode.success:
                kept += 1
                progress.advance(1, success=kept / tried)
            elif by_person:
                log.info("no success in %d steps: kept as a failure", len(episode))
    episodes.commit(timeout_s=30.0)


def following(log: EpisodeLog, actor: str) -> tuple[int, int]:
    """Sequence and episode that come after the actor's last frame in a log."""
    last = log.recovered.actors.get(actor)
    return (last.sequence + 1, last.episode + 1) if last else (0, 0)


def enlist(demos: Sequence[Episode], counter: Counter) -> Iterator[Frame]:
    """Demonstrations as an actor's own first frames, marked as a set of that many; the actor's names for them."""
    for episode in demos:
        for frame in episode.frames:
            yield counter.stamp(frame, demo_set=len(demos))


class Practice:
    """Episode after episode, until the budget of steps is spent."""

    def __init__(
        self, env: PracticeEnv, mind: Mind, config: Config, progress: Progress, counter: Counter, demos: int
    ) -> None:
        """`demos` of the episodes that `counter` has counted were demonstrations."""
        self._env, self._mind, self._config, self._progress = env, mind, config, progress
        self._counter, self._demos = counter, demos
        self._human: Human | None = None
        self._rng = np.random.default_rng([config.seed, PRACTICE_SEED])
        self._recent: deque[tuple[bool, float]] = deque(maxlen=RECENT)
        """Success without help, and the share of help, of each episode"""

    def run(self) -> bool:
        """False: Ctrl-C ended it early."""
        budget = self._config.learner.env_steps
        self._progress.phase("practice", budget, done=min(self._mind.env_steps, budget))
        try:
            with self._helped() as self._human:
                while self._mind.env_steps < budget:
                    self._run_episode()
        except KeyboardInterrupt:
            return False
        return True

    def _helped(self) -> AbstractContextManager[Human | None]:
        config, env = self._config, self._env
        if not config.human.corrections or not isinstance(env, RobotEnv):
            return nullcontext()
        return correcting(config, env, np.random.default_rng([config.seed, PRACTICE_SEED, 1]))

    def _run_episode(self) -> None:
        done = self._counter.episode - self._demos
        if self._human:
            self._human.new_episode()
        seed = (self._config.seed + 1) * SEEDS_PER_RUN + PRACTICE_SEED + done
        self._mind.ready()
        episode = run_episode(self._env, seed, self._choose, self._take, self._counter)
        share = episode.human_share
        self._recent.append((episode.success and not share, share))

    def _choose(self, state: Float32) -> Choice:
        source, action = Source.HUMAN, self._correction()
        if action is None:
            source, action = Source.POLICY, self._explore(state)
        return Choice(action, source, self._mind.version)

    def _correction(self) -> Float32 | None:
        if not self._human or not isinstance(self._env, RobotEnv):
            return None
        alone = self._mind.env_steps >= self._config.human.help_until * self._config.learner.env_steps
        return None if alone else self._human.choose(self._env.reading)

    def _explore(self, state: Float32) -> Float32:
        if self._mind.env_steps >= self._config.learner.random_steps:
            return self._mind.act(state)
        return self._rng.uniform(-1.0, 1.0, len(self._env.layout.action_names)).astype(np.float32)

    def _take(self, frame: Frame) -> None:
        self._mind.take(frame)
        if frame.transition:
            self._progress.advance(1, **self._figures())

    def _figures(self) -> dict[str, float]:
        if not self._env.layout.has_success:
            return {}
        count = max(1, len(self._recent))
        alone, helped = (sum(figures) / count for figures in zip(*self._recent or [(False, 0.0)], strict=True))
        return {"success": alone, "help": helped}


def wait_for_room(episodes: EpisodeLog, clock: Clock) -> None:
    """Between two episodes: return when the disk takes what is collected."""
    told = ""
    while trouble := episodes.trouble:
        if trouble != told:
            log.warning("collecting pauses: %s", trouble)
            told = trouble
        clock.sleep_until(clock.now_s() + LOOK_AGAIN_S)
    if told:
        log.warning("collecting goes on: the disk takes data again")

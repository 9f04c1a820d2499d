"""The scripted expert and the scripted human: imperfect on purpose, so that the policy has something to beat."""

from dataclasses import dataclass

import numpy as np

from controllers.pose import quat_conj, quat_rotate
from robot_rl.config import HumanConfig
from robot_rl.specs import ActionSpec
from robot_rl.tasks.base import Reading, Task
from robot_rl.types import Float32


@dataclass(frozen=True, slots=True)
class Skill:
    """How good a hand the script has."""

    speed: float = 0.5
    """Share of the largest step per policy period."""
    bias_m: float = 0.0005
    """Largest constant error of its aim, per axis, new in every episode."""
    jitter: float = 0.1
    """Standard deviation of the tremor, in units of the action."""


class Expert:
    """Follows the task's waypoints with a biased, trembling, slow hand."""

    def __init__(self, task: Task, rng: np.random.Generator, skill: Skill | None = None) -> None:
        self._task, self._rng = task, rng
        self._skill = skill or Skill()
        self.new_episode()

    def new_episode(self) -> None:
        """A new error of aim."""
        bias = self._skill.bias_m
        self._bias_m = self._rng.uniform(-bias, bias, 3)

    def choose(self, reading: Reading) -> Float32:
        """As `act`: an expert never lets go."""
        return self.act(reading)

    def act(self, reading: Reading) -> Float32:
        """The action (a,) towards the next waypoint."""
        way = self._task.waypoint(reading)
        here, spec = reading.arm.tcp, self._task.action
        goal = way.tool.position_m + self._bias_m
        motion = np.zeros(6)
        motion[:3] = quat_rotate(quat_conj(here.quat_wxyz), goal - here.position_m)
        motion[3:] = (here.inverse() @ way.tool).rotvec_rad()
        action = spec.from_motion(motion)
        largest = float(np.abs(action).max())
        action *= min(1.0, self._skill.speed / max(largest, 1e-9))
        action += self._rng.normal(0.0, self._skill.jitter, action.shape)
        return _with_gripper(np.clip(action, -1.0, 1.0), spec, reading, way.close_gripper)


def _with_gripper(action: Float32, spec: ActionSpec, reading: Reading, close: bool) -> Float32:
    if not spec.gripper or reading.gripper is None:
        return action.astype(np.float32)
    change = 0.0 if close == reading.gripper.closing else (-1.0 if close else 1.0)
    return np.append(action, change).astype(np.float32)


class ScriptedHuman:
    """Takes over when the policy is stuck, strays or has dropped the part; lets go soon.

    Trouble is seen at once but acted on only after a reaction time, as a person would.
    """

    LOST_M = 0.03
    """A step back of this length against the best progress so far counts as straying or dropping."""
    PROGRESS_M = 0.004
    """Less than this gained within the patience counts as stuck."""

    def __init__(self, task: Task, config: HumanConfig, period_s: float, rng: np.random.Generator) -> None:
        self._expert = Expert(task, rng)
        self._task, self._config, self._period_s, self._rng = task, config, period_s, rng
        self._reaction_s = (config.reaction_s[0], config.reaction_s[1])
        self.new_episode()

    def new_episode(self) -> None:
        """Forget the last episode."""
        self._expert.new_episode()
        self._best_m = np.inf
        self._idle_steps = 0
        self._react_in: int | None = None
        self._hold_steps = 0

    def choose(self, reading: Reading) -> Float32 | None:
        """An action while the human holds the robot, else None."""
        remaining = self._task.waypoint(reading).remaining_m
        if self._hold_steps > 0:
            return self._hold(reading, remaining)
        if self._react_in is None and self._in_trouble(remaining):
            self._react_in = round(float(self._rng.uniform(*self._reaction_s)) / self._period_s)
        if self._react_in is None:
            return None
        if self._react_in > 0:
            self._react_in -= 1
            return None
        self._react_in = None
        self._hold_steps = round(self._config.max_takeover_s / self._period_s)
        return self._hold(reading, remaining)

    def _hold(self, reading: Reading, remaining: float) -> Float32:
        """One step of correction; the last one starts the watch anew."""
        self._hold_steps -= 1
        if self._hold_steps <= 0:
            self._watch_from(remaining)
        return self._expert.act(reading)

    def _in_trouble(self, remaining: float) -> bool:
        if remaining < self._best_m - self.PROGRESS_M:
            self._watch_from(remaining)
            return False
        self._idle_steps += 1
        stuck = self._idle_steps * self._period_s >= self._config.patience_s
        return stuck or remaining > self._best_m + self.LOST_M

    def _watch_from(self, remaining: float) -> None:
        self._best_m, self._idle_steps = remaining, 0

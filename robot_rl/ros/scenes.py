"""Where a task is laid out: by a simulation in another process, or by a person at a real cell."""

from typing import Any

import numpy as np

from controllers.pose import Pose, frozen
from robot_rl.errors import HardwareError
from robot_rl.ros.ask import Asker
from robot_rl.ros.tracker import Tracker
from robot_rl.tasks.base import Task

RESET_S = 10.0
"""What a simulation may take to lay out a scene"""
SAME_M = 1e-6


class RosScene:
    """A simulated cell. Both sides draw the same episode from the same seed, so that a task knows its goal here."""

    def __init__(self, task: Task, asker: Asker, tracker: Tracker) -> None:
        self.task, self._asker, self._tracker = task, asker, tracker

    def reset(self, rng: np.random.Generator) -> Pose:
        """Raises HardwareError when the other side does not answer, or lays out something else."""
        seed = int(rng.integers(2**31))
        start = _pose(self._asker.ask({"reset": {"seed": seed}}, RESET_S))
        own = self.task.reset(self._tracker, np.random.default_rng(seed))
        if not np.abs(own.position_m - start.position_m).max() <= SAME_M:
            raise HardwareError(
                f"the scene starts at {start.position_m.round(3).tolist()} m, task {self.task.name} of this side at "
                f"{own.position_m.round(3).tolist()} m; give both the same task, with the same params"
            )
        return start


class HandScene:
    """A real cell: nothing here moves an object.

    Before each episode a person puts every object where the task has it at the middle of its ranges (`task.params`),
    takes out what the gripper holds, and clears the way to the start. Objects that the task must follow come on
    `objects/NAME`, from whatever tracks them.
    """

    def __init__(self, task: Task, tracker: Tracker) -> None:
        self.task, self._tracker = task, tracker

    def reset(self, rng: np.random.Generator) -> Pose:
        return self.task.reset(self._tracker, Middle())


class Middle(np.random.Generator):
    """Draws the middle of every range."""

    def __init__(self) -> None:
        super().__init__(np.random.PCG64(0))

    def uniform(self, low: Any = 0.0, high: Any = 1.0, size: Any = None) -> Any:
        middle = 0.5 * (np.asarray(low, np.float64) + np.asarray(high, np.float64))
        return middle if size is None else np.broadcast_to(middle, size).copy()


def _pose(body: dict[str, Any]) -> Pose:
    """Raises HardwareError when it is not one."""
    try:
        position, quat = (frozen(body[name]) for name in ("position_m", "quat_wxyz"))
    except (KeyError, TypeError, ValueError):
        position = quat = frozen([])
    if not (position.shape == (3,) and quat.shape == (4,) and np.isfinite([*position, *quat]).all()):
        raise HardwareError(f"the scene's answer {body} is no pose; see whether both sides are of one version")
    return Pose(position, quat)

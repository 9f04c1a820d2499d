"""Tasks by name. A new task is one file and one line here, or a class given to `make_env`."""

from collections.abc import Callable, Mapping
from typing import Any

from robot_rl.config import TaskConfig
from robot_rl.errors import ConfigError
from robot_rl.suggest import nearest
from robot_rl.tasks.base import Task
from robot_rl.tasks.board import BoardScene
from robot_rl.tasks.peg_insertion import PegInsertion
from robot_rl.tasks.pick_cube import PickCube
from robot_rl.tasks.reach import Reach

TASKS: dict[str, Callable[[Mapping[str, Any]], Task]] = {
    "reach": Reach,
    "peg_insertion": PegInsertion,
    "pick_cube": PickCube,
    "board": BoardScene,
}


def make_task(config: TaskConfig) -> Task:
    """The task that the config names. Raises ConfigError for an unknown name or parameter."""
    if config.name not in TASKS:
        raise ConfigError(f"no task {config.name!r}{nearest(config.name, TASKS)}")
    return TASKS[config.name](config.params)

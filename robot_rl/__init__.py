"""robot_rl: real-robot learning with one gate in front of the motors.

from robot_rl import load_config, load_policy, make_env
"""

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from robot_rl.compose import load_config
    from robot_rl.learn.policy_file import load_policy
    from robot_rl.make import make_env

__version__ = "0.1.0"
__all__ = ["load_config", "load_policy", "make_env"]


def _renderer() -> str:
    """Without a screen MuJoCo draws through EGL or not at all, and cannot be imported when it is told EGL in vain."""
    from ctypes import CDLL

    try:
        CDLL("libEGL.so.1")
    except OSError:
        return "disabled"
    return "egl"


if not os.environ.get("DISPLAY") and not os.environ.get("MUJOCO_GL"):
    os.environ["MUJOCO_GL"] = _renderer()  # read by MuJoCo when it is imported

_HOMES = {
    "load_config": "robot_rl.compose",
    "load_policy": "robot_rl.learn.policy_file",
    "make_env": "robot_rl.make",
}


def __getattr__(name: str) -> Any:
    """Public names load when used: the kernel must stay light for the robot's own processes."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"robot_rl has no public name {name!r}; there are: {', '.join(__all__)}")
    return getattr(import_module(_HOMES[name]), name)

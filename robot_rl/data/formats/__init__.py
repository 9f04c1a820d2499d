"""Foreign formats of demonstrations, one file each."""

from importlib import import_module
from typing import Any

from robot_rl.errors import ConfigError


def optional(module: str) -> Any:
    """A module of the extra `datasets`. Raises ConfigError, with the command to install it, where it is missing."""
    try:
        return import_module(module)
    except ImportError as error:
        raise ConfigError(f'this format needs {module}: pip install "robot_rl[datasets]" ({error})') from error

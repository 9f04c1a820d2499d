"""A window on the simulated cell, for runs with `headless=false`."""

import os

import mujoco.viewer

from robot_rl.drivers.sim_world import SimWorld
from robot_rl.errors import ConfigError


class SimWindow:
    """MuJoCo's own viewer, following the world."""

    def __init__(self, world: SimWorld) -> None:
        """Raises ConfigError where there is no display."""
        if not os.environ.get("DISPLAY"):
            raise ConfigError("headless=false needs a screen, and DISPLAY is not set; use headless=true")
        self._viewer = mujoco.viewer.launch_passive(world.model, world.data, show_left_ui=False, show_right_ui=False)
        world.watcher = self._viewer.sync

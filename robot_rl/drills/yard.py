"""A room for drills, in which there is nothing to achieve."""

from collections.abc import Callable, Mapping

import mujoco
import numpy as np

from controllers.pose import Array, Pose
from robot_rl.drivers.sim_world import SimWorld
from robot_rl.specs import AXES, ActionSpec
from robot_rl.tasks.base import TOOL_DOWN, Reading, Task, Waypoint, Workspace, World, add_floor_and_light, around

Build = Callable[[mujoco.MjSpec], None]


class Yard(Task):
    """A room to move in, with whatever is built into it. There is nothing to achieve."""

    name = "yard"
    opening_m = 0.08
    robot_fields = ("tcp_velocity", "force")
    fields = ()

    def __init__(
        self,
        home: Pose | None = None,
        low_m: tuple[float, float, float] = (0.30, -0.20, 0.10),
        high_m: tuple[float, float, float] = (0.62, 0.20, 0.42),
        build: Build = add_floor_and_light,
        start_m: tuple[float, float, float] | None = (0.0, 0.0, 0.0),
        gripper: bool = False,
    ) -> None:
        """`start_m` from home is where an episode starts, within 5 mm; None: it starts where the tool is."""
        self.home = home or Pose.of([0.45, 0.0, 0.26], TOOL_DOWN)
        self.action = ActionSpec(AXES, step_m=0.02, step_rad=0.1, gripper=gripper)
        self.workspace = Workspace(low_m, high_m)
        self._build, self._start_m = build, start_m

    def build(self, spec: mujoco.MjSpec) -> None:
        self._build(spec)

    def reset(self, world: World, rng: np.random.Generator) -> Pose:
        if self._start_m is None:
            assert isinstance(world, SimWorld)  # drills are simulated
            return world.physics.tool()
        place_m = self.home.position_m + np.array(self._start_m) + around(rng, (0.005,) * 3)
        return Pose.of(place_m, self.home.quat_wxyz)

    def observe(self, reading: Reading) -> Mapping[str, Array | float]:
        return {}

    def succeeded(self, reading: Reading) -> bool:
        return False

    def waypoint(self, reading: Reading) -> Waypoint:
        return Waypoint(self.home, float(np.linalg.norm(self.home.position_m - reading.arm.tcp.position_m)))


def wide(build: Build = lambda spec: None, home: Pose | None = None) -> Yard:
    """A yard without walls, in which an episode starts where the tool is."""
    return Yard(home, low_m=(-1.5, -1.5, -1.0), high_m=(1.5, 1.5, 2.0), build=build, start_m=None)

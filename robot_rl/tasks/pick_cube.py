"""Pick and place: grasp a cube, lift it, and let it go on a raised platform, too high to push it onto."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np

from controllers.pose import Array, Pose
from robot_rl.hardware import GripperState
from robot_rl.specs import ActionSpec, Field
from robot_rl.tasks.base import (
    TOOL_DOWN,
    Reading,
    Task,
    Waypoint,
    Workspace,
    World,
    add_box,
    add_floor_and_light,
    around,
    in_tool,
    params_from,
)

HALF_M = 0.02
"""Half the cube's edge."""
HOVER_M = 0.05
"""Height above the cube or the platform at which an expert travels."""
SURE_M = 0.006
"""Sideways error at which an expert dares to go down."""


@dataclass(frozen=True, slots=True)
class Params:
    """Numbers of the task."""

    cube_range_m: float = 0.05
    platform_range_m: float = 0.02
    platform_height_m: float = 0.03
    tolerance_m: float = 0.025
    """Largest sideways distance of the cube from the platform's centre."""
    start_range_m: float = 0.02


class PickCube(Task):
    """Success: the cube lies on the platform, within tolerance of its centre, and the gripper has let go."""

    name = "pick_cube"
    action = ActionSpec(("x", "y", "z"), step_m=0.03, step_rad=0.1, gripper=True)
    workspace = Workspace((0.34, -0.18, 0.012), (0.60, 0.20, 0.26))
    home = Pose.of([0.46, 0.0, 0.15], TOOL_DOWN)
    opening_m = 0.08
    robot_fields = ("tcp_velocity", "force", "gripper_width", "gripper_closing")
    fields = (Field("cube", 3, "m", 0.05), Field("platform", 3, "m", 0.1))

    def __init__(self, params: Mapping[str, Any]) -> None:
        self._params = params_from(Params, self.name, params)
        self._world: World | None = None
        self._platform_m = np.zeros(3)

    def build(self, spec: mujoco.MjSpec) -> None:
        add_floor_and_light(spec)
        cube = spec.worldbody.add_body(name="cube", pos=[0.46, -0.06, HALF_M])
        cube.add_freejoint()
        add_box(cube, (HALF_M,) * 3, (0.0,) * 3, (0.85, 0.30, 0.20, 1.0), name="cube", mass=0.05, condim=4)
        height = self._params.platform_height_m
        platform = spec.worldbody.add_body(name="platform")
        add_box(
            platform,
            (0.04, 0.04, height / 2),
            (0.0, 0.0, height / 2),
            (0.25, 0.50, 0.35, 1.0),
            name="platform",
        )

    def reset(self, world: World, rng: np.random.Generator) -> Pose:
        p = self._params
        self._world = world
        self._platform_m = np.array([0.46, 0.10, 0.0]) + around(rng, (p.platform_range_m,) * 2 + (0.0,))
        world.move_fixed("platform", self._platform_m)
        cube = np.array([0.46, -0.06, HALF_M]) + around(rng, (p.cube_range_m,) * 2 + (0.0,))
        world.place("cube", cube, yaw_rad=float(rng.uniform(-0.1, 0.1)))
        return Pose.of(self.home.position_m + around(rng, (p.start_range_m,) * 3), TOOL_DOWN)

    def observe(self, reading: Reading) -> Mapping[str, Array | float]:
        return {
            "cube": in_tool(reading.arm, self._cube_m()),
            "platform": in_tool(reading.arm, self._goal_m()),
        }

    def succeeded(self, reading: Reading) -> bool:
        off = self._cube_m() - self._goal_m()
        placed = np.hypot(off[0], off[1]) < self._params.tolerance_m and abs(off[2]) < 0.005
        return bool(placed and not _grip(reading).closing and _grip(reading).width_m > 2 * HALF_M + 0.01)

    def waypoint(self, reading: Reading) -> Waypoint:
        """Over the cube, down, close; up, over the platform, down, open."""
        cube, goal, tool = self._cube_m(), self._goal_m(), reading.arm.tcp.position_m
        carry_m, reach_m = float(np.linalg.norm(goal - cube)), float(np.linalg.norm(cube - tool))
        if _grip(reading).closing and reach_m < HALF_M:
            off = cube - goal
            arrived = np.hypot(off[0], off[1]) < 2 * SURE_M and off[2] < 0.008
            at = _over_then_down(tool, goal + [0.0, 0.0, 0.003])
            return Waypoint(Pose.of(at, TOOL_DOWN), carry_m, close_gripper=not arrived)
        at = _over_then_down(tool, cube)
        return Waypoint(Pose.of(at, TOOL_DOWN), reach_m + carry_m, close_gripper=reach_m < 0.01)

    def _cube_m(self) -> Array:
        if self._world is None:
            raise RuntimeError("no episode yet: call reset() first")
        return self._world.data.body("cube").xpos.copy()

    def _goal_m(self) -> Array:
        """Where the cube's centre belongs."""
        return self._platform_m + [0.0, 0.0, self._params.platform_height_m + HALF_M]


def _grip(reading: Reading) -> GripperState:
    if reading.gripper is None:
        raise ValueError("pick_cube needs a gripper; the robot has none")
    return reading.gripper


def _over_then_down(tool_m: Array, place_m: Array) -> Array:
    """The next point (3,) on the way over a place and down to it."""
    if float(np.hypot(*(place_m - tool_m)[:2])) < SURE_M:
        return place_m
    hover = place_m + [0.0, 0.0, HOVER_M]
    if tool_m[2] - place_m[2] < HOVER_M - 0.015:
        hover[:2] = tool_m[:2]
    return hover

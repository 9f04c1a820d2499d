"""Reach: bring the tool to a marked point in the air. The smoke test of the whole loop."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np

from controllers.pose import Array, Pose
from robot_rl.specs import ActionSpec, Field
from robot_rl.tasks.base import (
    TOOL_DOWN,
    Reading,
    Task,
    Waypoint,
    Workspace,
    World,
    add_floor_and_light,
    around,
    in_tool,
    params_from,
)


@dataclass(frozen=True, slots=True)
class Params:
    """Numbers of the task."""

    tolerance_m: float = 0.01
    start_range_m: float = 0.02
    target_range_m: float = 0.06


class Reach(Task):
    """Success: the tool point is within `tolerance_m` of the target."""

    name = "reach"
    action = ActionSpec(("x", "y", "z"), step_m=0.02, step_rad=0.1, gripper=False)
    workspace = Workspace((0.30, -0.20, 0.10), (0.62, 0.20, 0.42))
    home = Pose.of([0.45, 0.0, 0.26], TOOL_DOWN)
    opening_m = 0.0
    robot_fields = ("tcp_velocity",)
    fields = (Field("target", 3, "m", 0.05),)

    def __init__(self, params: Mapping[str, Any]) -> None:
        self._params = params_from(Params, self.name, params)
        self._target_m = np.zeros(3)

    def build(self, spec: mujoco.MjSpec) -> None:
        add_floor_and_light(spec)
        marker = spec.worldbody.add_body(name="target")
        marker.add_geom(size=[0.012, 0, 0], rgba=[0.9, 0.35, 0.1, 0.8], contype=0, conaffinity=0)

    def reset(self, world: World, rng: np.random.Generator) -> Pose:
        p = self._params
        self._target_m = self.home.position_m + around(rng, (p.target_range_m,) * 3)
        world.move_fixed("target", self._target_m)
        return Pose.of(self.home.position_m + around(rng, (p.start_range_m,) * 3), TOOL_DOWN)

    def observe(self, reading: Reading) -> Mapping[str, Array | float]:
        return {"target": in_tool(reading.arm, self._target_m)}

    def succeeded(self, reading: Reading) -> bool:
        return self.waypoint(reading).remaining_m < self._params.tolerance_m

    def waypoint(self, reading: Reading) -> Waypoint:
        remaining = float(np.linalg.norm(self._target_m - reading.arm.tcp.position_m))
        return Waypoint(Pose.of(self._target_m, TOOL_DOWN), remaining)

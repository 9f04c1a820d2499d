"""Peg insertion: a square peg in the gripper, a socket on the table, half a millimetre of play on each side.

The socket's place varies; the policy knows it from a tracker that is off by a different amount in every
episode, as a camera calibration is, so the last millimetre must be found by feel.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np

from controllers.pose import Array, Pose, quat_rotate
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

CENTRE_M = 0.47
"""Mean place of the socket along x."""
WALL_AT_M, START_AT_M = -0.045, -0.08
"""Where wall and start are, seen from the socket along x."""
STEEL, BRASS, BLUE = (0.55, 0.57, 0.60, 1.0), (0.85, 0.62, 0.25, 1.0), (0.20, 0.36, 0.62, 1.0)


@dataclass(frozen=True, slots=True)
class Params:
    """Numbers of the task."""

    clearance_m: float = 0.001
    """Width of the hole minus width of the peg."""
    peg_width_m: float = 0.016
    depth_m: float = 0.025
    start_range_m: float = 0.025
    """Start offset from above the socket, plus and minus, in x and y."""
    socket_range_m: float = 0.03
    tracker_error_m: float = 0.0005
    """Largest error of the tracked socket position, per axis, new in every episode."""
    wall_m: float = 0.0
    """Height above the socket of a wall that the peg must be lifted over; it then starts low behind it. 0: none."""


class PegInsertion(Task):
    """Success: the peg's tip is nearly at the bottom of the hole."""

    name = "peg_insertion"
    action = ActionSpec(("x", "y", "z"), step_m=0.01, step_rad=0.1, gripper=False)
    workspace = Workspace((0.34, -0.12, 0.04), (0.60, 0.12, 0.26))
    opening_m = 0.016
    robot_fields = ("tcp_velocity", "force", "torque")
    fields = (Field("socket", 3, "m", 0.03),)
    TIP_M = 0.04
    """From the tool point to the peg's tip."""
    RIM_M = 0.03
    """Height of the socket's upper face."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        self._params = p = params_from(Params, self.name, params)
        self._start_x_m = START_AT_M if p.wall_m else 0.0
        height_m = self.RIM_M + p.wall_m + self.TIP_M + 0.04
        self.home = Pose.of([CENTRE_M + self._start_x_m, 0.0, height_m], TOOL_DOWN)
        self._socket_m = np.zeros(3)
        self._seen_m = np.zeros(3)

    def build(self, spec: mujoco.MjSpec) -> None:
        p = self._params
        add_floor_and_light(spec)
        half, hole = p.peg_width_m / 2, (p.peg_width_m + p.clearance_m) / 2
        hand = spec.body("hand")
        tcp_m = spec.site("tcp").pos
        length = self.TIP_M + 0.01
        add_box(
            hand,
            (half, half, length / 2),
            (tcp_m[0], tcp_m[1], tcp_m[2] + self.TIP_M - length / 2),
            BRASS,
            name="peg",
            friction=[0.4, 0.005, 0.0001],
            solref=[0.01, 1.0],
        )
        socket = spec.worldbody.add_body(name="socket")
        side = 0.03
        for name, x, y, half_x, half_y in (
            ("left", 0.0, hole + side / 2, hole + side, side / 2),
            ("right", 0.0, -hole - side / 2, hole + side, side / 2),
            ("front", hole + side / 2, 0.0, side / 2, hole),
            ("back", -hole - side / 2, 0.0, side / 2, hole),
        ):
            add_box(
                socket,
                (half_x, half_y, self.RIM_M / 2),
                (x, y, self.RIM_M / 2),
                BLUE if name in ("left", "right") else STEEL,
                name=f"socket_{name}",
                friction=[0.4, 0.005, 0.0001],
                solref=[0.01, 1.0],
            )
        if p.wall_m:
            height = self.RIM_M + p.wall_m
            add_box(socket, (0.004, 0.08, height / 2), (WALL_AT_M, 0.0, height / 2), STEEL, name="wall")

    def reset(self, world: World, rng: np.random.Generator) -> Pose:
        p = self._params
        self._socket_m = np.array([CENTRE_M, 0.0, 0.0]) + around(rng, (p.socket_range_m, p.socket_range_m, 0.0))
        self._seen_m = self._socket_m + around(rng, (p.tracker_error_m,) * 3)
        world.move_fixed("socket", self._socket_m)
        if p.wall_m:
            start = self._hole_m() + [START_AT_M, 0.0, self.TIP_M + 0.01] + around(rng, (0.01, p.start_range_m, 0.005))
        else:
            start = np.array([*self._socket_m[:2], self.home.position_m[2]])
            start += around(rng, (p.start_range_m, p.start_range_m, 0.01))
        return Pose.of(start, TOOL_DOWN)

    def observe(self, reading: Reading) -> Mapping[str, Array | float]:
        rim = self._seen_m + [0.0, 0.0, self.RIM_M]
        return {"socket": in_tool(reading.arm, rim) - [0.0, 0.0, self.TIP_M]}

    def succeeded(self, reading: Reading) -> bool:
        off = self._tip_m(reading) - self._hole_m()
        return bool(off[2] <= -0.8 * self._params.depth_m and np.abs(off[:2]).max() < 0.002)

    def waypoint(self, reading: Reading) -> Waypoint:
        """Over the wall and the hole, then down; up again first when the tip is low beside either.

        What remains is the way's length, so that lifting the peg over the wall counts as progress.
        """
        p = self._params
        off = self._tip_m(reading) - self._hole_m()
        aside = float(np.linalg.norm(off[:2]))
        across = not p.wall_m or off[0] > WALL_AT_M + 0.02
        hover = 0.006 if across else p.wall_m + 0.012
        aligned = aside < (0.0015 if off[2] > -0.001 else 0.003)
        goal = self._hole_m() + [0.0, 0.0, -p.depth_m if aligned else hover]
        if not aligned and off[2] < hover - 0.004:
            goal[:2] = self._tip_m(reading)[:2]
        lift_m = 0.0 if across else max(0.0, hover - off[2])
        remaining_m = lift_m + float(np.linalg.norm(off + [0.0, 0.0, lift_m + p.depth_m]))
        return Waypoint(Pose.of(goal + [0.0, 0.0, self.TIP_M], TOOL_DOWN), remaining_m)

    def _tip_m(self, reading: Reading) -> Array:
        tcp = reading.arm.tcp
        return tcp.position_m + quat_rotate(tcp.quat_wxyz, np.array([0.0, 0.0, self.TIP_M]))

    def _hole_m(self) -> Array:
        return self._socket_m + [0.0, 0.0, self.RIM_M]

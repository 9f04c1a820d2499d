"""Board: nothing to learn, a calibration board to look at. For rehearsing camera calibration without a robot."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np

from controllers.pose import Array, Pose
from robot_rl.errors import ConfigError
from robot_rl.specs import ActionSpec, Field
from robot_rl.suggest import nearest
from robot_rl.tasks.base import TOOL_DOWN, Reading, Task, Waypoint, Workspace, World, add_floor_and_light
from sim2real.charuco import EXAMPLE, MOUNTS, Board

SQUARE_PX = 64
"""Of the board's picture"""
HALF_M = 0.002
"""Of the board's thickness"""
ON_TABLE_M = (0.36, 0.0, HALF_M)
"""Middle of the board, base frame: where the wrist camera looks from `home`"""
ON_TOOL_M, ON_TOOL_NORMAL = (0.07, 0.07, 0.10), (0.67, 0.67, -0.33)
"""Middle of the board and where it faces, hand frame: to the camera `side` while the tool points down"""


@dataclass(frozen=True, slots=True)
class Params:
    """What the scene is made of."""

    board: str = EXAMPLE
    mounted: str = "hand"
    """Where the camera is: `hand` puts the board on the table, `world` on the tool"""


class BoardScene(Task):
    """Nothing succeeds."""

    name = "board"
    action = ActionSpec(("x", "y", "z", "rx", "ry", "rz"), step_m=0.05, step_rad=0.2, gripper=False)
    workspace = Workspace((0.20, -0.40, 0.10), (0.75, 0.40, 0.70))
    opening_m = 0.0
    robot_fields = ("tcp_position",)
    fields: tuple[Field, ...] = ()

    def __init__(self, params: Mapping[str, Any]) -> None:
        """Raises ConfigError for an unknown parameter, and for a board that cannot be read."""
        for name in params:
            if name not in Params.__dataclass_fields__:
                raise ConfigError(f"task {self.name} has no parameter {name!r}{nearest(name, Params.__slots__)}")
        self._params = Params(**params)
        if self._params.mounted not in MOUNTS:
            raise ConfigError(f"task.params.mounted is {self._params.mounted!r}; allowed: {', '.join(MOUNTS)}")
        self._board = Board.parse(str(self._params.board))
        self.home = Pose.of([0.45, 0.0, 0.34 if self._params.mounted == "hand" else 0.24], TOOL_DOWN)

    def build(self, spec: mujoco.MjSpec) -> None:
        """Raises ConfigError without OpenCV, which draws the board."""
        add_floor_and_light(spec)
        if self._params.mounted == "hand":
            add_board(spec, spec.worldbody.add_body(name="board", pos=ON_TABLE_M), self._board)
        else:
            add_board(
                spec, spec.body("hand").add_body(name="board", pos=ON_TOOL_M, quat=_facing(ON_TOOL_NORMAL)), self._board
            )

    def reset(self, world: World, rng: np.random.Generator) -> Pose:
        return self.home

    def observe(self, reading: Reading) -> Mapping[str, Array | float]:
        return {}

    def succeeded(self, reading: Reading) -> bool:
        return False

    def waypoint(self, reading: Reading) -> Waypoint:
        return Waypoint(self.home, float(np.linalg.norm(self.home.position_m - reading.arm.tcp.position_m)))


def add_board(spec: mujoco.MjSpec, body: Any, board: Board) -> None:
    """The board as a thin box that touches nothing and weighs nothing, its picture on the side of the body's +z."""
    grey = board.picture(SQUARE_PX)
    height, width = grey.shape
    texture = spec.add_texture(
        name="board", type=mujoco.mjtTexture.mjTEXTURE_2D, width=width, height=height, nchannel=3
    )
    texture.data = np.repeat(grey[:, :, None], 3, axis=2).tobytes()
    material = spec.add_material(name="board", texuniform=False, specular=0.0, shininess=0.0)
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = "board"
    half_m = [board.columns * board.square_m / 2, board.rows * board.square_m / 2, HALF_M]
    body.add_geom(type=mujoco.mjtGeom.mjGEOM_BOX, size=half_m, material="board", contype=0, conaffinity=0, mass=0.0)


def _facing(normal: tuple[float, float, float]) -> Array:
    """(4,) wxyz in the hand frame: z along `normal`, y as far up as that allows while the tool points down."""
    z = np.array(normal) / np.linalg.norm(normal)
    x = np.cross([0.0, 0.0, -1.0], z)
    x /= np.linalg.norm(x)
    quat = np.zeros(4)
    mujoco.mju_mat2Quat(quat, np.stack((x, np.cross(z, x), z), axis=1).ravel())
    return quat

"""A camera, a board and an arm whose truth is known, for tests of calibration."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.spatial.transform import Rotation

from controllers.kinematics import ArmModel
from controllers.models import arm_spec, home_q
from controllers.pose import Array, Pose
from robot_rl.drivers.lens import Lens
from sim2real.charuco import Board, Picture
from sim2real.pinhole import project, to_matrix, to_pose
from sim2real.views import View

BOARD = Board.parse("8x6:0.030:0.022:DICT_5X5_100")
CORNERS_M = BOARD.points_m(np.arange(BOARD.corners))
LENS = Lens(640, 480, 600.0, 602.0, 321.0, 238.0, (0.05, -0.1, 0.001, -0.0005, 0.02))
PLAIN_LENS = Lens(640, 480, 600.0, 600.0, 319.5, 239.5)
PIXEL_NOISE = 0.08
MARGIN_PX = 3


def euler(position_m: tuple[float, ...], angles_rad: tuple[float, ...]) -> Pose:
    return to_pose(Rotation.from_euler("xyz", angles_rad).as_matrix(), np.array(position_m))


@dataclass(frozen=True)
class Truth:
    """Where things are."""

    mounted: str
    near: Pose
    """T_tcp_camera, or T_tcp_board"""
    far: Pose
    """T_base_board, or T_base_camera"""

    @property
    def camera(self) -> Pose:
        """What calibration should find"""
        return self.near if self.mounted == "hand" else self.far

    def tool(self, seen: Pose) -> Pose:
        """T_base_tcp from which T_camera_board is so"""
        return self.far @ (seen.inverse() if self.mounted == "hand" else seen) @ self.near.inverse()

    def seen(self, tool: Pose) -> Pose:
        """T_camera_board from there"""
        chain = self.far.inverse() @ tool @ self.near
        return chain.inverse() if self.mounted == "hand" else chain


ON_THE_TOOL = Truth(
    "hand", euler((0.06, -0.015, -0.05), (0.1, -0.2, 1.5)), euler((0.38, -0.06, 0.02), (np.pi, 0.0, 1.8))
)
_BESIDE = euler((1.0, 0.1, 0.45), (-np.pi / 2, 0.0, np.pi / 2))
BESIDE_THE_ARM = Truth(
    "world",
    euler((0.45, 0.0, 0.35), (np.pi, 0.0, 0.0)).inverse() @ _BESIDE @ euler((-0.12, -0.09, 0.5), (0, 0, 0)),
    _BESIDE,
)


@cache
def arm() -> ArmModel:
    return ArmModel(arm_spec("panda").compile(), 7)


def views(
    truth: Truth, count: int, rng: np.random.Generator, joint_noise_rad: float, pixel_noise: float = PIXEL_NOISE
) -> list[View]:
    """From all sides: tilted by 17 to 40 degrees and rolled by up to 57. The arm's joints are not where they say."""
    found: list[View] = []
    for _ in range(50 * count):
        try:
            q_rad = arm().solve(truth.tool(board_before_camera(rng)), home_q("panda"))
        except ValueError:
            continue
        pixels = shown(truth.seen(arm().tcp())) + rng.normal(0.0, pixel_noise, (len(CORNERS_M), 2))
        arm().update(q_rad + rng.normal(0.0, joint_noise_rad, 7), np.zeros(7))
        inside = (np.abs(pixels - [320, 240]) < [320 - MARGIN_PX, 240 - MARGIN_PX]).all(axis=1)
        if inside.sum() >= 12:
            found.append(View(arm().tcp(), CORNERS_M[inside], pixels[inside]))
        if len(found) == count:
            return found
    raise AssertionError(f"only {len(found)} views")


def board_before_camera(rng: np.random.Generator) -> Pose:
    """T_camera_board"""
    tilt, around, roll = rng.uniform(0.3, 0.7), rng.uniform(0, 2 * np.pi), rng.uniform(-1.0, 1.0)
    tilted = Rotation.from_rotvec([tilt * np.cos(around), tilt * np.sin(around), 0.0])
    turned = to_pose((tilted * Rotation.from_rotvec([0.0, 0.0, roll])).as_matrix(), np.zeros(3))
    middle_m = rng.normal(0.0, 0.02, 3) + [0.0, 0.0, rng.uniform(0.3, 0.5)]
    return Pose.of(middle_m) @ turned @ Pose.of([-0.12, -0.09, 0.0])


def shown(board: Pose, points_m: Array = CORNERS_M) -> Array:
    """(n, 2) pixels of the corners of a board at T_camera_board."""
    return project(points_m @ to_matrix(board).T + board.position_m, LENS)


def picture(board: Pose, lens: Lens = PLAIN_LENS) -> Picture:
    """The board at T_camera_board as a camera without distortion sees it, on grey."""
    import cv2

    px = 60
    page = BOARD.picture(px)
    turn = to_matrix(board)
    plane = np.column_stack((turn[:, 0], turn[:, 1], board.position_m))
    inside = np.diag([BOARD.square_m / px, BOARD.square_m / px, 1.0]) @ [[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]]
    look = np.array([[lens.fx, 0, lens.cx], [0, lens.fy, lens.cy], [0, 0, 1]]) @ plane @ inside
    twice = np.array([[2, 0, 0.5], [0, 2, 0.5], [0, 0, 1]])  # four pixels for one: smooth edges
    large = cv2.warpPerspective(page, twice @ look, (2 * lens.width, 2 * lens.height), borderValue=128)
    small = cv2.resize(large, (lens.width, lens.height), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)

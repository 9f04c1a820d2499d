"""From points in front of a camera to pixels, and from a flat board's pixels to where the board is."""

import numpy as np
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from controllers.pose import Array, Pose
from robot_rl.drivers.lens import Lens
from robot_rl.errors import ConfigError

FEWEST = 6
"""Corners that place a board"""
NEAR_M = 1e-3
"""Nearer points, and those behind the camera, are projected as if they were so far away."""
UNDISTORT_STEPS = 20


def project(points_m: Array, lens: Lens) -> Array:
    """(n, 3) in the optical frame (z forward, x right, y down) to (n, 2) pixels: pinhole and Brown-Conrady."""
    x, y = (points_m[:, :2] / np.maximum(points_m[:, 2:], NEAR_M)).T
    k1, k2, p1, p2, k3 = lens.distortion
    r2 = x * x + y * y
    radial = 1.0 + r2 * (k1 + r2 * (k2 + r2 * k3))
    u = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
    v = y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y
    return np.stack((lens.fx * u + lens.cx, lens.fy * v + lens.cy), axis=1)


def directions(pixels: Array, lens: Lens) -> Array:
    """(n, 2) x / z and y / z that project to these pixels (n, 2), by fixed-point iteration."""
    seen = (pixels - [lens.cx, lens.cy]) / [lens.fx, lens.fy]
    unit = Lens(lens.width, lens.height, 1.0, 1.0, 0.0, 0.0, lens.distortion)
    found = seen.copy()
    for _ in range(UNDISTORT_STEPS):
        found += seen - project(np.column_stack((found, np.ones(len(found)))), unit)
    return found


def board_pose(points_m: Array, pixels: Array, lens: Lens) -> Pose:
    """T_camera_board of a flat board with corners (n, 3), z = 0, at pixels (n, 2): homography (Zhang 2000), then least
    squares of the pixels.

    Raises ConfigError for fewer than FEWEST corners, and for corners on one line.
    """
    if len(points_m) < FEWEST or not np.linalg.matrix_rank(points_m - points_m.mean(axis=0), tol=1e-4) >= 2:
        raise ConfigError(f"{len(points_m)} corners of the board do not place it; {FEWEST} are needed, not on one line")
    start = _from_homography(points_m[:, :2], directions(pixels, lens))

    def off_px(x: Array) -> Array:
        moved = points_m @ Rotation.from_rotvec(x[:3]).as_matrix().T + x[3:]
        return (project(moved, lens) - pixels).ravel()

    best = least_squares(off_px, start, loss="huber", x_scale="jac").x
    return to_pose(Rotation.from_rotvec(best[:3]).as_matrix(), best[3:])


def to_pose(rotation: Array, position_m: Array) -> Pose:
    """From a rotation matrix (3, 3) and a position (3,)."""
    return Pose.of(position_m, Rotation.from_matrix(rotation).as_quat()[[3, 0, 1, 2]])


def to_matrix(pose: Pose) -> Array:
    """(3, 3) its rotation."""
    rotation: Array = Rotation.from_quat(pose.quat_wxyz[[1, 2, 3, 0]]).as_matrix()
    return rotation


def _from_homography(plane_m: Array, seen: Array) -> Array:
    """(6,) rotation vector and position of the board, by the direct linear transform of (n, 2) and (n, 2)."""
    scale_m = float(np.abs(plane_m).max())
    flat = np.column_stack((plane_m / scale_m, np.ones(len(plane_m))))
    zero = np.zeros_like(flat)
    rows = np.vstack((np.hstack((flat, zero, -seen[:, :1] * flat)), np.hstack((zero, flat, -seen[:, 1:] * flat))))
    columns = (np.linalg.svd(rows)[2][-1].reshape(3, 3) / [scale_m, scale_m, 1.0]).T
    columns *= np.sign(columns[2, 2]) * 2 / (np.linalg.norm(columns[0]) + np.linalg.norm(columns[1]))
    nearly = np.stack((columns[0], columns[1], np.cross(columns[0], columns[1])), axis=1)
    u, _, vt = np.linalg.svd(nearly)
    rotation = u @ np.diag([1.0, 1.0, np.linalg.det(u @ vt)]) @ vt
    return np.concatenate((Rotation.from_matrix(rotation).as_rotvec(), columns[2]))

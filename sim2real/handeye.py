"""Where a camera is on an arm, or beside it: hand-eye calibration with a deviation that may be believed.

Closed form first (Park & Martin 1994), then a least squares that has the arm's own error in it: without, the fit takes
that error for the camera's.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from controllers.pose import Array, Pose
from robot_rl.drivers.lens import Lens
from robot_rl.errors import ConfigError
from sim2real.charuco import MOUNTS
from sim2real.pinhole import board_pose, to_matrix, to_pose
from sim2real.refinement import Refinement
from sim2real.views import TURN_DEG, Spread, View, turned

FEWEST = 6
"""Views that give an answer with a deviation"""
ROUNDS = 6
"""Of refining and estimating the noise"""
DOUBT, TELLS = 3.0, 0.02
"""Deviations by which a size that the pictures show may differ from the given one; the largest deviation, as a part of
it, with which they tell anything: a tool that only turns about its own point tells nothing of the square."""


@dataclass(frozen=True, slots=True)
class Residual:
    """What one view says."""

    pixel_rms: float
    """Distance of a corner from where it should be"""
    arm: Spread
    """How far the arm was from where it said, as it seems"""
    shift: Spread
    """How far the camera moves when this view is left out"""


@dataclass(frozen=True, slots=True)
class Given:
    """A size that is taken as given, and what the pictures say of it."""

    off: float
    """By what part of it the true one seems to differ"""
    deviation: float
    """Of `off`"""
    shift: Spread
    """How far the camera found is off for each 1 % that the given one is wrong"""

    @property
    def is_doubtful(self) -> bool:
        """The pictures tell something of it, and contradict it."""
        return self.deviation <= TELLS and not abs(self.off) <= DOUBT * self.deviation


@dataclass(frozen=True, slots=True)
class HandEye:
    """The camera found."""

    camera: Pose
    """T_tcp_camera of a camera on the tool, T_base_camera of one in the world; optical frame"""
    board: Pose
    """T_base_board, or T_tcp_board"""
    deviation: Spread
    """Of the camera, from the covariance of the fit"""
    covariance: Array
    """(6, 6) of the camera's position (m) and rotation (rad), in its own frame"""
    leave_one_out: Spread
    """The same from leaving out each view in turn (jackknife); much more than `deviation`: one view decides"""
    reprojection_px: float
    """Root mean square distance of a corner from where it should be"""
    arm: Spread
    """The arm's own error, as estimated; a large one is a late picture, a loose board or camera, a wrong lens"""
    focal: Given
    """The lens's focal length; `deviation` has nothing of what is wrong in all pictures alike"""
    square: Given
    """The side of the board's square"""
    residuals: tuple[Residual, ...]
    """One for each view"""


def solve(views: Sequence[View], lens: Lens, mounted: str) -> HandEye:
    """Raises ConfigError, one line, for too few views, and for a tool that has turned too little: about which axis."""
    if mounted not in MOUNTS:
        raise ConfigError(f"a camera mounted {mounted!r}; allowed: {', '.join(MOUNTS)}")
    if len(views) < FEWEST:
        raise ConfigError(f"{len(views)} views of the board; at least {FEWEST} are needed, 15 are better")
    turning = turned([view.tool for view in views])
    if turning.missing:
        raise ConfigError(
            f"{turning}; {TURN_DEG:.0f} deg about two axes are needed: take more views with it turned about its "
            f"{turning.missing}"
        )
    seen = [board_pose(view.points_m, view.pixels, lens) for view in views]
    near, far = closed_form([view.tool for view in views], seen, mounted)
    fit = Refinement(views, lens, mounted, near, far)
    for _ in range(ROUNDS):
        fit.refine()
        fit.weigh()
    fit.refine()
    return _result(fit, mounted)


def closed_form(tools: Sequence[Pose], seen: Sequence[Pose], mounted: str) -> tuple[Pose, Pose]:
    """What is on the tool (T_tcp_camera or T_tcp_board) and what is in the world (T_base_board or T_base_camera).

    `seen` is T_camera_board in each view. AX = XB of all pairs (Park & Martin 1994), rotation first; by singular values
    (Kabsch), so that rotation about two axes is enough.
    """
    arms = [tool if mounted == "hand" else tool.inverse() for tool in tools]
    pairs = [(i, j) for i in range(len(arms)) for j in range(i)]
    a = [arms[j].inverse() @ arms[i] for i, j in pairs]
    b = [seen[j] @ seen[i].inverse() for i, j in pairs]
    u, _, vt = np.linalg.svd(sum(np.outer(y.rotvec_rad(), x.rotvec_rad()) for x, y in zip(a, b, strict=True)))
    rotation = vt.T @ np.diag([1.0, 1.0, np.linalg.det(vt.T @ u.T)]) @ u.T
    left = np.concatenate([to_matrix(x) - np.eye(3) for x in a])
    right = np.concatenate([rotation @ y.position_m - x.position_m for x, y in zip(a, b, strict=True)])
    moving = to_pose(rotation, np.linalg.lstsq(left, right)[0])
    others = [arm @ moving @ board for arm, board in zip(arms, seen, strict=True)]
    turn = Rotation.from_matrix([to_matrix(other) for other in others]).mean().as_matrix()
    still = to_pose(turn, np.mean([other.position_m for other in others], axis=0))
    return (moving, still) if mounted == "hand" else (still, moving)


def _result(fit: Refinement, mounted: str) -> HandEye:
    camera, board = (fit.near, fit.far) if mounted == "hand" else (fit.far, fit.near)
    own = slice(0, 6) if mounted == "hand" else slice(6, 12)
    covariance, shifts, squares = fit.covariance()[own, own], fit.shifts()[:, own], fit.off_px() ** 2
    views = len(shifts)
    rms = np.sqrt(np.bincount(fit.view, squares) / np.bincount(fit.view))
    _, arm_m, arm_rad = fit.noise * np.sqrt(3.0)
    moves, *told = fit.sizes()
    focal, square = (
        Given(float(off), float(deviation), _spread((0.01 * move) ** 2))
        for move, off, deviation in zip(moves[own].T, *told, strict=True)
    )
    return HandEye(
        camera,
        board,
        _spread(np.diag(covariance)),
        covariance,
        _spread((views - 1) / views * (shifts**2).sum(axis=0)),
        float(np.sqrt(squares.mean())),
        Spread(float(arm_m), float(arm_rad)),
        focal,
        square,
        tuple(
            Residual(float(px), _spread(error**2), _spread(shift**2))
            for px, error, shift in zip(rms, fit.errors, shifts, strict=True)
        ),
    )


def _spread(variances: Array) -> Spread:
    """From six variances, position first."""
    return Spread(float(np.sqrt(variances[:3].sum())), float(np.sqrt(variances[3:].sum())))

"""Where a camera is on an arm, or beside it: hand-eye calibration with a deviation that may be believed.

Closed form first (Park & Martin 1994). Then one least squares over the camera, the board and a small error of the arm
in each view, with the lens held fixed: without the arm's own error in the model the fit takes it for the camera's. How
large that error is, and the noise of the pixels, is estimated with it (variance components, Foerstner 1979).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from controllers.pose import Array, Pose, frozen, quat_conj, quat_mul, quat_to_rotvec
from robot_rl.drivers.lens import Lens
from robot_rl.errors import ConfigError
from sim2real.pinhole import board_pose, project, to_matrix, to_pose

MOUNTS = ("hand", "world")
"""The camera on the tool and the board in the world; the camera in the world and the board on the tool"""
FEWEST = 6
"""Views that give an answer with a deviation"""
TURN_DEG = 20.0
"""How far the tool must turn about each of two axes, from one extreme to the other"""
NOISE = (0.2, 5e-4, 5e-4)
"""Where the estimate of the noise begins: pixels; the arm's error in m and in rad, per axis"""
LEAST_NOISE = (0.01, 1e-6, 1e-6)
ROUNDS = 6
HUBER = 2.5
"""Deviations beyond which a residual counts linearly"""
STEP = 1e-6
"""Of finite differences, in m and rad"""


@dataclass(frozen=True, slots=True)
class View:
    """One picture of the board, and where the arm says it was taken."""

    tool: Pose
    """T_base_tcp"""
    points_m: Array
    """(n, 3) corners, board frame"""
    pixels: Array
    """(n, 2)"""


@dataclass(frozen=True, slots=True)
class Spread:
    """The length of an error of a pose: root mean square, all three axes together."""

    position_m: float
    rotation_rad: float


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
    fit = _Fit(views, lens, mounted, near, far)
    for _ in range(ROUNDS):
        fit.refine()
        fit.weigh()
    fit.refine()
    return fit.result()


@dataclass(frozen=True, slots=True)
class Turning:
    """How far the tool has turned."""

    about_deg: tuple[float, float, float]
    """About its x, y and z, from one extreme to the other"""
    missing: str
    """The axis of the tool about which it should turn more; empty: enough"""

    def __str__(self) -> str:
        x, y, z = self.about_deg
        return f"the tool has turned {x:.0f} deg about its x, {y:.0f} about y, {z:.0f} about z"


def turned(tools: Sequence[Pose]) -> Turning:
    """Rotation about two axes that are not parallel is what hand-eye calibration sees by (Tsai & Lenz 1989)."""
    turns = Rotation.from_quat([tool.quat_wxyz[[1, 2, 3, 0]] for tool in tools])
    away_deg = np.degrees((turns.mean().inv() * turns).as_rotvec())
    x, y, z = about_deg = np.ptp(away_deg, axis=0)
    axes = np.linalg.svd(away_deg - away_deg.mean(axis=0))[2]
    _, second, _ = sorted(np.ptp(away_deg @ axes.T, axis=0), reverse=True)
    weakest = "xyz"[int(np.argmin(np.abs(axes[0]) + about_deg / 360.0))]
    return Turning((float(x), float(y), float(z)), "" if second >= TURN_DEG else weakest)


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


class _Fit:
    """The state of the least squares: what is near (on the tool), what is far (in the world), the arm's errors."""

    def __init__(self, views: Sequence[View], lens: Lens, mounted: str, near: Pose, far: Pose) -> None:
        self._lens, self._hand = lens, mounted == "hand"
        self._near, self._far = near, far
        self._points = np.concatenate([view.points_m for view in views])
        self._pixels = np.concatenate([view.pixels for view in views])
        self._view = np.repeat(np.arange(len(views)), [len(view.pixels) for view in views])
        """(n,) the view of each corner"""
        self._turn = np.array([to_matrix(view.tool) for view in views])
        self._place = np.array([view.tool.position_m for view in views])
        self._views, self._errors = len(views), np.zeros((len(views), 6))
        self._noise: Array = frozen(NOISE)

    def refine(self) -> None:
        """To the optimum for the present noise."""
        start = np.concatenate((np.zeros(12), self._errors.ravel()))
        found = least_squares(self._off, start, self._slope, loss="huber", f_scale=HUBER, x_scale="jac").x
        self._near, self._far, self._errors = self._at(found)

    def weigh(self) -> None:
        """The noise that the residuals show: their squares by the degrees of freedom that are left in them."""
        slope, off = self._weighted()
        leverage = np.einsum("ij,jk,ik->i", slope, np.linalg.inv(slope.T @ slope), slope)
        kinds = self._kinds()
        free = np.bincount(kinds, 1.0 - leverage)
        squares = np.bincount(kinds, off**2)
        factor = np.sqrt(squares / np.maximum(free, 1e-9))
        self._noise = frozen(np.maximum(self._noise * factor, LEAST_NOISE))

    def result(self) -> HandEye:
        slope, off = self._weighted()
        whole = slope.T @ slope
        own = slice(0, 6) if self._hand else slice(6, 12)
        covariance = frozen(np.linalg.inv(whole)[own, own])
        shifts = np.array([self._without(i, slope, off, whole)[own] for i in range(self._views)])
        squares = ((self._shown(self._near, self._far, self._errors) - self._pixels) ** 2).sum(axis=1)
        rms = np.sqrt(np.bincount(self._view, squares) / np.bincount(self._view))
        share = (self._views - 1) / self._views
        _, arm_m, arm_rad = self._noise * np.sqrt(3.0)
        camera, board = (self._near, self._far) if self._hand else (self._far, self._near)
        return HandEye(
            camera,
            board,
            _spread(np.diag(covariance)),
            covariance,
            _spread(share * (shifts**2).sum(axis=0)),
            float(np.sqrt(squares.mean())),
            Spread(float(arm_m), float(arm_rad)),
            tuple(
                Residual(float(rms[i]), _spread(self._errors[i] ** 2), _spread(shifts[i] ** 2))
                for i in range(self._views)
            ),
        )

    def _without(self, view: int, slope: Array, off: Array, whole: Array) -> Array:
        """(12,) how near and far move without this view: one step of Gauss-Newton from the optimum of all."""
        others = np.ones(slope.shape[1], bool)
        others[12 + 6 * view : 18 + 6 * view] = False
        rows = np.concatenate((np.repeat(self._view, 2), np.repeat(np.arange(self._views), 6))) == view
        left = whole - slope[rows].T @ slope[rows]
        step: Array = np.linalg.solve(left[np.ix_(others, others)], (slope[rows].T @ off[rows])[others])
        return step[:12]

    def _at(self, x: Array) -> tuple[Pose, Pose, Array]:
        near, far = self._near.moved(x[:3], x[3:6]), self._far.moved(x[6:9], x[9:12])
        return near, far, x[12:].reshape(-1, 6)

    def _off(self, x: Array) -> Array:
        """(2n + 6 views,) by how many deviations pixels and the arm are off."""
        near, far, errors = self._at(x)
        pixels = (self._shown(near, far, errors) - self._pixels) / self._noise[0]
        return np.concatenate((pixels.ravel(), (errors / self._scale()).ravel()))

    def _slope(self, x: Array) -> Array:
        """(2n + 6 views, 12 + 6 views) derivative of `_off`. An error of the arm shows in its own view only, so that
        those of all views are tried at once: 18 differences."""
        corners = len(self._pixels)
        slope = np.zeros((2 * corners + 6 * self._views, len(x)))
        here = self._off(x)
        rows = np.arange(2 * corners)
        for k in range(18):
            columns = [k] if k < 12 else range(k, len(x), 6)
            there = x.copy()
            there[columns] += STEP
            change = (self._off(there) - here)[: 2 * corners] / STEP
            slope[rows, k if k < 12 else k + 6 * np.repeat(self._view, 2)] = change
        own = np.arange(6 * self._views)
        slope[2 * corners + own, 12 + own] = np.tile(1 / self._scale(), self._views)
        return slope

    def _weighted(self) -> tuple[Array, Array]:
        """Slope and residuals at the optimum, with the weights of the robust loss."""
        x = np.concatenate((np.zeros(12), self._errors.ravel()))
        off = self._off(x)
        weight = np.sqrt(np.minimum(1.0, HUBER / np.maximum(np.abs(off), 1e-12)))
        return self._slope(x) * weight[:, None], off * weight

    def _shown(self, near: Pose, far: Pose, errors: Array) -> Array:
        """(n, 2) pixels of the corners. The chain is far^-1 tool error near: T_board_camera, or T_camera_board."""
        from_far, wrong = to_matrix(far).T, Rotation.from_rotvec(errors[:, 3:]).as_matrix()
        rotation = from_far @ self._turn @ wrong @ to_matrix(near)
        tip = wrong @ near.position_m + errors[:, :3]
        place = (np.einsum("vij,vj->vi", self._turn, tip) + self._place - far.position_m) @ from_far.T
        if self._hand:
            rotation = rotation.transpose(0, 2, 1)
            place = -np.einsum("vij,vj->vi", rotation, place)
        points = np.einsum("nij,nj->ni", rotation[self._view], self._points) + place[self._view]
        return project(points, self._lens)

    def _scale(self) -> Array:
        """(6,) deviation of the arm's error in one view"""
        return np.repeat(self._noise[1:], 3)

    def _kinds(self) -> Array:
        """(2n + 6 views,) which noise a residual is of"""
        return np.concatenate((np.zeros(2 * len(self._pixels), int), np.tile(np.repeat([1, 2], 3), self._views)))


def _spread(variances: Array) -> Spread:
    """From six variances, position first."""
    return Spread(float(np.sqrt(variances[:3].sum())), float(np.sqrt(variances[3:].sum())))


def distance(a: Pose, b: Pose) -> Spread:
    """Between two poses."""
    turn = quat_to_rotvec(quat_mul(quat_conj(a.quat_wxyz), b.quat_wxyz))
    return Spread(float(np.linalg.norm(a.position_m - b.position_m)), float(np.linalg.norm(turn)))

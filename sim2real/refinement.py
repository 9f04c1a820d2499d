"""The least squares of hand-eye calibration: camera, board, and a small error of the arm in each view.

The lens is held fixed. How large the arm's error is, and the noise of the pixels, is estimated too, as variance
components (Foerstner 1979): what is left of the squares, by the degrees of freedom that are left.
"""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from controllers.pose import Array, Pose, frozen
from robot_rl.drivers.lens import Lens
from sim2real.pinhole import project, to_matrix
from sim2real.views import View

NOISE, LEAST_NOISE = (0.2, 5e-4, 5e-4), (0.01, 1e-6, 1e-6)
"""Where the estimate of the noise begins, and below what it is not believed"""
HUBER = 2.5
"""Deviations beyond which a residual counts linearly"""
STEP = 1e-6
"""Of finite differences, in m and rad"""


class Refinement:
    """The state of the least squares: what is near (on the tool), what is far (in the world), the arm's errors."""

    def __init__(self, views: Sequence[View], lens: Lens, mounted: str, near: Pose, far: Pose) -> None:
        self._lens, self._hand = lens, mounted == "hand"
        self.near, self.far = near, far
        """T_tcp_camera and T_base_board, or T_tcp_board and T_base_camera"""
        self._points = np.concatenate([view.points_m for view in views])
        self._pixels = np.concatenate([view.pixels for view in views])
        self.view = np.repeat(np.arange(len(views)), [len(view.pixels) for view in views])
        """(n,) the view of each corner"""
        self._turn = np.array([to_matrix(view.tool) for view in views])
        self._place = np.array([view.tool.position_m for view in views])
        self._views = len(views)
        self.errors: Array = np.zeros((len(views), 6))
        """By which the tool was elsewhere than the arm said, tool frame: m, rotation vector in rad"""
        self.noise: Array = frozen(NOISE)
        """(3,) deviations: pixels; the arm's error in m and in rad, per axis"""

    def refine(self) -> None:
        """To the optimum for the present noise."""
        start = np.concatenate((np.zeros(12), self.errors.ravel()))
        found = least_squares(self._off, start, self._slope, loss="huber", f_scale=HUBER, x_scale="jac").x
        self.near, self.far, self.errors = self._at(found)

    def weigh(self) -> None:
        """The noise that the residuals show: their squares by the degrees of freedom that are left in them."""
        slope, off, _ = self._weighted()
        leverage = (slope @ np.linalg.inv(slope.T @ slope) * slope).sum(axis=1)
        kinds = self._kinds()
        free = np.bincount(kinds, 1.0 - leverage)
        squares = np.bincount(kinds, off**2)
        factor = np.sqrt(squares / np.maximum(free, 1e-9))
        self.noise = frozen(np.maximum(self.noise * factor, LEAST_NOISE))

    def covariance(self) -> Array:
        """(12, 12) of near and far, each position (m) and rotation (rad) in its own frame."""
        slope, _, _ = self._weighted()
        return frozen(np.linalg.inv(slope.T @ slope)[:12, :12])

    def shifts(self) -> Array:
        """(views, 12) how near and far move without each view: one step of Gauss-Newton from the optimum of all."""
        slope, off, _ = self._weighted()
        whole = slope.T @ slope
        owner = np.concatenate((np.repeat(self.view, 2), np.repeat(np.arange(self._views), 6)))
        found = []
        for i in range(self._views):
            others = np.ones(slope.shape[1], bool)
            others[12 + 6 * i : 18 + 6 * i] = False
            own = slope[owner == i]
            left, pull = whole - own.T @ own, own.T @ off[owner == i]
            found.append(np.linalg.solve(left[np.ix_(others, others)], pull[others])[:12])
        return frozen(found)

    def sizes(self) -> tuple[Array, Array, Array]:
        """What is taken as given, a focal length and the board's square: (12, 2) how near and far move with a relative
        change of each; (2,) by what part of it the pictures find it wrong; (2,) the deviation of that.

        One step of Gauss-Newton with both free.
        """
        slope, off, weight = self._weighted()
        poses = self.near, self.far, self.errors
        shown = self._shown(*poses)
        grown = shown - [self._lens.cx, self._lens.cy], (self._shown(*poses, 1.0 + STEP) - shown) / STEP
        columns = np.zeros((len(off), 2))
        columns[: shown.size] = np.stack([change.ravel() for change in grown], axis=1) / self.noise[0]
        columns *= weight[:, None]
        moves = -np.linalg.lstsq(slope, columns)[0]
        own = columns + slope @ moves
        covariance = np.linalg.inv(own.T @ own)
        return frozen(moves[:12]), frozen(-covariance @ own.T @ off), frozen(np.sqrt(np.diag(covariance)))

    def off_px(self) -> Array:
        """(n,) distance of each corner from where it should be."""
        return frozen(np.linalg.norm(self._shown(self.near, self.far, self.errors) - self._pixels, axis=1))

    def _at(self, x: Array) -> tuple[Pose, Pose, Array]:
        near, far = self.near.moved(x[:3], x[3:6]), self.far.moved(x[6:9], x[9:12])
        return near, far, x[12:].reshape(-1, 6)

    def _off(self, x: Array) -> Array:
        """(2n + 6 views,) by how many deviations pixels and the arm are off."""
        near, far, errors = self._at(x)
        pixels = (self._shown(near, far, errors) - self._pixels) / self.noise[0]
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
            slope[rows, k if k < 12 else k + 6 * np.repeat(self.view, 2)] = change
        own = np.arange(6 * self._views)
        slope[2 * corners + own, 12 + own] = np.tile(1 / self._scale(), self._views)
        return slope

    def _weighted(self) -> tuple[Array, Array, Array]:
        """Slope and residuals at the optimum, times the weights of the robust loss; these weights."""
        x = np.concatenate((np.zeros(12), self.errors.ravel()))
        off = self._off(x)
        weight = np.sqrt(np.minimum(1.0, HUBER / np.maximum(np.abs(off), 1e-12)))
        return self._slope(x) * weight[:, None], off * weight, weight

    def _shown(self, near: Pose, far: Pose, errors: Array, scale: float = 1.0) -> Array:
        """(n, 2) pixels of the corners, of a board `scale` times as large.

        The chain is far^-1 tool error near: T_board_camera, or T_camera_board.
        """
        from_far, wrong = to_matrix(far).T, Rotation.from_rotvec(errors[:, 3:]).as_matrix()
        rotation = from_far @ self._turn @ wrong @ to_matrix(near)
        tip = wrong @ near.position_m + errors[:, :3]
        place = (np.einsum("vij,vj->vi", self._turn, tip) + self._place - far.position_m) @ from_far.T
        if self._hand:
            rotation = rotation.transpose(0, 2, 1)
            place = -np.einsum("vij,vj->vi", rotation, place)
        points = np.einsum("nij,nj->ni", rotation[self.view], scale * self._points) + place[self.view]
        return project(points, self._lens)

    def _scale(self) -> Array:
        """(6,) deviation of the arm's error in one view"""
        return np.repeat(self.noise[1:], 3)

    def _kinds(self) -> Array:
        """(2n + 6 views,) which noise a residual is of"""
        return np.concatenate((np.zeros(2 * len(self._pixels), int), np.tile(np.repeat([1, 2], 3), self._views)))

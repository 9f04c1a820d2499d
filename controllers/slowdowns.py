"""What slows a motion down without changing where it goes. One slowdown is one small class; its docstring is its rule.

A slowdown takes the target that the limits allow and the measured state, and returns the share of the usual speed with
which it may be pursued: 1 is free, and what is not above 0 is a hold. Both ends of the step are judged: where the arm
is, and where the joints will be at the target, to first order.
"""

import copy
import math
from collections.abc import Sequence
from typing import Protocol

import mujoco
import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from controllers.kinematics import ArmModel
from controllers.limits import HalfSpace
from controllers.pose import Array, Pose
from controllers.records import ArmState

STILL_M = 1e-9
"""A distance that changes by less is taken to stay the same: rounding, as of a link that turns above a table."""
FAR = 0.6
"""Share of the number at which a singularity begins to slow, below which no one step leads there."""
EMPTY = 1e-14
"""An eigenvalue of this share of the largest one is zero, but for rounding."""
FLOOR = 0.1
"""Smallest share with which an arm moves at all."""


class Slowdown(Protocol):
    """One rule. `name` is what record, learner and operator see when it acts."""

    @property
    def name(self) -> str: ...

    def share(self, target: Pose, state: ArmState) -> float:
        """Share of the usual speed, in [0, 1]."""
        ...


class Singularity:
    """Near a singularity the condition number of the Jacobian (m and rad mixed) grows: the share falls from 1 at
    `start` to `FLOOR` just before `stop`. Approaching is judged at the end of the step; from `stop` on it is a hold.
    Leaving, a step that lowers the number, is judged at its start, is never held, and has twice the share.

    Thresholds and the factor of two are those of MoveIt Servo (`lower_singularity_threshold`,
    `hard_stop_singularity_threshold`, `leaving_singularity_threshold_multiplier`).
    """

    name = "singularity"

    def __init__(self, model: ArmModel, start: float = 17.0, stop: float = 30.0) -> None:
        """`model` is the loop's own, at the present joints. Raises ValueError unless 1 < start < stop."""
        if not 1.0 < start < stop < np.inf:
            raise ValueError(f"singularity from {start} to {stop}: needs 1 < start < stop, both finite")
        self._model, self._probe = model, ArmModel(model.model, model.joints)
        self._start, self._stop = start, stop

    def share(self, target: Pose, state: ArmState) -> float:
        here = condition_number(self._model.jacobian)
        if here <= FAR * self._start:
            return 1.0
        self._probe.update(state.q_rad + self._model.joint_step(state.tcp, target), np.zeros_like(state.q_rad))
        ahead = condition_number(self._probe.jacobian)
        if ahead <= self._start:
            return 1.0
        if ahead < here:
            return min(1.0, 2.0 * max(FLOOR, self._line(here)))
        return self._line(ahead) if ahead < self._stop else 0.0

    def _line(self, number: float) -> float:
        return 1.0 - (1.0 - FLOOR) * (number - self._start) / (self._stop - self._start)


class Clearance:
    """The arm keeps its links off itself and off the scene: as a distance falls from `slow_m` to `STOP_M` the share
    falls from 1 to `FLOOR`, and is then a hold, judged where the joints will be at the target; a step that does not
    shorten it is free.

    Itself: pairs of the model's collision geometry, by MuJoCo, but for neighbours, parts that no joint of the arm moves
    against each other, and pairs within `SELF_SLOW_M` at `home_q_rad`. The shortest distance counts. Scene:
    half-spaces, against the links only; the tool is there to touch, and its own limit is the workspace. Each pair
    counts.
    """

    name = "clearance"
    SELF_SLOW_M, SCENE_SLOW_M, STOP_M = 0.02, 0.05, 0.01

    def __init__(self, model: ArmModel, home_q_rad: Array, scene: Sequence[HalfSpace] = ()) -> None:
        """`model` is the loop's own, at the present joints.

        Raises ValueError when a link is in the scene at `home_q_rad`.
        """
        self._model, self._mj = model, copy.copy(model.model)
        self._mj.geom_margin[:] = self.SELF_SLOW_M
        self._mj.body_margin[:] = self.SELF_SLOW_M  # what the broad phase goes by
        self._data = mujoco.MjData(self._mj)
        body = self._mj.geom_bodyid
        order = _joints_below(model)[body]
        self._watched = np.abs(order[:, None] - order[None, :]) > 1
        solid = (self._mj.geom_contype | self._mj.geom_conaffinity).astype(bool)
        self._links = np.flatnonzero(solid & order.astype(bool) & ~_tool_bodies(model)[body])
        self._shape = _Shape(self._mj, self._links)
        self._normals = np.array([plane.normal for plane in scene]).reshape(len(scene), 3)
        self._offsets = np.array([plane.offset_m for plane in scene])
        self._rough_m = self._offsets + self._mj.geom_rbound[self._links][:, None]
        _, far_m = self.distances_m(home_q_rad)
        first, second = self._data.contact.geom.T
        self._watched[first, second] = self._watched[second, first] = False
        if not (far_m > 0.0).all():
            raise ValueError(
                f"scene: a link is {far_m.min():.3f} m from a half-space at the home pose; allowed: above 0; "
                "move the plane or the home pose"
            )

    def share(self, target: Pose, state: ArmState) -> float:
        near_m, far_m = self.distances_m(state.q_rad + self._model.joint_step(state.tcp, target))
        if near_m >= self.SELF_SLOW_M and (far_m >= self.SCENE_SLOW_M).all():
            return 1.0
        near_before_m, far_before_m = self.distances_m(state.q_rad)
        own = 1.0 if near_m >= near_before_m - STILL_M else self._line(near_m, self.SELF_SLOW_M)
        closer = far_m[~(far_m >= far_before_m - STILL_M)]
        return min([own, *(self._line(distance_m, self.SCENE_SLOW_M) for distance_m in closer)])

    def distances_m(self, q_rad: Array) -> tuple[float, Array]:
        """With joints at `q_rad` (n,): the shortest to itself, infinite beyond `SELF_SLOW_M`, and each between a link's
        geometry and a half-space, flat; less than that, by bounding spheres, while none is within `SCENE_SLOW_M`."""
        self._data.qpos[: self._model.joints] = q_rad
        mujoco.mj_kinematics(self._mj, self._data)
        mujoco.mj_collision(self._mj, self._data)
        return self._self_m(), self._scene_m()

    def _line(self, distance_m: float, slow_m: float) -> float:
        if not distance_m > self.STOP_M:
            return 0.0
        return min(1.0, max(FLOOR, (distance_m - self.STOP_M) / (slow_m - self.STOP_M)))

    def _self_m(self) -> float:
        if not self._data.ncon:
            return np.inf
        contact = self._data.contact
        pairs = contact.geom
        watched = contact.dist[self._watched[pairs[:, 0], pairs[:, 1]]]
        return float(watched.min(initial=np.inf))

    def _scene_m(self) -> Array:
        if not len(self._offsets):
            return self._offsets
        centres = self._data.geom_xpos[self._links]
        rough: Array = (centres @ self._normals.T - self._rough_m).ravel()
        if rough.min() >= self.SCENE_SLOW_M:
            return rough
        axes = self._data.geom_xmat[self._links].reshape(len(self._links), 3, 3)
        reach = self._shape.reach_m(self._normals @ axes)  # each normal in the frame of each geom
        distances: Array = (centres @ self._normals.T - self._offsets - reach).ravel()
        return distances


class _Shape:
    """How far primitives reach from their centres: support functions of sphere, capsule, cylinder and box.
    Anything else is taken for its bounding sphere."""

    def __init__(self, model: mujoco.MjModel, geoms: NDArray[np.intp]) -> None:
        kind = mujoco.mjtGeom
        self._round, self._box, self._disc = (np.zeros((len(geoms), n)) for n in (1, 3, 1))
        for row, geom in enumerate(geoms):
            size = model.geom_size[geom]
            match model.geom_type[geom]:
                case kind.mjGEOM_BOX:
                    self._box[row] = size
                case kind.mjGEOM_CYLINDER:
                    self._disc[row], self._box[row, 2] = size[:2]
                case kind.mjGEOM_CAPSULE:
                    self._round[row], self._box[row, 2] = size[:2]
                case _:
                    self._round[row] = model.geom_rbound[geom]

    def reach_m(self, along: Array) -> Array:
        """(geoms, planes) for unit directions (geoms, planes, 3) in the geoms' own frames."""
        across = np.hypot(along[..., 0], along[..., 1])
        box = np.einsum("gpi,gi->gp", np.abs(along), self._box)
        reach: Array = self._round + self._disc * across + box
        return reach


def condition_number(jacobian: Array) -> float:
    """Largest by smallest singular value of a (6, n) matrix; infinite when it has lost a rank.

    By the eigenvalues of its square, in a third of the time; the error grows with its square, 1e-12 of it at 100.
    """
    values = lapack.dsyevd(jacobian @ jacobian.T, compute_v=0)[0].tolist()
    return math.sqrt(values[-1] / values[0]) if values[0] > EMPTY * values[-1] else math.inf


def _joints_below(model: ArmModel) -> Array:
    """(bodies,) how many of the arm's joints move each body."""
    mj, count = model.model, np.zeros(model.model.nbody, dtype=int)
    for body in range(mj.nbody):
        own = mj.body_dofnum[body] if mj.body_dofadr[body] < model.joints else 0
        count[body] = count[mj.body_parentid[body]] + own
    return count


def _tool_bodies(model: ArmModel) -> Array:
    """(bodies,) True for the body that carries the tool point and all that hangs on it."""
    mj, tool = model.model, np.zeros(model.model.nbody, dtype=bool)
    tool[model.tool_body] = True
    for body in range(mj.nbody):
        tool[body] |= tool[mj.body_parentid[body]]
    return tool

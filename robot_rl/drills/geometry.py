"""Where the links of a cell's arm are, and which action moves them where, by the physics alone."""

import mujoco
import numpy as np
from numpy.typing import NDArray

from controllers.models import arm_limits
from controllers.pose import Array
from robot_rl.drills.cell import Cell, home
from robot_rl.types import Float32


def jacobian(cell: Cell, n: int) -> Array:
    """(6, n) of the tool as the physics has it, base frame."""
    jac, model, data = np.zeros((6, cell.world.model.nv)), cell.world.model, cell.world.data
    mujoco.mj_jacSite(model, data, jac[:3], jac[3:], model.site("tcp").id)
    return jac[:, :n]


def towards(cell: Cell, motion: Array) -> Float32:
    """The largest action along a motion (6,) of the base frame, m and rad."""
    turn = cell.world.data.site("tcp").xmat.reshape(3, 3).T
    in_tool = np.concatenate((turn @ motion[:3], turn @ motion[3:]))
    action = cell.env.action_spec.from_motion(in_tool)
    return (action / np.abs(action).max()).astype(np.float32)


def turning(cell: Cell, joint: int, sign: float) -> Float32:
    """The action that turns one joint the most."""
    return towards(cell, sign * np.linalg.pinv(jacobian(cell, len(cell.limits.q_min_rad)))[joint])


def _depth(cell: Cell) -> NDArray[np.int64]:
    """(bodies,) how many of the arm's joints move each; -1 for what is no part of the arm."""
    model, n = cell.world.model, len(cell.limits.q_min_rad)
    depth = np.full(model.nbody, -1, np.int64)
    root = model.body_rootid[model.body("hand").id]
    for body in np.flatnonzero(model.body_rootid == root):
        first = model.body_dofadr[body]
        above = max(0, depth[model.body_parentid[body]])
        depth[body] = above + (model.body_dofnum[body] if 0 <= first < n else 0)
    return depth


def _solid(cell: Cell) -> NDArray[np.int64]:
    model = cell.world.model
    return np.flatnonzero((model.geom_contype != 0) | (model.geom_conaffinity != 0))


def links_and_table(cell: Cell) -> list[tuple[int, int]]:
    """Pairs of the geometry of links that can come down, without hand and fingers, with the table's."""
    model, depth = cell.world.model, _depth(cell)
    hand = model.body("hand").id
    links = [geom for geom in _solid(cell) if depth[body := model.geom_bodyid[geom]] > 1 and body < hand]
    return [(int(geom), model.geom("table").id) for geom in links]


def links_and_links(cell: Cell) -> list[tuple[int, int]]:
    """Pairs of parts of the arm with two joints or more between them, but for those that are always close."""
    model, depth = cell.world.model, _depth(cell)
    geoms = [int(geom) for geom in _solid(cell) if depth[model.geom_bodyid[geom]] >= 0]
    order = {geom: depth[model.geom_bodyid[geom]] for geom in geoms}
    pairs = [(a, b) for a in geoms for b in geoms if order[b] - order[a] > 1]
    data = _data(cell)
    data.qpos[: len(cell.limits.q_min_rad)] = home()
    mujoco.mj_kinematics(model, data)
    return [pair for pair in pairs if mujoco.mj_geomDistance(model, data, *pair, 0.05, None) > 0.02]


def _data(cell: Cell) -> mujoco.MjData:
    """A copy to look at: with fingers and objects as they are now."""
    data = mujoco.MjData(cell.world.model)
    data.qpos[:] = cell.world.data.qpos
    return data


def nearest_m(cell: Cell, pairs: list[tuple[int, int]]) -> float:
    """The shortest distance of any pair at every tenth tick, at most 1 m."""
    model, data, nearest = cell.world.model, _data(cell), 1.0
    for tick in cell.tape.ticks[::10]:
        data.qpos[: len(tick.q_rad)] = tick.q_rad
        mujoco.mj_kinematics(model, data)
        nearest = min(nearest, *(mujoco.mj_geomDistance(model, data, *pair, 1.0, None) for pair in pairs))
    return nearest


def at_end(model: str, joint: int, end: int, before_rad: float = 0.5) -> Array:
    """Joint angles with one joint so far before one of its ends (0 low, 1 high), clear of the arm's own base."""
    q, limits = home(model), arm_limits(model)
    if (joint, end) == (1, 1):
        q[3] = -1.2
    q[joint] = limits.q_min_rad[joint] + before_rad if end == 0 else limits.q_max_rad[joint] - before_rad
    return q

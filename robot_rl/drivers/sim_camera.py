"""A camera that looks at a scene which another thread moves: it draws from copies of its own."""

import copy
import math
from collections.abc import Callable
from typing import NamedTuple

import mujoco

from controllers.models import LEAN_RENDER_OFF
from controllers.pose import Array
from robot_rl.clock import Clock
from robot_rl.drivers.sim import open_renderer
from robot_rl.errors import ConfigError, HardwareError, StaleError
from robot_rl.hardware import Frame

MAX_AGE_S = 2.0
"""Of the scene that is drawn: an older one stands still, and is not just slow on a busy machine."""


class Snapshot(NamedTuple):
    """What a picture needs of a scene."""

    stamp_s: float
    """When it was taken"""
    number: int
    """Counts periods"""
    qpos: Array
    """(nq,)"""
    mocap_pos: Array
    """(nmocap, 3) m"""
    mocap_quat: Array
    """(nmocap, 4) wxyz"""
    body_pos: Array
    """(nbody, 3) m; fixtures are moved by it"""
    body_quat: Array
    """(nbody, 4) wxyz"""


def snapshot(model: mujoco.MjModel, data: mujoco.MjData, stamp_s: float, number: int) -> Snapshot:
    """For the thread that steps the scene."""
    parts = (data.qpos, data.mocap_pos, data.mocap_quat, model.body_pos, model.body_quat)
    return Snapshot(stamp_s, number, *(part.copy() for part in parts))


class SceneCamera:
    """`Camera` of a model. The first `read` opens it, in the thread that must go on reading and close it: a context of
    OpenGL belongs to one thread."""

    def __init__(
        self,
        model: mujoco.MjModel,
        name: str,
        height: int,
        width: int,
        latest: Callable[[], Snapshot],
        clock: Clock,
    ) -> None:
        """`latest` gives the scene to draw, stamped by `clock`. Raises ConfigError when there is no such camera."""
        names = [model.camera(i).name for i in range(model.ncam)]
        if name not in names:
            raise ConfigError(f"no camera {name!r} in the scene; there are: {', '.join(names)}")
        self._model = copy.copy(model)
        whole = self._model.vis.global_
        whole.offwidth, whole.offheight = max(whole.offwidth, width), max(whole.offheight, height)
        self._data = mujoco.MjData(self._model)
        self._name, self.height, self.width = name, height, width
        self._latest, self._clock = latest, clock
        self._renderer: mujoco.Renderer | None = None
        self._closed = False

    @property
    def name(self) -> str:
        return self._name

    @property
    def focal_px(self) -> float:
        """Focal length, the same along both axes: height / (2 tan(fovy / 2))."""
        return float(0.5 * self.height / math.tan(math.radians(self._model.camera(self._name).fovy[0]) / 2))

    def read(self) -> Frame:
        """Raises HardwareError where nothing can be drawn."""
        if self._closed:
            raise HardwareError(f"camera {self._name} is closed; open it anew to read it")
        shot = self._latest()
        age_s = self._clock.now_s() - shot.stamp_s
        if not age_s <= MAX_AGE_S:
            raise StaleError(f"camera {self._name}: the scene stands still for {age_s:.3f} s, at most {MAX_AGE_S} s")
        if self._renderer is None:
            self._renderer = open_renderer(self._model, self.height, self.width)
        self._lay_out(shot)
        self._renderer.update_scene(self._data, self._name)
        for flag in LEAN_RENDER_OFF:
            self._renderer.scene.flags[flag] = 0
        return Frame(shot.stamp_s, shot.number, self._renderer.render())

    def close(self) -> None:
        """Allowed twice."""
        if self._renderer is not None:
            self._renderer.close()
        self._renderer, self._closed = None, True

    def _lay_out(self, shot: Snapshot) -> None:
        model, data = self._model, self._data
        model.body_pos[:], model.body_quat[:] = shot.body_pos, shot.body_quat
        data.qpos[:], data.mocap_pos[:], data.mocap_quat[:] = shot.qpos, shot.mocap_pos, shot.mocap_quat
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        mujoco.mj_camlight(model, data)

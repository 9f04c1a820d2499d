"""The simulated arm, gripper and camera: views of one `SimWorld` behind the hardware protocols."""

from typing import Any, Protocol

import mujoco
import numpy as np

from controllers.models import LEAN_RENDER_OFF
from controllers.pose import frozen
from controllers.records import ArmState, PoseCommand, Verdict
from robot_rl.drivers.sim_world import SimWorld
from robot_rl.errors import ConfigError, FaultError, HardwareError
from robot_rl.hardware import Frame, GripperState


class SimArm:
    """The arm of the world."""

    def __init__(self, world: SimWorld, joints: int) -> None:
        self._world, self._joints = world, joints
        self._site = world.model.site("tcp").id
        self._twist = np.zeros(6)
        self._closed = False

    @property
    def fault(self) -> str:
        return self._world.loop.fault

    def read(self) -> ArmState:
        if self._closed:
            raise HardwareError("the arm is closed; open it anew to read it")
        world, n = self._world, self._joints
        data = world.data
        if not (np.isfinite(data.qpos[:n]).all() and np.isfinite(data.qvel[:n]).all()):
            raise FaultError(f"joint reading {data.qpos[:n]} is not finite: where the arm is, is not known; see to it")
        mujoco.mj_objectVelocity(world.model, data, mujoco.mjtObj.mjOBJ_SITE, self._site, self._twist, flg_local=0)
        wrench = world.physics.wrench()
        return ArmState(
            world.now_s(),
            frozen(data.qpos[:n]),
            frozen(data.qvel[:n]),
            world.physics.tool(),
            frozen(self._twist[3:]),
            frozen(self._twist[:3]),
            frozen(wrench[:3]),
            frozen(wrench[3:]),
        )

    def command(self, command: PoseCommand) -> Verdict:
        now_s = self._world.now_s()
        return self._world.loop.command(command, self.read(), now_s, now_s)

    def stop(self) -> None:
        self._world.loop.stop()

    def close(self) -> None:
        if not self._closed:
            self.stop()
        self._closed = True


class Stage(Protocol):
    """Where a gripper stands."""

    @property
    def data(self) -> Any:
        """`mujoco.MjData`"""
        ...

    def now_s(self) -> float:
        """The clock of its readings"""
        ...


class SimGripper:
    """The two-finger gripper of the world."""

    OPEN_M = 0.08

    def __init__(self, world: Stage) -> None:
        self._world = world
        self._closed = False

    def read(self) -> GripperState:
        if self._closed:
            raise HardwareError("the gripper is closed; open it anew to read it")
        data = self._world.data
        width_m = data.joint("finger_joint1").qpos[0] + data.joint("finger_joint2").qpos[0]
        return GripperState(
            self._world.now_s(), float(width_m), bool(data.actuator("gripper").ctrl[0] < self.OPEN_M / 2)
        )

    def command(self, closing: bool) -> None:
        if self._closed:
            raise HardwareError("the gripper is closed; open it anew to move it")
        self._world.data.actuator("gripper").ctrl[0] = 0.0 if closing else self.OPEN_M

    def close(self) -> None:
        self._closed = True


class SimCamera:
    """A camera of the model, drawn in software or on the GPU through EGL."""

    def __init__(self, world: SimWorld, name: str, height: int, width: int) -> None:
        """Raises ConfigError when the model has no such camera, HardwareError where nothing can be drawn."""
        names = [world.model.camera(i).name for i in range(world.model.ncam)]
        if name not in names:
            raise ConfigError(f"no camera {name!r} in the scene; there are: {', '.join(names)}")
        self._world, self._name = world, name
        self._renderer = open_renderer(world.model, height, width)

    @property
    def name(self) -> str:
        return self._name

    def read(self) -> Frame:
        if self._renderer is None:
            raise HardwareError(f"camera {self._name} is closed; open it anew to read it")
        self._renderer.update_scene(self._world.data, self._name)
        for flag in LEAN_RENDER_OFF:
            self._renderer.scene.flags[flag] = 0
        stamp_s = self._world.now_s()
        return Frame(stamp_s, round(stamp_s * 1e6), self._renderer.render())

    def close(self) -> None:
        if self._renderer is not None:
            self._renderer.close()
        self._renderer = None


def open_renderer(model: mujoco.MjModel, height: int, width: int) -> mujoco.Renderer:
    """An off-screen renderer. Raises HardwareError, naming the missing package, where none can be had."""
    try:
        return mujoco.Renderer(model, height, width)
    except (RuntimeError, ImportError, AttributeError, ValueError, mujoco.FatalError) as error:
        raise HardwareError(
            f"no off-screen rendering here ({error}); on Debian or Ubuntu: apt install libegl1 libgl1-mesa-dri, "
            "then set MUJOCO_GL=egl"
        ) from error

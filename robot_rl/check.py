"""What this machine can do, part by part, with the way to get what is missing."""

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass

import mujoco

from robot_rl.config import Config
from robot_rl.drivers.sim import open_renderer
from robot_rl.errors import HardwareError, RobotRLError
from robot_rl.make import make_env

ROOM_GB = 2.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the check."""

    part: str
    works: bool
    detail: str
    needed: bool = True
    """Without it the dry run does not work."""


def check(config: Config) -> list[Finding]:
    """Try every part that the dry run of `config` needs."""
    return [
        Finding("Python", sys.version_info >= (3, 11), sys.version.split()[0]),
        Finding("cores", True, f"{len(os.sched_getaffinity(0))} usable"),
        _disk(config.out or "."),
        _tried("simulation", lambda: _one_step(config)),
        _tried("pictures", _one_picture, needed=False),
    ]


def _tried(part: str, attempt: Callable[[], str], needed: bool = True) -> Finding:
    try:
        return Finding(part, True, attempt(), needed)
    except RobotRLError as error:
        return Finding(part, False, str(error), needed)


def _one_step(config: Config) -> str:
    if config.task.name == "gymnasium":
        return "not needed for task=gymnasium"
    env = make_env(config)
    try:
        env.reset(seed=0)
        env.step(0.0 * env.action_space.sample())
        return f"{config.robot.model}, task {config.task.name}: one step done"
    finally:
        env.close()


def _one_picture() -> str:
    model = mujoco.MjModel.from_xml_string("<mujoco><worldbody><geom size='1'/></worldbody></mujoco>")
    renderer = open_renderer(model, 32, 32)
    try:
        data = mujoco.MjData(model)
        mujoco.mj_forward(model, data)
        renderer.update_scene(data)
        if not renderer.render().any():
            raise HardwareError("a drawn picture is black; check the graphics driver, or set MUJOCO_GL=egl")
        return f"drawn through {os.environ.get('MUJOCO_GL', 'the default')}"
    finally:
        renderer.close()


def _disk(folder: str) -> Finding:
    parent = folder
    while not os.path.exists(parent):
        parent = os.path.dirname(parent) or "."
    free_gb = shutil.disk_usage(parent).free / 1e9
    return Finding("disk", free_gb > ROOM_GB, f"{free_gb:.1f} GB free at {parent}; a run needs {ROOM_GB:.0f}")

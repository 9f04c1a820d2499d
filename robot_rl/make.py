"""From a config to a running environment: the place where parts are chosen and joined."""

import importlib
from collections.abc import Callable, Mapping

import numpy as np

from controllers.pose import Array, Pose
from robot_rl.config import Config
from robot_rl.devices import Devices
from robot_rl.drivers.sim import SimArm, SimCamera, SimGripper
from robot_rl.drivers.sim_window import SimWindow
from robot_rl.drivers.sim_world import SimWorld
from robot_rl.env import RobotEnv
from robot_rl.errors import ConfigError
from robot_rl.fields import layout
from robot_rl.operator import Pilot
from robot_rl.sim_parts import build_parts, lay_out
from robot_rl.specs import Layout
from robot_rl.suggest import nearest
from robot_rl.tasks import make_task
from robot_rl.tasks.base import Task
from robot_rl.tasks.gymnasium_task import GymnasiumEnv

ACTOR = "actor"
"""Name of the environment towards the authority"""


class SimScene:
    """A task in a simulated world."""

    def __init__(self, task: Task, world: SimWorld, q_home_rad: Array) -> None:
        self.task, self.world, self._q_home = task, world, q_home_rad

    def reset(self, rng: np.random.Generator) -> Pose:
        self.world.reset(self._q_home, self.task.opening_m)
        return lay_out(self.task, self.world, rng)


def task_layout(config: Config) -> Layout:
    """What the vectors of the configured task mean; no robot is opened."""
    if config.task.name != "gymnasium":
        return layout(make_task(config.task))
    env = GymnasiumEnv(config.task)
    env.close()
    return env.layout


def make_env(config: Config, task: Task | None = None, viewer: bool = False) -> RobotEnv:
    """The environment of a config; `task` overrides the one it names; `viewer` adds a picture for `render`, in
    simulation.

    Raises ConfigError for a request that cannot be built, HardwareError for devices that do not open.
    """
    devices = open_devices(config, task or make_task(config.task), viewer)
    return RobotEnv(
        devices.arm,
        devices.gripper,
        devices.cameras,
        devices.clock,
        Pilot(devices.port, devices.clock, ACTOR, simulated=devices.simulated),
        devices.scene,
        config.robot.policy_hz,
        config.task.max_steps,
        devices.viewer,
        devices.simulated,
        devices.close,
    )


def open_devices(config: Config, task: Task, viewer: bool = False) -> Devices:
    """Open the devices of a task by `robot.driver`. Raises as `make_env`."""
    driver = config.robot.driver
    if driver not in DRIVERS:
        raise ConfigError(f"robot.driver={driver!r} is not known{nearest(driver, DRIVERS)}")
    return DRIVERS[driver](config, task, viewer)


def _sim(config: Config, task: Task, viewer: bool) -> Devices:
    robot, parts = config.robot, build_parts(config, task)
    world = SimWorld(parts.physics, parts.loop, robot.control_hz, robot.realtime)
    world.reset(parts.q_home_rad, task.opening_m)
    if not config.headless:
        SimWindow(world)
    return Devices(
        SimArm(world, parts.arm.joints),
        SimGripper(world) if task.action.gripper else None,
        tuple(SimCamera(world, name, robot.image_size, robot.image_size) for name in robot.cameras),
        world,
        world.guard.authority,
        SimScene(task, world, parts.q_home_rad),
        simulated=True,
        viewer=SimCamera(world, "side", 240, 320) if viewer else None,
    )


def _ros(config: Config, task: Task, viewer: bool) -> Devices:
    """By name: ROS 2 need not be installed where nobody asks for it."""
    try:
        module = importlib.import_module("robot_rl.ros.devices")
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"robot.driver=ros needs ROS 2 ({error}); source its setup file, or install robot_rl[ros]"
        ) from error
    devices: Devices = module.open_devices(config, task)
    return devices


DRIVERS: Mapping[str, Callable[[Config, Task, bool], Devices]] = {"sim": _sim, "ros": _ros}
"""`robot.driver` by name"""

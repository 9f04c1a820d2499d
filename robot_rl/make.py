"""From a config to a running environment: the place where parts are chosen and joined."""

import mujoco
import numpy as np

from controllers.build import build_loop
from controllers.kinematics import ArmModel
from controllers.limits import WorkspaceBox
from controllers.models import arm_limits, arm_spec, home_q
from controllers.pose import Array, Pose, frozen
from robot_rl.config import Config
from robot_rl.drivers.sim import SimArm, SimCamera, SimGripper
from robot_rl.drivers.sim_window import SimWindow
from robot_rl.drivers.sim_world import SimWorld
from robot_rl.env import RobotEnv, layout
from robot_rl.errors import ConfigError
from robot_rl.loop_settings import loop_settings
from robot_rl.operator import Pilot
from robot_rl.specs import Layout
from robot_rl.tasks import make_task
from robot_rl.tasks.base import Task
from robot_rl.tasks.gymnasium_task import GymnasiumEnv

STEP_MARGIN = 1.2
"""The gate's step clip against the policy's largest step: room for the return of undriven axes."""


class SimScene:
    """A task in a simulated world."""

    def __init__(self, task: Task, world: SimWorld, q_home_rad: Array) -> None:
        self.task, self.world, self._q_home = task, world, q_home_rad

    def reset(self, rng: np.random.Generator) -> Pose:
        self.world.reset(self._q_home, self.task.opening_m)
        start = self.task.reset(self.world, rng)
        low, high = self.task.workspace.low_m, self.task.workspace.high_m
        if not ((start.position_m >= low) & (start.position_m <= high)).all():
            raise ConfigError(
                f"task {self.task.name} starts at {np.round(start.position_m, 3).tolist()} m, outside its workspace "
                f"{low} .. {high} m; lower its ranges in task.params"
            )
        return start


def task_layout(config: Config) -> Layout:
    """What the vectors of the configured task mean; no robot is opened."""
    if config.task.name != "gymnasium":
        return layout(make_task(config.task))
    env = GymnasiumEnv(config.task)
    env.close()
    return env.layout


def make_env(config: Config, task: Task | None = None, viewer: bool = False) -> RobotEnv:
    """The environment of a config; `task` overrides the one it names; `viewer` adds a picture for `render`.

    Raises ConfigError for a request that cannot be built.
    """
    task = task or make_task(config.task)
    robot = config.robot
    try:
        spec = arm_spec(robot.model)
        own = ArmModel(spec.compile(), len(arm_limits(robot.model).q_min_rad))
        q_home = own.solve(task.home, home_q(robot.model))
    except ValueError as error:
        raise ConfigError(f"robot.model={robot.model}: {error}") from error
    limits, box = arm_limits(robot.model), WorkspaceBox(frozen(task.workspace.low_m), frozen(task.workspace.high_m))
    _require_torque_motors(own.model, own.joints, robot.model)
    step_m, step_rad = task.action.step_m * STEP_MARGIN, task.action.step_rad * STEP_MARGIN
    bounds = loop_settings(config.safety, config.task, robot.control_hz, box, step_m, step_rad)
    try:
        loop = build_loop(own, limits, bounds, q_home)
    except ValueError as error:
        raise ConfigError(f"robot.model={robot.model}, task {task.name}: {error}") from error
    task.build(spec)
    spec.visual.global_.offwidth = spec.visual.global_.offheight = max(640, robot.image_size)
    try:
        model = spec.compile()
    except ValueError as error:
        cause = " ".join(str(error).split())
        raise ConfigError(f"task {task.name} cannot be built as configured: {cause}; check task.params") from error
    world = SimWorld(model, loop, limits, box, robot.control_hz, robot.realtime)
    world.reset(q_home, task.opening_m)
    if not config.headless:
        SimWindow(world)
    cameras = [SimCamera(world, name, robot.image_size, robot.image_size) for name in robot.cameras]
    return RobotEnv(
        SimArm(world, own.joints),
        SimGripper(world) if task.action.gripper else None,
        cameras,
        world,
        Pilot(world.guard.authority, world, "actor", simulated=True),
        SimScene(task, world, q_home),
        robot.policy_hz,
        config.task.max_steps,
        SimCamera(world, "side", 240, 320) if viewer else None,
        simulated=True,
    )


def _require_torque_motors(model: mujoco.MjModel, joints: int, name: str) -> None:
    """The arm loop commands torques: another kind of actuator would take them for something else."""
    for i in range(joints):
        plain = model.actuator_biastype[i] == mujoco.mjtBias.mjBIAS_NONE if i < model.nu else False
        if not plain or model.actuator_trnid[i, 0] != i:
            raise ConfigError(
                f"robot.model={name}: actuator {i} is not a torque motor of joint {i}; the first {joints} actuators "
                "must be <motor> elements of the arm's joints, in order"
            )

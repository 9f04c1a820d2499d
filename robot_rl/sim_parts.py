"""The parts of a simulated cell before they are joined: in the environment's own world, or as a cell by itself."""

from dataclasses import dataclass

import mujoco
import numpy as np

from controllers.arm_loop import ArmLoop
from controllers.build import build_loop
from controllers.kinematics import ArmModel
from controllers.limits import WorkspaceBox
from controllers.models import arm_limits, arm_spec, home_q
from controllers.pose import Array, Pose, frozen
from robot_rl.config import Config
from robot_rl.drivers.sim_scene import ScenePhysics
from robot_rl.errors import ConfigError
from robot_rl.loop_settings import loop_settings
from robot_rl.tasks.base import Task, World

STEP_MARGIN = 1.2
"""The gate's step clip against the policy's largest step: room for the return of undriven axes."""


@dataclass(frozen=True, slots=True)
class SimParts:
    """An arm that stands still at its home in the scene of a task."""

    task: Task
    arm: ArmModel
    """The one that `loop` was built with"""
    loop: ArmLoop
    physics: ScenePhysics
    q_home_rad: Array


def build_parts(config: Config, task: Task) -> SimParts:
    """Raises ConfigError for a request that cannot be built."""
    robot = config.robot
    try:
        spec = arm_spec(robot.model)
        arm = ArmModel(spec.compile(), len(arm_limits(robot.model).q_min_rad))
        q_home = arm.solve(task.home, home_q(robot.model))
    except ValueError as error:
        raise ConfigError(f"robot.model={robot.model}: {error}") from error
    limits, box = arm_limits(robot.model), WorkspaceBox(frozen(task.workspace.low_m), frozen(task.workspace.high_m))
    _require_torque_motors(arm.model, arm.joints, robot.model)
    step_m, step_rad = task.action.step_m * STEP_MARGIN, task.action.step_rad * STEP_MARGIN
    bounds = loop_settings(config.safety, config.task, robot.control_hz, box, step_m, step_rad)
    try:
        loop = build_loop(arm, limits, bounds, q_home)
    except ValueError as error:
        raise ConfigError(f"robot.model={robot.model}, task {task.name}: {error}") from error
    task.build(spec)
    spec.visual.global_.offwidth = spec.visual.global_.offheight = max(640, robot.image_size)
    try:
        model = spec.compile()
    except ValueError as error:
        cause = " ".join(str(error).split())
        raise ConfigError(f"task {task.name} cannot be built as configured: {cause}; check task.params") from error
    physics = ScenePhysics(model, limits, box, robot.control_hz)
    physics.reset(q_home, task.opening_m)
    return SimParts(task, arm, loop, physics, q_home)


def lay_out(task: Task, world: World, rng: np.random.Generator) -> Pose:
    """A new episode: the objects where the task wants them; the pose T_base_tcp where the tool starts.

    Raises ConfigError when that is outside the workspace.
    """
    start = task.reset(world, rng)
    low, high = task.workspace.low_m, task.workspace.high_m
    if not ((start.position_m >= low) & (start.position_m <= high)).all():
        raise ConfigError(
            f"task {task.name} starts at {np.round(start.position_m, 3).tolist()} m, outside its workspace "
            f"{low} .. {high} m; lower its ranges in task.params"
        )
    return start


def _require_torque_motors(model: mujoco.MjModel, joints: int, name: str) -> None:
    """The arm loop commands torques: another kind of actuator would take them for something else."""
    for i in range(joints):
        plain = model.actuator_biastype[i] == mujoco.mjtBias.mjBIAS_NONE if i < model.nu else False
        if not plain or model.actuator_trnid[i, 0] != i:
            raise ConfigError(
                f"robot.model={name}: actuator {i} is not a torque motor of joint {i}; the first {joints} actuators "
                "must be <motor> elements of the arm's joints, in order"
            )

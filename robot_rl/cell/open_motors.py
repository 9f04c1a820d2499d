"""The motors that the settings ask for. A vendor's SDK is imported by its one driver file, and only when used."""

import re
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING

import mujoco

from controllers.kinematics import ArmModel
from controllers.models import arm_limits
from controllers.pose import Array
from robot_rl.cell.motors import Motors, SimMotors
from robot_rl.clock import Clock
from robot_rl.errors import ConfigError
from robot_rl.suggest import nearest

if TYPE_CHECKING:
    from robot_rl.cell.process import CellConfig

ADDRESS = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
Opener = Callable[["CellConfig", mujoco.MjSpec, Array, Clock], Motors]


def check_driver(config: "CellConfig") -> None:
    """Raises ConfigError for a driver that is unknown, or whose settings do not fit it; opens and imports nothing."""
    name, address = config.robot.driver, config.address
    if name not in DRIVERS:
        raise ConfigError(f"robot.driver={name} is no driver of an arm{nearest(name, DRIVERS)}")
    if name == "sim" and address:
        raise ConfigError(f"address={address} is of no use to robot.driver=sim; give robot.driver=ur or franka with it")
    if name == "ros2_control" and not address:
        raise ConfigError("robot.driver=ros2_control needs a controller, such as address=joint_trajectory_controller")
    if name in ("ur", "franka") and not ADDRESS.fullmatch(address):
        raise ConfigError(
            f"address={address!r} of robot.driver={name}: a host name or IP address is needed, such as 192.168.1.10"
        )


def open_motors(config: "CellConfig", spec: mujoco.MjSpec, q_rad: Array, clock: Clock) -> Motors:
    """Connect to the drives of the arm `spec`, whose home is `q_rad` (n,).

    Raises ConfigError where settings or an SDK are missing, HardwareError for a robot that is not ready.
    """
    check_driver(config)
    return DRIVERS[config.robot.driver](config, spec, q_rad, clock)


def _sim(config: "CellConfig", spec: mujoco.MjSpec, q_rad: Array, clock: Clock) -> Motors:
    return SimMotors(spec.compile(), len(q_rad), q_rad, 1.0 / config.robot.control_hz)


def _ur(config: "CellConfig", spec: mujoco.MjSpec, q_rad: Array, clock: Clock) -> Motors:
    from robot_rl.drivers.ur import UrMotors

    _need_joints(config, q_rad, 6)
    model = spec.compile()
    tool, flange = (ArmModel(model, len(q_rad), site) for site in ("tcp", "flange"))
    return UrMotors(config.address, tool, flange, clock, config.robot.control_hz)


def _franka(config: "CellConfig", spec: mujoco.MjSpec, q_rad: Array, clock: Clock) -> Motors:
    from robot_rl.drivers.franka import FrankaMotors

    _need_joints(config, q_rad, 7)
    tool, limits = ArmModel(spec.compile(), len(q_rad)), arm_limits(config.robot.model)
    period_s = 1.0 / config.robot.control_hz
    return FrankaMotors(config.address, tool, limits, clock, period_s, realtime_kernel=config.realtime_kernel)


def _ros2_control(config: "CellConfig", spec: mujoco.MjSpec, q_rad: Array, clock: Clock) -> Motors:
    """By name: only this driver knows ROS."""
    model = spec.compile()
    names = config.joints or [model.joint(i).name for i in range(len(q_rad))]
    _need_joints(config, q_rad, len(names))
    motors: Motors = import_module("robot_rl.ros.control").Ros2ControlMotors(
        names, config.address, 1.0 / config.robot.control_hz, config.robot.namespace, config.wrench_topic
    )
    return motors


def _need_joints(config: "CellConfig", q_rad: Array, joints: int) -> None:
    if len(q_rad) != joints:
        raise ConfigError(
            f"robot.driver={config.robot.driver} moves {joints} joints, robot.model={config.robot.model} has "
            f"{len(q_rad)}; give the model of the arm that is there"
        )


DRIVERS: Mapping[str, Opener] = {
    "sim": _sim,
    "ur": _ur,
    "franka": _franka,
    "ros2_control": _ros2_control,
}

"""What an environment is made of, whoever opened it: simulated here, or reached through ROS 2."""

from collections.abc import Callable
from dataclasses import dataclass

from robot_rl.clock import Clock
from robot_rl.hardware import Arm, Camera, Gripper
from robot_rl.operator.pilot import Port
from robot_rl.tasks.base import Scene


@dataclass(frozen=True, slots=True)
class Devices:
    """Open devices of one cell. The environment closes each of them, then calls `close`."""

    arm: Arm
    gripper: Gripper | None
    cameras: tuple[Camera, ...]
    """Those of `robot.cameras`, in order"""
    clock: Clock
    port: Port
    """The authority over the arm"""
    scene: Scene
    simulated: bool
    """Nobody stands beside it: the pilot stands in for the person who arms and clears"""
    viewer: Camera | None = None
    """What `render` shows"""
    close: Callable[[], None] = lambda: None
    """Whatever else was opened"""

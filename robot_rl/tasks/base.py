"""What a task is: a scene, a randomised reset, a success test, and the way an expert would go."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import mujoco
import numpy as np

from controllers.pose import Array, Pose, quat_conj, quat_rotate
from controllers.records import ArmState
from robot_rl.errors import ConfigError
from robot_rl.hardware import GripperState
from robot_rl.specs import ActionSpec, Field
from robot_rl.suggest import nearest

TOOL_DOWN = np.array([0.0, 1.0, 0.0, 0.0])
"""Orientation of the tool (wxyz) with z pointing down and x forward."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """Axis-aligned box for the tool point, base frame."""

    low_m: tuple[float, float, float]
    high_m: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Waypoint:
    """Where an expert would steer now."""

    tool: Pose
    """T_base_tcp to head for"""
    remaining_m: float
    """Length of the rest of the way, the measure of progress"""
    close_gripper: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything the robot senses of itself at one moment."""

    arm: ArmState
    gripper: GripperState | None


class Body(Protocol):
    """An object that is looked at."""

    @property
    def xpos(self) -> Array:
        """(3,) m, base frame"""
        ...


class Bodies(Protocol):
    """The objects of a cell, by name."""

    def body(self, name: str) -> Body: ...


class World(Protocol):
    """What a task asks of the cell in which it is laid out, simulated or real."""

    @property
    def data(self) -> Bodies:
        """Where the objects are now; as of `mujoco.MjData`."""
        ...

    def place(self, body: str, position_m: Array, yaw_rad: float = 0.0) -> None:
        """A free object belongs at a position (3,) of the base frame, turned about the vertical."""
        ...

    def move_fixed(self, body: str, position_m: Array, yaw_rad: float = 0.0) -> None:
        """So does a fixture."""
        ...


class Task(ABC):
    """One task in one cell. Methods after `reset` speak about the present episode."""

    name: str
    action: ActionSpec
    workspace: Workspace
    home: Pose
    """T_base_tcp from which every reset starts"""
    opening_m: float
    """Distance between the fingers at reset"""
    robot_fields: tuple[str, ...]
    """Names of the robot's own state fields that the policy sees (see `robot_rl.fields.ROBOT_FIELDS`)"""
    fields: tuple[Field, ...]
    """The task's own state fields, as `observe` gives them"""

    @abstractmethod
    def build(self, spec: mujoco.MjSpec) -> None:
        """Add the scene to the robot's model."""

    @abstractmethod
    def reset(self, world: World, rng: np.random.Generator) -> Pose:
        """Lay out a new episode; the returned pose T_base_tcp is where the tool starts."""

    @abstractmethod
    def observe(self, reading: Reading) -> Mapping[str, Array | float]:
        """The task's own state fields."""

    @abstractmethod
    def succeeded(self, reading: Reading) -> bool:
        """The sparse reward."""

    @abstractmethod
    def waypoint(self, reading: Reading) -> Waypoint:
        """The way of the scripted expert."""


class Scene(Protocol):
    """A task laid out in a real or simulated cell."""

    @property
    def task(self) -> Task: ...

    def reset(self, rng: np.random.Generator) -> Pose:
        """Put everything back for a new episode; the pose T_base_tcp where the tool starts."""
        ...


P = TypeVar("P")
UNLIKE = 100.0
"""A length so many times its default is a mistake of unit: millimetres are 1000 times."""


def params_from(cls: type[P], task: str, values: Mapping[str, Any]) -> P:
    """A task's parameter record from the free part of its config.

    Raises ConfigError for an unknown name or a value that is not a non-negative number, or a length in another unit.
    """
    known = cls.__dataclass_fields__  # type: ignore[attr-defined]
    for name, value in values.items():
        if name not in known:
            raise ConfigError(f"task {task} has no parameter {name!r}{nearest(name, known)}")
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 100:
            raise ConfigError(f"task.params.{name} is {value!r}: a number from 0 to 100 in the unit of its name")
        usual = known[name].default
        if name.endswith("_m") and isinstance(usual, float) and 0 < UNLIKE * usual <= value:
            raise ConfigError(f"task.params.{name} is {value:g}, usual is {usual:g}; give it in metres")
    return cls(**values)


def in_tool(state: ArmState, point_m: Array) -> Array:
    """A point (3,) of the base frame seen from the tool, tool frame."""
    return quat_rotate(quat_conj(state.tcp.quat_wxyz), point_m - state.tcp.position_m)


def around(rng: np.random.Generator, half_m: tuple[float, float, float]) -> Array:
    """A random offset (3,), uniform within plus and minus `half_m`."""
    half = np.array(half_m)
    return rng.uniform(-half, half)


def add_floor_and_light(spec: mujoco.MjSpec) -> None:
    """A table top at z = 0 in a bright room, a lamp, and a camera `side` that looks at the cell."""
    world = spec.worldbody
    spec.visual.headlight.ambient, spec.visual.headlight.diffuse = [0.4] * 3, [0.25] * 3
    spec.visual.headlight.specular = [0.0] * 3
    world.add_light(
        type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL, dir=[-0.1, 0.5, -1.0], diffuse=[0.55] * 3, specular=[0.15] * 3
    )
    add_box(world, (0.55, 0.6, 0.02), (0.4, 0.0, -0.02), (0.52, 0.55, 0.58, 1.0), name="table")
    for size, pos in (((0.01, 3.0, 3.0), (-1.2, 0.0, 0.0)), ((3.0, 0.01, 3.0), (0.0, 1.6, 0.0))):
        add_box(world, size, pos, (0.86, 0.88, 0.90, 1.0), contype=0, conaffinity=0)
    eye, target = np.array([1.0, -0.55, 0.42]), np.array([0.42, 0.02, 0.13])
    right = np.cross(target - eye, [0.0, 0.0, 1.0])
    world.add_camera(name="side", pos=eye, xyaxes=[*right, *np.cross(right, target - eye)], fovy=42)


def add_box(
    body: Any,
    half_m: tuple[float, float, float],
    pos_m: tuple[float, float, float],
    rgba: tuple[float, ...],
    **more: Any,
) -> None:
    """A box geom on an MjSpec body."""
    body.add_geom(type=mujoco.mjtGeom.mjGEOM_BOX, size=half_m, pos=pos_m, rgba=rgba, **more)

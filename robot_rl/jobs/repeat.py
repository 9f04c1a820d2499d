"""Repeating a recorded episode on a robot behind topics, where time is real."""

import logging
import math
from dataclasses import dataclass, field
from dataclasses import replace as changed
from typing import Any

import numpy as np

from controllers.pose import Pose, rotation_between_rad
from controllers.records import ArmState
from robot_rl.config import Config
from robot_rl.data.demos import DemoStore
from robot_rl.env import RobotEnv
from robot_rl.errors import ConfigError, HardwareError
from robot_rl.jobs.folder import Outcome
from robot_rl.make import make_env, task_layout
from robot_rl.tasks.base import Scene, Task
from robot_rl.types import Episode, Float32
from robot_rl.validate import validate

START_M, START_RAD = 0.005, math.radians(3.0)
"""How far from its recorded start the tool may be before the first step."""
SAME_M = 0.02
"""Largest distance of the tool from the record at which it was the recorded motion. Time is real: at the gate's
0.25 m/s a reading that comes 40 ms earlier or later is 10 mm apart."""
FAR_M = 0.05
"""Distance from the record at which nothing more is repeated: something is in the way, or the arm is another."""
log = logging.getLogger(__name__)


def repeat(config: Config, store: DemoStore) -> Outcome:
    """Repeat an episode's motion from its recorded start, step by step at the rate at which it was recorded.

    Each step heads for where the executed action led from the recorded pose, so that what one step falls short by is
    not there at the end.

    Raises ConfigError, before anything moves, for a record that does not fit the task, the arm or the scene;
    HardwareError when the tool does not come to the start, or the arm stops in between.
    """
    episode = store.get(max(0, config.episode))
    readings = _readings(store, episode)
    _check_fits(config, store)
    robot, task = changed(config.robot, policy_hz=store.facts.hz), changed(config.task, max_steps=len(episode))
    config = changed(config, robot=robot, task=task)
    validate(config)
    env, repeated = make_env(config), Repeated(len(episode))
    try:
        _check_arm(env.arm.read(), readings[0])
        env.scene = RecordedScene(env.scene, episode.seed, readings[0].tcp, env.simulated)
        _run(env, episode, readings, repeated)
    except KeyboardInterrupt:
        repeated.interrupted = True
    finally:
        _let_go(env)
    return Outcome(repeated.text(), complete=not repeated.interrupted)


@dataclass
class Repeated:
    """What has come of an episode so far."""

    recorded: int
    """Its steps"""
    apart_m: list[float] = field(default_factory=list)
    """After each step: between the tool and where the record has it"""
    gated: int = 0
    """Steps that the gate has changed"""
    success: bool = False
    interrupted: bool = False

    def text(self) -> str:
        """In one line."""
        steps = f"{len(self.apart_m)} of {self.recorded} steps repeated"
        if self.interrupted:
            return f"{steps}, then interrupted; the arm holds"
        most_m, rms_m = max(self.apart_m), float(np.sqrt(np.mean(np.square(self.apart_m))))
        outcome = "success" if self.success else "no success"
        if not most_m <= SAME_M:
            outcome += f", NOT the recorded motion (at most {SAME_M * 1e3:g} mm apart)"
        return (
            f"{steps}, {outcome}; the gate changed {self.gated}; the tool's distance from the record: "
            f"largest {most_m * 1e3:.1f} mm, rms {rms_m * 1e3:.1f} mm"
        )


class Seeded(np.random.Generator):
    """Draws `seed` as the number from which a scene in another process is drawn."""

    def __init__(self, seed: int) -> None:
        super().__init__(np.random.PCG64(seed))
        self._seed = seed

    def integers(self, *_: Any, **__: Any) -> Any:
        return self._seed


class RecordedScene:
    """The scene as it was, with the tool's recorded start; in a real cell a person puts the objects there."""

    def __init__(self, scene: Scene, seed: int, start: Pose, simulated: bool) -> None:
        """`seed` and `start` (T_base_tcp) of the record."""
        self._scene, self._start, self._simulated = scene, start, simulated
        # Lockstep draws a scene from the episode's seed, a scene behind topics is drawn from a number drawn from it.
        self._seeds = seed, int(np.random.default_rng(seed).integers(2**31))

    @property
    def task(self) -> Task:
        return self._scene.task

    def reset(self, rng: np.random.Generator) -> Pose:
        """Raises ConfigError when no scene of the record's seed starts where the record does."""
        if not self._simulated:
            self._scene.reset(rng)
            return self._start
        off_m = {seed: self._off_m(seed) for seed in self._seeds}
        nearest = min(off_m, key=lambda seed: off_m[seed])
        if not self._off_m(nearest) <= START_M:  # laid out once more: this one is to stay
            raise ConfigError(
                f"the scene starts {off_m[nearest] * 1e3:.1f} mm from where the record does (at most "
                f"{START_M * 1e3:g} mm); give the task.params and the arm it was recorded with; nothing was moved"
            )
        return self._start

    def _off_m(self, seed: int) -> float:
        return float(np.linalg.norm(self._scene.reset(Seeded(seed)).position_m - self._start.position_m))


def _readings(store: DemoStore, episode: Episode) -> list[ArmState]:
    """Of the arm, one for each frame. Raises ConfigError when there are none, or no steps."""
    readings = [frame.arm for frame in episode.frames if frame.arm is not None]
    if not len(episode) or len(readings) != len(episode.frames):
        raise ConfigError(
            f"{store.folder}: this episode has {len(episode)} steps and {len(readings)} readings of the arm; to be "
            "repeated on a robot it needs steps, and a reading with each; give another one"
        )
    return readings


def _check_fits(config: Config, store: DemoStore) -> None:
    """Raises ConfigError for another task or arm than the recorded one; opens nothing."""
    facts = store.facts
    for name, said, recorded in (
        ("task", config.task.name, facts.task),
        ("robot.model", config.robot.model, facts.robot),
    ):
        if recorded and said != recorded:
            raise ConfigError(f"{store.folder} was recorded with {name}={recorded}, this is {name}={said}; give that")
    layout = task_layout(config)
    store.check_fits(layout.state.names, layout.action_names)


def _check_arm(here: ArmState, recorded: ArmState) -> None:
    """Raises ConfigError for an arm with other joints."""
    if here.q_rad.shape != recorded.q_rad.shape:
        raise ConfigError(
            f"the arm has {len(here.q_rad)} joints, the recorded one {len(recorded.q_rad)}; start the arm it was "
            "recorded with; nothing was moved"
        )


def _run(env: RobotEnv, episode: Episode, readings: list[ArmState], repeated: Repeated) -> None:
    env.reset(seed=episode.seed)
    _check_start(env.reading.arm.tcp, readings[0].tcp)
    for action, before, recorded in zip(episode.actions, readings, readings[1:], strict=False):
        _, _, ended, _, info = env.step(_from_here(env, before.tcp, action))
        repeated.apart_m.append(float(np.linalg.norm(env.reading.arm.tcp.position_m - recorded.tcp.position_m)))
        repeated.gated += bool(info["reasons"])
        if info["stopped"]:
            raise HardwareError(
                f"the arm has stopped itself at step {len(repeated.apart_m)} of {len(episode)}: {info['stopped']}"
            )
        if not (apart_m := repeated.apart_m[-1]) <= FAR_M:
            raise HardwareError(
                f"the tool is {apart_m * 1e3:.0f} mm from the record after step {len(repeated.apart_m)} of "
                f"{len(episode)} (at most {FAR_M * 1e3:g}); see what is in its way; the arm holds"
            )
        repeated.success = info["success"]
        if ended:
            return


def _from_here(env: RobotEnv, before: Pose, action: Float32) -> Float32:
    """The action that leads from where the tool is to where `action` led from `before`."""
    spec = env.action_spec
    motion = spec.to_motion(action)
    way = env.reading.arm.tcp.inverse() @ before.moved(motion[:3], motion[3:])
    here = action.copy()
    here[: len(spec.axes)] = np.clip(spec.from_motion(np.concatenate((way.position_m, way.rotvec_rad()))), -1.0, 1.0)
    return here


def _check_start(tool: Pose, recorded: Pose) -> None:
    """Raises HardwareError for a tool that is not at its recorded start."""
    off_m = float(np.linalg.norm(tool.position_m - recorded.position_m))
    off_rad = rotation_between_rad(tool.quat_wxyz, recorded.quat_wxyz)
    if not (off_m <= START_M and off_rad <= START_RAD):
        raise HardwareError(
            f"the tool is {off_m * 1e3:.1f} mm and {math.degrees(off_rad):.1f} deg from its recorded start (at most "
            f"{START_M * 1e3:g} mm and {math.degrees(START_RAD):g} deg); nothing was repeated"
        )


def _let_go(env: RobotEnv) -> None:
    """A lease that cannot be given back runs out, and the arm has held before."""
    try:
        env.close()
    except HardwareError as error:
        log.warning("the arm was not told that this is over (%s); it holds by itself", error)

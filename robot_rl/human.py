"""Whoever helps, scripted or a person at a hand-held device: practice knows only the protocol."""

import importlib
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

import numpy as np

from robot_rl.config import Config
from robot_rl.env import RobotEnv
from robot_rl.errors import ConfigError
from robot_rl.expert import Expert, ScriptedHuman
from robot_rl.operator import State
from robot_rl.specs import ActionSpec
from robot_rl.tasks.base import Reading
from robot_rl.types import Float32

TELEOP = "teleop"
"""`human.source` of a person"""
LOOK_S = 0.05
"""Between two looks whether a person has begun"""


class Human(Protocol):
    """Acts when the robot needs it, and lets go again."""

    def new_episode(self) -> None:
        """Forget the last episode."""
        ...

    def choose(self, reading: Reading) -> Float32 | None:
        """An action (a,) in [-1, 1] while the human has the arm; None: hands off."""
        ...


def correcting(config: Config, env: RobotEnv, rng: np.random.Generator) -> AbstractContextManager[Human]:
    """Who corrects the policy, for as long as a block lasts; a scripted one draws from `rng`. Raises as `at_device`."""
    if config.human.source == TELEOP:
        return at_device(config, env.action_spec)
    return nullcontext(ScriptedHuman(env.scene.task, config.human, 1.0 / config.robot.policy_hz, rng))


def showing(config: Config, env: RobotEnv, rng: np.random.Generator) -> AbstractContextManager[Human]:
    """Who shows the task, likewise."""
    if config.human.source == TELEOP:
        return at_device(config, env.action_spec)
    return nullcontext(Expert(env.scene.task, rng))


def at_device(config: Config, action: ActionSpec) -> AbstractContextManager[Human]:
    """A person whose device is a node of `robot.namespace`. Raises ConfigError without ROS 2, which is reached by name:
    it need not be installed where nobody asks for it."""
    try:
        module = importlib.import_module("robot_rl.ros.teleop_person")
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"a person's device needs ROS 2 ({error}); source its setup file, or install robot_rl[ros]"
        ) from error
    person: AbstractContextManager[Human] = module.listening(config.robot.namespace, action)
    return person


def awaited(human: Human, env: RobotEnv) -> Float32:
    """The human's next action (a,). Until there is one the arm holds, and no step is taken.

    Raises HeldError when somebody else stops or holds the arm meanwhile.
    """
    action = human.choose(env.reading)
    if action is None:
        env.pilot.pause("hands are off")
    while action is None:
        env.pilot.enter(State.RESET)  # keeps the lease; no command is sent
        env.clock.sleep_until(env.clock.now_s() + LOOK_S)
        action = human.choose(env.reading)
    return action

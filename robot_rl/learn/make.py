"""The learner by its name."""

import numpy as np

from robot_rl.config import LearnerConfig
from robot_rl.errors import ConfigError
from robot_rl.learn.agent import Agent
from robot_rl.learn.bc import BcAgent
from robot_rl.learn.rlpd import RlpdAgent

AGENTS: dict[str, type[Agent]] = {"bc": BcAgent, "rlpd": RlpdAgent}


def make_agent(
    config: LearnerConfig,
    observation_dim: int,
    action_dim: int,
    has_gripper: bool,
    state_scale: np.ndarray,
    seed: int,
) -> Agent:
    """The learner named by `config.name`.

    Raises:
        ConfigError: unknown name.
    """
    if config.name not in AGENTS:
        raise ConfigError(f"learner.name is {config.name!r}; choose one of {sorted(AGENTS)}")
    return AGENTS[config.name](config, observation_dim, action_dim, has_gripper, state_scale, seed)

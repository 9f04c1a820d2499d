"""Any Gymnasium environment with continuous actions, dressed as a task for the same learner."""

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from robot_rl.clock import MonotonicClock
from robot_rl.config import TaskConfig
from robot_rl.errors import ConfigError
from robot_rl.specs import Field, Layout, StateSpec
from robot_rl.types import Float32, Source


class GymnasiumEnv(gymnasium.Wrapper[dict[str, Any], Float32, Any, Any]):
    """Observations as {"state": (n,)}, actions in [-1, 1], and the info that the actor expects."""

    def __init__(self, config: TaskConfig, render: bool = False) -> None:
        """Raises ConfigError for an unknown id or spaces the learner cannot use."""
        try:
            env = gymnasium.make(
                config.id, max_episode_steps=config.max_steps or None, render_mode="rgb_array" if render else None
            )
        except (gymnasium.error.Error, ImportError) as error:
            raise ConfigError(f"task.id={config.id!r} cannot be made: {error}") from error
        space, actions = env.observation_space, env.action_space
        if not isinstance(space, gymnasium.spaces.Box) or not isinstance(actions, gymnasium.spaces.Box):
            raise ConfigError(
                f"task.id={config.id} has observations {type(space).__name__} and actions "
                f"{type(actions).__name__}; the learner needs a Box for both"
            )
        if not actions.is_bounded() or len(actions.shape) != 1:
            raise ConfigError(f"task.id={config.id}: actions {actions} must be one bounded vector")
        super().__init__(gymnasium.wrappers.RescaleAction(env, np.float32(-1.0), np.float32(1.0)))
        size = int(np.prod(space.shape))
        names = tuple(f"action[{i}]" for i in range(actions.shape[0]))
        self.layout = Layout(StateSpec((Field("observation", size, "", 1.0),)), names, False, has_success=False)
        self._clock = MonotonicClock()
        self.observation_space = gymnasium.spaces.Dict(
            {"state": gymnasium.spaces.Box(-np.inf, np.inf, (size,), np.float32)}
        )

    def reset(self, **options: Any) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        observation, info = self.env.reset(**options)
        return self._state(observation), info

    def step(self, action: Float32) -> tuple[dict[str, NDArray[Any]], float, bool, bool, dict[str, Any]]:
        observation, reward, terminated, truncated, info = self.env.step(action)
        success = bool(info.get("is_success", False))
        extra = {
            "requested": action,
            "executed": action,
            "reasons": (),
            "gripper_changed": False,
            "success": success,
            "duration_s": 0.0,
        }
        return self._state(observation), float(reward), terminated, truncated, {**info, **extra}

    def turn_of(self, source: Source) -> None:
        """Nobody but the policy acts here."""

    def measured(self) -> tuple[float, None]:
        """When the last observation was made; there is no arm."""
        return self._clock.now_s(), None

    def _state(self, observation: Any) -> dict[str, NDArray[Any]]:
        return {"state": np.asarray(observation, np.float32).ravel()}

"""A policy answers as the agent it was copied from, and only for the task it was made for."""

import numpy as np
import pytest

from robot_rl.config import LearnerConfig
from robot_rl.errors import PolicyError
from robot_rl.learn.make import make_agent
from robot_rl.learn.policy import Policy, PolicyMeta

N, A = 6, 4
META = PolicyMeta("peg", tuple("abcdef"), ("x", "y", "z", "gripper"))


def policy(gripper: bool = True) -> Policy:
    agent = make_agent(LearnerConfig(hidden=[16, 8], critics=2), N, A, gripper, np.linspace(0.1, 3, N), 0)
    return agent.policy(META)


def test_numpy_and_torch_agree() -> None:
    import torch

    agent = make_agent(LearnerConfig(), N, A, False, np.full(N, 1.0), 0)
    x = torch.randn(50, N, generator=torch.Generator().manual_seed(0))
    expected = torch.tanh(agent.actor.heads(x)[0])
    acted = np.stack([agent.act(state, True) for state in x.numpy()])
    np.testing.assert_allclose(acted, expected.numpy(), atol=2e-6)


def test_a_policy_does_not_change_when_training_goes_on() -> None:
    agent = make_agent(LearnerConfig(hidden=[8], critics=2), N, A, True, np.ones(N), 0)
    frozen, state = agent.policy(META), np.ones(N, np.float32)
    before = frozen.act(state)
    agent.actor.mlp.weights.zero_()
    np.testing.assert_array_equal(frozen.act(state), before)


def test_sampled_actions_differ_and_stay_in_range() -> None:
    made, state = policy(), np.ones(N, np.float32)
    actions = np.stack([made.act(state, deterministic=False) for _ in range(50)])
    assert (actions[:, 0].std() > 0.05) and (abs(actions) <= 1).all()


def test_another_task_is_refused() -> None:
    made = policy()
    made.check_fits("abcdef", made.meta.action_names)
    with pytest.raises(
        PolicyError, match="trained for task=peg: it observes f, this task offers g instead; give task=peg"
    ):
        made.check_fits("abcdeg", made.meta.action_names)
    with pytest.raises(PolicyError, match="in another order"):
        made.check_fits("abcdfe", made.meta.action_names)
    with pytest.raises(PolicyError, match="it drives gripper, this task has nothing instead"):
        made.check_fits("abcdef", made.meta.action_names[:-1])

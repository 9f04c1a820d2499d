"""Learners reach values and policies that are known beforehand."""

import numpy as np
import pytest
import torch

from robot_rl.config import LearnerConfig
from robot_rl.data.replay import BatchSampler, ReplayBuffer
from robot_rl.learn.batch import Batch
from robot_rl.learn.gripper import GripperCritic
from robot_rl.learn.rlpd import RlpdAgent
from robot_rl.types import Frame, Source, Transition
from tests.robot_rl.learn.toys import Pick, Reach, practise, success


def repeated(terminated: bool, truncated: bool) -> ReplayBuffer:
    """One state that pays 1 and is followed by itself, whose episodes last one step."""
    buffer, one = ReplayBuffer(128, 1, 1, 0), np.ones(1, np.float32)
    rng = np.random.default_rng(0)
    for i in range(64):
        action = rng.uniform(-1, 1, 1).astype(np.float32)
        paid = Transition(action, action, Source.POLICY, 1.0, terminated, truncated, terminated, 0.1)
        buffer.add(Frame("toy", 2 * i, i, 0, 0, 0.0, one), Frame("toy", 2 * i + 1, i, 1, 0, 0.1, one, paid))
    return buffer


@pytest.mark.parametrize(("terminated", "value"), [(True, 1.0), (False, 2.0)])
def test_value_goes_beyond_a_time_limit_and_ends_at_a_termination(terminated: bool, value: float) -> None:
    """r = 1, discount 1/2: the value is 1 where the task ends, 1 + 1/2 + 1/4 + ... = 2 where time ran out."""
    config = LearnerConfig(hidden=[16], critics=2, batch_size=32, utd=1000, discount=0.5, tau=0.05, learning_rate=3e-3)
    agent, buffer = RlpdAgent(config, 1, 1, False, np.ones(1), seed=0), repeated(terminated, not terminated)
    agent.update(BatchSampler(buffer, buffer, 32, 0.5).sample(config.utd))
    q = agent.critics.q(torch.tensor([[1.0, 0.0]]))
    assert q.mean().item() == pytest.approx(value, abs=0.05)


def chain(rng: np.random.Generator, size: int) -> Batch:
    """First state: only close (0) leads on. Second: only open (2) pays 1; whatever else ends unpaid."""
    second = torch.from_numpy(rng.integers(0, 2, (size, 1))).float()
    choice = torch.from_numpy(rng.integers(0, 3, (size, 1)))
    reward = second * (choice == 2)
    mask = (1 - second) * (choice == 0)
    x = torch.cat((1 - second, second), 1)
    return Batch(x, torch.zeros(size, 1), choice, reward, mask, x.flip(1), torch.zeros(size, 1))


def test_gripper_learns_a_two_step_chain_by_reward_alone() -> None:
    config = LearnerConfig(discount=0.8, tau=0.05, learning_rate=1e-3)
    critic = GripperCritic(2, config, torch.Generator().manual_seed(0))
    rng = np.random.default_rng(0)
    for _ in range(600):
        critic.update(chain(rng, 64), online=64)
    expected = torch.tensor([[0.8, 0.0, 0.0], [0.0, 0.0, 1.0]])
    torch.testing.assert_close(critic.values(torch.eye(2)), expected, atol=0.07, rtol=0)


def test_demonstrated_gripper_choices_lead_by_the_margin_before_any_reward() -> None:
    config = LearnerConfig(learning_rate=1e-3)
    critic = GripperCritic(2, config, torch.Generator().manual_seed(0))
    x, column = torch.eye(2), torch.zeros(2, 1)
    batch = Batch(x, column, torch.tensor([[0], [2]]), column, column + 1, x, column)
    for _ in range(300):
        critic.update(batch, online=0)
    values = critic.values(x)
    assert values.argmax(1).tolist() == [0, 2]
    lead = values.sort(1).values.diff(dim=1)[:, -1]
    assert (lead > 0.5 * config.gripper_margin).all()


def test_practice_from_ten_slow_demos_becomes_reliable_and_faster_than_they_were() -> None:
    config = LearnerConfig(
        hidden=[32, 32], critics=3, batch_size=64, tau=0.01, learning_rate=2e-3, start_steps=50, discount=0.9
    )
    toy = Reach(0)
    agent, _ = practise(config, toy, demos=10, steps=900, seed=0, clone=0)
    rate, length = success(agent, Reach(1))
    assert rate >= 0.9 and length < 9  # the demos take 16 steps on average


@pytest.mark.parametrize("name", ["bc", "rlpd"])
def test_cloning_alone_closes_and_opens_a_gripper_at_the_right_place(name: str) -> None:
    config = LearnerConfig(name=name, hidden=[64, 64], critics=2, batch_size=128, learning_rate=1e-3)
    agent, _ = practise(config, Pick(0), demos=20, steps=0, seed=0, clone=1000)
    assert success(agent, Pick(1))[0] >= 0.1  # 0.2 to 0.7 over seeds; untrained 0

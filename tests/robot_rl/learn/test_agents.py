"""Learners: reproducible, resumable, and untouched by what they cannot trust."""

import copy
import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from robot_rl.config import LearnerConfig
from robot_rl.data.replay import Block
from robot_rl.errors import ConfigError
from robot_rl.learn.agent import Agent
from robot_rl.learn.make import make_agent
from robot_rl.learn.policy import Policy, PolicyMeta
from robot_rl.learn.rlpd import RlpdAgent

N, A, BATCH = 5, 3, 16


META = PolicyMeta("reach", (), ())


def config(**changes: Any) -> LearnerConfig:
    return LearnerConfig(**({"hidden": [16, 16], "critics": 3, "batch_size": BATCH, "head_start": 0} | changes))


def agent(gripper: bool = True, seed: int = 0, **changes: Any) -> Agent:
    return make_agent(config(**changes), N, A, gripper, np.full(N, 2.0), seed)


def rlpd(**changes: Any) -> RlpdAgent:
    made = agent(**changes)
    assert isinstance(made, RlpdAgent)
    return made


def block(seed: int = 0, utd: int = 4) -> Block:
    rng = np.random.default_rng(seed)
    made = Block.empty(utd, BATCH, N, A, online=BATCH // 2)
    made.observation[:] = rng.normal(size=made.observation.shape)
    made.next_observation[:] = rng.normal(size=made.observation.shape)
    made.action[:] = rng.uniform(-1, 1, made.action.shape)
    made.action[:, :, -1] = rng.integers(-1, 2, made.action.shape[:2])
    made.reward[:] = rng.random(made.reward.shape)
    made.mask[:] = rng.random(made.mask.shape) < 0.9
    made.gripper_changed[:] = rng.random(made.mask.shape) < 0.5
    return made


def snapshot(learner: Agent) -> dict[str, Any]:
    return copy.deepcopy(learner.state())


def changed(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    return {k for k in before if not torch.equal(torch.as_tensor(before[k]), torch.as_tensor(after[k]))}


def names(*parts: str) -> set[str]:
    return {f"{part}.{key}" for part in parts for key in ("weights", "step", "exp_avg", "exp_avg_sq")}


@pytest.mark.parametrize("name", ["rlpd", "bc"])
@pytest.mark.parametrize("gripper", [False, True])
def test_two_runs_with_one_seed_are_bit_identical(name: str, gripper: bool) -> None:
    states, actions = [], []
    for _ in range(2):
        torch.manual_seed(len(states))
        learner = agent(name=name, gripper=gripper)
        learner.clone(block(1))
        learner.update(block(2))
        actions.append([learner.act(np.ones(N, np.float32), False) for _ in range(20)])
        states.append(learner.state())
    assert not changed(*states)
    np.testing.assert_array_equal(*actions)
    assert changed(states[0], agent(name=name, gripper=gripper, seed=1).state())


@pytest.mark.parametrize("name", ["rlpd", "bc"])
def test_training_continues_bit_for_bit_from_a_saved_state(name: str) -> None:
    learner, other = agent(name=name), agent(name=name, seed=9)
    learner.update(block(1, utd=3))
    other.load(snapshot(learner))
    for one in (learner, other):
        one.update(block(2, utd=3))
        one.act(np.ones(N, np.float32), False)
    assert not changed(learner.state(), other.state())


def test_global_generators_are_not_used() -> None:
    before = torch.get_rng_state(), np.random.get_state()[1]
    learner = agent()
    learner.clone(block())
    learner.update(block())
    learner.act(np.zeros(N, np.float32), False)
    assert torch.equal(before[0], torch.get_rng_state())
    np.testing.assert_array_equal(before[1], np.random.get_state()[1])


def test_critic_updates_leave_actor_and_temperature_bit_identical() -> None:
    learner = rlpd(actor_every=3)
    learner.update(block(utd=3))
    before = snapshot(learner)
    metrics = learner.update(block(1, utd=2))
    critic = names("critics", "gripper") | {"critics.target", "gripper.target"}
    assert changed(before, learner.state()) == critic | {"generator", "updates"}
    assert "actor_loss" not in metrics and metrics["critic_loss"] > 0


def first_layer(policy: Policy) -> np.ndarray:
    return policy.actor[0][0].copy()


def test_actor_updates_leave_the_critics_bit_identical() -> None:
    learner = rlpd()
    before = snapshot(learner)
    learner._update_actor(torch.zeros(BATCH, N), torch.zeros(4, A - 1))
    assert changed(before, learner.state()) == names("actor", "temperature") | {"actor.average", "generator"}


def test_the_deployed_actor_is_the_moving_average_of_the_one_that_learns() -> None:
    learner = rlpd(actor_every=1, average_rate=0.25)
    learner.clone(block())
    np.testing.assert_array_equal(first_layer(learner.policy(META)), first_layer(learner.practising(META)))
    expected = first_layer(learner.policy(META))
    for i in range(5):
        learner.update(block(i, utd=1))
        expected = expected + 0.25 * (first_layer(learner.practising(META)) - expected)
    np.testing.assert_allclose(first_layer(learner.policy(META)), expected, rtol=1e-4, atol=1e-7)
    assert not np.allclose(first_layer(learner.policy(META)), first_layer(learner.practising(META)), atol=1e-5)


def test_actor_updates_are_counted_across_blocks() -> None:
    learner = rlpd(actor_every=3)
    seen = ["actor_loss" in learner.update(block(i, utd=2)) for i in range(6)]
    assert seen == [False, True, True, False, True, True]
    assert int(learner.state()["actor.step"]) == 4  # 12 critic updates


def test_the_actor_waits_for_the_critics_head_start() -> None:
    learner = rlpd(actor_every=1, head_start=5)
    seen = ["actor_loss" in learner.update(block(i, utd=2)) for i in range(4)]
    assert seen == [False, False, True, True]


@pytest.mark.parametrize("name", ["rlpd", "bc"])
def test_a_block_of_practice_alone_leaves_nothing_to_clone(name: str) -> None:
    learner, practised = agent(name=name), dataclasses.replace(block(), online=BATCH)
    before = snapshot(learner)
    assert learner.clone(practised) == {"skipped": 0}
    assert not changed(before, learner.state())


@pytest.mark.parametrize("column", ["reward", "observation"])
def test_a_batch_that_is_not_finite_is_skipped_and_counted(column: str) -> None:
    learner = rlpd(actor_every=1)
    learner.update(block())
    before = snapshot(learner)
    bad = block(1, utd=1)
    getattr(bad, column)[0, 0] = np.inf
    metrics = learner.update(bad)
    expected = {"generator", "updates", "skipped"}
    if column == "reward":  # the actor sees states only
        expected |= names("actor", "temperature") | {"actor.average"}
    assert changed(before, learner.state()) == expected
    assert metrics["skipped"] == (2 if column == "reward" else 3)
    assert np.isnan(metrics["critic_gradient"])


def test_temperature_moves_towards_the_target_entropy() -> None:
    for target, direction in ((-9.0, -1), (9.0, 1)):
        learner = rlpd(actor_every=1, target_entropy_per_dim=target)
        before = learner.temperature
        learner.update(block())
        assert np.sign(learner.temperature - before) == direction


def test_entropy_enters_the_target_only_when_asked() -> None:
    with_entropy, without = rlpd(backup_entropy=True, initial_temperature=5.0), rlpd(initial_temperature=5.0)
    one = [learner.update(block(utd=1))["target"] for learner in (with_entropy, without)]
    assert abs(one[0] - one[1]) > 1


def test_states_are_scaled_inside() -> None:
    learner = agent(gripper=False)
    twice = make_agent(config(), N, A, False, np.full(N, 4.0), 0)
    state = np.arange(N, dtype=np.float32)
    np.testing.assert_allclose(learner.act(state, True), twice.act(2 * state, True), rtol=1e-6)


def test_actions_are_float32_inside_the_range_and_the_gripper_is_discrete() -> None:
    for gripper in (False, True):
        learner = agent(gripper=gripper, gripper_epsilon=0.5)
        actions = np.stack([learner.act(np.full(N, i, np.float32), False) for i in range(100)])
        assert actions.dtype == np.float32 and actions.shape == (100, A) and (abs(actions) <= 1).all()
        if gripper:
            assert set(actions[:, -1]) == {-1, 0, 1}


def test_the_gripper_explores_in_training_only() -> None:
    learner = agent(gripper_epsilon=1.0)
    state = np.ones(N, np.float32)
    assert len({learner.act(state, True)[-1] for _ in range(50)}) == 1
    assert len({learner.act(state, False)[-1] for _ in range(50)}) == 3


def test_wrong_requests_are_refused() -> None:
    with pytest.raises(ConfigError, match="'ppo'; choose one of"):
        agent(name="ppo")
    with pytest.raises(ConfigError, match="state_scale"):
        make_agent(config(), N, A, False, np.zeros(N), 0)
    with pytest.raises(ConfigError, match="target_subset is 4"):
        agent(target_subset=4)

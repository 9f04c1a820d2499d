"""Every hand-written gradient equals the one of autograd."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from robot_rl.config import LearnerConfig
from robot_rl.learn.batch import Batch
from robot_rl.learn.ensemble import Critics, draw_subset
from robot_rl.learn.gripper import GripperCritic, large_margin
from robot_rl.learn.mlp import Layers, Mlp
from robot_rl.learn.networks import Actor
from robot_rl.learn.policy import EPSILON


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def reference(layers: Layers, x: Tensor, layer_norm: bool) -> Tensor:
    """The same network in plain torch."""
    for weight, bias in layers[:-1]:
        x = x @ weight + bias
        x = F.relu(F.layer_norm(x, (x.shape[1],), eps=EPSILON) if layer_norm else x)
    return x @ layers[-1][0] + layers[-1][1]


def leaf(mlp: Mlp) -> tuple[Tensor, list[Layers]]:
    flat = mlp.weights.detach().clone().requires_grad_()
    return flat, mlp.split(flat)


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("layer_norm", [False, True])
@pytest.mark.parametrize("sizes", [(5, 1), (5, 8, 2), (5, 7, 9, 6, 3)])
def test_weight_and_input_gradients(sizes: tuple[int, ...], layer_norm: bool, members: int) -> None:
    mlp = Mlp(sizes, members, layer_norm, generator(), torch.float64)
    x = normal(11, sizes[0]).requires_grad_()
    flat, layers = leaf(mlp)
    d = normal(11, sizes[-1], seed=2)
    torch.stack([(reference(one, x, layer_norm) * d).sum() for one in layers]).sum().backward()
    dx = torch.zeros_like(x)
    for one, gradients in zip(mlp.layers, mlp.gradients, strict=True):
        torch.testing.assert_close(mlp.forward(one, x.detach()), reference(one, x, layer_norm).detach())
        dx += mlp.backward(one, x.detach(), d, gradients) @ one[0][0].t()
    torch.testing.assert_close(mlp.gradient, flat.grad)
    torch.testing.assert_close(dx, x.grad)


@pytest.mark.parametrize("members", [1, 4])
def test_action_gradient_leaves_the_critics_alone(members: int) -> None:
    critics = Critics(9, [16, 12], members, 3e-4, 0.005, generator(), torch.float64)
    x = normal(10, 9).requires_grad_()
    q = torch.stack([reference(one, x, True) for one in critics.mlp.layers]).mean(0)
    q.sum().backward()
    value, gradient = critics.action_gradient(x.detach(), 4)
    torch.testing.assert_close(value, q.detach())
    torch.testing.assert_close(gradient, x.grad[:, -4:])  # type: ignore[index]
    assert not critics.mlp.gradient.any()


def test_critic_update_is_mean_squared_error_of_each_critic() -> None:
    critics = Critics(6, [16], 3, 3e-4, 0.1, generator(), torch.float64)
    flat, layers = leaf(critics.mlp)
    x, y = normal(20, 6), normal(20, 1, seed=2)
    losses = [(reference(one, x, True) - y).square().mean() for one in layers]
    total = torch.stack(losses).sum()
    total.backward()
    torch.optim.Adam([flat], lr=3e-4).step()
    target = critics.target.lerp(flat.detach(), 0.1)
    loss, _, norm = critics.update(x, y)
    assert loss == pytest.approx(total.item() / 3)
    assert norm == pytest.approx(float(flat.grad.norm()))  # type: ignore[union-attr]
    torch.testing.assert_close(critics.mlp.weights, flat.detach())
    torch.testing.assert_close(critics.target, target)


@pytest.mark.parametrize("demos", [0, 5])
def test_actor_log_probability_and_gradient(demos: int) -> None:
    actor = Actor(5, [16, 16], 3, 3e-4, generator(), torch.float64)
    flat, layers = leaf(actor.mlp)
    x, noise, dq = normal(12, 5), normal(12, 3, seed=2), normal(12, 3, seed=3)
    mean, raw = reference(layers[0], x, True).chunk(2, 1)
    log_std = -5 + 3.5 * (torch.tanh(raw) + 1)
    gaussian = torch.distributions.Normal(mean, log_std.exp())
    squashed = torch.distributions.TransformedDistribution(gaussian, torch.distributions.TanhTransform(cache_size=1))
    action = torch.tanh(mean + log_std.exp() * noise)
    log_prob = (gaussian.log_prob(mean + log_std.exp() * noise) - torch.log1p(-action.square())).sum(1, True)
    wanted = normal(demos, 3, seed=4).tanh()
    pull = 0.5 * (torch.tanh(mean[12 - demos :]) - wanted).square().sum() * 0.7 / 12
    ((0.3 * log_prob - (dq * action).sum(1, True)).mean() + pull).backward()

    sampled, sampled_log_prob = actor.sample(x, noise)
    actor.backward(x, 0.3, dq, wanted, 0.7)
    torch.testing.assert_close(sampled, action.detach())
    torch.testing.assert_close(sampled_log_prob, log_prob.detach())
    torch.testing.assert_close(squashed.log_prob(action).sum(1, True), log_prob)
    torch.testing.assert_close(actor.mlp.gradient, flat.grad)


def test_log_probability_stays_finite_at_the_edge_of_the_action_range() -> None:
    actor = Actor(2, [4], 1, 3e-4, generator(), torch.float64)
    actor.mlp.layers[0][-1][1][0, 0] = 40.0
    _, log_prob = actor.sample(normal(8, 2), normal(8, 1))
    assert log_prob.isfinite().all()


def test_large_margin_gradient() -> None:
    values = normal(40, 3).requires_grad_()
    choice = torch.randint(0, 3, (40, 1), generator=generator())
    raised = values + 0.5 * (1 - F.one_hot(choice[:, 0], 3))
    hinge = raised.max(1, keepdim=True).values - values.gather(1, choice)
    hinge.sum().backward()
    measured, gradient = large_margin(values.detach(), choice, 0.5)
    torch.testing.assert_close(measured, hinge.detach())
    torch.testing.assert_close(gradient, values.grad)


def test_gripper_choice_is_online_and_its_value_from_the_target() -> None:
    config = LearnerConfig(discount=0.5, gripper_penalty=0.25)
    critic = GripperCritic(4, config, generator())
    critic.target += 0.3 * torch.randn(critic.target.shape, generator=generator(5))
    x = normal(30, 4).float()
    column = torch.ones(30, 1)
    batch = Batch(x, column, column.long(), column, column, x, column)
    target = critic.mlp.forward(critic.mlp.split(critic.target)[0], x).clone()
    best = critic.values(x).argmax(1, keepdim=True)
    assert (best != target.argmax(1, keepdim=True)).any()
    torch.testing.assert_close(critic.targets(batch), 1 - 0.25 + 0.5 * target.gather(1, best))


def test_target_subset_is_drawn_without_replacement() -> None:
    draws = [draw_subset(10, 2, generator(seed)) for seed in range(200)]
    assert all(a != b for a, b in draws)
    assert {i for pair in draws for i in pair} == set(range(10))


def test_target_minimum_is_taken_over_the_subset_only() -> None:
    critics = Critics(4, [8], 5, 3e-4, 0.005, generator(), torch.float64)
    x = normal(30, 4)
    q = critics.q(x)
    torch.testing.assert_close(critics.target_min(x, [3, 1])[:, 0], torch.minimum(q[1], q[3]))
    assert not torch.equal(q[0], q[1])


def test_critics_share_no_memory() -> None:
    critics = Critics(4, [8, 8], 3, 3e-4, 0.005, generator())
    before = critics.q(normal(5, 4).float())
    for weight, bias in critics.mlp.layers[1]:
        weight += 1
        bias -= 1
    after = critics.q(normal(5, 4).float())
    assert torch.equal(before[[0, 2]], after[[0, 2]]) and not torch.equal(before[1], after[1])


def test_critics_are_born_nearly_without_a_value_and_still_learn_apart() -> None:
    critics, x = Critics(4, [8, 8], 3, 1e-2, 0.005, generator()), normal(20, 4).float()
    assert critics.q(x).abs().max() < 0.02
    for _ in range(50):
        critics.update(x, x[:, :1])
    q = critics.q(x)
    assert not torch.equal(q[0], q[1]) and not torch.equal(q[1], q[2])

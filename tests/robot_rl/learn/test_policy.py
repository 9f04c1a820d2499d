"""A saved policy acts as the agent did, or is refused with one clear line."""

import json
from pathlib import Path

import numpy as np
import pytest

from robot_rl.config import LearnerConfig
from robot_rl.errors import ConfigError, PolicyError
from robot_rl.learn.make import make_agent
from robot_rl.learn.policy import HEADER, WEIGHTS, Policy, PolicyMeta, load_policy, save_policy

N, A = 6, 4
META = PolicyMeta("peg", tuple("abcdef"), ("x", "y", "z", "gripper"))


def policy(gripper: bool = True) -> Policy:
    agent = make_agent(LearnerConfig(hidden=[16, 8], critics=2), N, A, gripper, np.linspace(0.1, 3, N), 0)
    return agent.policy(META)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_policy(policy(), tmp_path / "policy")
    return tmp_path / "policy"


@pytest.mark.parametrize("gripper", [False, True])
@pytest.mark.parametrize("name", ["rlpd", "bc"])
def test_a_loaded_policy_acts_as_the_agent(name: str, gripper: bool, tmp_path: Path) -> None:
    config = LearnerConfig(name=name, hidden=[16, 8], critics=2)
    agent = make_agent(config, N, A, gripper, np.linspace(0.1, 3, N), 0)
    save_policy(agent.policy(META), tmp_path)
    loaded = load_policy(tmp_path)
    assert (loaded.observation_dim, loaded.action_dim, loaded.meta) == (N, A, META)
    for state in np.random.default_rng(0).normal(size=(20, N)).astype(np.float32):
        np.testing.assert_array_equal(loaded.act(state), agent.act(state, True))


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


def test_the_header_says_what_the_policy_is_for(folder: Path) -> None:
    header = json.loads((folder / HEADER).read_text())
    assert header["format"] == "robot_rl.policy" and header["version"] == 1
    assert header["actor_sizes"] == [N, 16, 8, 6] and header["gripper_sizes"] == [N, 128, 128, 3]
    assert header["state_names"] == list("abcdef") and header["has_gripper"] and len(header["sha256"]) == 64
    assert not list(folder.glob("*.part"))


def test_a_missing_folder_or_file_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="no policy at"):
        load_policy(tmp_path / "nowhere")
    (folder / WEIGHTS).unlink()
    with pytest.raises(PolicyError, match=WEIGHTS):
        load_policy(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other"}, "not of format"),
        ({"version": 2}, "version 2, this program reads version 1"),
        ({"sha256": "0" * 64}, "checksum"),
        ({"actor_sizes": [N, 16, 9, 6]}, "has shapes"),
        ({"actor_sizes": "many"}, "not a usable policy"),
        ({"actor_sizes": [N, 16, 8, 6, 2]}, "not a usable policy"),
        ({"actor_sizes": [N]}, "number of layers"),
        ({"actor_sizes": [N, 16]}, "number of layers"),
        ({"gripper_sizes": [N, 16, 16, 3]}, "has shapes"),
        ({"state_scale": [1.0] * 5}, "has shapes"),
        ({"state_scale": [0.0] * N}, "state_scale"),
        ({"state_names": 3}, "not a usable policy"),
    ],
)
def test_a_header_that_does_not_fit_is_refused(folder: Path, change: dict, message: str) -> None:
    header = json.loads((folder / HEADER).read_text()) | change
    (folder / HEADER).write_text(json.dumps(header))
    with pytest.raises(PolicyError, match=message):
        load_policy(folder)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"format": "robot_rl.policy"}'])
def test_a_foreign_header_is_refused(folder: Path, content: bytes) -> None:
    (folder / HEADER).write_bytes(content)
    with pytest.raises(PolicyError):
        load_policy(folder)


def test_every_missing_header_entry_is_refused(folder: Path) -> None:
    header = json.loads((folder / HEADER).read_text())
    for key in header:
        (folder / HEADER).write_text(json.dumps({k: v for k, v in header.items() if k != key}))
        with pytest.raises(PolicyError):
            load_policy(folder)


def test_damaged_weights_are_refused(folder: Path) -> None:
    content = bytearray((folder / WEIGHTS).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / WEIGHTS).write_bytes(content)
    with pytest.raises(PolicyError, match="checksum"):
        load_policy(folder)


def test_another_task_is_refused() -> None:
    made = policy()
    made.check_fits("abcdef", made.meta.action_names)
    with pytest.raises(PolicyError, match="this task offers"):
        made.check_fits("abcdeg", made.meta.action_names)
    with pytest.raises(PolicyError, match="the policy drives"):
        made.check_fits("abcdef", made.meta.action_names[:-1])


def test_a_folder_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot write a policy"):
        save_policy(policy(), tmp_path / "file" / "policy")

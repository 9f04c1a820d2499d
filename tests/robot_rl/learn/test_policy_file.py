"""A saved policy acts as the agent did, or is refused with one clear line."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robot_rl.config import LearnerConfig
from robot_rl.data.files import BLANK, seal
from robot_rl.errors import ConfigError, PolicyError
from robot_rl.learn.make import make_agent
from robot_rl.learn.policy import Policy, PolicyMeta
from robot_rl.learn.policy_file import HEADER, WEIGHTS, load_policy, policy_from_bytes, policy_to_bytes, save_policy

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
    made = agent.policy(META)
    save_policy(made, tmp_path)
    for loaded in (load_policy(tmp_path), policy_from_bytes(policy_to_bytes(made))):
        assert (loaded.observation_dim, loaded.action_dim, loaded.meta) == (N, A, META)
        for state in np.random.default_rng(0).normal(size=(20, N)).astype(np.float32):
            np.testing.assert_array_equal(loaded.act(state), agent.act(state, True))


def test_the_header_says_what_the_policy_is_for(folder: Path) -> None:
    header = json.loads((folder / HEADER).read_text())
    assert header["format"] == "robot_rl.policy" and header["version"] == 1
    assert header["actor_sizes"] == [N, 16, 8, 6] and header["gripper_sizes"] == [N, 128, 128, 3]
    assert header["state_names"] == list("abcdef") and header["has_gripper"] and len(header["sha256"]) == 64
    assert not list(folder.glob("*.part"))


def test_a_missing_folder_or_file_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=f"did you mean {folder}?"):
        load_policy(tmp_path)
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
        ({"actor_sizes": [N, 16, 9, 6]}, "has shape"),
        ({"actor_sizes": "many"}, "not a usable policy"),
        ({"actor_sizes": [N, 16, 8, 6, 2]}, "not a usable policy"),
        ({"actor_sizes": [N]}, "number of layers"),
        ({"actor_sizes": [N, 16]}, "number of layers"),
        ({"gripper_sizes": [N, 16, 16, 3]}, "has shape"),
        ({"state_scale": [1.0] * 5}, "has shape"),
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


def test_a_folder_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot write a policy"):
        save_policy(policy(), tmp_path / "file" / "policy")


def test_every_changed_bit_and_every_truncation_of_a_sent_policy_is_refused() -> None:
    sent, rng = policy_to_bytes(policy(gripper=False)), np.random.default_rng(0)
    for place in {*range(1500), *rng.integers(len(sent), size=500).tolist()}:
        damaged = bytearray(sent)
        damaged[place] ^= 1 << int(rng.integers(8))
        with pytest.raises(PolicyError, match="the policy received"):
            policy_from_bytes(bytes(damaged))
    for length in {*range(200), *rng.integers(len(sent), size=200).tolist()}:
        with pytest.raises(PolicyError, match="the policy received"):
            policy_from_bytes(sent[:length])
    with pytest.raises(PolicyError, match="the policy received"):
        policy_from_bytes(sent + b"0")


def test_a_sent_policy_of_another_version_is_refused() -> None:
    blank = _unsealed(policy_to_bytes(policy()))
    assert policy_from_bytes(seal(blank))
    newer = blank.replace(rb"\"version\": 1", rb"\"version\": 2")
    with pytest.raises(PolicyError, match="version 2, this program reads version 1"):
        policy_from_bytes(seal(newer))


@pytest.mark.parametrize("content", [b"", b"\x80\x04K\x01.", b"\x02" + bytes(7) + b"{}", b"\xff" * 8 + b"[" * 9999])
def test_foreign_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(PolicyError, match="the policy received"):
        policy_from_bytes(content)


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_a_policy_that_is_not_finite_is_refused(number: float, tmp_path: Path) -> None:
    broken = policy()
    broken.actor[1][0][2, 3] = number
    with pytest.raises(PolicyError, match=r"actor.1.weight holds numbers that are not finite"):
        policy_from_bytes(policy_to_bytes(broken))
    save_policy(broken, tmp_path)
    with pytest.raises(PolicyError, match="not finite"):
        load_policy(tmp_path)
    with pytest.raises(PolicyError, match="state_scale"):
        policy_from_bytes(policy_to_bytes(replace(policy(), state_scale=np.full(N, number, np.float32))))


def _unsealed(blob: bytes) -> bytes:
    """As before `seal`."""
    header = json.loads(blob[8 : 8 + int.from_bytes(blob[:8], "little")])["__metadata__"]["robot_rl.policy"]
    return blob.replace(json.loads(header)["sha256"].encode(), BLANK.encode(), 1)

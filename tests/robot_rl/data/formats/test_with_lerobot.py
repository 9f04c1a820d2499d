"""An exported set in the real LeRobot. Builds an environment for it (a minute, 0.3 GB); leave out with `-m 'not slow'`.

Real: `lerobot` from PyPI with its `LeRobotDataset`, and `datasets`, `huggingface-hub`, `av` and `torchvision` in the
versions it asks for. Not as its users have it: torch is this environment's own, newer than LeRobot allows, so LeRobot
is installed without its dependencies; and two of torchvision's operators exist by name only (`lerobot_child.py`).
Pictures are decoded by torchvision's reader over PyAV, not by torchcodec.
"""

import os
import subprocess
import sysconfig
import venv
from pathlib import Path

import numpy as np
import pytest

from robot_rl.data.facts import Facts
from robot_rl.data.formats.lerobot import write_lerobot
from tests.robot_rl.data.made import episode

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

RESOLVED = ["datasets>=4,<5", "huggingface-hub>=0.34.2,<0.36", "av>=15,<16", "packaging>=24.2,<26"]
ALONE = ["lerobot==0.4.4", "torchvision>=0.21,<0.26", "accelerate>=1.10,<2"]
"""Without what they depend on: torch and its CUDA libraries, simulators, drivers"""
EPISODES = [episode(9 + k, k, success=k != 2, cameras=("front", "wrist"), size=(64, 96)) for k in range(4)]
FACTS = Facts("put the peg in", "panda", 10.0, tuple("abcd"), tuple("xyz"))


@pytest.fixture(scope="module")
def lerobot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that can import LeRobot."""
    folder = tmp_path_factory.mktemp("lerobot")
    venv.create(folder, with_pip=True, symlinks=True)
    paths = {"base": str(folder), "platbase": str(folder)}
    site = Path(sysconfig.get_path("purelib", "venv", vars=paths))
    (site / "torch_of_the_parent.pth").write_text(sysconfig.get_path("purelib"))
    python = folder / "bin" / "python"
    for arguments in (RESOLVED, ["--no-deps", *ALONE]):
        command = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", *arguments]
        installed = subprocess.run(command, capture_output=True, text=True)
        if installed.returncode:
            pytest.skip(f"LeRobot cannot be installed here: {installed.stderr.strip().splitlines()[-1]}")
    return python


@pytest.fixture(scope="module")
def read(lerobot: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """What LeRobot reads of an exported set, by feature."""
    folder = tmp_path_factory.mktemp("exported")
    (folder / "set").mkdir()
    write_lerobot(EPISODES, FACTS, folder / "set")
    child = Path(__file__).with_name("lerobot_child.py")
    offline = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "home")}
    command = [str(lerobot), "-W", "ignore", str(child), str(folder / "set"), str(folder / "read.npz")]
    done = subprocess.run(command, capture_output=True, text=True, env=offline)
    assert done.returncode == 0, done.stderr
    return dict(np.load(folder / "read.npz"))


def rows(name: str) -> np.ndarray:
    """What was recorded, as LeRobot pairs it: observation k with the action taken there."""
    take = {"state": lambda e: e.observations[:-1], "action": lambda e: e.actions, "reward": lambda e: e.rewards}[name]
    return np.concatenate([take(e) for e in EPISODES])


def test_lerobot_reads_equal_states_actions_and_rewards(read: dict[str, np.ndarray]) -> None:
    np.testing.assert_array_equal(read["observation.state"], rows("state"))
    np.testing.assert_array_equal(read["action"], rows("action"))
    np.testing.assert_array_equal(read["next.reward"], rows("reward"))
    np.testing.assert_array_equal(read["batched"], rows("state"))


def test_lerobot_knows_where_episodes_end_and_how(read: dict[str, np.ndarray]) -> None:
    lengths = [len(e) for e in EPISODES]
    assert read["episodes"] == len(EPISODES)
    np.testing.assert_array_equal(np.flatnonzero(read["next.done"]), np.cumsum(lengths) - 1)
    np.testing.assert_array_equal(read["next.success"][read["next.done"]], [e.success for e in EPISODES])
    np.testing.assert_array_equal(read["episode_index"], np.repeat(range(len(EPISODES)), lengths))
    np.testing.assert_allclose(read["timestamp"], np.concatenate([np.arange(n) / 10 for n in lengths]), atol=1e-6)
    assert set(read["tasks"]) == {FACTS.task}


@pytest.mark.parametrize("camera", ["front", "wrist"])
def test_lerobot_decodes_the_same_pictures_within_video_coding(read: dict[str, np.ndarray], camera: str) -> None:
    decoded = read[f"observation.images.{camera}"].transpose(0, 2, 3, 1) * 255
    recorded = np.concatenate([[f.images[camera] for f in e.frames[:-1]] for e in EPISODES]).astype(float)
    errors = np.abs(decoded[:, None] - recorded[None]).mean((2, 3, 4))
    assert np.diag(errors).max() < 4, "grey values of 256, on average over a picture"
    assert (errors.argmin(1) == np.arange(len(errors))).all(), "each is nearest to its own, of all in the set"


def test_lerobot_gives_the_next_action_of_the_same_episode_and_statistics(read: dict[str, np.ndarray]) -> None:
    actions, ends = rows("action"), np.cumsum([len(e) for e in EPISODES]) - 1
    following = np.minimum(np.arange(len(actions)) + 1, ends[read["episode_index"]])
    np.testing.assert_array_equal(read["pairs"][:, 1], actions[following])
    np.testing.assert_allclose(read["stats/observation.state"], rows("state").mean(0), rtol=1e-5)
    assert read["stats/observation.images.front"].shape == (3, 1, 1)

import pickle  # noqa: TID251  (to write files as SERL and HIL-SERL do)
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robot_rl.data.formats.serl import read_serl
from robot_rl.errors import DataError
from robot_rl.types import Episode, Source
from tests.robot_rl.data.made import episode

Record = dict[str, Any]


def records(one: Episode, history: bool = True) -> list[Record]:
    """What `record_demos.py` would have pickled of an episode: time limits look like the end of the task."""

    def observation(k: int) -> dict[str, np.ndarray]:
        frame = one.frames[k]
        parts = {"state": frame.state, **frame.images}
        return {name: part[None] if history else part for name, part in parts.items()}

    return [
        {
            "observations": observation(k),
            "next_observations": observation(k + 1),
            "actions": step.executed,
            "rewards": np.float64(step.reward) if k % 2 else int(step.reward),
            "masks": 1.0 - float(step.terminated or step.truncated),
            "dones": bool(step.terminated or step.truncated),
            "infos": {"succeed": step.success, "episode": {"r": np.float32(1)}},
        }
        for k, step in enumerate(one.transitions)
    ]


def saved(folder: Path, content: Any) -> Path:
    path = folder / "demos.pkl"
    path.write_bytes(pickle.dumps(content))
    return path


def read(folder: Path, content: Any) -> list[Episode]:
    return list(read_serl(saved(folder, content))[1])


@pytest.mark.parametrize("history", [True, False])
def test_every_transition_comes_back_in_episodes(tmp_path: Path, history: bool) -> None:
    shown = [episode(5 + k, k, success=k != 1, cameras=("wrist_1",), action=7) for k in range(3)]
    found = read(tmp_path, [r for one in shown for r in records(one, history)])
    for one, other in zip(shown, found, strict=True):
        np.testing.assert_array_equal(other.observations, one.observations)
        np.testing.assert_array_equal(other.actions[:, :6], one.actions[:, :6])
        np.testing.assert_array_equal(other.rewards, one.rewards)
        assert (other.terminated, other.truncated, other.success) == (one.terminated, one.truncated, one.success)
        assert set(other.sources) == {Source.HUMAN}
        for a, b in zip(one.frames, other.frames, strict=True):
            np.testing.assert_array_equal(a.images["wrist_1"], b.images["wrist_1"])


def test_a_done_step_without_reward_was_a_time_limit_and_is_bootstrapped(tmp_path: Path) -> None:
    found = read(tmp_path, records(episode(4, success=False)))
    assert found[0].truncated and not found[0].terminated and not found[0].success


def test_a_chain_that_breaks_off_becomes_an_episode_of_its_own(tmp_path: Path) -> None:
    whole = records(episode(9, 1))
    found = read(tmp_path, [*whole[:3], *whole[5:]])
    assert [len(one) for one in found] == [3, 4]
    assert found[0].truncated and found[1].success


def test_actions_are_clipped_and_grippers_close_or_stay_or_open(tmp_path: Path) -> None:
    steps = records(episode(4, action=7))
    for record, grip in zip(steps, (-0.6, -0.4, 0.0, 0.5), strict=True):
        record["actions"] = np.array([1.7, -3, 0, 0, 0, 0, grip])
    found = read(tmp_path, steps)[0]
    assert found.actions[:, 6].tolist() == [-1, 0, 0, 1]
    assert found.actions[0, :2].tolist() == [1, -1]


def test_the_axes_are_named_where_the_number_of_actions_tells_them(tmp_path: Path) -> None:
    facts, _ = read_serl(saved(tmp_path, records(episode(2, action=7))))
    assert facts.action_names == ("x", "y", "z", "rx", "ry", "rz", "gripper")
    assert facts.state_names == ("state[0]", "state[1]", "state[2]", "state[3]")
    assert read_serl(saved(tmp_path, records(episode(2, action=3))))[0].action_names[0] == "action[0]"


SPOILT = {
    "NaN in an action": ("actions", np.array([0.1, np.nan, 0])),
    "infinity in an action": ("actions", np.array([0.1, np.inf, 0])),
    "NaN in the reward": ("rewards", np.nan),
    "NaN in the state": ("next_observations", {"state": np.full(4, np.nan)}),
    "another state": ("next_observations", {"state": np.zeros(5)}),
    "another action": ("actions", np.zeros(2)),
    "two rewards": ("rewards", np.zeros(2)),
    "text for a reward": ("rewards", "much"),
    "no state": ("next_observations", {"wrist": np.zeros((4, 4, 3), np.uint8)}),
    "a picture of other numbers": ("next_observations", {"state": np.zeros(4), "wrist": np.zeros((4, 4, 3))}),
    "no observation": ("observations", None),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_spoilt_record_is_named_and_refused(tmp_path: Path, name: str) -> None:
    key, value = SPOILT[name]
    steps = records(episode(6, with_arm=False))
    steps[3][key] = value
    with pytest.raises(DataError, match=r"demos\.pkl, records? [0-3]"):
        read(tmp_path, steps)


@pytest.mark.parametrize("content", [[], {}, "text", [1, 2], [{"observations": {}}], [[]]])
def test_other_pickles_are_refused(tmp_path: Path, content: Any) -> None:
    with pytest.raises(DataError, match=r"demos\.pkl"):
        read(tmp_path, content)

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from robot_rl.data.episodes import load_episode, save_episode
from robot_rl.errors import ConfigError
from robot_rl.types import Episode, Source


def episode(steps: int = 4) -> Episode:
    rng = np.random.default_rng(0)
    return Episode(
        seed=7,
        observations=rng.normal(size=(steps + 1, 3)).astype(np.float32),
        actions=rng.uniform(-1, 1, (steps, 2)).astype(np.float32),
        requested=rng.uniform(-1, 1, (steps, 2)).astype(np.float32),
        rewards=np.zeros(steps, np.float32),
        sources=np.array([Source.POLICY, Source.HUMAN, Source.HUMAN, Source.POLICY][:steps], np.int8),
        gripper_changed=np.zeros(steps, bool),
        terminated=False,
        truncated=True,
        success=False,
        duration_s=0.4,
    )


def test_an_episode_comes_back_as_it_was(tmp_path: Path) -> None:
    saved = episode()
    save_episode(saved, tmp_path / "deep" / "one.npz")
    loaded = load_episode(tmp_path / "deep" / "one.npz")
    for name in Episode.__slots__:
        assert np.array_equal(getattr(saved, name), getattr(loaded, name)), name
    assert isinstance(loaded.seed, int) and isinstance(loaded.truncated, bool)
    assert list(tmp_path.rglob("*.part")) == []


def test_only_the_last_step_carries_the_end_and_next_states_follow() -> None:
    steps = episode().steps()
    assert [s.truncated for s in steps] == [False, False, False, True]
    assert not any(s.terminated for s in steps)
    assert [s.source for s in steps] == [Source.POLICY, Source.HUMAN, Source.HUMAN, Source.POLICY]
    assert all(np.array_equal(a.next_observation, b.observation) for a, b in pairwise(steps))


def test_every_damage_is_a_clear_refusal(tmp_path: Path) -> None:
    path = tmp_path / "one.npz"
    save_episode(episode(), path)
    whole = path.read_bytes()
    for cut in range(0, len(whole) - 1, 97):
        path.write_bytes(whole[:cut])
        with pytest.raises(ConfigError, match=r"one\.npz"):
            load_episode(path)


def test_flipped_bits_are_found(tmp_path: Path) -> None:
    path = tmp_path / "one.npz"
    save_episode(episode(), path)
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    kept, refused = load_episode(path), 0
    for _ in range(200):
        damaged = bytearray(whole)
        damaged[rng.integers(len(whole))] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        try:
            loaded = load_episode(path)
        except ConfigError:
            refused += 1
        else:  # a bit that means nothing, such as a time stamp of the archive
            assert all(np.array_equal(getattr(kept, n), getattr(loaded, n)) for n in Episode.__slots__)
    assert refused > 100


def test_foreign_files_and_missing_ones_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", a=1)
    np.save(tmp_path / "code.npy", np.array([object()], dtype=object), allow_pickle=True)
    np.save(tmp_path / "array.npy", np.zeros(3))
    for name in ("other.npz", "code.npy", "array.npy", "missing.npz", "."):
        with pytest.raises(ConfigError):
            load_episode(tmp_path / name)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("actions", np.zeros((8, 2), np.float32)),
        ("observations", np.zeros(5, np.float32)),
        ("actions", np.full((4, 2), np.nan, np.float32)),
        ("rewards", np.zeros(0, np.float32)),
    ],
)
def test_columns_that_do_not_fit_each_other_are_refused(tmp_path: Path, column: str, value: np.ndarray) -> None:
    save_episode(replace(episode(), **{column: value}), tmp_path / "one.npz")
    with pytest.raises(ConfigError, match="record it again"):
        load_episode(tmp_path / "one.npz")

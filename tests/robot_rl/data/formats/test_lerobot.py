import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from robot_rl.data.facts import Facts
from robot_rl.data.formats import lerobot
from robot_rl.data.formats.lerobot import write_lerobot
from robot_rl.data.formats.lerobot_read import read_lerobot
from robot_rl.data.formats.stats import histogram, stats_of, stats_of_histogram
from robot_rl.errors import ConfigError, DataError
from robot_rl.types import Episode
from tests.robot_rl.data.made import assert_same, episode

FACTS = Facts("put the peg in", "panda", 10.0, tuple("abcd"), tuple("xyz"))
ROWS, EPISODES = "data/chunk-000/file-000.parquet", "meta/episodes/chunk-000/file-000.parquet"
VIDEO = "videos/observation.images.front/chunk-000/file-000.mp4"
CODING = 3.5
"""Grey values of 256 by which H.264 may change a picture on average"""


def exported(folder: Path, episodes: list[Episode], facts: Facts = FACTS) -> Path:
    folder.mkdir()
    write_lerobot(episodes, facts, folder)
    return folder


def made(count: int = 3, **kind: Any) -> list[Episode]:
    return [episode(4 + k, k, success=k != 1, **kind) for k in range(count)]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(tmp_path_factory.mktemp("original") / "set", made(cameras=("front",)))


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(original, tmp_path / "set"))


def read(folder: Path) -> list[Episode]:
    return list(read_lerobot(folder)[1])


@pytest.mark.parametrize("with_arm", [True, False])
@pytest.mark.parametrize("cameras", [(), ("front", "wrist.left")])
def test_what_was_exported_comes_back_but_for_video_coding(
    tmp_path: Path, cameras: tuple[str, ...], with_arm: bool
) -> None:
    shown = made(4, cameras=cameras, with_arm=with_arm)
    facts, found = read_lerobot(exported(tmp_path / "set", shown))
    assert facts == FACTS
    for one, other in zip(shown, found, strict=True):
        assert_same(one, other, pictures=CODING)


def test_vectors_of_one_number_come_back_as_vectors(tmp_path: Path) -> None:
    shown = made(state=1, action=1)
    for one, other in zip(shown, read(exported(tmp_path / "set", shown, Facts())), strict=True):
        assert_same(one, other)


def test_a_long_set_is_written_in_parts_and_read_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lerobot, "PART_S", 1.2)
    monkeypatch.setattr(lerobot, "FILES_PER_CHUNK", 2)
    shown = made(5, cameras=("front",))
    folder = exported(tmp_path / "set", shown)
    parts = sorted(str(path.relative_to(folder)) for path in (folder / "data").rglob("*.parquet"))
    assert parts == [f"data/chunk-00{c}/file-00{f}.parquet" for c, f in ((0, 0), (0, 1), (1, 0), (1, 1))]
    assert len(list((folder / "videos").rglob("*.mp4"))) == 4
    for one, other in zip(shown, read(folder), strict=True):
        assert_same(one, other, pictures=CODING)


def test_a_row_pairs_an_observation_with_the_action_taken_there(folder: Path) -> None:
    rows, shown = pq.read_table(folder / ROWS), made(cameras=("front",))
    np.testing.assert_array_equal(
        np.array(rows["action"].to_pylist(), np.float32), np.vstack([e.actions for e in shown])
    )
    states = np.vstack([e.observations[:-1] for e in shown])
    np.testing.assert_array_equal(np.array(rows["observation.state"].to_pylist(), np.float32), states)
    assert rows["next.done"].to_pylist() == [k == len(e) - 1 for e in shown for k in range(len(e))]
    assert rows["index"].to_pylist() == list(range(sum(map(len, shown))))


def foreign(folder: Path, drop: tuple[str, ...] = ()) -> Path:
    """As another program would have written it: without what is only ours, and without some columns."""
    (folder / "meta/robot_rl.json").unlink()
    rows = pq.read_table(folder / ROWS)
    unknown = [name for name in rows.column_names if name.startswith("robot_rl") or name in drop]
    pq.write_table(rows.drop_columns(unknown), folder / ROWS)
    return folder


def test_sets_of_other_programs_get_a_repeated_last_observation(folder: Path) -> None:
    facts, found = read_lerobot(foreign(folder))
    assert (facts.task, facts.hz, facts.state_names) == ("put the peg in", 10, tuple("abcd"))
    for one, other in zip(made(cameras=("front",)), found, strict=True):
        np.testing.assert_array_equal(other.observations[:-1], one.observations[:-1])
        np.testing.assert_array_equal(other.observations[-1], one.observations[-2])
        np.testing.assert_array_equal(other.actions, one.actions)
        assert (other.success, other.terminated, other.truncated) == (one.success, one.terminated, one.truncated)
        assert len(other.frames[-1].images) == 1


def test_without_rewards_an_episode_counts_as_a_successful_demonstration(folder: Path) -> None:
    for one in read(foreign(folder, ("next.reward", "next.success"))):
        assert one.success and one.rewards.tolist() == [0] * (len(one) - 1) + [1]


def column(name: str, value: Callable[[list[Any]], Any], file: str = ROWS) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        table = pq.read_table(folder / file)
        values = pa.array(value(table[name].to_pylist()), table.schema.field(name).type)
        pq.write_table(table.set_column(table.column_names.index(name), name, values), folder / file)

    return change


def info(**changes: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "meta/info.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return change


def camera(**changes: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "meta/info.json"
        values = json.loads(path.read_text())
        values["features"]["observation.images.front"] |= changes
        path.write_text(json.dumps(values))

    return change


def renamed_camera(folder: Path) -> None:
    path = folder / "meta/info.json"
    path.write_text(path.read_text().replace("observation.images.front", "observation.images.../../../secret"))


def shorter_video(folder: Path) -> None:
    other = exported(folder.parent / "short", made(1, cameras=("front",)))
    shutil.copy(other / VIDEO, folder / VIDEO)


def replaced(file: str, content: bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / file).write_bytes(content) and None


def linked(folder: Path) -> None:
    (folder / ROWS).rename(folder.parent / "elsewhere.parquet")
    (folder / ROWS).symlink_to(folder.parent / "elsewhere.parquet")


def nan_first(values: list[Any]) -> list[Any]:
    return [[float("nan")] * len(values[0]), *values[1:]]


REFUSED = {
    "a newer version": info(codebase_version="v4.0"),
    "an older version": info(codebase_version="v2.1"),
    "files named elsewhere": info(data_path="../../etc/{chunk_index}{file_index}"),
    "videos named elsewhere": info(video_path="/etc/{video_key}{chunk_index}{file_index}"),
    "no features": info(features={}),
    "a wrong count of episodes": info(total_episodes=7),
    "a rate of nothing": info(fps=0),
    "a camera with a path in its name": renamed_camera,
    "single pictures": camera(dtype="image"),
    "pictures of another size": camera(shape=[64, 64, 3]),
    "pictures too large": camera(shape=[10**6, 10**6, 3]),
    "NaN in an action": column("action", nan_first),
    "NaN in a state": column("observation.state", nan_first),
    "NaN in a reward": column("next.reward", lambda v: [float("nan"), *v[1:]]),
    "NaN in a stamp": column("robot_rl.stamp_s", lambda v: [float("nan"), *v[1:]]),
    "NaN in the last observation": column("robot_rl/last/state", nan_first, EPISODES),
    "an action out of range": column("action", lambda v: [[9.0] * 3, *v[1:]]),
    "a reward missing": column("next.reward", lambda v: [None, *v[1:]]),
    "an unknown source": column("robot_rl.source", lambda v: [77, *v[1:]]),
    "an end in the middle": column("robot_rl.terminated", lambda v: [True, *v[1:]]),
    "no end": column("robot_rl.terminated", lambda v: [False] * len(v)),
    "a quaternion that turns nothing": column("robot_rl.arm.quat_wxyz", lambda v: [[0.0] * 4, *v[1:]]),
    "rows in disorder": column("frame_index", lambda v: v[::-1]),
    "rows of another episode": column("episode_index", lambda v: [1, *v[1:]]),
    "a wrong length": column("length", lambda v: [v[0] + 1, *v[1:]], EPISODES),
    "episodes numbered wrongly": column("episode_index", lambda v: [0, 2, 3], EPISODES),
    "a file number that is none": column("data/file_index", lambda v: [9, *v[1:]], EPISODES),
    "a negative start in the video": column(
        "videos/observation.images.front/from_timestamp", lambda v: [0.0, -1.0, 0.0], EPISODES
    ),
    "a video shorter than the table": shorter_video,
    "a video that is text": replaced(VIDEO, b"not a video"),
    "a playlist for a video": replaced(VIDEO, b"ffconcat version 1.0\nfile /etc/passwd\n"),
    "a table that is a pickle": replaced(ROWS, b"\x80\x04]\x94."),
    "a damaged table": replaced(ROWS, b"PAR1 and no more"),
    "settings that are no JSON": replaced("meta/info.json", b"{"),
    "a newer schema of ours": replaced("meta/robot_rl.json", b'{"schema": 99, "facts": {}}'),
    "our part damaged": replaced("meta/robot_rl.json", b'{"schema": 1}'),
    "a link": linked,
    "no video": lambda folder: (folder / VIDEO).unlink(),
    "no table of episodes": lambda folder: (folder / EPISODES).unlink(),
    "no settings": lambda folder: (folder / "meta/info.json").unlink(),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_sets_are_refused_with_the_file_and_the_reason(folder: Path, name: str) -> None:
    REFUSED[name](folder)
    with pytest.raises(DataError, match=str(folder)):
        read(folder)


def test_the_ways_to_spoil_a_set_spoil_nothing_by_themselves(folder: Path) -> None:
    for harmless in (column("action", list), column("length", list, EPISODES), info(fps=10), camera(dtype="video")):
        harmless(folder)
    assert len(read(folder)) == 3


def test_an_archive_or_nothing_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "set.zip").write_bytes(b"PK\x03\x04../../etc/passwd")
    with pytest.raises(DataError, match="zip archive"):
        read_lerobot(tmp_path / "set.zip")
    with pytest.raises(DataError, match="no folder"):
        read_lerobot(tmp_path / "missing")


def test_odd_pictures_are_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="robomimic"):
        exported(tmp_path / "set", made(cameras=("front",), size=(31, 48)))


def test_without_the_packages_the_message_says_how_to_get_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(ConfigError, match=r"robot_rl\[datasets\]"):
        exported(tmp_path / "set", made())


def test_statistics_of_numbers_and_pictures_are_what_numpy_says() -> None:
    values = np.random.default_rng(0).normal(size=(200, 3))
    stats = stats_of(values)
    np.testing.assert_allclose(stats["std"], values.std(0))
    np.testing.assert_allclose(stats["q90"], np.quantile(values, 0.9, axis=0))
    assert stats["count"] == [200] and len(stats_of(values[:, 0])["mean"]) == 1
    images = np.random.default_rng(1).integers(0, 200, (5, 8, 6, 3)).astype(np.uint8)
    found = {k: np.array(v) for k, v in stats_of_histogram(histogram(images), 5).items()}
    scaled = images.reshape(-1, 3) / 255
    for name, value in {
        "min": scaled.min(0),
        "max": scaled.max(0),
        "mean": scaled.mean(0),
        "std": scaled.std(0),
    }.items():
        np.testing.assert_allclose(found[name].reshape(3), value, atol=1e-12)
    np.testing.assert_allclose(found["q50"].reshape(3), np.quantile(scaled, 0.5, axis=0, method="inverted_cdf"))

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from robot_rl.data.facts import Facts
from robot_rl.data.formats.robomimic import read_robomimic, write_robomimic
from robot_rl.errors import DataError
from tests.robot_rl.data.made import assert_same, episode

FACTS = Facts("peg", "panda", 10.0, tuple("abcd"), tuple("xyz"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_robomimic([episode(4, 0), episode(5, 1, success=False)], FACTS, tmp_path / "demos.hdf5")
    return tmp_path / "demos.hdf5"


def read(path: Path) -> list:
    return list(read_robomimic(path)[1])


@pytest.mark.parametrize("with_arm", [True, False])
@pytest.mark.parametrize("cameras", [(), ("front", "wrist")])
def test_what_was_exported_comes_back_bit_for_bit(tmp_path: Path, cameras: tuple[str, ...], with_arm: bool) -> None:
    made = [episode(4 + k % 3, k, success=k != 1, cameras=cameras, with_arm=with_arm) for k in range(12)]
    write_robomimic(made, FACTS, tmp_path / "demos.hdf5")
    facts, found = read_robomimic(tmp_path / "demos.hdf5")
    assert facts == FACTS
    for one, other in zip(made, found, strict=True):
        assert_same(one, other)


def test_the_file_is_what_robomimic_reads(path: Path) -> None:
    with h5py.File(path) as file:
        data, demo = file["data"], file["data/demo_1"]
        assert data.attrs["total"] == 9 and json.loads(data.attrs["env_args"])["env_name"] == "peg"
        assert demo.attrs["num_samples"] == 5
        assert {"obs", "next_obs", "actions", "rewards", "dones"} <= demo.keys()
        assert demo["dones"][:].tolist() == [0, 0, 0, 0, 1]
        np.testing.assert_array_equal(demo["obs/state"][1:], demo["next_obs/state"][:-1])
        assert demo["actions"].shape == (5, 3)


def foreign(path: Path, change: Callable[[Any], None] = lambda _: None) -> Path:
    """A file as robosuite's tools write it: several vectors, a picture, success before the recording stops."""
    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        data = file.create_group("data")
        data.attrs["env_args"] = json.dumps({"env_name": "Lift", "type": 1, "env_kwargs": {"control_freq": 25}})
        for k in (0, 1, 10, 2):
            demo = data.create_group(f"demo_{k}")
            demo["obs/object"], demo["obs/eef_pos"] = rng.normal(size=(6, 2)), rng.normal(size=(6, 3))
            demo["obs/agentview_image"] = rng.integers(0, 255, (6, 8, 8, 3), np.uint8)
            demo["actions"] = rng.uniform(-1, 1, (6, 4))
            demo["rewards"], demo["dones"] = np.array([0, 0, 0, 1.0, 1, 1]), np.array([0, 0, 0, 1, 1, 1])
            demo["rewards"][0] = k / 100
        change(data)
    return path


def test_files_of_other_programs_are_read_up_to_their_first_done(tmp_path: Path) -> None:
    facts, found = read_robomimic(foreign(tmp_path / "low_dim.hdf5"))
    assert (facts.task, facts.hz) == ("Lift", 25)
    assert facts.state_names == ("eef_pos[0]", "eef_pos[1]", "eef_pos[2]", "object[0]", "object[1]")
    episodes = list(found)
    assert [round(100 * one.rewards[0]) for one in episodes] == [0, 1, 2, 10], "in the order of their numbers"
    with h5py.File(tmp_path / "low_dim.hdf5") as file:
        states = np.hstack([file["data/demo_0/obs/eef_pos"], file["data/demo_0/obs/object"]]).astype(np.float32)
    assert len(episodes[0]) == 4 and episodes[0].success and episodes[0].terminated
    np.testing.assert_array_equal(episodes[0].observations, states[:5])
    assert episodes[0].frames[4].images["agentview_image"].shape == (8, 8, 3)


def test_without_a_done_the_last_observation_is_repeated_and_the_end_is_a_truncation(tmp_path: Path) -> None:
    def no_end(data: Any) -> None:
        for demo in data.values():
            demo["dones"][:] = 0

    one = next(read_robomimic(foreign(tmp_path / "d.hdf5", no_end))[1])
    assert len(one) == 6 and one.truncated and not one.success
    np.testing.assert_array_equal(one.observations[-1], one.observations[-2])


def put(name: str, value: Any) -> Callable[[Any], None]:
    def change(data: Any) -> None:
        demo = data["demo_1"]
        if name in demo:
            del demo[name]
        if value is not None:
            demo[name] = value

    return change


def external(data: Any) -> None:
    del data["demo_1/actions"]
    data["demo_1"].create_dataset("actions", (6, 4), "f8", external=[("/etc/hostname", 0, 192)])


def virtual(data: Any) -> None:
    layout = h5py.VirtualLayout((6, 4), "f8")
    layout[:] = h5py.VirtualSource("other.hdf5", "secret", (6, 4))
    del data["demo_1/actions"]
    data["demo_1"].create_virtual_dataset("actions", layout)


def huge(data: Any) -> None:
    del data["demo_1/actions"]
    data["demo_1"].create_dataset("actions", (2**40, 4), "f8", chunks=(1024, 4))


REFUSED = {
    "a link to another file": put("actions", h5py.ExternalLink("/etc/passwd", "/")),
    "a soft link": put("actions", h5py.SoftLink("/data/demo_0/actions")),
    "a link in the observations": put("obs/object", h5py.ExternalLink("other.hdf5", "/x")),
    "content in another file": external,
    "a view of another file": virtual,
    "more than memory holds": huge,
    "NaN in an action": put("actions", np.full((6, 4), np.nan)),
    "NaN in a state": put("obs/object", np.full((6, 2), np.nan)),
    "infinity in a reward": put("rewards", np.full(6, np.inf)),
    "actions in other units": put("actions", np.full((6, 4), 30.0)),
    "too few actions": put("actions", np.zeros((2, 4))),
    "too few observations": put("obs/object", np.zeros((3, 2))),
    "actions without an axis": put("actions", np.zeros(6)),
    "no actions": put("actions", None),
    "no observations": put("obs", None),
    "a number for an array": put("rewards", 3.0),
    "a group for an array": lambda data: [data["demo_1"].pop("rewards"), data["demo_1"].create_group("rewards")],
    "text": put("rewards", ["a"] * 6),
    "another name": lambda data: data.move("demo_1", "take_1"),
    "env_args that are no JSON": lambda data: data.attrs.__setitem__("env_args", "{"),
    "a rate of nothing": lambda data: data.attrs.__setitem__("env_args", '{"env_kwargs": {"control_freq": 0}}'),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_files_are_refused_with_the_file_and_the_reason(tmp_path: Path, name: str) -> None:
    bad = foreign(tmp_path / "bad.hdf5", REFUSED[name])
    with pytest.raises(DataError, match=r"bad\.hdf5|demo"):
        read(bad)


def test_damaged_newer_and_empty_files_are_refused(path: Path, tmp_path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match="damaged"):
        read(path)
    path.write_bytes(content)
    with h5py.File(path, "a") as file:
        file["data"].attrs["robot_rl"] = json.dumps({"schema": 99, "facts": {}})
    with pytest.raises(DataError, match="99"):
        read(path)
    with h5py.File(tmp_path / "empty.hdf5", "w") as file:
        file.create_group("data")
    with pytest.raises(DataError, match="no demo"):
        read(tmp_path / "empty.hdf5")


@pytest.mark.parametrize("content", [b"\x80\x04]\x94.", b"PK\x03\x04../../etc/passwd", b"\x1f\x8b..", b"text", b""])
def test_another_kind_of_file_under_this_name_is_refused_unopened(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "demos.hdf5").write_bytes(content)
    with pytest.raises(DataError, match="not a HDF5 file"):
        read(tmp_path / "demos.hdf5")

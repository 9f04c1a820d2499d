"""A checkpoint comes back bit for bit, or the one before it does, whatever happens to the process or the disk."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from robot_rl.data.checkpoint import FACTS, MANIFEST, TENSORS, Checkpoint, Loaded, load_newest, save_checkpoint
from robot_rl.data.files import BLANK, seal
from robot_rl.data.packing import ARRAY, pack, unpack
from robot_rl.errors import DataError, StorageError
from tests.robot_rl.data import steps
from tests.robot_rl.data.steps import KEEP, NUMBER, sample

NUMBERS = st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
DTYPES = (
    nps.boolean_dtypes()
    | nps.integer_dtypes()
    | nps.unsigned_integer_dtypes()
    | nps.floating_dtypes(sizes=(16, 32, 64))
)
ARRAYS = nps.arrays(DTYPES, nps.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
KEYS = st.text(max_size=5).filter(lambda key: key != ARRAY)
FACT = st.recursive(
    st.none() | NUMBERS | st.text(max_size=5) | ARRAYS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


def same(a: Any, b: Any) -> bool:
    """Equal in type, bit for bit."""
    if isinstance(a, np.ndarray):
        return (a.shape, a.dtype.newbyteorder("="), a.astype(b.dtype).tobytes()) == (b.shape, b.dtype, b.tobytes())
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return type(a) is type(b) and repr(a) == repr(b)


def is_sample(loaded: Loaded | None, number: int) -> bool:
    assert loaded
    saved, found = sample(number), loaded.checkpoint
    return loaded.number == number and same(saved.tensors, found.tensors) and same(saved.facts, found.facts)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Checkpoints 3 and 5."""
    for number in (3, 5):
        save_checkpoint(tmp_path / "start", number, sample(number), KEEP)
    return tmp_path / "start"


@given(st.dictionaries(st.text(max_size=5), ARRAYS, max_size=3), st.dictionaries(KEYS, FACT, max_size=3))
def test_tensors_and_facts_come_back_bit_for_bit(tensors: dict[str, Any], facts: dict[str, Any]) -> None:
    again = unpack(*pack(tensors, facts))
    assert same(tensors, again[0]) and same(facts, again[1])


def test_generators_go_on_where_they_were(tmp_path: Path) -> None:
    generators = [np.random.Generator(kind(5)) for kind in (np.random.PCG64, np.random.MT19937, np.random.Philox)]
    states = [generator.bit_generator.state for generator in generators]
    save_checkpoint(tmp_path, 1, Checkpoint({}, {"states": states, "count": np.int64(3), "rate": np.float32(0.1)}))
    loaded = load_newest(tmp_path)
    assert loaded and loaded.checkpoint.facts["count"] == 3 and loaded.checkpoint.facts["rate"] == np.float32(0.1)
    for generator, state in zip(generators, loaded.checkpoint.facts["states"], strict=True):
        ahead = generator.normal(size=5)
        generator.bit_generator.state = state
        np.testing.assert_array_equal(generator.normal(size=5), ahead)


def test_any_memory_layout_is_stored_as_its_values(tmp_path: Path) -> None:
    grid = np.arange(12.0).reshape(3, 4)
    tensors = {
        "columns": np.asfortranarray(grid),
        "turned": grid.T,
        "every_other": grid[:, ::2],
        "big": grid.astype(">f8"),
    }
    save_checkpoint(tmp_path, 1, Checkpoint(tensors, {}))
    loaded = load_newest(tmp_path)
    assert loaded
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(loaded.checkpoint.tensors[name], tensor)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"a": {"b": [1.0, float("nan")]}}, r"facts.a.b\[1\] is nan"),
        ({"a": np.float32("inf")}, "facts.a is inf"),
        ({"a": {3: 1}}, "facts.a has the key 3"),
        ({ARRAY: "x"}, f"key '{ARRAY}'"),
        ({"a": b"x"}, "facts.a is of type bytes"),
        ({"a": np.longdouble(1)}, "facts.a is of type longdouble"),
        ({"a": np.array([object()])}, "facts.0 is an array of object"),
        ({"a": np.array(["x"])}, "facts.0 is an array of <U1"),
        ({"a": np.array([1j])}, "facts.0 is an array of complex128"),
    ],
)
def test_what_cannot_be_stored_is_refused_before_anything_is_written(folder: Path, facts: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        save_checkpoint(folder, 7, Checkpoint({}, facts))
    assert sorted(os.listdir(folder)) == ["000003", "000005"]


def test_where_nothing_was_saved_there_is_no_checkpoint(tmp_path: Path) -> None:
    assert load_newest(tmp_path / "nowhere") is None
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "000001").mkdir()  # killed during the very first
    assert load_newest(tmp_path) is None


def test_the_newest_stay(tmp_path: Path) -> None:
    for number in (1, 20, 300, 1_000_000, 10_000_000):
        save_checkpoint(tmp_path, number, sample(number), keep=3)
    assert sorted(os.listdir(tmp_path)) == ["000300", "1000000", "10000000"]
    assert is_sample(load_newest(tmp_path), 10_000_000)


def test_a_number_saved_again_counts_as_newer(folder: Path) -> None:
    newer = sample(99)
    for _ in range(3):
        save_checkpoint(folder, 5, newer, keep=2)
    loaded = load_newest(folder)
    assert loaded and loaded.number == 5 and same(newer.facts, loaded.checkpoint.facts)
    assert sorted(os.listdir(folder)) == ["000005.2", "000005.3"]


def test_after_going_on_from_an_older_one_the_newer_ones_are_history(folder: Path) -> None:
    damage(folder / "000005" / FACTS)
    assert is_sample(load_newest(folder), 3)
    assert sorted(os.listdir(folder)) == ["000003", "000005"]  # reading removes nothing
    save_checkpoint(folder, 4, sample(4))
    assert sorted(os.listdir(folder)) == ["000003", "000004"]


def test_the_caller_may_refuse_what_is_whole(folder: Path) -> None:
    loaded = load_newest(folder, lambda facts: "it is ahead of the log" if facts["taken"] > 4 else "")
    assert is_sample(loaded, 3) and loaded
    assert loaded.refused == (f"checkpoint 5 in {folder / '000005'} is not used: it is ahead of the log",)
    assert load_newest(folder, lambda _: "no") is None


def child(mode: str, folder: Path) -> Any:
    command = [sys.executable, "-W", "ignore", steps.__file__, mode, str(folder)]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def test_data_is_synced_before_its_name_the_manifest_comes_last_and_then_the_old_goes(folder: Path) -> None:
    written = [
        call
        for name in (TENSORS, FACTS, MANIFEST)
        for call in (f"open {name}.part", f"sync {name}.part", f"rename {name}.part", "sync 000007")
    ]
    calls = [call for call in child("list", folder.parent) if not call.startswith("remove") or "part" not in call]
    assert calls[:-4] == ["mkdir 000007", "sync start", *written]
    assert calls[-4] == f"remove {MANIFEST}" and calls[-1] == "rmdir 000003"


def test_killed_before_any_call_the_old_or_the_new_one_is_whole(folder: Path) -> None:
    outcomes = child("kill", folder.parent)
    assert outcomes[-1] == "saved" and set(outcomes[:-1]) == {"killed"} and len(outcomes) > 20
    newest = []
    for at in range(len(outcomes)):
        place = folder.parent / str(at)
        loaded = load_newest(place)
        assert loaded
        newest.append(loaded.number)
        assert is_sample(loaded, newest[-1])
        assert all("never finished" in reason for reason in loaded.refused)
        save_checkpoint(place, 8, sample(8), KEEP)
        assert is_sample(load_newest(place), 8)
        assert sorted(os.listdir(place)) == [f"{newest[-1]:06d}", "000008"] and not list(place.rglob("*.part"))
    assert sorted(newest) == newest and set(newest) == {5, NUMBER}


@pytest.mark.parametrize("mode", ["full", "limit"])
def test_a_disk_that_takes_no_more_is_reported_and_costs_nothing(folder: Path, mode: str) -> None:
    outcomes = child(mode, folder.parent)
    assert outcomes[-1] == "saved" and set(outcomes[:-1]) == {"refused"} and len(outcomes) > 10
    for at in range(len(outcomes) - 1):
        place = folder.parent / str(at)
        loaded = load_newest(place)
        assert is_sample(loaded, 5) and loaded and not loaded.refused
        assert sorted(os.listdir(place)) == ["000003", "000005"]


def damage(path: Path, bit: int = 0) -> bytes:
    """Flip one bit of the file; returns what it was."""
    content = path.read_bytes()
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    path.write_bytes(changed)
    return content


def damages(path: Path) -> Iterator[None]:
    """A bit of every third byte, as many truncations, and one byte more."""
    content, rng = path.read_bytes(), np.random.default_rng(0)
    for place in range(0, len(content), 3):
        damage(path, 8 * place + int(rng.integers(8)))
        yield
        path.write_bytes(content[:place])
        yield
        path.write_bytes(content)
    path.write_bytes(content + b"\n")
    yield
    path.write_bytes(content)


@pytest.mark.parametrize("name", [TENSORS, FACTS, MANIFEST])
def test_every_damage_is_detected_named_and_costs_only_the_newest(folder: Path, name: str) -> None:
    for _ in damages(folder / "000005" / name):
        loaded = load_newest(folder)
        assert is_sample(loaded, 3) and loaded
        (reason,) = loaded.refused
        assert reason.startswith(f"checkpoint 5 in {folder / '000005'} is not used: {name} ") and "damaged" in reason
    assert is_sample(load_newest(folder), 5)


def test_where_all_are_damaged_the_error_names_each(folder: Path) -> None:
    damage(folder / "000003" / FACTS)
    (folder / "000005" / TENSORS).unlink()
    with pytest.raises(DataError, match=f"no checkpoint in .*: {FACTS} does not match") as error:
        load_newest(folder)
    assert f"{TENSORS} cannot be read (No such file or directory)" in str(error.value)
    assert sorted(os.listdir(folder)) == ["000003", "000005"]


def rewrite(path: Path, change: dict[str, Any]) -> None:
    """A manifest with other entries and a valid seal."""
    manifest = json.loads(path.read_bytes()) | change | {"sha256": BLANK}
    path.write_bytes(seal(json.dumps(manifest).encode()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "has version 2, this program reads version 1"),
        ({"format": "else"}, "foreign"),
        ({"number": 6}, "belongs to checkpoint 6"),
        ({"files": {}}, "not as this program writes it"),
        ({"files": {TENSORS: [], FACTS: []}}, "not as this program writes it"),
        ({"files": 3}, "not as this program writes it"),
    ],
)
def test_a_manifest_that_was_made_otherwise_is_refused(folder: Path, change: dict[str, Any], message: str) -> None:
    rewrite(folder / "000005" / MANIFEST, change)
    loaded = load_newest(folder)
    assert is_sample(loaded, 3) and loaded and message in loaded.refused[0]


def test_files_that_pack_did_not_make_are_refused(folder: Path) -> None:
    blob, text = ((folder / "000005" / name).read_bytes() for name in (TENSORS, FACTS))
    for bad in (
        (b"", text),
        (b"\x80\x04K\x01.", text),
        (blob, b"[" * 99999),
        (blob, b"3"),
        (blob, b'{"__array__": []}'),
    ):
        with pytest.raises(DataError, match="not as this program writes it"):
            unpack(*bad)


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b"\xff", b"[" * 99999, b'{"format": "robot_rl.checkpoint"}'])
def test_a_foreign_manifest_is_refused(folder: Path, content: bytes) -> None:
    (folder / "000005" / MANIFEST).write_bytes(content)
    loaded = load_newest(folder)
    assert is_sample(loaded, 3) and loaded and MANIFEST in loaded.refused[0]


def test_links_and_devices_are_neither_read_nor_removed(folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    save_checkpoint(elsewhere, 6, sample(6))
    (folder / "000006").symlink_to(elsewhere / "000006")
    (folder / "000005" / FACTS).unlink()
    (folder / "000005" / FACTS).symlink_to(elsewhere / "000006" / FACTS)
    os.mkfifo(folder / "000004")
    loaded = load_newest(folder)
    assert is_sample(loaded, 3) and loaded
    assert (
        "link" in loaded.refused[0]
        and f"{FACTS} is a link" in loaded.refused[1]
        and "not a folder" in loaded.refused[2]
    )
    save_checkpoint(folder, 7, sample(7), keep=1)
    assert is_sample(load_newest(elsewhere), 6) and is_sample(load_newest(folder), 7)


def test_a_place_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot read"):
        load_newest(tmp_path / "file")
    with pytest.raises(StorageError, match="cannot write"):
        save_checkpoint(tmp_path / "file" / "checkpoints", 1, sample(1))

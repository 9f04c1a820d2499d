"""The reader is compared with Python's own on what it should read, and must refuse everything else unrun."""

import collections
import os
import pickle  # noqa: TID251  (the reference; only on what is made here)
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from robot_rl.data.formats.pickled import read_pickle
from robot_rl.errors import DataError

DTYPES = [np.dtype(code) for code in ("?", "i1", "<i4", "<i8", "u1", "<u2", "<f2", "<f4", "<f8", ">f4", ">i8")]
arrays = hnp.arrays(st.sampled_from(DTYPES), hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
values = st.recursive(
    scalars | arrays | arrays.map(lambda a: a.T) | st.sampled_from([np.float32(0.5), np.bool_(True), np.int64(-3)]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3) | st.tuples(inner)
    ),
    max_leaves=8,
)
TRANSITIONS = [
    {"observations": {"state": np.arange(3.0), "wrist": np.zeros((1, 4, 4, 3), np.uint8)}, "rewards": np.float64(k)}
    for k in range(3)
]


def same(one: Any, other: Any) -> bool:
    if isinstance(other, np.ndarray | np.generic):
        return (
            isinstance(one, np.ndarray)
            and one.dtype == other.dtype
            and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
        )
    if isinstance(other, dict):
        return isinstance(one, dict) and one.keys() == other.keys() and all(same(one[k], other[k]) for k in other)
    if isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


def written(folder: Path, content: bytes) -> Path:
    path = folder / "demos.pkl"
    path.write_bytes(content)
    return path


@settings(max_examples=200, deadline=None)
@given(value=values, protocol=st.integers(2, 5))
def test_numbers_containers_and_arrays_are_read_as_python_reads_them(
    tmp_path_factory: pytest.TempPathFactory, value: Any, protocol: int
) -> None:
    path = written(tmp_path_factory.getbasetemp(), pickle.dumps(value, protocol))
    assert same(read_pickle(path), value)


def test_what_older_numpy_wrote_and_ordered_dicts_are_read(tmp_path: Path) -> None:
    for protocol in (2, 5):
        content = pickle.dumps(TRANSITIONS, protocol).replace(b"numpy._core.", b"numpy.core.")
        old = content.replace(b"\x16numpy.core.multiarray", b"\x15numpy.core.multiarray")
        old = old.replace(b"\x13numpy.core.numeric", b"\x12numpy.core.numeric")
        if protocol == 5:
            old = b"\x80\x05" + old[11:]  # without the frame, whose length has changed
        assert same(read_pickle(written(tmp_path, old)), TRANSITIONS)
    ordered = collections.OrderedDict(b=1, a=np.ones(2))
    assert same(read_pickle(written(tmp_path, pickle.dumps(ordered))), dict(ordered))


class Evil:
    def __init__(self, *call: Any) -> None:
        self.call = call

    def __reduce__(self) -> Any:
        return self.call[0], self.call[1:]


class Plain:
    pass


def persistent() -> bytes:
    return b"\x80\x04\x8c\x01a\x51."


EVIL = {
    "a system call": pickle.dumps([{"rewards": Evil(os.system, "touch pwned")}]),
    "code": pickle.dumps(Evil(eval, "open('pwned', 'w')")),
    "a system call by protocol 2": pickle.dumps(Evil(os.system, "touch pwned"), 2),
    "getattr": pickle.dumps(Evil(getattr, "a", "upper")),
    "an attribute of a module with a dot": b"\x80\x04\x8c\x05numpy\x8c\x0cf2py.os.path\x93.",
    "an object": pickle.dumps(Plain()),
    "objects in an array": pickle.dumps(np.array([{}, "a"], object)),
    "text in an array": pickle.dumps(np.array(["abc"])),
    "a set": pickle.dumps({1, 2}),
    "a complex number": pickle.dumps(1j),
    "a name alone": b"\x80\x04cnumpy\nndarray\n.",
    "a type called": b"\x80\x04cnumpy\nndarray\n)R.",
    "a persistent id": persistent(),
    "an extension code": b"\x80\x02\x82\x01.",
    "an instance of protocol 0": b"\x80\x02(ios\nsystem\n.",
    "NEWOBJ": b"\x80\x02cos\nsystem\n)\x81.",
    "a call of a list": b"\x80\x02]K\x01\x85R.",
    "state for a list": b"\x80\x02]}b.",
    "state for a name": b"\x80\x02cnumpy\ndtype\n}b.",
    "an empty stack": b"\x80\x02.",
    "no mark": b"\x80\x02e.",
    "a dict as key": b"\x80\x02}}K\x01s.",
    "odd items": b"\x80\x02}(K\x01u.",
    "memory that was never filled": b"\x80\x02h\x07.",
    "an array larger than its data": pickle.dumps(np.zeros(3)).replace(b"K\x03\x85", b"K\x7f\x85"),
    "a later protocol": b"\x80\x7fK\x01.",
    "an out-of-band buffer": b"\x80\x05\x97.",
}


@pytest.mark.parametrize("name", EVIL)
def test_everything_else_is_refused_and_nothing_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"demos\.pkl, byte \d+"):
        read_pickle(written(tmp_path, EVIL[name]))
    assert not (tmp_path / "pwned").exists()


def test_bombs_are_refused_or_stay_small(tmp_path: Path) -> None:
    laughs: list[Any] = []
    for _ in range(60):
        laughs = [laughs, laughs]
    assert read_pickle(written(tmp_path, pickle.dumps(laughs)))
    for bomb in (
        b"\x80\x04K\x01r\xff\xff\xff\xff.",  # place 2**32 - 1 of the memory
        b"\x80\x04\x8e" + struct.pack("<Q", 2**62) + b".",  # bytes that are not there
        b"\x80\x04\x95" + struct.pack("<Q", 2**62) + b"K\x01.",  # a frame that is not there
    ):
        try:
            assert read_pickle(written(tmp_path, bomb)) == 1
        except DataError:
            continue


def test_files_that_are_no_pickles_are_refused(tmp_path: Path) -> None:
    for content in (b"", b"hello", b"\x89HDF\r\n\x1a\n", pickle.dumps([1], 0)):
        with pytest.raises(DataError, match="not a pickle"):
            read_pickle(written(tmp_path, content))
    (tmp_path / "link.pkl").symlink_to(written(tmp_path, pickle.dumps([1])))
    for path in (tmp_path / "link.pkl", tmp_path, tmp_path / "missing.pkl"):
        with pytest.raises(DataError, match=r"link|no file"):
            read_pickle(path)


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    content = pickle.dumps(TRANSITIONS)
    for at in range(2, len(content), 3):
        with pytest.raises(DataError):
            read_pickle(written(tmp_path, content[:at]))


@settings(max_examples=250, deadline=None)
@given(st.data())
def test_damage_ends_in_a_refusal_or_in_plain_data(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    content = bytearray(pickle.dumps(TRANSITIONS, data.draw(st.integers(2, 5))))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        value = read_pickle(written(tmp_path_factory.getbasetemp(), bytes(content)))
    except DataError:
        return
    assert plain(value)


def plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(plain(key) and plain(item) for key, item in value.items())
    if isinstance(value, list):
        return all(map(plain, value))
    return value is None or isinstance(value, bool | int | float | str | bytes | bytearray | np.ndarray)

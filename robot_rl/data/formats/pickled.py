"""The data in a pickle, read without running it.

Python's own reader is a machine that calls what the file names. This one knows numbers, text, containers and NumPy
arrays, and no calls: what a file names is looked up among the few names with which NumPy pickles arrays, and those
stand for plain records here. Anything else ends the reading. Opcodes: the standard library's `pickletools`.
"""

import mmap
import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from robot_rl.data.folder import plain_file
from robot_rl.errors import DataError

MAX_BYTES = 8 << 30
"""Larger than any set of demonstrations we know; HIL-SERL's 20 with two cameras take some 0.4 GB."""
DTYPES = ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")


@dataclass
class _Dtype:
    """What NumPy calls `dtype('f4')`."""

    code: str
    order: str = "|"

    def set_state(self, state: Any) -> None:
        self.order = state[1]

    def dtype(self) -> np.dtype[Any]:
        if self.code not in DTYPES or self.order not in ("<", ">", "|", "="):
            raise ValueError(f"an array of {self.order}{self.code}, which is no plain number")
        return np.dtype(self.order + self.code)


@dataclass
class _Array:
    """An array, perhaps still to be filled by `set_state`, as NumPy's own are."""

    value: Any = None

    def set_state(self, state: Any) -> None:
        _, shape, dtype, fortran, data = state
        self.value = _filled(data, dtype, shape, "F" if fortran else "C")


def _filled(data: Any, dtype: Any, shape: tuple[int, ...], order: Any) -> Any:
    if not isinstance(data, bytes | bytearray) or not isinstance(dtype, _Dtype) or order not in ("C", "F"):
        raise ValueError("an array whose content is not plain numbers")
    return np.frombuffer(data, dtype.dtype()).reshape(shape, order=order)


class _Type:
    """Stands where NumPy names a type; nothing can be done with it."""


def _dtype(code: str, *_: Any) -> _Dtype:
    return _Dtype(code)


def _array(*_: Any) -> _Array:
    return _Array()


def _from_buffer(data: Any, dtype: Any, shape: tuple[int, ...], order: Any) -> _Array:
    return _Array(_filled(data, dtype, shape, order))


def _scalar(dtype: Any, data: Any) -> _Array:
    return _Array(_filled(data, dtype, (), "C"))


def _encode(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise ValueError(f"text in {encoding!r}")
    return text.encode("latin1")  # bytes, as protocol 2 writes them


def _no_bytes() -> bytes:
    return b""


NAMES: dict[str, Any] = {
    "numpy ndarray": _Type(),
    "numpy dtype": _dtype,
    "_codecs encode": _encode,
    "__builtin__ bytes": _no_bytes,
    "collections OrderedDict": dict,
    **{f"numpy.{core}.multiarray _reconstruct": _array for core in ("core", "_core")},
    **{f"numpy.{core}.multiarray scalar": _scalar for core in ("core", "_core")},
    **{f"numpy.{core}.numeric _frombuffer": _from_buffer for core in ("core", "_core")},
}
"""All that a file may name, and what stands for it."""

VALUES = (
    *("BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
)
"""Opcodes that put their argument on the stack."""
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
NEW: dict[str, Callable[[], Any]] = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_TUPLE": tuple}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
ACTIONS = (
    *("PROTO", "FRAME", "STOP", "MARK", "TUPLE", "APPEND", "APPENDS", "SETITEM", "SETITEMS", "GLOBAL", "STACK_GLOBAL"),
    *("REDUCE", "BUILD", "MEMOIZE", "BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET"),
)
"""Opcodes with a method of `_Machine` each."""
READ = frozenset((*VALUES, *CONSTANTS, *NEW, *TUPLES, *ACTIONS))
OPCODES = {opcode.code: opcode for opcode in pickletools.opcodes if opcode.name in READ}
NEWEST = 5
"""Protocol of pickles; protocols 0 and 1 are older than NumPy's arrays in them"""
MARK = object()


def read_pickle(path: Path) -> Any:
    """The data in a file: numbers, text, lists, tuples, dicts and NumPy arrays, the latter read-only.

    Raises DataError for a file that is no pickle, too large, cut short, or that holds anything else.
    """
    plain_file(path, "pickle")
    if path.stat().st_size > MAX_BYTES:
        raise DataError(f"{path} has {path.stat().st_size} bytes, more than {MAX_BYTES}; split it")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        machine = _Machine()
        try:
            while not machine.stopped:
                machine.at = content.tell()
                machine.do(content)
            return _plain(machine.stack.pop(), {})
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError) as error:
            raise DataError(
                f"{path}, byte {machine.at}: {error}; only lists, dicts and NumPy arrays are read, nothing is run"
            ) from error


class _Machine:
    """Stack and memory of the pickle language, without its calls."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memory: dict[int, Any] = {}
        self.at = 0
        """Byte of the file"""
        self.stopped = False

    def to_mark(self) -> list[Any]:
        """Everything above the last mark, which goes too."""
        at = len(self.stack) - 1
        while self.stack[at] is not MARK:
            at -= 1
        items, self.stack[at:] = self.stack[at + 1 :], []
        return items

    def do(self, content: Any) -> None:
        """The next opcode. Raises ValueError for one that is not among the data of a demonstration."""
        code = content.read(1).decode("latin1")
        if code not in OPCODES:
            raise ValueError(f"opcode {code!r}, which is no data" if code else "the end of the file, too early")
        name, reader = OPCODES[code].name, OPCODES[code].arg
        argument = _two_lines(content) if name == "GLOBAL" else reader.reader(content) if reader else None
        if name in VALUES:
            self.stack.append(argument)
        elif name in CONSTANTS:
            self.stack.append(CONSTANTS[name])
        elif name in NEW:
            self.stack.append(NEW[name]())
        elif name in TUPLES:
            count = TUPLES[name]
            self.stack[-count:] = [tuple(self.stack[-count:])]
        else:
            getattr(self, f"_{name.lower()}")(argument)

    def _proto(self, version: int) -> None:
        if version > NEWEST:
            raise ValueError(f"protocol {version}, newer than {NEWEST}")

    def _frame(self, _: Any) -> None:
        """A hint for faster reading."""

    def _stop(self, _: Any) -> None:
        self.stopped = True

    def _mark(self, _: Any) -> None:
        self.stack.append(MARK)

    def _tuple(self, _: Any) -> None:
        self.stack.append(tuple(self.to_mark()))

    def _append(self, _: Any) -> None:
        item = self.stack.pop()
        self._top(list).append(item)

    def _appends(self, _: Any) -> None:
        items = self.to_mark()
        self._top(list).extend(items)

    def _setitem(self, _: Any) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._top(dict)[key] = value

    def _setitems(self, _: Any) -> None:
        items = self.to_mark()
        self._top(dict).update(zip(items[::2], items[1::2], strict=True))

    def _memoize(self, _: Any) -> None:
        self.memory[len(self.memory)] = self.stack[-1]

    def _binput(self, index: int) -> None:
        self.memory[index] = self.stack[-1]

    def _binget(self, index: int) -> None:
        self.stack.append(self.memory[index])

    _long_binput, _long_binget = _binput, _binget

    def _global(self, name: str) -> None:
        if name not in NAMES:
            raise ValueError(f"it names {name.replace(' ', '.')!r}")
        self.stack.append(NAMES[name])

    def _stack_global(self, _: Any) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise ValueError("a name that is no text")
        self._global(f"{module} {name}")

    def _reduce(self, _: Any) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        if not any(function is known for known in NAMES.values()):
            raise ValueError("a call")
        self.stack.append(function(*arguments))

    def _build(self, _: Any) -> None:
        state = self.stack.pop()
        self._top((_Array, _Dtype)).set_state(state)

    def _top(self, kind: Any) -> Any:
        if not isinstance(self.stack[-1], kind):
            raise ValueError(f"a {type(self.stack[-1]).__name__} where it cannot be")
        return self.stack[-1]


def _two_lines(content: Any) -> str:
    module, name = (content.readline().decode("ascii").rstrip("\n") for _ in range(2))
    return f"{module} {name}"


def _plain(value: Any, done: dict[int, Any]) -> Any:
    """The same with arrays in place of the records that stand for them; what is shared stays shared."""
    if id(value) not in done:
        if isinstance(value, _Array):
            done[id(value)] = value.value
        elif isinstance(value, dict) and all(isinstance(key, str | int) for key in value):
            done[id(value)] = {key: _plain(item, done) for key, item in value.items()}
        elif isinstance(value, list | tuple):
            done[id(value)] = [_plain(item, done) for item in value]
        elif value is None or isinstance(value, bool | int | float | str | bytes | bytearray):
            return value
        else:
            raise ValueError(f"a {type(value).__name__}")
    return done[id(value)]

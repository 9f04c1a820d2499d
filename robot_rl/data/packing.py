"""Arrays as safetensors and everything else as JSON: bit for bit, and nothing that could run code."""

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from robot_rl.errors import DataError

ARRAY = "__array__"
"""Key that stands in the JSON for an array"""
TENSORS, FACTS = "tensors.", "facts."
"""Before the names of given arrays, and of those found in the facts"""

Arrays = dict[str, NDArray]


def pack(tensors: Mapping[str, NDArray], facts: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """The tensors with the arrays among the facts as safetensors, and the other facts as JSON.

    Raises:
        DataError: something is neither JSON nor an array of numbers, or a fact is not finite.
    """
    arrays = {TENSORS + name: np.asarray(tensor) for name, tensor in tensors.items()}
    text = json.dumps(_plain(facts, "facts", arrays), indent=1)
    return save_tensors({name: _storable(name, array) for name, array in arrays.items()}), text.encode()


def unpack(blob: bytes, text: bytes) -> tuple[Arrays, dict[str, Any]]:
    """What `pack` was given; tuples come back as lists.

    Raises:
        DataError: `pack` did not make this.
    """
    try:
        arrays = load_tensors(blob)
        facts = json.loads(text, object_hook=lambda d: arrays[d[ARRAY]] if ARRAY in d else d)
        return {n.removeprefix(TENSORS): a for n, a in arrays.items() if n.startswith(TENSORS)}, dict(facts)
    except (SafetensorError, LookupError, TypeError, ValueError, RecursionError) as error:
        raise DataError(f"its content is not as this program writes it ({error!r})") from error


def _plain(value: Any, where: str, arrays: Arrays) -> Any:
    """The JSON of `value`; its arrays join `arrays`."""
    match value:
        case np.ndarray():
            name = f"{FACTS}{len(arrays)}"
            arrays[name] = value
            return {ARRAY: name}
        case np.generic() if _is_number(value.dtype):
            return _plain(value.item(), where, arrays)
        case Mapping():
            if wrong := [key for key in value if not isinstance(key, str) or key == ARRAY]:
                raise DataError(f"{where} has the key {wrong[0]!r}; a key is a string, other than {ARRAY}")
            return {key: _plain(part, f"{where}.{key}", arrays) for key, part in value.items()}
        case list() | tuple():
            return [_plain(part, f"{where}[{i}]", arrays) for i, part in enumerate(value)]
        case float() if not math.isfinite(value):
            raise DataError(f"{where} is {value}; facts to store are finite")
        case None | bool() | int() | float() | str():
            return value
    raise DataError(f"{where} is of type {type(value).__name__}; give JSON or arrays")


def _storable(name: str, array: NDArray) -> NDArray:
    """In the layout that safetensors takes for granted without looking."""
    if not _is_number(array.dtype):
        raise DataError(f"{name} is an array of {array.dtype}; give booleans, integers or floats of at most 64 bits")
    return np.asarray(array, array.dtype.newbyteorder("="), order="C")


def _is_number(dtype: np.dtype[Any]) -> bool:
    return dtype.kind in "biuf" and dtype.itemsize <= 8

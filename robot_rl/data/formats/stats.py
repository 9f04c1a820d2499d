"""Statistics as LeRobot keeps them, of numbers and of pictures."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.types import Image

QUANTILES = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}
Stats = dict[str, list[Any]]
Histogram = NDArray[np.int64]
"""(3, 256) pixels by colour and value: adds up over episodes, and is exact"""


def stats_of(column: NDArray[Any]) -> Stats:
    """Of (T,) or (T, n) numbers, along time; `count` is T."""
    values = column.reshape(len(column), -1).astype(np.float64)
    figures = {"min": values.min(0), "max": values.max(0), "mean": values.mean(0), "std": values.std(0)}
    quantiles = dict(zip(QUANTILES, np.quantile(values, list(QUANTILES.values()), axis=0), strict=True))
    return {name: value.tolist() for name, value in (figures | quantiles).items()} | {"count": [len(column)]}


def histogram(images: Iterable[Image]) -> Histogram:
    """Pixels of all `images` by colour and value."""
    counts = np.zeros((3, 256), np.int64)
    for image in images:
        counts += [np.bincount(image[:, :, colour].ravel(), minlength=256) for colour in range(3)]
    return counts


def stats_of_histogram(counts: Histogram, frames: int) -> Stats:
    """Of pictures, values in [0, 1], each (3, 1, 1) as LeRobot wants it; `count` is the number of pictures."""
    values, total = np.arange(256) / 255, counts.sum(1)
    mean = counts @ values / total
    std = np.sqrt(np.maximum(counts @ values**2 / total - mean**2, 0))
    below = np.cumsum(counts, axis=1)
    figures = {
        "min": values[(below > 0).argmax(1)],
        "max": values[(below >= total[:, None]).argmax(1)],
        "mean": mean,
        "std": std,
        **{name: values[(below >= q * total[:, None]).argmax(1)] for name, q in QUANTILES.items()},
    }
    return {name: value.reshape(3, 1, 1).tolist() for name, value in figures.items()} | {"count": [frames]}

"""Write both files so that a reader never sees half of one."""

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from robot_rl.report.filmstrip import Filmstrip
from robot_rl.report.page import page


def write_report(
    folder: Path,
    report: dict[str, Any],
    metrics: list[dict[str, Any]],
    evaluation: list[dict[str, Any]],
    filmstrips: list[Filmstrip],
) -> Path:
    """Write `report.json` and `report.html` into `folder` (made if missing); returns the path of the page.

    `report.json` holds `report` with `metrics` (one row per episode of practice) and `evaluation` (one row
    per scored episode) beside its own keys. NaN and infinity become null. The page needs nothing but itself.
    """
    folder.mkdir(parents=True, exist_ok=True)
    clean = plain({**report, "metrics": metrics, "evaluation": evaluation})
    _write(folder / "report.json", json.dumps(clean, indent=1, allow_nan=False))
    rows, scored = clean.pop("metrics"), clean.pop("evaluation")
    target = folder / "report.html"
    _write(target, page(clean, rows, scored, filmstrips))
    return target


def plain(value: Any) -> Any:
    """`value` in strict JSON types: arrays as lists, non-finite numbers as None, anything unknown as text."""
    if isinstance(value, (np.generic, np.ndarray)):
        value = value.tolist()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return str(value)


def _write(path: Path, text: str) -> None:
    """Complete or not at all: a full temporary file takes the name in one step."""
    temporary = path.with_name(path.name + ".part")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)

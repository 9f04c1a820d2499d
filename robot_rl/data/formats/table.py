"""An episode as named columns, which is what every foreign format stores; and the checks on the way back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controllers.pose import Pose, frozen
from controllers.records import ArmState
from robot_rl.errors import DataError
from robot_rl.types import Episode, Float32, Frame, Image, Source, Transition

Column = NDArray[Any]
Images = Mapping[str, Sequence[Image] | NDArray[np.uint8]]
"""T + 1 pictures by camera"""
NO_PROBABILITY = -1.0
"""Where there was no reward classifier; formats that cannot hold nothing hold this."""
ANY = -1
ARM = {
    "arm.stamp_s": 0,
    "arm.q_rad": ANY,
    "arm.dq_rad_s": ANY,
    "arm.position_m": 3,
    "arm.quat_wxyz": 4,
    "arm.linear_m_s": 3,
    "arm.angular_rad_s": 3,
    "arm.force_n": 3,
    "arm.torque_nm": 3,
}
"""Columns of the arm's reading, and the numbers in a row; 0: one, without an axis"""
UNIT = 1e-3
"""How far a unit quaternion may be from length 1"""
FLAGS = ("terminated", "truncated", "success", "gripper_changed")
STEP = (
    *("action", "requested", "source", "reward", *FLAGS),
    *("duration_s", "reasons", "policy_version", "success_probability"),
)
"""Columns of a transition"""


@dataclass(frozen=True)
class Table:
    """One episode of T steps."""

    frames: Mapping[str, Column]
    """T + 1 rows each: `state`, `stamp_s`, and those of `ARM` where there was an arm"""
    steps: Mapping[str, Column]
    """T rows each: the fields of `Transition`; `executed` is called `action`, `reasons` are joined by commas"""
    images: Images = field(default_factory=dict)
    seed: int = 0


def to_table(episode: Episode) -> Table:
    """All that an episode holds but its name: actor, sequence, number, set."""
    frames, steps = episode.frames, episode.transitions
    columns: dict[str, Column] = {
        "state": episode.observations,
        "stamp_s": np.array([f.stamp_s for f in frames]),
    }
    arms = [f.arm for f in frames if f.arm]
    if len(arms) == len(frames):
        rows = [_arm_values(arm) for arm in arms]
        columns |= {name: np.array([row[name] for row in rows]) for name in ARM}
    return Table(
        columns,
        {
            "action": episode.actions,
            "requested": np.stack([t.requested for t in steps]),
            "source": episode.sources.astype(np.int64),
            "reward": np.array([t.reward for t in steps]),
            **{name: np.array([getattr(t, name) for t in steps], bool) for name in FLAGS},
            "duration_s": np.array([t.duration_s for t in steps]),
            "reasons": np.array([",".join(t.reasons) for t in steps], object),
            "policy_version": np.array([t.policy_version for t in steps], np.int64),
            "success_probability": np.array([_or(t.success_probability, NO_PROBABILITY) for t in steps]),
        },
        {camera: [f.images[camera] for f in frames] for camera in frames[0].images},
        episode.seed,
    )


def foreign_table(
    states: Float32, actions: Float32, rewards: Column, success: bool, hz: float, images: Images
) -> Table:
    """An episode of a format that knows less: states (T + 1, n), actions (T, a), rewards (T,) at a steady rate.

    It ended with success, or else somebody or a time limit ended it: the value beyond is bootstrapped.
    """
    steps = len(actions)
    last = np.arange(steps) == steps - 1
    ones = np.ones(steps)
    columns: dict[str, Column] = {
        "action": actions,
        "requested": actions,
        "source": np.full(steps, Source.HUMAN, np.int64),
        "reward": np.asarray(rewards, np.float64),
        "terminated": last & success,
        "truncated": last & (not success),
        "success": last & success,
        "gripper_changed": last & False,
        "duration_s": ones / hz,
        "reasons": np.array([""] * steps, object),
        "policy_version": np.zeros(steps, np.int64),
        "success_probability": NO_PROBABILITY * ones,
    }
    return Table({"state": states, "stamp_s": np.arange(steps + 1) / hz}, columns, images)


def to_episode(table: Table, where: str) -> Episode:
    """The episode of a table, under no name yet.

    Raises DataError, beginning with `where`, for columns that do not fit each other, a number that is not finite,
    an action outside [-1, 1], an end in the middle or none at the end.
    """
    _check(table, where)
    arms = _arms(table.frames)
    steps = [None, *(_transition(table.steps, k) for k in range(len(table.steps["action"])))]
    return Episode(
        [
            Frame(
                actor="",
                sequence=0,
                episode=0,
                step=k,
                seed=table.seed,
                stamp_s=float(table.frames["stamp_s"][k]),
                state=np.array(table.frames["state"][k], np.float32),
                transition=step,
                images={camera: images[k] for camera, images in table.images.items()},
                arm=arms[k] if arms else None,
            )
            for k, step in enumerate(steps)
        ]
    )


def _check(table: Table, where: str) -> None:
    missing = {"state", "stamp_s", *STEP} - table.frames.keys() - table.steps.keys()
    if missing:
        raise DataError(f"{where}: no {', '.join(sorted(missing))}")
    steps = len(table.steps["action"])
    if not steps:
        raise DataError(f"{where}: no steps")
    _check_rows(table.frames, steps + 1, where)
    _check_rows(table.steps, steps, where)
    for name, ndim in (("state", 2), ("action", 2), ("requested", 2)):
        column = table.frames[name] if name == "state" else table.steps[name]
        if column.ndim != ndim or not column.shape[1]:
            raise DataError(f"{where}: {name} has shape {column.shape}, expected (steps, numbers)")
    if table.steps["requested"].shape != table.steps["action"].shape:
        raise DataError(f"{where}: requested and executed actions have different shapes")
    if ARM.keys() & table.frames.keys():
        _check_arm(table.frames, where)
    _check_step(np.abs(table.steps["action"]) <= 1, where, "action outside [-1, 1]; scale the actions first")
    _check_step(np.isin(table.steps["source"], list(Source)), where, "unknown source")
    ends = table.steps["terminated"] | table.steps["truncated"]
    _check_step(ends == (np.arange(steps) == steps - 1), where, "an end before the last step, or none at it")
    for camera, images in table.images.items():
        _check_images(images, steps + 1, f"{where}, camera {camera}")


def _check_arm(columns: Mapping[str, Column], where: str) -> None:
    for name, width in ARM.items():
        shape = columns[name].shape[1:] if name in columns else "missing"
        joints = len(shape) == 1 and width == ANY
        if not joints and shape != ((width,) if width else ()):
            raise DataError(f"{where}: the row of {name} has shape {shape}, expected {width or 'one'} numbers")
    lengths = np.linalg.norm(columns["arm.quat_wxyz"], axis=1)
    _check_step(np.abs(lengths - 1) < UNIT, where, "arm.quat_wxyz is not a unit quaternion")


def _check_rows(columns: Mapping[str, Column], rows: int, where: str) -> None:
    for name, column in columns.items():
        if len(column) != rows:
            raise DataError(f"{where}: {name} has {len(column)} rows, expected {rows}")
        if name != "reasons":
            _check_step(np.isfinite(column), where, f"{name} is not finite")


def _check_step(good: Column, where: str, what: str) -> None:
    bad = np.flatnonzero(~good.reshape(len(good), -1).all(1))
    if bad.size:
        raise DataError(f"{where}, row {bad[0]}: {what}")


def _check_images(images: Sequence[Image] | NDArray[np.uint8], rows: int, where: str) -> None:
    if len(images) != rows:
        raise DataError(f"{where}: {len(images)} pictures, expected {rows}")
    for k, image in enumerate(images):
        if image.shape != images[0].shape or image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise DataError(
                f"{where}, row {k}: a picture of {image.dtype} {image.shape}, expected uint8 (height, width, 3)"
            )


def _transition(columns: Mapping[str, Column], k: int) -> Transition:
    row = {name: column[k] for name, column in columns.items()}
    probability, reasons = float(row["success_probability"]), str(row["reasons"])
    return Transition(
        requested=np.array(row["requested"], np.float32),
        executed=np.array(row["action"], np.float32),
        source=Source(int(row["source"])),
        reward=float(row["reward"]),
        **{name: bool(row[name]) for name in FLAGS},
        duration_s=float(row["duration_s"]),
        reasons=tuple(reasons.split(",")) if reasons else (),
        policy_version=int(row["policy_version"]),
        success_probability=None if probability == NO_PROBABILITY else probability,
    )


def _arm_values(arm: ArmState) -> dict[str, Any]:
    values = {name: getattr(arm, name.removeprefix("arm."), None) for name in ARM}
    return values | {"arm.position_m": arm.tcp.position_m, "arm.quat_wxyz": arm.tcp.quat_wxyz}


def _arms(columns: Mapping[str, Column]) -> list[ArmState]:
    if not ARM.keys() <= columns.keys():
        return []
    return [_arm({name.removeprefix("arm."): columns[name][k] for name in ARM}) for k in range(len(columns["state"]))]


def _arm(row: dict[str, Any]) -> ArmState:
    stamp_s = float(row.pop("stamp_s"))
    values = {name: frozen(value) for name, value in row.items()}
    tcp = Pose(values.pop("position_m"), values.pop("quat_wxyz"))
    return ArmState(stamp_s=stamp_s, tcp=tcp, **values)


def _or(value: float | None, default: float) -> float:
    return default if value is None else value

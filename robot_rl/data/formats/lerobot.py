"""Writing a LeRobotDataset v3: tables as parquet, pictures as video.

Row k of an episode holds observation k and the action taken there with what came of it, as LeRobot pairs them; ours
stores with each observation the transition that led to it. An episode of T steps is T rows. Its last observation, on
which no action followed, has no row: its numbers are in the table of episodes (`robot_rl/last/...`) and its pictures
follow those of the rows in the video. What LeRobot has no name for is in features called `robot_rl.<name>`, which
its policies pass over. A way back loses what the video loses, and what `float32` loses of rewards.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from robot_rl.data.facts import Facts
from robot_rl.data.formats import optional
from robot_rl.data.formats.stats import Histogram, histogram, stats_of, stats_of_histogram
from robot_rl.data.formats.table import Column, Table, to_table
from robot_rl.data.formats.video import PIXELS, VideoWriter
from robot_rl.types import Episode

VERSION = "v3.0"
INFO, STATS, TASKS = "meta/info.json", "meta/stats.json", "meta/tasks.parquet"
OURS = "meta/robot_rl.json"
FILE = "chunk-{chunk_index:03d}/file-{file_index:03d}"
EPISODES, DATA = f"meta/episodes/{FILE}.parquet", f"data/{FILE}.parquet"
VIDEO = "videos/{video_key}/" + FILE + ".mp4"
FILES_PER_CHUNK = 1000
PART_S = 600.0
"""Video time in one file. LeRobot's reader finds pictures by float32 times within 0.1 ms, which fails after 1024 s."""
CAMERA = "observation.images."
EXTRA, LAST, SEED = "robot_rl.", "robot_rl/last/", "robot_rl/seed"
NAMES = {"state": "observation.state", "action": "action", "reward": "next.reward", "success": "next.success"}
"""Our columns that LeRobot has a name for"""


def write_lerobot(episodes: Iterable[Episode], facts: Facts, folder: Path) -> None:
    """A data set in an empty folder. Raises ConfigError without pyarrow or PyAV, DataError for odd picture sizes."""
    writer = _Writer(facts, folder)
    for episode in episodes:
        writer.add(to_table(episode))
    writer.close()


class _Writer:
    """Episodes go into parts: one table file each, and one video file per camera."""

    def __init__(self, facts: Facts, folder: Path) -> None:
        self._pa, self._parquet = optional("pyarrow"), optional("pyarrow.parquet")
        self._facts, self._folder = facts, folder
        self._hz = max(1, round(facts.hz))
        self._task = facts.task or "task"
        self._rows = self._part = 0
        self._open: list[dict[str, Column]] = []
        """Columns of the part's episodes so far"""
        self._videos: dict[str, VideoWriter] = {}
        self._episodes: list[dict[str, Any]] = []
        self._all: dict[str, list[Column]] = {}
        self._pixels: dict[str, Histogram] = {}
        self._features: dict[str, Any] = {}

    def add(self, table: Table) -> None:
        """Append an episode."""
        columns = self._columns(table)
        steps = len(columns["index"])
        if self._open and (sum(len(c["index"]) + 1 for c in self._open) + steps + 1) / self._hz > PART_S:
            self._next_part()
        self._open.append(columns)
        about = {"episode_index": len(self._episodes), "tasks": [self._task], "length": steps}
        about |= self._place("data") | self._place("meta/episodes", part=0)
        about |= {"dataset_from_index": self._rows, "dataset_to_index": self._rows + steps}
        about |= {SEED: table.seed} | {LAST + name: column[-1].tolist() for name, column in table.frames.items()}
        for name, column in columns.items():
            self._all.setdefault(name, []).append(column)
        numbers = {name: stats_of(column) for name, column in columns.items() if column.dtype != object}
        about |= _flat(numbers | self._add_pictures(table, about))
        self._features = self._features_of(columns, table)
        self._episodes.append(about)
        self._rows += steps

    def close(self) -> None:
        """Write the last part and everything about all of them."""
        self._next_part()
        meta = self._folder / "meta"
        meta.mkdir(exist_ok=True)
        self._write(self._pa.Table.from_pylist(self._episodes), EPISODES.format(chunk_index=0, file_index=0))
        self._write(_tasks(self._pa, self._task), TASKS)
        numbers = {k: np.concatenate(v) for k, v in self._all.items() if v[0].dtype != object}
        stats = {name: stats_of(column) for name, column in numbers.items()}
        pictures = self._rows + len(self._episodes)
        stats |= {key: stats_of_histogram(counts, pictures) for key, counts in self._pixels.items()}
        (self._folder / STATS).write_text(json.dumps(stats))
        (self._folder / INFO).write_text(json.dumps(self._info(), indent=2))
        (self._folder / OURS).write_text(self._facts.stamped())

    def _columns(self, table: Table) -> dict[str, Column]:
        """(T, ...) by LeRobot's names"""
        steps = len(table.steps["action"])
        ours = {name: column[:-1] for name, column in table.frames.items()} | dict(table.steps)
        columns = {NAMES.get(name, EXTRA + name): column for name, column in ours.items()}
        columns["next.reward"] = columns["next.reward"].astype(np.float32)
        columns["next.done"] = table.steps["terminated"] | table.steps["truncated"]
        columns["timestamp"] = (np.arange(steps) / self._hz).astype(np.float32)
        columns["frame_index"] = np.arange(steps)
        columns["episode_index"] = np.full(steps, len(self._episodes))
        columns["index"] = self._rows + np.arange(steps)
        columns["task_index"] = np.zeros(steps, np.int64)
        return columns

    def _add_pictures(self, table: Table, about: dict[str, Any]) -> dict[str, Any]:
        """Encode them, say where in `about`, and return their statistics."""
        stats = {}
        for camera, images in table.images.items():
            key = CAMERA + camera
            if key not in self._videos:
                path = VIDEO.format(video_key=key, **_numbers(self._part))
                self._videos[key] = VideoWriter(self._folder / path, images[0].shape, self._hz)
            video = self._videos[key]
            begin, end = video.frames, video.frames + len(images) - 1  # rows only: LeRobot's editing tools check that
            about |= self._place(f"videos/{key}") | {
                f"videos/{key}/from_timestamp": begin / self._hz,
                f"videos/{key}/to_timestamp": end / self._hz,
            }
            for image in images:
                video.add(image)
            counts = histogram(images)
            stats[key] = stats_of_histogram(counts, len(images))
            self._pixels[key] = self._pixels.get(key, 0) + counts
        return stats

    def _next_part(self) -> None:
        """Finish the files of this part."""
        names = self._open[0] if self._open else {}
        arrays = {name: _arrow(self._pa, np.concatenate([c[name] for c in self._open])) for name in names}
        self._write(self._pa.table(arrays), DATA.format(**_numbers(self._part)))
        for video in self._videos.values():
            video.close()
        self._open, self._videos, self._part = [], {}, self._part + 1

    def _write(self, table: Any, name: str) -> None:
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        self._parquet.write_table(table, path, write_page_checksum=True)

    def _place(self, what: str, part: int | None = None) -> dict[str, int]:
        return {f"{what}/{key}": n for key, n in _numbers(self._part if part is None else part).items()}

    def _features_of(self, columns: dict[str, Column], table: Table) -> dict[str, Any]:
        names = {"observation.state": self._facts.state_names, "action": self._facts.action_names}
        features: dict[str, Any] = {}
        for name, column in columns.items():
            kind = "string" if column.dtype == object else column.dtype.name
            features[name] = {
                "dtype": kind,
                "shape": list(column.shape[1:]) or [1],
                "names": list(names.get(name, ())) or None,
            }
        for camera, images in table.images.items():
            height, width, _ = images[0].shape
            info = {"height": height, "width": width, "channels": 3, "codec": "h264", "pix_fmt": PIXELS}
            info |= {"fps": self._hz, "is_depth_map": False}
            features[CAMERA + camera] = {
                "dtype": "video",
                "shape": [height, width, 3],
                "names": ["height", "width", "channels"],
                "info": {f"video.{key}": value for key, value in info.items()} | {"has_audio": False},
            }
        return features

    def _info(self) -> dict[str, Any]:
        return {
            "codebase_version": VERSION,
            "robot_type": self._facts.robot or None,
            "total_episodes": len(self._episodes),
            "total_frames": self._rows,
            "total_tasks": 1,
            "chunks_size": FILES_PER_CHUNK,
            "data_files_size_in_mb": 100,
            "video_files_size_in_mb": 200,
            "fps": self._hz,
            "splits": {"train": f"0:{len(self._episodes)}"},
            "data_path": DATA,
            "video_path": VIDEO if self._pixels else None,
            "features": self._features,
        }


def _numbers(part: int) -> dict[str, int]:
    return dict(zip(("chunk_index", "file_index"), divmod(part, FILES_PER_CHUNK), strict=True))


def _arrow(pa: Any, column: Column) -> Any:
    """A column; vectors as lists of fixed length, but a vector of one number as that number, as LeRobot wants it."""
    flat = column.reshape(-1).tolist() if column.dtype == object else column.reshape(-1)
    width = int(np.prod(column.shape[1:]))
    return pa.array(flat) if width == 1 else pa.FixedSizeListArray.from_arrays(pa.array(flat), width)


def _tasks(pa: Any, task: str) -> Any:
    """One row `task_index`, indexed by the task's text in the way that pandas keeps an index in parquet."""
    about = {
        "index_columns": ["task"],
        "column_indexes": [],
        "columns": [
            {"name": "task_index", "field_name": "task_index", "pandas_type": "int64", "numpy_type": "int64"},
            {"name": "task", "field_name": "task", "pandas_type": "unicode", "numpy_type": "object"},
        ],
        "pandas_version": "2.0.0",
    }
    table = pa.table({"task_index": pa.array([0], pa.int64()), "task": pa.array([task])})
    return table.replace_schema_metadata({"pandas": json.dumps(about)})


def _flat(stats: dict[str, Any]) -> dict[str, Any]:
    return {f"stats/{name}/{figure}": v for name, figures in stats.items() for figure, v in figures.items()}

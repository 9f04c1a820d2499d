"""Whether damage to checkpoints and logs is seen, and what is left: single bits flipped, files cut short.

    python -m benchmarks.damage [--quick] [--seed N] [--json FILE]

1,000 flips and 200 cuts of each, in random files, one place in three anywhere, the others near an end. Seen: the reader
says so, with file, place and reason. Kept: the checkpoint before is loaded bit for bit; of the log exactly the frames
that were durable before the damaged group, all of them and bit for bit.
"""

import argparse
import dataclasses
import json
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from robot_rl.data.checkpoint import Checkpoint, load_newest, save_checkpoint
from robot_rl.data.log import EpisodeLog, read_frames, scan
from robot_rl.errors import DataError
from robot_rl.types import Frame, Source, Transition

STATE, ACTION, IMAGE, EPISODES, STEPS, GROUP = 30, 6, 32, 4, 24, 5
Row = dict[str, Any]


class Verdict(NamedTuple):
    """What a reader made of one damage."""

    message: str
    """Empty: it saw nothing"""
    named: bool
    """The message has the file and the place"""
    kept: bool
    """What it gave is right, and all there is"""


Judge = Callable[[Path, int], Verdict]
"""From the damaged file and the first byte that is wrong or missing."""


def main() -> int:
    """Damage, judge, print the table and the verdict."""
    parser = argparse.ArgumentParser(description="Damage to checkpoints and logs.")
    parser.add_argument("--quick", action="store_true", help="a tenth of it, seconds")
    parser.add_argument("--seed", type=int, default=0, help="of the places")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    arguments = parser.parse_args()
    flips, cuts = (100, 20) if arguments.quick else (1000, 200)
    rng = np.random.default_rng(arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        subjects = {"checkpoint": checkpoints(Path(folder) / "checkpoints", rng), "log": log(Path(folder) / "log", rng)}
        rows = [
            {**row, "example": row["example"].replace(f"{folder}/", "").split("; ")[0]}
            for kind, (files, judge) in subjects.items()
            for row in [*ruin(kind, "flip", files, judge, flips, rng), *ruin(kind, "cut", files, judge, cuts, rng)]
        ]
    show(rows)
    targets = verdict(rows)
    if arguments.json:
        report = {"machine": platform.processor() or platform.machine(), "rows": rows, "targets": targets}
        arguments.json.write_text(json.dumps(report, indent=2))
    return int(not all(target["passed"] for target in targets))


def ruin(kind: str, how: str, files: list[Path], judge: Judge, count: int, rng: np.random.Generator) -> list[Row]:
    """One row for each file: how often it was damaged, and how that ended."""
    found: dict[Path, list[Verdict]] = {path: [] for path in files}
    for _ in range(count):
        path = files[rng.integers(len(files))]
        at = somewhere(path.stat().st_size, rng)
        with damaged(path, at, bit=int(rng.integers(8)) if how == "flip" else None):
            found[path].append(judge(path, at))
    return [
        {
            "kind": kind,
            "file": f"{path.parent.name}/{path.name}",
            "damage": how,
            "count": len(verdicts),
            "seen": sum(bool(v.message) for v in verdicts),
            "named": sum(v.named for v in verdicts),
            "kept": sum(v.kept for v in verdicts),
            "example": verdicts[0].message if verdicts else "",
        }
        for path, verdicts in found.items()
    ]


def somewhere(size: int, rng: np.random.Generator) -> int:
    """A byte; two in three lie within 500 bytes of an end, where the headers and indexes are."""
    edge = int(rng.integers(min(size, 500)))
    return (int(rng.integers(size)), edge, size - 1 - edge)[rng.integers(3)]


@contextmanager
def damaged(path: Path, at: int, bit: int | None) -> Iterator[None]:
    """The file with one bit of byte `at` flipped, or without all from there on."""
    content = path.read_bytes()
    path.write_bytes(
        content[:at] if bit is None else content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :]
    )
    yield
    path.write_bytes(content)


def checkpoints(folder: Path, rng: np.random.Generator) -> tuple[list[Path], Judge]:
    """Two checkpoints of about 100 kB, and what to expect when the newer one is damaged."""
    for number in (1, 2):
        tensors = {f"critic.{k}.weights": rng.normal(size=(64, 64)).astype(np.float32) for k in range(6)}
        facts = {"generator": rng.bit_generator.state, "taken": number, "rows": rng.random(20).tolist()}
        checkpoint = Checkpoint(tensors, facts)
        save_checkpoint(folder, number, checkpoint)
        if number == 1:
            older = bits(checkpoint)
    newer = folder / "000002"

    def judge(path: Path, at: int) -> Verdict:
        try:
            loaded = load_newest(folder)
        except DataError as error:
            return Verdict(str(error), False, False)
        assert loaded
        message = "; ".join(loaded.refused)
        return Verdict(
            message, f"checkpoint 2 in {newer} is not used: {path.name}" in message, bits(loaded.checkpoint) == older
        )

    return sorted(newer.iterdir()), judge


def log(folder: Path, rng: np.random.Generator) -> tuple[list[Path], Judge]:
    """A log of three files, and what to expect when one of them is damaged."""
    frames = [frame(sequence, rng) for sequence in range(3 * EPISODES * (STEPS + 1))]
    ends = []  # file, its length, frames so far: after every group
    for k, part in enumerate(np.array_split(np.arange(len(frames)), 3)):
        with EpisodeLog(folder, sync_s=3600.0) as episodes:
            for group in part.reshape(-1, GROUP):
                for sequence in group:
                    episodes.append(frames[sequence])
                episodes.commit()
                path = folder / f"{k:04d}.mcap"
                ends.append((path, path.stat().st_size, int(group[-1]) + 1))
    original = [bits(frame) for frame in frames]

    def judge(path: Path, at: int) -> Verdict:
        whole = max(end for file, end, _ in ends if file == path)
        before = [count for file, end, count in ends if (file, end) <= (path, at)]
        expected = original if at >= whole else original[: max(before, default=0)]
        try:
            kept = [bits(frame) for frame in read_frames(folder)]
            message = "; ".join(map(str, scan(folder).cut))
        except DataError as error:
            return Verdict(str(error), False, False)
        return Verdict(message, f"{path.name}, byte " in message, kept == expected)

    return sorted(folder.glob("*.mcap")), judge


def frame(sequence: int, rng: np.random.Generator) -> Frame:
    """Random but for its place in an episode."""
    episode, step = divmod(sequence, STEPS + 1)
    action = rng.uniform(-1, 1, ACTION).astype(np.float32)
    done = step == STEPS
    transition = Transition(action, action, Source.POLICY, rng.random(), done, False, done, 0.1) if step else None
    image = rng.integers(256, size=(IMAGE, IMAGE, 3), dtype=np.uint8)
    state = rng.normal(size=STATE).astype(np.float32)
    return Frame("actor", sequence, episode, step, 0, 0.1 * sequence, state, transition, {"wrist": image})


def bits(value: Any) -> Any:
    """Comparable with ==, equal only for equal types, shapes and bits."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, Mapping):
        return {key: bits(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [bits(part) for part in value]
    if dataclasses.is_dataclass(value):
        return [bits(getattr(value, field.name)) for field in dataclasses.fields(value)]
    return type(value), repr(value)


def show(rows: list[Row]) -> None:
    """The table, and one message of each row."""
    print(f"{'':<36}{'damage':>8}{'count':>8}{'seen':>8}{'named':>8}{'kept':>8}")
    for row in rows:
        numbers = "".join(f"{row[key]:>8}" for key in ("damage", "count", "seen", "named", "kept"))
        print(f"{row['kind'] + ' ' + row['file']:<36}{numbers}")
    for row in rows:
        print(f"  e.g. {row['example']}")


def verdict(rows: list[Row]) -> list[Row]:
    """One line a target."""
    targets = []
    for kind in ("checkpoint", "log"):
        for key, name in (
            ("seen", "seen"),
            ("named", "named by file and place"),
            ("kept", "all before it kept, exactly"),
        ):
            value, count = (sum(row[k] for row in rows if row["kind"] == kind) for k in (key, "count"))
            print(f"{'PASS' if value == count else 'FAIL'} {kind}: damage {name} {value} {count}")
            targets.append({"name": f"{kind}: {name}", "value": value, "target": count, "passed": value == count})
    return targets


if __name__ == "__main__":
    sys.exit(main())

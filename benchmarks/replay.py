"""How fast replay samples and stores, beside a bare copy of the same bytes, and what a transition costs.

    python -m benchmarks.replay [--quick] [--folder FOLDER] [--json FILE]

State 30, action 6, two cameras of 128x128x3, batch 256, update-to-data ratio 20, half of each batch demos; one
core. Sampling of images and a copy of as many bytes take turns in one process, so that their ratio survives a busy
machine. Modules that load numpy are imported late, in a process already bound to its core.
"""

import argparse
import itertools
import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.learner import interleave, quartiles

STATE, ACTION, BATCH, UTD, EPISODE = 30, 6, 256, 20, 100
CAMERAS = {"front": (128, 128, 3), "wrist": (128, 128, 3)}
IMAGE_BYTES = 2 * 128 * 128 * 3
"""Of one frame."""
QUOTED = {
    "bytes a transition, states": {"LeRobot": 159, "Stable-Baselines3": 276},
    "bytes a transition, 2 cameras": {"SERL": 98_577, "Stable-Baselines3": 196_880, "LeRobot": 393_375},
    "add, states": {"LeRobot": 20.0},
    "add, 2 cameras": {"LeRobot": 162.0},
    f"sample {UTD} x {BATCH} states, uniform": {"LeRobot": 2.41},
    f"sample {BATCH} with 2 cameras, in memory": {"SERL": 7.5, "LeRobot": 128.0},
}
SOURCES = """quoted: LeRobot 7427f318 (2026-08-23), sampled without its random shift; SERL cd5f7e7 (2024-12-06), packed;
Stable-Baselines3 2.9.2; same shapes, one core of another Xeon, so times are for orientation and bytes hold anywhere.
LeRobot's 159 bytes have no link from a state to the next one: the row that happens to follow is taken."""
Row = dict[str, Any]


def main() -> int:
    """Print the table and the verdict."""
    parser = argparse.ArgumentParser(description="Speed and size of replay.")
    parser.add_argument("--quick", action="store_true", help="small buffers, seconds, wide limits")
    parser.add_argument("--folder", type=Path, help="where the memory-mapped columns lie (default: a temporary one)")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-1:])
    os.environ |= {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS")}
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        rows = measure(arguments.quick, Path(folder))
    show(rows)
    targets = verdict(rows, arguments.quick)
    if arguments.json:
        report = {
            "machine": platform.processor() or platform.machine(),
            "rows": rows,
            "quoted": QUOTED,
            "targets": targets,
        }
        arguments.json.write_text(json.dumps(report, indent=2))
    return int(not all(target["passed"] for target in targets))


def measure(quick: bool, folder: Path) -> list[Row]:
    """All figures."""
    rows = []
    for sampler in ("uniform",) if quick else ("uniform", "reshuffle", "return_weighted"):
        rows.append(measure_states(sampler, repetitions=30 if quick else 200))
    for place, where in (("in memory", None), ("memory-mapped", folder)):
        rows.append(measure_images(place, where, 1_500 if quick else 10_000, repetitions=15 if quick else 60))
    for cameras in (0, 2):
        rows.append(measure_add(cameras, 500 if quick else 3000))
    return rows + [measure_bytes(cameras) for cameras in (0, 2)]


def measure_states(sampler: str, repetitions: int) -> Row:
    """A whole block from two full buffers."""
    from robot_rl.data.replay import BatchSampler, ReplayBuffer

    practice, demos = ReplayBuffer(100_000, STATE, ACTION, 0, sampler=sampler), ReplayBuffer(5_000, STATE, ACTION, 1)
    for buffer in (practice, demos):
        fill(buffer, 0)
    batches = BatchSampler(practice, demos, BATCH, 0.5)
    times = interleave({"sample": lambda: batches.sample(UTD)}, repetitions)["sample"]
    return {"name": f"sample {UTD} x {BATCH} states, {sampler}", "unit": "ms", **quartiles(times, 1e3)}


def measure_images(place: str, folder: Path | None, capacity: int, repetitions: int) -> Row:
    """One batch with its images, beside a copy of as many bytes."""
    import numpy as np

    from robot_rl.data.replay import BatchSampler, ReplayBuffer

    practice, demos = (
        ReplayBuffer(frames, STATE, ACTION, seed, images=CAMERAS, folder=folder)
        for seed, frames in enumerate((capacity, capacity // 3))
    )
    for buffer in (practice, demos):
        fill(buffer, 2)
    batches = BatchSampler(practice, demos, BATCH, 0.5)
    source = np.ones(2 * BATCH * IMAGE_BYTES, np.uint8)  # of every transition the images before and after
    target = np.zeros_like(source)
    times = interleave({"sample": lambda: batches.sample(1), "copy": lambda: np.copyto(target, source)}, repetitions)
    figures, bare = quartiles(times["sample"], 1e3), quartiles(times["copy"], 1e3)
    name = f"sample {BATCH} with 2 cameras, {place}"
    return {"name": name, "unit": "ms", **figures, "bare": bare, "ratio": figures["median"] / bare["median"]}


def measure_add(cameras: int, repetitions: int) -> Row:
    """Insertion into a full buffer."""
    from robot_rl.data.replay import ReplayBuffer

    buffer = ReplayBuffer(1000, STATE, ACTION, 0, images=CAMERAS if cameras else {})
    pairs = iter(list(itertools.islice(transitions(cameras), 2 * buffer.capacity + repetitions)))
    for before, after in itertools.islice(pairs, 2 * buffer.capacity - 2):
        buffer.add(before, after)
    times = interleave({"add": lambda: buffer.add(*next(pairs))}, repetitions)["add"]
    return {"name": "add, 2 cameras" if cameras else "add, states", "unit": "us", **quartiles(times, 1e6)}


def measure_bytes(cameras: int) -> Row:
    """Of a full buffer, for each transition in it; episodes store one frame more than they have transitions."""
    from robot_rl.data.replay import ReplayBuffer, memory_estimate

    images = CAMERAS if cameras else {}
    buffer = ReplayBuffer(1010, STATE, ACTION, 0, images=images)
    fill(buffer, cameras)
    each = memory_estimate(buffer.capacity, STATE, ACTION, images) / len(buffer)
    name = "bytes a transition, 2 cameras" if cameras else "bytes a transition, states"
    return {"name": name, "unit": "B", "median": each, "q1": each, "q3": each}


def fill(buffer: Any, cameras: int) -> None:
    """Episodes until every row was written."""
    frames = 0
    for before, after in transitions(cameras):
        new = 1 + (before.step == 0)
        if frames + new > buffer.capacity:
            return
        buffer.add(before, after)
        frames += new


def transitions(cameras: int) -> Iterator[tuple[Any, Any]]:
    """Endless: episodes of 100 steps, a third of them successful."""
    import numpy as np

    from robot_rl.types import Frame, Source, Transition

    rng = np.random.default_rng(0)
    images = {name: rng.integers(0, 256, shape, np.uint8) for name, shape in CAMERAS.items()} if cameras else {}
    state, action = np.zeros(STATE, np.float32), np.zeros(ACTION, np.float32)
    sequence = itertools.count()
    for episode in itertools.count():
        before = Frame("actor", next(sequence), episode, 0, 0, 0.0, state, None, images)
        for step in range(1, EPISODE + 1):
            done, won = step == EPISODE, episode % 3 == 0 and step == EPISODE
            led = Transition(action, action, Source.POLICY, float(won), won, done and not won, won, 0.1)
            after = Frame("actor", next(sequence), episode, step, 0, 0.1 * step, state, led, images)
            yield before, after
            before = after


def show(rows: list[Row]) -> None:
    """The table."""
    print(f"{'':<40}{'median':>10}{'q1':>10}{'q3':>10}{'':>4}{'bare copy':>11}{'ratio':>7}  quoted")
    for row in rows:
        numbers = "".join(f"{row[key]:>10.2f}" for key in ("median", "q1", "q3"))
        bare = f"{row['bare']['median']:>11.2f}{row['ratio']:>7.2f}" if "bare" in row else " " * 18
        quoted = ", ".join(f"{who} {value:g}" for who, value in QUOTED.get(row["name"], {}).items())
        print(f"{row['name']:<40}{numbers}{row['unit']:>4}{bare}  {quoted}".rstrip())
    print(SOURCES)


def verdict(rows: list[Row], quick: bool) -> list[Row]:
    """One line a target."""
    found = {row["name"]: row for row in rows}
    images, states = f"sample {BATCH} with 2 cameras, in memory", f"sample {UTD} x {BATCH} states, uniform"
    checks = [
        (f"{states}, ms", found[states]["median"], 2.0 if quick else 1.0),
        (f"{images}, x bare copy", found[images]["ratio"], 1.6 if quick else 1.3),
        ("a transition, x its images", found["bytes a transition, 2 cameras"]["median"] / IMAGE_BYTES, 1.02),
    ]
    targets = []
    for name, value, limit in checks:
        passed = value <= limit
        print(f"{'PASS' if passed else 'FAIL'} {name} {value:.2f} {limit:.2f}")
        targets.append({"name": name, "value": value, "target": limit, "passed": passed})
    return targets


if __name__ == "__main__":
    sys.exit(main())

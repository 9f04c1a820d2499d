"""Whether a learner behind a bad network ends up with exactly what its actors recorded, and how fast.

    python -m benchmarks.link [--quick] [--folder FOLDER] [--json FILE]

Two actors with two cameras of 128x128x3 each send their logs to one learner, which keeps its own. Then again, while
the learner restarts 50 times and messages are lost, doubled, delayed and overtaken, and while the network parts for
1, 10 and 60 s. Afterwards the learner's log is read from the disk and compared with that of the first run: every
frame by its SHA-256, and the replay buffers filled from it. Real gRPC over loopback, real logs on the disk.
"""

import argparse
import hashlib
import json
import platform
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.faults import Proxy, Unreliable
from robot_rl.config import LinkConfig
from robot_rl.data.log import EpisodeLog, read_frames
from robot_rl.data.replay import ReplayBuffer
from robot_rl.errors import StorageError
from robot_rl.link.client import Courier
from robot_rl.link.codec import encode
from robot_rl.link.protocol import MESSAGE_FRAMES
from robot_rl.link.server import LearnerServer, Progress
from robot_rl.types import Frame, Source, Transition

ACTORS, CAMERAS, STATE, ACTION, EPISODE = ("ann", "bob"), ("front", "wrist"), 30, 6, 100
HASH = "benchmark"
PATIENCE_S = 300.0
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Scenario:
    """What goes wrong in one run."""

    name: str
    restarts: int = 0
    rate: float = 0.0
    """Probability of each fault for each message"""
    delay_s: float = 0.0
    """For each 64 KiB on the wire"""
    partition_s: float = 0.0
    group: int = 5
    """Frames a message: as many as practice at 10 Hz makes durable at once"""


def scenarios(quick: bool) -> list[Scenario]:
    """The first has no faults: it is what the others must equal."""
    partitions = (0.2, 1.0) if quick else (1.0, 10.0, 60.0)
    return [
        Scenario("no fault", group=MESSAGE_FRAMES),
        Scenario("restarts, bad network", restarts=5 if quick else 50, rate=0.15, delay_s=0.001),
        *(Scenario(f"partition of {s:g} s", partition_s=s) for s in partitions),
    ]


def main() -> int:
    """Run every scenario, print the table and the verdict."""
    parser = argparse.ArgumentParser(description="Exactness and speed of the link.")
    parser.add_argument("--quick", action="store_true", help="small images, 5 restarts, short partitions")
    parser.add_argument("--folder", type=Path, help="where the logs are written (default: a temporary one)")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    arguments = parser.parse_args()
    count, size = (150, 32) if arguments.quick else (1500, 128)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        logs = [record(Path(name) / actor, actor, count, size) for actor in ACTORS]
        truth = None
        for number, scenario in enumerate(scenarios(arguments.quick)):
            folder = Path(name) / f"learner-{number}"
            row = run(scenario, logs, count, folder)
            content = Content(folder, size)
            truth = truth or content
            rows.append(row | content.against(truth))
            show(rows[-1], header=number == 0)
        for log in logs:
            log.close()
    targets = verdict(rows)
    if arguments.json:
        report = {"machine": platform.processor() or platform.machine(), "rows": rows, "targets": targets}
        arguments.json.write_text(json.dumps(report, indent=2))
    return int(not all(target["passed"] for target in targets))


def record(folder: Path, actor: str, count: int, size: int) -> EpisodeLog:
    """A log of random frames, all durable. Noise, so that nothing is won by compression."""
    rng, log = np.random.default_rng([*actor.encode()]), EpisodeLog(folder)
    for i in range(count):
        step, action = i % EPISODE, rng.uniform(-1, 1, ACTION).astype(np.float32)
        led = Transition(action, action, Source.POLICY, 0.0, False, step == EPISODE - 1, False, 0.1)
        images = {name: rng.integers(0, 256, (size, size, 3), np.uint8) for name in CAMERAS}
        state = rng.normal(size=STATE).astype(np.float32)
        log.append(Frame(actor, i, i // EPISODE, step, 0, 0.1 * i, state, led if step else None, images))
        if i % 100 == 0:
            log.commit(60.0)
    log.commit(60.0)
    return log


@dataclass(frozen=True, slots=True)
class Trickle:
    """A log that gives a few frames at a time."""

    log: EpisodeLog
    group: int

    def after(self, actor: str, sequence: int, max_bytes: int) -> list[Frame]:
        return self.log.after(actor, sequence, max_bytes)[: self.group]


class Home:
    """A learner's log and server, started and stopped at one port. It is its own inbox."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._port = folder, 0
        self._lock = threading.Lock()
        self.start()

    def start(self) -> None:
        """Read the log from the disk and listen."""
        self._log = EpisodeLog(self._folder)
        self._appended = {actor: self._log.durable(actor) for actor in ACTORS}
        self._server = LearnerServer(LinkConfig(f"127.0.0.1:{self._port}"), HASH, self)
        self._port = self._server.start()

    def stop(self) -> None:
        self._server.stop()
        self._log.close()

    @property
    def port(self) -> int:
        return self._port

    def watermark(self, actor: str) -> int:
        return self._log.durable(actor)

    def accept(self, frames: Sequence[Frame]) -> None:
        with self._lock:
            for frame in frames:
                if frame.sequence > self._appended[frame.actor]:
                    self._log.append(frame)
                    self._appended[frame.actor] = frame.sequence
            self._log.commit(5.0)

    def progress(self) -> Progress:
        return Progress()

    def received(self) -> int:
        """Durable frames of all actors"""
        return sum(self._log.durable(actor) + 1 for actor in ACTORS)


def run(scenario: Scenario, logs: Sequence[EpisodeLog], count: int, folder: Path) -> Row:
    """Send everything once."""
    home, total = Home(folder), count * len(ACTORS)
    proxy = Proxy(home.port)
    proxy.delay_s = scenario.delay_s
    network = [Unreliable(seed, scenario.rate) for seed in range(len(ACTORS))]
    couriers = [
        Courier(LinkConfig(f"127.0.0.1:{proxy.port}", actor), HASH, Trickle(log, scenario.group), bytes, (bad,))
        for actor, log, bad in zip(ACTORS, logs, network, strict=True)
    ]
    started_s = time.monotonic()
    for courier in couriers:
        courier.start()
    for i in range(scenario.restarts):
        await_frames(home, total * (i + 1) // (scenario.restarts + 1))
        if i % 2:
            proxy.cut()
        home.stop()
        home.start()
    if scenario.partition_s:
        await_frames(home, total // 4)
        proxy.part()
        time.sleep(scenario.partition_s)
        proxy.heal()
    await_frames(home, total)
    seconds = time.monotonic() - started_s
    for courier in couriers:
        courier.close()
    proxy.close()
    home.stop()
    sent = {name: sum(bad.counts[name] for bad in network) for name in network[0].counts}
    return {"name": scenario.name, "restarts": scenario.restarts, "frames": total, "seconds": seconds, "sent": sent}


def await_frames(home: Home, count: int) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while home.received() < count:
        if time.monotonic() > deadline_s:
            raise StorageError(f"the learner has {home.received()} frames after {PATIENCE_S:g} s, not {count}")
        time.sleep(0.005)


class Content:
    """What a learner's log holds, read from the disk."""

    def __init__(self, folder: Path, size: int) -> None:
        self.hashes: dict[str, list[bytes]] = {actor: [] for actor in ACTORS}
        """SHA-256 of every field of every frame, in the log's order"""
        self.bytes = 0
        cameras = {name: (size, size, 3) for name in CAMERAS}
        self._replays = {actor: ReplayBuffer(10_000, STATE, ACTION, 0, images=cameras) for actor in ACTORS}
        before: dict[str, Frame] = {}
        for frame in read_frames(folder):
            data = encode(frame).SerializeToString(deterministic=True)
            self.bytes += len(data)
            self.hashes[frame.actor].append(hashlib.sha256(data).digest())
            if frame.step:
                self._replays[frame.actor].add(before[frame.actor], frame)
            before[frame.actor] = frame
        self.digests = [replay.digest() for replay in self._replays.values()]

    def against(self, truth: "Content") -> Row:
        """How this differs from a run without faults. Actors take turns in another order; each has its own."""
        mine, theirs = ([h for hashes in c.hashes.values() for h in hashes] for c in (self, truth))
        return {
            "bytes": self.bytes,
            "missing": len(set(theirs) - set(mine)),
            "repeated": len(mine) - len(set(mine)),
            "same frames": self.hashes == truth.hashes,
            "same replay": self.digests == truth.digests,
        }


def show(row: Row, header: bool) -> None:
    """One line of the table."""
    columns = ("calls", "lost", "unanswered", "doubled", "late", "delayed")
    if header:
        print(f"{'':<24}{'frames':>8}{'s':>8}{'frames/s':>10}{'MB/s':>8}{'sent/needed':>13}", *columns, sep="  ")
    speed, sent = row["frames"] / row["seconds"], row["sent"]
    numbers = f"{row['bytes'] / row['seconds'] / 1e6:>8.1f}{sent['bytes'] / row['bytes']:>13.2f}"
    counts = "".join(f"  {sent[name]:>{len(name)}}" for name in columns)
    print(f"{row['name']:<24}{row['frames']:>8}{row['seconds']:>8.1f}{speed:>10.0f}{numbers}{counts}", flush=True)


def verdict(rows: Sequence[Row]) -> list[Row]:
    """One line a target."""
    plain, *faulty = rows
    sent = {name: sum(row["sent"][name] for row in faulty) for name in plain["sent"]}
    checks = [
        ("frames missing after faults", sum(row["missing"] for row in rows), 0),
        ("frames repeated after faults", sum(row["repeated"] for row in rows), 0),
        ("runs whose frames equal those of the fault-free run", sum(row["same frames"] for row in rows), len(rows)),
        ("runs whose replay equals that of the fault-free run", sum(row["same replay"] for row in rows), len(rows)),
    ]
    targets = [{"name": n, "value": v, "target": t, "passed": v == t} for n, v, t in checks]
    least = min(sent[kind] for kind in ("lost", "unanswered", "doubled", "late", "delayed"))
    targets.append({"name": "faults of the rarest kind", "value": least, "target": 5, "passed": least >= 5})
    for t in targets:
        print(f"{'PASS' if t['passed'] else 'FAIL'} {t['name']} {t['value']} {t['target']}")
    return targets


if __name__ == "__main__":
    sys.exit(main())

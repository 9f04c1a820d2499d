"""Is anything lost or counted twice when processes are killed? SIGKILL at random moments of a training.

    python -m benchmarks.crash [--quick] [--json FILE] [--kills 200] [--seed 0] [--keep FOLDER]

An actor (a simulated arm in real time, with a camera) and a learner run as processes of their own. At random moments
the actor, the learner or both are killed and started again with `resume=true`. While they run, each writes down what it
has appended and what its log calls durable; that note survives the kill. After each kill the logs are read again.
"""

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from robot_rl.cli import main as robot_rl
from robot_rl.compose import load_config, save_config
from robot_rl.data.checkpoint import load_newest
from robot_rl.data.log import EpisodeLog, read_frames, scan
from robot_rl.jobs.learn import new_learner
from robot_rl.processes import free_port
from robot_rl.types import Frame

SETTINGS = [
    "task=reach",
    "robot.realtime=true",
    "robot.cameras=[wrist]",
    "robot.image_size=64",
    "human.demos=1",
    "learner.hidden=[32,32]",
    "learner.critics=2",
    "learner.batch_size=64",
    "learner.utd=1",
    "learner.actor_every=1",
    "learner.bc_steps=100",
    "learner.start_steps=20",
    "learner.checkpoint_every=40",
    "learner.env_steps=1000000",
]
PARTS = {"actor": "practice", "learner": "received"}
"""Process, and the folder of its log"""
NOTE_S = 0.002
UP_S = 60.0
"""Longest wait for a process to work again"""


def main() -> int:
    """Kill, compare, print the table and the verdict."""
    parser = argparse.ArgumentParser(description="Kills at random moments.")
    parser.add_argument("--quick", action="store_true", help="5 kills")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="leave the run in this folder")
    parser.add_argument("--child", nargs=3, metavar=("VERB", "CONFIG", "NOTE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        verb, config, note = arguments.child
        take_notes(Path(note))
        return robot_rl([verb, f"config={config}"])
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(arguments.keep or Path(folder), np.random.default_rng(arguments.seed))
        bench.run(5 if arguments.quick else arguments.kills)
        targets = bench.verdicts()
    print(f"\n{'killed':10}{'kills':>6}{'lost':>6}{'most at once':>14}{'acknowledged and lost':>23}")
    for row in bench.rows():
        print(f"{row['killed']:10}{row['kills']:6}{row['lost']:6}{row['most']:14}{row['broken']:23}")
    for name, value, target, passed in targets:
        print(f"{'PASS' if passed else 'FAIL'} {name}: {value} (target {target})")
    if arguments.json:
        arguments.json.write_text(json.dumps({"rows": bench.rows(), "targets": targets}, indent=1))
    return int(not all(passed for *_, passed in targets))


def take_notes(path: Path) -> None:
    """In a child: write down, every few milliseconds, what was appended and what is durable.

    Only numbers that the log has already given out: what is noted was true at that moment. A write to a file
    outlives the process that made it.
    """
    appended: dict[str, int] = {}
    append, logs = EpisodeLog.append, []

    def noted(log: EpisodeLog, frame: Frame) -> None:
        append(log, frame)
        appended[frame.actor] = frame.sequence
        if log not in logs:
            logs.append(log)

    def watch() -> None:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        while True:
            durable = {a: log.durable(a) for log in logs for a in list(appended) if log.durable(a) >= 0}
            text = json.dumps({"durable": durable, "appended": dict(appended)})
            os.pwrite(file, text.ljust(400).encode(), 0)
            time.sleep(NOTE_S)

    EpisodeLog.append = noted  # type: ignore[method-assign]
    threading.Thread(target=watch, daemon=True).start()


@dataclass
class Kill:
    """What one kill did to one log."""

    killed: str
    """Which process, or both"""
    log: str
    appended: int
    """Since the process was started"""
    lost: int
    """Appended, not acknowledged, gone"""
    broken: int
    """Acknowledged and gone. Must not happen."""


@dataclass
class Bench:
    """One training, killed many times."""

    folder: Path
    rng: np.random.Generator
    kills: list[Kill] = field(default_factory=list)
    hashes: dict[str, list[str]] = field(default_factory=dict)
    """Of every frame of an actor, as first seen"""
    wrong: list[str] = field(default_factory=list)

    def run(self, kills: int) -> None:
        """The kills, then a quiet end."""
        self.config = load_config([*SETTINGS, f"link.address=127.0.0.1:{free_port()}"])
        self.children = {part: self.start(part) for part in PARTS}
        for number in range(kills):
            for part in PARTS:
                self.await_work(part)
            time.sleep(self.rng.exponential(1.0))
            chosen = ("actor", "learner", "both")[self.rng.integers(3)]
            parts = list(PARTS) if chosen == "both" else [chosen]
            before = {part: self.note(part) for part in parts}
            for part in parts:
                self.children[part].kill()
            for part in parts:
                self.children[part].wait()
                self.examine(chosen, part, before[part])
                self.children[part] = self.start(part)
            if (number + 1) % 10 == 0:
                print(f"{number + 1} kills", file=sys.stderr)
        for part in PARTS:
            self.await_work(part)
        for part in PARTS:
            self.children[part].send_signal(signal.SIGINT)
            self.children[part].wait(UP_S)
        self.compare()

    def start(self, part: str) -> "subprocess.Popen[bytes]":
        """A process on the run so far."""
        home, file = self.folder / part, self.folder / f"{part}.yaml"
        self.folder.mkdir(parents=True, exist_ok=True)
        save_config(replace(self.config, out=str(home), resume=(home / "config.yaml").exists()), file)
        note = self.folder / f"{part}.note"
        note.unlink(missing_ok=True)
        command = [sys.executable, "-m", "benchmarks.crash", "--child", part, str(file), str(note)]
        with (self.folder / f"{part}.txt").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log)

    def note(self, part: str) -> dict[str, dict[str, int]]:
        """What the process has written down."""
        path = self.folder / f"{part}.note"
        text = path.read_text().strip("\0 ") if path.exists() else ""
        note: dict[str, dict[str, int]] = json.loads(text) if text else {"durable": {}, "appended": {}}
        return note

    def await_work(self, part: str) -> None:
        """Until the process has appended something since its start."""
        deadline_s = time.monotonic() + UP_S
        while not self.note(part)["appended"].get(self.config.link.actor):
            code = self.children[part].poll()
            if code is not None or time.monotonic() > deadline_s:
                tail = (self.folder / f"{part}.txt").read_text()[-2000:]
                raise SystemExit(f"{part} does not work (exit code {code}):\n{tail}")
            time.sleep(0.02)

    def examine(self, chosen: str, part: str, before: dict[str, dict[str, int]]) -> None:
        """What is left of a log, against what its process had noted."""
        actor, note = self.config.link.actor, self.note(part)
        durable = max(before["durable"].get(actor, -1), note["durable"].get(actor, -1))
        found = scan(self.folder / part / PARTS[part])
        left = found.actors[actor].sequence if actor in found.actors else -1
        appended = note["appended"].get(actor, -1)
        self.kills.append(Kill(chosen, part, appended, max(0, appended - left), max(0, durable - left)))

    def compare(self) -> None:
        """Both logs, frame by frame: gapless, no repeats, the same content; and the learner has counted them once."""
        actor = self.config.link.actor
        sent, received = (list(read_frames(self.folder / part / log)) for part, log in PARTS.items())
        for name, frames in (("actor", sent), ("learner", received)):
            numbers = [frame.sequence for frame in frames if frame.actor == actor]
            if numbers != list(range(len(numbers))):
                self.wrong.append(f"the {name}'s log has gaps or repeats")
            cuts = scan(self.folder / name / PARTS[name]).cut
            self.wrong += [f"{name}: {cut}" for cut in cuts if cut.lost_frames]
        self.frames = len(sent)
        same = sum(content(a) == content(b) for a, b in zip(sent, received, strict=False))
        self.different = max(len(sent), len(received)) - same
        loaded = load_newest(self.folder / "learner" / "checkpoints")
        counted = loaded.checkpoint.facts["learner"]["counters"]["env"] if loaded else -1
        self.steps = sum(f.transition is not None and not f.demo_set for f in received), counted
        replayed = new_learner(self.config)
        for frame in received:
            replayed.insert(frame)
        self.buffers = len(replayed.practice) == self.steps[0]

    def rows(self) -> list[dict[str, Any]]:
        """By who was killed."""
        rows = []
        for killed in ("actor", "learner", "both"):
            of = [kill for kill in self.kills if kill.killed == killed]
            rows.append(
                {
                    "killed": killed,
                    "kills": len(of) // (2 if killed == "both" else 1),
                    "lost": sum(kill.lost for kill in of),
                    "most": max((kill.lost for kill in of), default=0),
                    "broken": sum(kill.broken for kill in of),
                }
            )
        return rows

    def verdicts(self) -> list[tuple[str, str, str, bool]]:
        """The promises."""
        broken = sum(kill.broken for kill in self.kills)
        most = max((kill.lost for kill in self.kills if kill.log == "actor"), default=0)
        group = round(2.0 * self.config.robot.policy_hz)
        allowed = f"<= {group}, two seconds"
        steps, counted = self.steps
        return [
            ("frames acknowledged and then missing", str(broken), "0", broken == 0),
            ("gaps, repeats, damaged files", "; ".join(self.wrong) or "0", "0", not self.wrong),
            ("frames that differ between the logs", f"{self.different} of {self.frames}", "0", self.different == 0),
            ("steps the learner counted", f"{counted} of {steps}", "each once", counted == steps and self.buffers),
            # What the learner's log loses is in the actor's, and is sent again.
            (
                "most frames an actor lost at once, none acknowledged",
                str(most),
                allowed,
                most <= group,
            ),
        ]


def content(frame: Frame) -> str:
    """A hash of everything in a frame."""
    digest = hashlib.sha256(repr(replace(frame, images={}, arm=None, state=None, transition=None)).encode())
    digest.update(frame.state.tobytes() + repr(frame.transition).encode())
    for name in sorted(frame.images):
        digest.update(name.encode() + frame.images[name].tobytes())
    return digest.hexdigest()


if __name__ == "__main__":
    sys.exit(main())

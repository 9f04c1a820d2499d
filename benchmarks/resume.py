"""Does training that was killed go on exactly where it was? Losses and drawn indices, bit for bit.

    python -m benchmarks.resume [--quick] [--json FILE] [--cuts 20] [--seed 0]

A short dry run makes a log. One process learns from it uninterrupted; others are killed with SIGKILL at random frames,
and new ones go on from checkpoint and log. Their next 200 updates are compared with the uninterrupted ones.
"""

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from robot_rl.compose import load_config, read_config
from robot_rl.config import Config
from robot_rl.data.log import read_frames
from robot_rl.data.replay import ReplayBuffer
from robot_rl.jobs.dry_run import dry_run
from robot_rl.learner import Learner
from robot_rl.make import task_layout
from robot_rl.training import Training

FOLLOWED = 200
"""Updates compared after each interruption"""
SMALL = ["learner.hidden=[32,32]", "learner.critics=2", "learner.batch_size=32", "learner.env_steps=500"]


def main() -> int:
    """Run the comparison, print the table and the verdict."""
    parser = argparse.ArgumentParser(description="Exact resume.")
    parser.add_argument("--quick", action="store_true", help="3 interruptions, smaller networks and batches")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--cuts", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--child", nargs=4, metavar=("RUN", "CHECKPOINTS", "CUT", "KILL"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        return child(Path(arguments.child[0]), Path(arguments.child[1]), *map(int, arguments.child[2:]))
    cuts = 3 if arguments.quick else arguments.cuts
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        small = SMALL if arguments.quick else ["learner.env_steps=1500"]
        settings = ["task=reach", "human.demos=5", "learner.bc_steps=200", "learner.utd=1", "learner.actor_every=1"]
        dry_run(load_config([*settings, *small, "learner.head_start=50", "eval_episodes=0", f"out={run}"]))
        whole = learn(run, Path(folder) / "whole", 0, kill=False)
        frames = len(list(read_frames(run / "practice")))
        rng = np.random.default_rng(arguments.seed)
        places = rng.choice(np.arange(300, frames - FOLLOWED), cuts, replace=False).tolist()
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            rows = list(pool.map(lambda cut: compare(run, Path(folder), cut, whole), places))
    for row in rows:
        print(f"killed at frame {row['cut']:5d}: {row['followed']} updates followed, {row['different']} different")
    followed, different = (sum(row[key] for row in rows) for key in ("followed", "different"))
    passed = different == 0 and followed == FOLLOWED * cuts
    target = f"0 of {FOLLOWED * cuts}"
    print(f"{'PASS' if passed else 'FAIL'} updates that differ: {different} of {followed} (target {target})")
    if arguments.json:
        targets = [("updates that differ", f"{different} of {followed}", target, passed)]
        arguments.json.write_text(json.dumps({"rows": rows, "targets": targets}, indent=1))
    return int(not passed)


def compare(run: Path, folder: Path, cut: int, whole: dict[str, str]) -> dict[str, int]:
    """Kill one training at frame `cut`, go on with another; how many of the next updates differ."""
    checkpoints = folder / f"cut{cut}"
    learn(run, checkpoints, cut, kill=True)
    resumed = learn(run, checkpoints, cut, kill=False)
    different = sum(whole[frame] != update for frame, update in resumed.items())
    return {"cut": cut, "followed": len(resumed), "different": different}


def learn(run: Path, checkpoints: Path, cut: int, kill: bool) -> dict[str, str]:
    """The child's updates by frame; of a child that is to be killed, nothing."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.resume",
        "--child",
        str(run),
        str(checkpoints),
        str(cut),
        str(int(kill)),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != (-signal.SIGKILL if kill else 0):
        raise SystemExit(f"child ended with {done.returncode}: {done.stderr}")
    updates: dict[str, str] = {} if kill else json.loads(done.stdout)
    return updates


def child(run: Path, checkpoints: Path, cut: int, kill: int) -> int:
    """Learn from the log: with `kill` up to frame `cut` and die; else go on there (from 0: the whole log)."""
    config = read_config(run / "config.yaml")
    training = new_training(config, checkpoints)
    frames = list(read_frames(run / "practice"))
    if kill:
        for frame in islice(frames, cut):
            training.take(frame)
        os.kill(os.getpid(), signal.SIGKILL)
    training.restore(lambda: frames[:cut])
    watch = Watch(training)
    for index, frame in enumerate(frames[cut:], cut):
        watch.frame = str(index)
        training.take(frame)
        if cut and len(watch.updates) == FOLLOWED:
            break
    print(json.dumps(watch.updates))
    return 0


def new_training(config: Config, checkpoints: Path) -> Training:
    config = replace(config, learner=replace(config.learner, checkpoint_every=130))
    layout = task_layout(config)
    learner = Learner(config.learner, layout, config.task.name, config.seed)
    return Training(learner, layout.has_success, checkpoints, lambda: None)


class Watch:
    """A hash of the drawn indices and all figures of every update, by frame."""

    def __init__(self, training: Training) -> None:
        self.frame, self.updates = "", {}
        self._drawn: list[Any] = []
        agent = training.learner.agent
        update, draw = agent.update, ReplayBuffer.draw

        def watched_draw(buffer: ReplayBuffer, utd: int, batch: int) -> Any:
            self._drawn.append(draw(buffer, utd, batch))
            return self._drawn[-1]

        def watched_update(block: Any) -> dict[str, float]:
            figures = update(block)
            seen = hashlib.sha256(b"".join(places.tobytes() for places in self._drawn))
            seen.update(repr(sorted(figures.items())).encode())
            self.updates[self.frame] = seen.hexdigest()
            self._drawn.clear()
            return figures

        agent.update = watched_update  # type: ignore[method-assign]
        ReplayBuffer.draw = watched_draw  # type: ignore[method-assign]


if __name__ == "__main__":
    sys.exit(main())

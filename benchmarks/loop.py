"""Does the learner disturb the robot? How late the actor's loops wake beside a learner that is alive, dead or dying.

    python -m benchmarks.loop [--quick] [--json FILE] [--rounds 5] [--phase_s 12]

An actor practises on a simulated arm in real time and never waits for the learner (`learner.max_lag=0`). In turn the
learner is alive and learns, is gone, and is killed and started again every few seconds. Rounds repeat the three phases,
so that what else the machine does falls on all of them alike. What is compared is how late the loops wake.
"""

import argparse
import json
import math
import struct
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import mannwhitneyu

from robot_rl.cli import main as robot_rl
from robot_rl.compose import load_config, save_config
from robot_rl.config import Config
from robot_rl.drivers.sim_world import SimWorld
from robot_rl.env import RobotEnv
from robot_rl.processes import free_port

SETTINGS = [
    "task=reach",
    "robot.realtime=true",
    "human.demos=1",
    "learner.max_lag=0",
    "learner.start_steps=20",
    "learner.env_steps=1000000",
]
PHASES = ("alive", "dead", "restarting")
LIFE_S = 6.0
"""From one death of a restarting learner to the next: enough to start and connect"""
PRACTICE_TURNS = 60
"""More than the demonstration takes: an episode has 50 steps"""
LOOPS = {"control": 0.002, "policy": 0.1}
"""Configured periods, s"""


def main() -> int:
    """Run the phases, print the table and the verdict."""
    parser = argparse.ArgumentParser(description="Loop periods beside a learner.")
    parser.add_argument("--quick", action="store_true", help="one round of short phases, not compared")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--phase_s", type=float, default=12.0)
    parser.add_argument("--child", nargs=2, metavar=("CONFIG", "TIMES"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        return child(*map(Path, arguments.child))
    rounds, phase_s = (1, 6.0) if arguments.quick else (arguments.rounds, arguments.phase_s)
    with tempfile.TemporaryDirectory() as folder:
        samples = measure(Path(folder), rounds, phase_s)
    table = {
        loop: {phase: summary(samples[loop][phase], period_s) for phase in PHASES} for loop, period_s in LOOPS.items()
    }
    print(f"late beyond the period\n{'loop':9}{'learner':12}{'turns':>8}{'p50 ms':>9}{'p99 ms':>9}   p99 of each round")
    for loop, phases in table.items():
        for phase, row in phases.items():
            each = " ".join(f"{1e3 * p:.2f}" for p in row["rounds_p99_s"])
            print(f"{loop:9}{phase:12}{row['turns']:8}{1e3 * row['p50_s']:9.3f}{1e3 * row['p99_s']:9.2f}   {each}")
    targets = [verdict for loop in LOOPS for verdict in verdicts(loop, table[loop], arguments.quick)]
    for name, value, target, passed in targets:
        print(f"{'PASS' if passed else 'FAIL'} {name}: {value} (target {target})")
    if arguments.json:
        arguments.json.write_text(json.dumps({"table": table, "targets": targets}, indent=1))
    return int(not all(passed for *_, passed in targets))


def measure(folder: Path, rounds: int, phase_s: float) -> dict[str, dict[str, list[np.ndarray]]]:
    """Periods, s, by loop and phase: one array for each round."""
    config = load_config([*SETTINGS, f"link.address=127.0.0.1:{free_port()}"])
    save_config(replace(config, out=str(folder / "actor")), folder / "actor.yaml")
    learner, times = Restarted(config, folder), folder / "times"
    command = [sys.executable, "-m", "benchmarks.loop", "--child", str(folder / "actor.yaml"), str(times)]
    spans: list[tuple[str, float, float]] = []
    log = folder / "actor.txt"
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as actor:
        try:
            learner.start()
            wait_for_practice(actor, times, log)
            for _ in range(rounds):
                for phase in PHASES:
                    spans.append((phase, *live(learner, phase, phase_s)))
        finally:
            actor.kill()
            learner.kill()
    found = read(times)
    samples: dict[str, dict[str, list[np.ndarray]]] = {loop: {phase: [] for phase in PHASES} for loop in LOOPS}
    for phase, start_s, end_s in spans:
        for loop, turns in found.items():
            outside = (turns < start_s) | (turns >= end_s)
            samples[loop][phase].append(np.diff(turns[~outside]))
    return samples


def live(learner: "Restarted", phase: str, phase_s: float) -> tuple[float, float]:
    """Bring the learner into its phase and let it last; when it began and ended."""
    if phase == "alive":
        learner.start()
        time.sleep(LIFE_S)
    elif phase == "dead":
        learner.kill()
    start_s = time.monotonic()
    while time.monotonic() < start_s + phase_s:
        if phase == "restarting":
            learner.kill()
            learner.start()
        time.sleep(min(LIFE_S, phase_s / 2))
    return start_s, time.monotonic()


class Restarted:
    """A learner process."""

    def __init__(self, config: Config, folder: Path) -> None:
        self._config, self._folder = config, folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        if self._process:
            return
        file, home = self._folder / "learner.yaml", self._folder / "learner"
        save_config(replace(self._config, out=str(home), resume=(home / "config.yaml").exists()), file)
        command = [sys.executable, "-m", "robot_rl.cli", "learner", f"config={file}"]
        with (self._folder / "learner.txt").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
        self._process = None


def wait_for_practice(actor: "subprocess.Popen[bytes]", times: Path, log: Path) -> None:
    """Until the actor practises beside a learner."""
    deadline_s = time.monotonic() + 90.0
    while len(read(times)["policy"]) < PRACTICE_TURNS:
        if actor.poll() is not None or time.monotonic() > deadline_s:
            raise SystemExit(f"the actor does not practise: {log.read_text()[-2000:]}")
        time.sleep(0.2)


def child(config: Path, times: Path) -> int:
    """The actor, writing down when each turn of its loops began."""
    files = {loop: (times.with_name(f"{times.name}.{loop}")).open("wb", buffering=1 << 14) for loop in LOOPS}
    tick, step, reset = SimWorld._tick, RobotEnv.step, RobotEnv.reset

    def noted_tick(world: SimWorld) -> None:
        files["control"].write(struct.pack("d", time.monotonic()))
        tick(world)

    def noted_step(env: RobotEnv, action: Any) -> Any:
        files["policy"].write(struct.pack("d", time.monotonic()))
        files["policy"].flush()
        return step(env, action)

    def unnoted_reset(env: RobotEnv, **options: Any) -> Any:
        for file in files.values():  # NaN: what lies between two episodes is no turn
            file.write(struct.pack("d", math.nan))
        found = reset(env, **options)
        files["control"].write(struct.pack("d", math.nan))
        return found

    SimWorld._tick, RobotEnv.step = noted_tick, noted_step  # type: ignore[method-assign]
    RobotEnv.reset = unnoted_reset  # type: ignore[method-assign]
    return robot_rl(["actor", f"config={config}"])


def read(times: Path) -> dict[str, np.ndarray]:
    """When the turns began, s, by loop."""
    found = {}
    for loop in LOOPS:
        path = times.with_name(f"{times.name}.{loop}")
        content = path.read_bytes() if path.exists() else b""
        found[loop] = np.frombuffer(content[: len(content) // 8 * 8])
    return found


def summary(rounds: list[np.ndarray], period_s: float) -> dict[str, Any]:
    """How late turns began: beyond the period."""
    late = [np.clip(turns[np.isfinite(turns)] - period_s, 0.0, None) for turns in rounds]
    every = np.concatenate(late)
    return {
        "turns": len(every),
        "p50_s": float(np.median(every)),
        "p99_s": float(np.quantile(every, 0.99)),
        "rounds_p99_s": [float(np.quantile(part, 0.99)) for part in late],
    }


def verdicts(loop: str, phases: dict[str, dict[str, Any]], quick: bool) -> list[tuple[str, str, str, bool]]:
    """Is the p99 with a living or dying learner within the spread of rounds without one?"""
    if quick:
        turns = min(row["turns"] for row in phases.values())
        return [(f"{loop} turns in every phase", str(turns), "> 20", turns > 20)]
    found = []
    alone = phases["dead"]["rounds_p99_s"]
    for phase in ("alive", "restarting"):
        p99 = phases[phase]["rounds_p99_s"]
        pvalue = float(mannwhitneyu(p99, alone, alternative="greater").pvalue)
        text = f"{1e3 * np.median(p99):.2f} ms, alone {1e3 * np.median(alone):.2f} ms, p = {pvalue:.2f}"
        found.append((f"{loop} loop late, p99, learner {phase}", text, "no difference at p < 0.05", pvalue >= 0.05))
    return found


if __name__ == "__main__":
    sys.exit(main())

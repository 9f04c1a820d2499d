"""Killing or stopping the actor at random moments, and stopping the arm's process itself: does the arm come to rest?

    python -m benchmarks.silence [--moments 50] [--quick] [--json FILE] [--seed 0]

A real actor process streams commands at 10 Hz, full speed, validity 0.2 s, to a real arm process at 500 Hz. At random
moments the actor gets SIGKILL, at as many others SIGSTOP; then the arm's process gets SIGSTOP for a second, while
the actor goes on. What the arm did is judged afterwards from the arm process's trace (`stops`).
Times are compared with the periods as they ran; how late they ran, which is the machine's doing, stands apart.
"""

import argparse
import contextlib
import json
import multiprocessing
import os
import signal
import tempfile
import time
from collections.abc import Sequence
from ctypes import c_double
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.stops import KINDS, STILL_S, VALID_S, Moment, judge, late
from controllers.records import PoseCommand
from robot_rl.cell.client import CellClient
from robot_rl.cell.remote import RemoteArm, RemoteAuthority
from robot_rl.cell.spawn import spawn
from robot_rl.cell.trace import read_trace
from robot_rl.clock import MonotonicClock
from robot_rl.config import SafetyConfig
from robot_rl.errors import StaleError
from robot_rl.operator import Pilot, State

POLICY_S = 0.1
STEP_M = 0.036
"""The longest legal step, ahead of the measured pose, per axis: the arm never gets there at full speed"""
LOW_M, HIGH_M = np.array([0.35, -0.2, 0.3]), np.array([0.55, 0.2, 0.55])
"""Where the actor turns round"""
MOVES_S = (0.4, 0.9)
"""Range of the time from the first command to the signal"""
WATCH_S = 0.6
"""How long the arm is watched afterwards"""
FORK = multiprocessing.get_context("fork")


def main() -> int:
    """Run the moments, print the table and the verdict."""
    parser = argparse.ArgumentParser(description="Silence of the actor, and of the arm's process.")
    parser.add_argument("--moments", type=int, default=50, help="of each kind; two fifths as many for the arm process")
    parser.add_argument("--quick", action="store_true", help="5 moments of each kind")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    count = 5 if arguments.quick else arguments.moments
    counts = dict(zip(KINDS, (count, count, max(2, count * 2 // 5)), strict=True))
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:
        moments, rows = play(Path(folder), counts, np.random.default_rng(arguments.seed))
    table = [judge(kind, [moment for moment in moments if moment.kind == kind], rows) for kind in KINDS]
    lateness = late(rows, [moment for moment in moments if moment.kind == KINDS[2]])
    show(table, lateness)
    targets = list(verdicts(table))
    for target in targets:
        print("PASS" if target["passed"] else "FAIL", target["name"], target["value"], target["target"])
    if arguments.json:
        arguments.json.write_text(json.dumps({"rows": table, "lateness": lateness, "targets": targets}, indent=2))
    return int(not all(target["passed"] for target in targets))


def play(folder: Path, counts: dict[str, int], rng: np.random.Generator) -> tuple[list[Moment], Any]:
    """All moments with one arm process, in mixed order; its trace."""
    path, trace = folder / "arm", folder / "trace.npy"
    order = rng.permutation([kind for kind, count in counts.items() for _ in range(count)])
    arm = spawn([f"socket={path}", f"trace={trace}", f"trace_s={60 + 5 * len(order)}"])
    try:
        moments = [moment(str(kind), path, arm.pid, rng) for kind in order]
    finally:
        arm.terminate()
        code = arm.wait()
    if code != 0:
        raise SystemExit(f"the arm process ended with exit code {code}; see above")
    return moments, read_trace(trace)


def moment(kind: str, path: Path, arm_pid: int, rng: np.random.Generator) -> Moment:
    """Start an actor, let it move the arm, send the signal, watch."""
    sent = FORK.Array(c_double, 1000, lock=False)
    actor = FORK.Process(target=act, args=(path, sent, int(rng.integers(2**31))))
    actor.start()
    while not sent[1]:
        if actor.exitcode is not None:
            raise SystemExit("the actor could not start; see above")
        time.sleep(0.005)
    time.sleep(rng.uniform(*MOVES_S))
    assert actor.pid
    at_s = time.monotonic()
    if kind == KINDS[2]:
        os.kill(arm_pid, signal.SIGSTOP)
        time.sleep(STILL_S)
        os.kill(arm_pid, signal.SIGCONT)
    else:
        os.kill(actor.pid, signal.SIGKILL if kind == KINDS[0] else signal.SIGSTOP)
    time.sleep(WATCH_S)
    until_s = time.monotonic()
    actor.kill()
    actor.join()
    return Moment(kind, at_s, until_s, {k: sent[k] for k in range(1, len(sent)) if sent[k]})


def act(path: Path, sent: Any, seed: int) -> None:
    """The actor: to and fro at full speed until it is killed."""
    rng, clock, client = np.random.default_rng(seed), MonotonicClock(), CellClient(path)
    arm, authority = RemoteArm(client, "actor"), RemoteAuthority(client)
    pilot = Pilot(authority, clock, "actor", simulated=True)
    pilot.begin()
    pilot.enter(State.POLICY)
    way, due_s, tcp = rng.choice([-1.0, 1.0], 3), clock.now_s(), arm.read().tcp
    for sequence in range(1, len(sent)):
        with contextlib.suppress(StaleError):  # then it goes on with what it saw last, and that must not be obeyed
            authority.renew(pilot.fence)
            tcp = arm.read().tcp
        way = np.where(rng.random(3) < 0.1, -way, way)
        way = np.where(tcp.position_m < LOW_M, 1.0, np.where(tcp.position_m > HIGH_M, -1.0, way))
        target = type(tcp)(tcp.position_m + STEP_M * way, tcp.quat_wxyz)
        sent[sequence] = clock.now_s()
        with contextlib.suppress(StaleError):
            arm.command(PoseCommand(target, sequence, VALID_S, pilot.fence, "policy"))
        due_s += POLICY_S
        clock.sleep_until(due_s)


def verdicts(table: Sequence[dict[str, Any]]) -> Any:
    """The targets."""
    silent, still = table[:2], table[2]
    clip_mm = 1e3 * SafetyConfig().clip_m

    def target(name: str, value: float, allowed: float, passed: bool) -> dict[str, Any]:
        return {"name": name, "value": round(value, 4), "target": allowed, "passed": bool(passed)}

    moving = sum(row["moving"] for row in table) / sum(row["moments"] for row in table)
    yield target("share of moments at which the arm moved", moving, 0.8, moving >= 0.8)
    for name, rows, key in (
        ("periods without braking after the validity had ended", silent, "periods_too_late"),
        ("periods without braking after the arm process stood still", [still], "periods_too_late"),
        ("periods in which braking ended by itself", table, "resumed"),
        ("commands obeyed after braking began", table, "obeyed"),
        ("moments at which the stop was not latched after the arm process stood still", [still], "not_latched"),
        ("moments at which the arm was not at rest in the computed time", table, "not_at_rest"),
    ):
        value = sum(row[key] for row in rows)
        yield target(name, value, 0, value == 0)
    beyond = max(row["reference_beyond_um"] for row in table)
    yield target("way of the reference beyond the computed one, um", beyond, 0.01, beyond <= 0.01)
    tool = max(row["tool_beyond_mm"] for row in table)
    yield target("way of the tool beyond the computed one and its lag, mm", tool, clip_mm, tool <= clip_mm)


def show(table: Sequence[dict[str, Any]], lateness: dict[str, Any]) -> None:
    columns = {
        "moments": lambda row: f"{row['moving']} of {row['moments']}",
        "speed m/s": lambda row: f"{row['speed_m_s']:.3f}",
        "braking after signal ms": lambda row: both(row["ms_from_signal"], 1),
        "after validity, periods": lambda row: both(row["periods_from_end"], 2),
        "by the actor's stamps": lambda row: both(row["periods_from_end_by_actor"], 2),
        "way to rest mm": lambda row: both(row["way_mm"], 1),
        "tool's way mm": lambda row: both(row["tool_way_mm"], 1),
        "it trails by mm": lambda row: both(row["lag_mm"], 1),
        "reference beyond um": lambda row: f"{row['reference_beyond_um']:.3f}",
        "tool beyond mm": lambda row: f"{row['tool_beyond_mm']:.2f}",
    }
    print("  ".join([f"{'median / worst':<20}", *columns]))
    for row in table:
        cells = [f"{cell(row):>{len(name)}}" for name, cell in columns.items()]
        print("  ".join([f"{row['kind']:<20}", *cells]))
    print(
        f"{lateness['periods']} periods, {lateness['share_of_grid']:.1%} of the grid; they began late by "
        f"{lateness['median_ms']:.2f} ms (median), {lateness['p99_ms']:.2f} (p99), {lateness['worst_ms']:.2f} (worst)"
    )


def both(values: dict[str, float], digits: int) -> str:
    return f"{values['median']:.{digits}f} / {values['worst']:.{digits}f}"


if __name__ == "__main__":
    raise SystemExit(main())

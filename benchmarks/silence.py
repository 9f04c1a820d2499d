"""Killing or stopping the actor at random moments, and stopping the arm's process itself: does the arm come to rest?

    python -m benchmarks.silence [--moments 50] [--quick] [--json FILE] [--seed 0]

A real actor process streams commands at 10 Hz, full speed, validity 0.2 s, to a real arm process at 500 Hz. At random
moments the actor gets SIGKILL, at as many others SIGSTOP; then the arm's process gets SIGSTOP for a second, while
the actor goes on. What the arm did is judged afterwards from the arm process's trace, with this file's own arithmetic.
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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from controllers.records import PoseCommand
from robot_rl.cell.client import CellClient
from robot_rl.cell.remote import RemoteArm, RemoteAuthority
from robot_rl.cell.spawn import spawn
from robot_rl.cell.trace import read_trace
from robot_rl.clock import MonotonicClock
from robot_rl.config import SafetyConfig
from robot_rl.errors import StaleError
from robot_rl.operator import Pilot, State

PERIOD_S, POLICY_S, VALID_S = 0.002, 0.1, 0.2
STEP_M = 0.036
"""The longest legal step, ahead of the measured pose, per axis: the arm never gets there at full speed"""
LOW_M, HIGH_M = np.array([0.35, -0.2, 0.3]), np.array([0.55, 0.2, 0.55])
"""Where the actor turns round"""
MOVES_S = (0.4, 0.9)
"""Range of the time from the first command to the signal"""
WATCH_S, STILL_S = 0.6, 1.0
"""How long the arm is watched afterwards; how long its process stands still"""
KINDS = ("actor killed", "actor stopped", "arm process stopped")
FORK = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Moment:
    """One signal."""

    kind: str
    at_s: float
    until_s: float
    sent: dict[int, float]
    """The actor's own note of when it sent each command"""


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


# Judging


def judge(kind: str, moments: Sequence[Moment], rows: Any) -> dict[str, Any]:
    """Figures of one kind of moment."""
    stops = [judge_one(moment, rows) for moment in moments]
    moving = [stop for stop in stops if stop["moving"]]
    if not moving:
        raise SystemExit(f"{kind}: the arm moved at none of {len(stops)} moments; the machine is too busy to measure")

    def column(name: str) -> np.ndarray:
        return np.array([stop[name] for stop in moving], float)

    return {
        "kind": kind,
        "moments": len(stops),
        "moving": len(moving),
        "speed_m_s": float(np.median(column("speed_m_s"))),
        "ms_from_signal": spread(1e3 * column("from_signal_s")),
        "periods_from_end": spread(column("from_end_s") / PERIOD_S),
        "periods_from_end_by_actor": spread(column("from_sent_end_s") / PERIOD_S),
        "periods_too_late": int(column("too_late").sum()),
        "resumed": int(column("resumed").sum()),
        "obeyed": int(column("obeyed").sum()),
        "way_mm": spread(1e3 * column("way_m")),
        "tool_way_mm": spread(1e3 * column("tool_way_m")),
        "lag_mm": spread(1e3 * column("lag_m")),
        "reference_beyond_um": float(1e6 * column("beyond_m").max()),
        "tool_beyond_mm": float(1e3 * column("tool_beyond_m").max()),
        "not_at_rest": int((~(column("left_m_s") <= 1e-6)).sum()),
        "not_latched": int(column("not_latched").sum()) if kind == KINDS[2] else 0,
    }


def judge_one(moment: Moment, rows: Any) -> dict[str, Any]:
    """What the arm did from this signal on.

    `too_late` counts periods that began after permission had ended and still did not brake: with none, braking began
    within one period as they ran. When the arm's process stood still, permission ends with the standing still.
    """
    times = rows["time_s"]
    first, stop = (int(np.searchsorted(times, t)) for t in (moment.at_s, moment.until_s))
    window = rows[:stop]
    if moment.kind == KINDS[2]:
        first += int(np.argmax(np.diff(times[first - 1 : stop])))  # the first after the longest gap
        end_s = float(times[first])
    else:
        end_s = float(window["arrived_s"][-1] + window["valid_for_s"][-1])
    braking = window["braking"][first:] == 1
    start = first + int(np.argmax(braking)) if braking.any() else stop - 1
    late = (window["time_s"] >= end_s) & (window["braking"] == 0) & (np.arange(stop) >= first)
    last = int(window["sequence"][-1])
    sent_end_s = moment.sent[last] + VALID_S if moment.kind != KINDS[2] else end_s
    return {
        "moving": bool(window["braking"][first - 1] == 0),
        "speed_m_s": float(np.abs(window["reference_m_s"][start - 1]).max()),
        "from_signal_s": float(times[start] - (moment.at_s if moment.kind != KINDS[2] else end_s)),
        "from_end_s": float(times[start] - end_s),
        "from_sent_end_s": float(times[start] - sent_end_s),
        "too_late": int(late.sum()),
        "resumed": int((window["braking"][start:] == 0).sum()),
        "obeyed": int((np.diff(window["arrived_s"][max(first, start) - 1 :]) != 0).sum()),
        "not_latched": int(window["state"][-1] != list(State).index(State.STOPPED)),
        **judge_way(window, start),
    }


def judge_way(window: Any, start: int) -> dict[str, float]:
    """The way from the last period without braking, `start` - 1, against that of the quickest stop.

    The tool trails a reference that turns round faster than the bounded force can accelerate the arm: it may go as far
    as the reference and what it trails behind at that moment, and beyond that by the clip, which is what it overshoots.
    """
    rate, place, tool = window["reference_m_s"], window["reference_m"], window["tool_m"]
    slope = (rate[start - 1] - rate[start - 2]) / PERIOD_S
    limits = window["acceleration_m_s2"][start], window["jerk_m_s3"][start]
    seconds, metres = quickest_stop(rate[start - 1], slope, *limits)
    way = np.abs(place[start:] - place[start - 1]).max(axis=0)
    tool_way = np.linalg.norm(tool[start:] - tool[start], axis=1).max()
    lag = np.linalg.norm(place[start - 1] - tool[start])  # the tool as measured after that period
    rested = rate[start + 1 + int(np.ceil(seconds / PERIOD_S)) :]
    return {
        "way_m": float(np.linalg.norm(way)),
        "beyond_m": float((way - metres).max()),
        "tool_way_m": float(tool_way),
        "lag_m": float(lag),
        "tool_beyond_m": float(tool_way - np.linalg.norm(metres) - lag),
        "left_m_s": float(np.abs(rested).max()) if len(rested) else float("nan"),
    }


def quickest_stop(
    rate: np.ndarray, slope: np.ndarray, acceleration: np.ndarray, jerk: np.ndarray
) -> tuple[float, np.ndarray]:
    """Longest time in s, and way in m per axis, to stop within the limits in force from speed `rate` and acceleration
    `slope`, the mean of the last period. First the acceleration is taken back, at worst one that speeds up; then a
    symmetric S, of triangle or trapezium in acceleration (Biagiotti and Melchiorri 2008, section 3.4)."""
    back_s = np.minimum(np.abs(slope) + jerk * PERIOD_S / 2, acceleration) / jerk
    peak = np.abs(rate) + jerk * back_s**2 / 2
    full = peak * jerk >= acceleration**2
    brake_s = np.where(full, peak / acceleration + acceleration / jerk, 2 * np.sqrt(peak / jerk))
    return float((back_s + brake_s).max()), peak * (back_s + brake_s / 2)


def late(rows: Any, stalls: Sequence[Moment]) -> dict[str, Any]:
    """How late the periods began, in ms, apart from those in which the arm's process was made to stand still."""
    times = rows["time_s"]
    meant = np.zeros(len(times), bool)
    for stall in stalls:
        meant |= (times >= stall.at_s) & (times <= stall.at_s + STILL_S + 0.05)
    late_ms = 1e3 * (times - rows["deadline_s"])[~meant]
    ran = round((times[-1] - times[0] - STILL_S * len(stalls)) / PERIOD_S)
    return {
        "periods": len(late_ms),
        "share_of_grid": len(times) / ran,
        "median_ms": float(np.median(late_ms)),
        "p99_ms": float(np.percentile(late_ms, 99)),
        "worst_ms": float(late_ms.max()),
    }


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


def spread(values: np.ndarray) -> dict[str, float]:
    return {"median": float(np.median(values)), "worst": float(values.max())}


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

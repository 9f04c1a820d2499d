"""How close learning comes to the bare matrix products it needs, and how fast acting and sampling are.

    python -m benchmarks.learner [--quick] [--json FILE]

State 30, action 6, batch 256, MLP 256x256, update-to-data ratio 20. Everything is timed round-robin in one
process, so that a ratio survives a busy machine. The base of the ratio is `benchmarks/products.py`, batched
over the ensemble or critic by critic, whichever is faster here. Modules that load numpy or torch are imported
late, in a child process already bound to its cores.
"""

import argparse
import gc
import itertools
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

OBSERVATION, ACTION, BATCH, HIDDEN, UTD, SUBSET = 30, 6, 256, 256, 20, 2
Row = dict[str, Any]


def main() -> int:
    """Run one child process for each number of cores, print the tables and the verdict."""
    parser = argparse.ArgumentParser(description="Speed of the learner against the bare matrix products.")
    parser.add_argument("--quick", action="store_true", help="one core, under a minute, ratios only")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--cores", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.cores:
        print(json.dumps(measure(arguments.quick)))
        return 0
    available = sorted(os.sched_getaffinity(0))
    rows: list[Row] = []
    for cores in (1,) if arguments.quick else (1, 2):
        if len(available) >= cores:
            rows += child(available[-cores:], arguments.quick)
    show(rows)
    targets = verdict(rows, arguments.quick)
    if arguments.json:
        report = {"machine": platform.processor() or platform.machine(), "rows": rows, "targets": targets}
        arguments.json.write_text(json.dumps(report, indent=2))
    return int(not all(target["passed"] for target in targets))


def child(cores: list[int], quick: bool) -> list[Row]:
    """Measure in a process bound to these cores before torch is imported."""
    count = str(len(cores))
    threads = {f"{name}_NUM_THREADS": count for name in ("OMP", "MKL", "OPENBLAS")}
    command = [sys.executable, "-m", "benchmarks.learner", "--cores", count] + ["--quick"] * quick
    done = subprocess.run(
        command,
        env=os.environ | threads,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return [{"cores": len(cores), **row} for row in json.loads(done.stdout)]


def measure(quick: bool) -> list[Row]:
    """All figures on the cores of this process."""
    import torch

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    rows = []
    for critics in (10, 2):
        rows += measure_updates(critics, repetitions=10 if quick else 40)
    return rows + measure_acting(200 if quick else 2000) + measure_sampling(20 if quick else 100)


def measure_updates(critics: int, repetitions: int) -> list[Row]:
    """One critic update and one block beside their bare products."""
    import numpy as np

    from benchmarks.products import Batched, OneByOne
    from robot_rl.config import LearnerConfig
    from robot_rl.learn.rlpd import RlpdAgent

    config = LearnerConfig(
        hidden=[HIDDEN, HIDDEN],
        critics=critics,
        target_subset=SUBSET,
        batch_size=BATCH,
        utd=UTD,
        actor_every=UTD,
    )
    agent = RlpdAgent(config, OBSERVATION, ACTION, False, np.ones(OBSERVATION), seed=0)
    block, single = random_block(UTD), random_block(1)
    batched, looped = Batched(critics), OneByOne(critics)

    def critic_update() -> None:
        for batch in agent.batches(single):
            agent._update_critics(batch)

    update = {"update": critic_update, "batched": batched.update, "looped": looped.update}
    whole = {"update": lambda: agent.update(block), "batched": batched.block, "looped": looped.block}
    return [
        compare(f"critic update, {critics} critics", interleave(update, repetitions * 3)),
        compare(f"UTD-{UTD} block, {critics} critics", interleave(whole, repetitions // 2)),
    ]


def compare(name: str, times: dict[str, list[float]]) -> Row:
    """Milliseconds and the ratio to the faster form of the bare products."""
    base = min((times["batched"], times["looped"]), key=statistics.median)
    ratio = statistics.median(times["update"]) / statistics.median(base)
    return {
        "name": name,
        "unit": "ms",
        **quartiles(times["update"], 1e3),
        "bare": quartiles(base, 1e3),
        "ratio": ratio,
    }


def measure_acting(repetitions: int) -> list[Row]:
    """The deployed policy on one state."""
    import numpy as np

    from robot_rl.config import LearnerConfig
    from robot_rl.learn.policy import PolicyMeta
    from robot_rl.learn.rlpd import RlpdAgent

    rows = []
    for gripper in (False, True):
        agent = RlpdAgent(LearnerConfig(), OBSERVATION, ACTION + gripper, gripper, np.ones(OBSERVATION), 0)
        policy = agent.policy(PolicyMeta("benchmark", (), ()))
        state = np.random.default_rng(0).normal(size=OBSERVATION).astype(np.float32)
        times = interleave({"act": lambda p=policy, s=state: p.act(s)}, repetitions)["act"]  # type: ignore[misc]
        name = "policy, one state" + ", gripper" * gripper
        rows.append({"name": name, "unit": "us", **quartiles(times, 1e6)})
    return rows


def measure_sampling(repetitions: int) -> list[Row]:
    """A whole block from two full buffers."""
    from robot_rl.data.replay import BatchSampler, ReplayBuffer

    buffers = [ReplayBuffer(capacity, OBSERVATION, ACTION, seed=0) for capacity in (100_000, 5_000)]
    for buffer in buffers:
        fill(buffer)
    sampler = BatchSampler(buffers[0], buffers[1], BATCH, 0.5)
    times = interleave({"sample": lambda: sampler.sample(UTD)}, repetitions)["sample"]
    return [{"name": f"sample {UTD} x {BATCH} states", "unit": "ms", **quartiles(times, 1e3)}]


def fill(buffer: Any) -> None:
    """A full buffer of zeros: one long episode."""
    import numpy as np

    from robot_rl.types import Frame, Source, Transition

    state, action = np.zeros(OBSERVATION, np.float32), np.zeros(ACTION, np.float32)
    transition = Transition(action, action, Source.POLICY, 0.0, False, False, False, 0.1)
    frames = (Frame("actor", i, 0, i, 0, 0.0, state, transition if i else None) for i in range(buffer.capacity))
    for before, after in itertools.pairwise(frames):
        buffer.add(before, after)


def random_block(utd: int) -> Any:
    """A block of normal states and uniform actions."""
    import numpy as np

    from robot_rl.data.replay import Block

    rng, block = np.random.default_rng(0), Block.empty(utd, BATCH, OBSERVATION, ACTION, online=BATCH // 2)
    block.observation[:] = rng.normal(size=block.observation.shape)
    block.next_observation[:] = rng.normal(size=block.observation.shape)
    block.action[:] = rng.uniform(-1, 1, block.action.shape)
    block.reward[:] = rng.random(block.reward.shape) < 0.05
    block.mask[:] = 1 - block.reward
    return block


def interleave(subjects: dict[str, Callable[[], Any]], repetitions: int) -> dict[str, list[float]]:
    """Seconds of every call, subjects taking turns, after two calls each to warm up."""
    times: dict[str, list[float]] = {name: [] for name in subjects}
    gc.collect()
    gc.disable()
    for i in range(repetitions + 2):
        for name, subject in subjects.items():
            start = time.perf_counter()
            subject()
            if i >= 2:
                times[name].append(time.perf_counter() - start)
    gc.enable()
    return times


def quartiles(times: list[float], unit: float) -> dict[str, float]:
    """Median and quartiles."""
    low, median, high = statistics.quantiles(times, n=4)
    return {"median": median * unit, "q1": low * unit, "q3": high * unit}


def show(rows: list[Row]) -> None:
    """The table."""
    print(f"{'':<32}{'cores':>6}{'median':>10}{'q1':>10}{'q3':>10}{'':>4}{'bare products':>15}{'ratio':>8}")
    for row in rows:
        numbers = "".join(f"{row[key]:>10.2f}" for key in ("median", "q1", "q3"))
        bare = f"{row['bare']['median']:>15.2f}{row['ratio']:>8.2f}" if "bare" in row else ""
        print(f"{row['name']:<32}{row['cores']:>6}{numbers}{row['unit']:>4}{bare}")


def verdict(rows: list[Row], quick: bool) -> list[Row]:
    """One line a target."""
    found = {(row["name"], row["cores"]): row for row in rows}
    bound = 2.2 if quick else 1.8
    checks = [
        (f"{name}, 1 core, x bare products (aim 1.5)", found[name, 1]["ratio"], bound)
        for name in (f"UTD-{UTD} block, 10 critics", "critic update, 10 critics")
    ]
    if not quick:
        checks += [
            ("policy on one state, us", found["policy, one state, gripper", 1]["median"], 60.0),
            (f"sample {UTD} x {BATCH} states, ms", found[f"sample {UTD} x {BATCH} states", 1]["median"], 1.0),
        ]
    targets = []
    for name, value, limit in checks:
        passed = value <= limit if "ratio" in name or "bare" in name else value < limit
        print(f"{'PASS' if passed else 'FAIL'} {name} {value:.2f} {limit:.2f}")
        targets.append({"name": name, "value": value, "target": limit, "passed": passed})
    return targets


if __name__ == "__main__":
    sys.exit(main())

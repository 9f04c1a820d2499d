"""Clients racing for the lease: never two holders, and no stale fence ever passes.

    python -m benchmarks.lease [--interleavings N] [--quick] [--json FILE]

2 to 16 clients, messages delayed, reordered, repeated and lost by a seeded scheduler (tests/robot_rl/operator/race.py).
Between two steps, as often as not, commands are tried under every fence there has ever been, in every moving mode; a
ledger of its own says which must pass. Counts show that leases ran out, were released and handed over while the arm
moved. The seed of an interleaving that fails is printed; `--seed` and `--clients` run it alone.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

from tests.robot_rl.operator.race import HAPPENS, race

STEPS = 150
CLIENTS = range(2, 17)


def main() -> int:
    """Race, print the table and the verdict."""
    parser = argparse.ArgumentParser(description="Clients racing for the lease.")
    parser.add_argument("--interleavings", type=int, default=10_000)
    parser.add_argument("--quick", action="store_true", help="300 interleavings")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--seed", type=int, help="only this one")
    parser.add_argument("--clients", type=int, choices=CLIENTS, help="only so many clients")
    arguments = parser.parse_args()
    wanted = 300 if arguments.quick else arguments.interleavings
    fields = [arguments.clients] if arguments.clients else list(CLIENTS)
    seeds = range(-(-wanted // len(fields))) if arguments.seed is None else [arguments.seed]
    started_s = time.monotonic()
    rows = [measure(clients, seeds) for clients in fields]
    seconds = time.monotonic() - started_s
    show(rows, seconds)
    failures = [failure for row in rows for failure in row["failures"]]
    idle = [name for name in HAPPENS if not sum(row.get(name, 0) for row in rows)]
    idle = idle if arguments.seed is None else []
    figures = (
        (
            f"two holders, a stale fence or a denied right, in {sum(row['interleavings'] for row in rows)} races",
            failures,
        ),
        ("counts that stayed at zero", idle),
    )
    targets = [{"name": name, "value": len(found), "target": 0, "passed": not found} for name, found in figures]
    for target in targets:
        print("PASS" if target["passed"] else "FAIL", target["name"], target["value"], target["target"])
    if arguments.json:
        arguments.json.write_text(json.dumps({"rows": rows, "seconds": seconds, "targets": targets}, indent=2))
    return int(not all(target["passed"] for target in targets))


def measure(clients: int, seeds: Any) -> dict[str, Any]:
    """Counts over many interleavings of as many clients."""
    row: dict[str, Any] = {"clients": clients, "interleavings": 0, "failures": []}
    for seed in seeds:
        row["interleavings"] += 1
        try:
            counts = race(seed, clients, STEPS)
        except AssertionError as error:
            row["failures"].append(f"clients {clients}, seed {seed}: {error}")
            continue
        for key, count in counts.items():
            row[key] = row.get(key, 0) + count
    return row


def show(rows: list[dict[str, Any]], seconds: float) -> None:
    names = ("clients", "interleavings", *HAPPENS)
    print("  ".join(names))
    for row in rows:
        print("  ".join(f"{row.get(name, 0):>{len(name)}}" for name in names))
        for failure in row["failures"][:3]:
            print("   ", failure)
    print(f"{seconds:.0f} s")


if __name__ == "__main__":
    raise SystemExit(main())

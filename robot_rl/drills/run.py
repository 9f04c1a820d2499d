"""Carries out drills, each in a process of its own, and says how each fault ended."""

import json
import logging
import multiprocessing
import os
import pkgutil
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path

import robot_rl.drills
from robot_rl.data.files import write_durably
from robot_rl.drills.drill import DRILLS, Drill, Outcome
from robot_rl.drills.table import ROWS, Row

LIMIT_S = 90.0
"""A drill that takes longer has hung: far more than any needs, on a machine that is busy too"""
OUTCOME, LOG = "outcome.json", "log.txt"
MODULES = [f"{robot_rl.drills.__name__}.{module.name}" for module in pkgutil.iter_modules(robot_rl.drills.__path__)]
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Result:
    """One row of the table, carried out."""

    row: Row
    outcome: Outcome


def load() -> None:
    """Know every drill: each module here enters its own."""
    for module in MODULES:
        import_module(module)


def ready() -> list[Row]:
    """The rows that can be carried out today. A row that needs nothing and has no drill is one of them, and fails."""
    return [row for row in ROWS if not row.needs]


def carry_out_all(rows: Sequence[Row], folder: Path, seed: int, before: Callable[[Row], None]) -> list[Result]:
    """One after the other, each in a folder of its own below `folder`; `before` hears of each that begins."""
    load()
    results = []
    for row in rows:
        before(row)
        drill = DRILLS.get(row.number)
        missing = Outcome(False, "there is no drill of this fault")
        outcome = carry_out(drill, folder / f"{row.number:02d}", seed) if drill else missing
        results.append(Result(row, outcome))
    return results


def carry_out(drill: Drill, folder: Path, seed: int, limit_s: float = LIMIT_S) -> Outcome:
    """One drill in a new process, so that one that raises, crashes or hangs is a failed row and nothing more."""
    folder.mkdir(parents=True)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(MODULES)
    child = context.Process(target=_in_child, args=(drill, folder, seed))
    child.start()
    assert child.pid
    try:
        child.join(limit_s)
    finally:  # with it, whatever it has started; also on Ctrl-C
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.join()
    if (folder / OUTCOME).exists():
        return Outcome(**json.loads((folder / OUTCOME).read_text()))
    said = (folder / LOG).read_text(errors="replace").split("\n") if (folder / LOG).exists() else []
    last = next((line.strip() for line in reversed(said) if line.strip()), "it said nothing")
    hung = child.exitcode == -signal.SIGKILL
    why = f"the drill was killed after {limit_s:g} s" if hung else f"the drill ended with code {child.exitcode}"
    return Outcome(False, f"{why}: {last}")


def _in_child(drill: Drill, folder: Path, seed: int) -> None:
    """What is said on the way goes to a file; Python's own message about an error is its last line."""
    os.setsid()
    file = os.open(folder / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(file, stream.fileno())
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr, force=True)
    outcome = drill(folder, seed)
    write_durably(folder / OUTCOME, json.dumps(asdict(outcome)).encode())

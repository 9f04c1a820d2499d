"""The fault suite's results as a table for the terminal, a page and a file."""

import json
import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from robot_rl.data.files import write_durably
from robot_rl.drills.run import Result
from robot_rl.drills.table import GROUPS, ROWS, Row

WIDTH = 100
"""Columns of a terminal"""
DISCLAIMER = "Nothing here is a certified safety function."


def listing(rows: Sequence[Row] = ROWS) -> str:
    """Every fault: what is expected, and whether it is drilled today."""
    lines = []
    for row in rows:
        when = f"not yet: needs {row.needs}" if row.needs else "runs today"
        lines += [f"{row.number:3}  {row.fault}  [{when}]", f"       expected: {row.expected}"]
    return "\n".join(lines)


def table(results: Sequence[Result]) -> str:
    """A few lines for each fault, at most 100 columns wide."""
    head = f"{'':4} {'':4} {'detected':>9} {'held':>9} {'lost':>5} {'restarted':>10}  fault"
    return "\n".join([head, *(line for result in results for line in _lines(result))])


def verdict(results: Sequence[Result]) -> str:
    """The last line."""
    met = sum(result.outcome.passed for result in results)
    waiting = sum(bool(row.needs) for row in ROWS)
    return f"{met} of {len(results)} faults met their expectation; {waiting} not yet"


def write(folder: Path, results: Sequence[Result], seed: int) -> None:
    """`faults.json` and `faults.md`. Raises StorageError when the disk does not take them."""
    facts = {"seed": seed, "rows": [_facts(result) for result in results], "not_yet": _waiting()}
    write_durably(folder / "faults.json", json.dumps(facts, indent=1).encode())
    write_durably(folder / "faults.md", _page(results, seed).encode())


def _lines(result: Result) -> list[str]:
    row, o = result.row, result.outcome
    mark = "ok" if o.passed else "FAIL"
    figures = f"{_s(o.detected_s):>9} {_s(o.held_s):>9} {_plain(o.lost):>5} {_yes(o.restarted):>10}"
    said = (
        [f"seen: {o.seen}"] + [f"said: {o.message}"] * bool(o.message) + [f"expected: {row.expected}"] * (not o.passed)
    )
    indent = " " * 10
    wrapped = (textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent + "  ") for text in said)
    return [f"{row.number:4} {mark:4} {figures}  {row.fault}"[:WIDTH], *(line for part in wrapped for line in part)]


def _page(results: Sequence[Result], seed: int) -> str:
    columns = ("no.", "fault", "expected", "passed", "detected after", "held after", "lost", "restarted")
    lines = [DISCLAIMER, "", f"# Faults, seed {seed}", "", verdict(results), ""]
    lines += [_line((*columns, "message shown", "seen")), _line(["---"] * 10)]
    for result in results:
        row, o = result.row, result.outcome
        passed = "yes" if o.passed else "**no**"
        figures = (_s(o.detected_s), _s(o.held_s), _plain(o.lost), _yes(o.restarted))
        lines.append(_line((str(row.number), row.fault, row.expected, passed, *figures, o.message, o.seen)))
    lines += ["", "Not yet:", ""]
    lines += [f"- {entry['number']} {entry['fault']}: needs {entry['needs']}" for entry in _waiting()]
    return "\n".join(lines) + "\n"


def _facts(result: Result) -> dict[str, Any]:
    row = result.row
    known = {"number": row.number, "group": GROUPS[row.group], "fault": row.fault, "expected": row.expected}
    return known | asdict(result.outcome)


def _waiting() -> list[dict[str, Any]]:
    return [{"number": row.number, "fault": row.fault, "needs": row.needs} for row in ROWS if row.needs]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"


def _s(value: float | None) -> str:
    return "" if value is None else f"{value:.3f} s"


def _plain(value: int | None) -> str:
    return "" if value is None else str(value)


def _yes(value: bool | None) -> str:
    return "" if value is None else ("yes" if value else "no")

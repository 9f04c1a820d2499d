"""The verb `faults`: every fault of the table, made on purpose in the dry run's own parts."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from robot_rl.drills import run, show
from robot_rl.drills.table import ROWS, Row
from robot_rl.errors import ConfigError, RobotRLError
from robot_rl.jobs.folder import Outcome

USAGE = "robot-rl faults --list, or robot-rl faults --out DIR [--only 22,24] [seed=0]"
KEYS = ("out", "only", "seed")


def listing(arguments: Sequence[str]) -> Outcome:
    """Every fault, what is expected, and whether it is drilled today."""
    if arguments:
        raise ConfigError(f"{arguments[0]!r} after --list; use {USAGE}")
    return Outcome(show.listing())


def faults(arguments: Sequence[str]) -> Outcome:
    """Carry the drills out and write `faults.json` and `faults.md`.

    Raises ConfigError for a request that cannot be, RobotRLError when a fault did not meet its expectation.
    """
    request = _parse(arguments)
    rows, seed = _chosen(request.get("only", "")), _number("seed", request.get("seed", "0"))
    folder = _new_folder(request.get("out", ""))
    err = Console(stderr=True, highlight=False, soft_wrap=True)

    def tell(row: Row) -> None:
        err.print(f"[{rows.index(row) + 1}/{len(rows)}] {row.number} {row.fault}", markup=False)

    results = run.carry_out_all(rows, folder, seed, tell)
    show.write(folder, results, seed)
    Console(highlight=False, soft_wrap=True).print(show.table(results), markup=False)
    said = show.verdict(results)
    if not all(result.outcome.passed for result in results):
        raise RobotRLError(said)
    return Outcome(said)


def _parse(arguments: Sequence[str]) -> dict[str, str]:
    """`--key value`, `--key=value` and `key=value` are the same."""
    request: dict[str, str] = {}
    words = list(arguments)
    while words:
        word = words.pop(0)
        key, equals, value = word.removeprefix("--").partition("=")
        if not equals and word.startswith("--") and words:
            value = words.pop(0)
        if key not in KEYS or key in request or not value:
            raise ConfigError(f"cannot use {word!r}; use {USAGE}")
        request[key] = value
    return request


def _chosen(only: str) -> list[Row]:
    """The rows to carry out: those of a list such as `22,24`, or all that are ready."""
    if not only:
        return run.ready()
    numbers = {_number("only", text) for text in only.split(",")}
    by_number = {row.number: row for row in ROWS}
    unknown = sorted(numbers - set(by_number))
    if unknown:
        raise ConfigError(f"only={only}: there is no fault {unknown[0]}; they are 1 to {len(ROWS)}")
    for number in sorted(numbers):
        if needs := by_number[number].needs:
            raise ConfigError(f"only={only}: fault {number} is not drilled yet: needs {needs}")
    return [by_number[number] for number in sorted(numbers)]


def _number(key: str, text: str) -> int:
    if not (text.strip().isascii() and text.strip().isdecimal()):
        raise ConfigError(f"{key}: {text!r} is no whole number; use {USAGE}")
    return int(text)


def _new_folder(out: str) -> Path:
    """A folder that holds nothing yet, proved writable."""
    if not out:
        raise ConfigError(f"faults needs --out DIR, a new folder for what happens; use {USAGE}")
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.write_text("")
        probe.unlink()
        if any(folder.iterdir()):
            raise ConfigError(f"--out {out} is not empty; give a new folder")
    except OSError as error:
        raise ConfigError(f"--out {out}: {error.strerror}; choose a folder that can be written") from error
    return folder

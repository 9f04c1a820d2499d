"""What a drill is, what it asks most often, and the list of all there are."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from robot_rl.errors import RobotRLError


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one fault. Times are on the clock of the cell; None where there is nothing to time."""

    passed: bool
    """It met the expectation of the table."""
    seen: str
    """What was observed, with its figures, in one line: also why it passed or not"""
    message: str = ""
    """What the operator was told, word for word"""
    detected_s: float | None = None
    """From the fault to its detection"""
    held_s: float | None = None
    """From the fault to an arm at rest"""
    lost: int | None = None
    """Frames or records that were lost"""
    restarted: bool | None = None
    """It went on cleanly once the fault was over"""


Drill = Callable[[Path, int], Outcome]
"""From an empty folder and a seed to the outcome. It judges by what the motors, the files or the weights did, never by
what the part under test says of itself."""
DRILLS: dict[int, Drill] = {}
"""By number in the table."""


def drill(number: int) -> Callable[[Drill], Drill]:
    """Enter a drill under its number in the table."""

    def enter(run: Drill) -> Drill:
        assert number not in DRILLS, f"fault {number} has two drills"
        DRILLS[number] = run
        return run

    return enter


def refusal(call: Callable[..., object], *given: object) -> str:
    """What a call was refused with; empty when it was not."""
    try:
        call(*given)
    except RobotRLError as error:
        return str(error)
    return ""

"""An episode in which a camera, or the arm's reading, is not what it seems from some time on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from robot_rl.actor import Choice, run_episode
from robot_rl.drills.cell import ASIDE, HELD_S, Cell, said
from robot_rl.drills.drill import Outcome
from robot_rl.errors import FaultError, HardwareError, HeldError, StaleError
from robot_rl.hardware import Frame
from robot_rl.types import Frame as Record
from robot_rl.types import Source

FIRST_S, STEPS = 0.35, 20
"""When, in an episode of so many steps, the fault begins"""


@dataclass
class Blind:
    """What came of an episode in which something was wrong with a camera or with the arm's reading."""

    cell: Cell
    since_s: float
    """When the fault began"""
    error: str
    """How the episode ended; empty when nothing stopped it"""
    ended_s: float
    until_s: float
    """End of the silence that followed"""
    kept: list[Record]
    """Frames that were passed on"""

    def late(self) -> list[Record]:
        """Frames kept of what was observed during the fault."""
        return [frame for frame in self.kept if frame.stamp_s >= self.since_s]

    def checks(self) -> dict[str, bool]:
        rest_s = self.cell.tape.rest_s(self.since_s, self.until_s)
        return {
            "noticed": bool(self.error),
            "nothing kept of it": not self.late(),
            "at rest in time": rest_s is not None and rest_s < HELD_S + 0.2,
        }

    def seen(self) -> str:
        way_mm = 1e3 * self.cell.tape.way_m(self.since_s, self.until_s)
        return f"{len(self.kept)} frames kept before, {len(self.late())} of it, tool went on {way_mm:.1f} mm"

    def detected_s(self) -> float | None:
        return round(self.ended_s - self.since_s, 6) if self.error else None

    def outcome(self, seen: str = "", **checks: bool) -> Outcome:
        text = f"{self.seen()}{'; ' if seen else ''}{seen}"
        return self.cell.outcome(
            {**self.checks(), **{name.replace("_", " "): met for name, met in checks.items()}},
            text,
            self.error,
            self.since_s,
            self.detected_s(),
            lost=0,
            until_s=self.until_s,
        )


def episode(cell: Cell, fault: Callable[[float], None], on_frame: Callable[[Record], None] = lambda _: None) -> Blind:
    """An episode to and fro; `fault` is given the time from which on something is wrong. Then a second of silence."""
    kept: list[Record] = []
    since_s = [np.inf]

    def choose(_: object) -> Choice:
        if not np.isfinite(since_s[0]):
            since_s[0] = cell.now_s + FIRST_S
            fault(since_s[0])
        return Choice(ASIDE * (1.0 if len(kept) % 8 < 4 else -1.0), Source.POLICY)

    def keep(frame: Record) -> None:
        on_frame(frame)
        kept.append(frame)
        if len(kept) > STEPS:
            raise HardwareError("the episode went on as if nothing were wrong")

    step = cell.env.step

    def once(action: np.ndarray) -> Any:
        """The first interruption is what is looked at: no other episode is begun."""
        try:
            return step(action)
        except (HeldError, FaultError, StaleError) as error:
            raise HardwareError(f"{type(error).__name__}: {error}") from error

    cell.env.step = once  # type: ignore[method-assign]
    error = said(run_episode, cell.env, 0, choose, keep)
    cell.env.step = step  # type: ignore[method-assign]
    ended_s = cell.now_s
    error = "" if "as if nothing" in error else error
    cell.wait(1.0)
    return Blind(cell, since_s[0], error, ended_s, cell.now_s, kept)


Change = Callable[[Frame, Frame], Frame]
"""From what the camera should give, and the last good frame, to what it gives."""


def spoilt(cell: Cell, change: Change, on_frame: Callable[[Record], None] = lambda _: None) -> Blind:
    """An episode in which the first camera's frames are changed from some time on; afterwards it is well again."""
    camera, good = cell.cameras[0], [cell.cameras[0].read()]

    def fault(since_s: float) -> None:
        def spoil(frame: Frame) -> Frame:
            if frame.stamp_s >= since_s:
                return change(frame, good[0])
            good[0] = frame
            return frame

        camera.spoil = spoil

    blind = episode(cell, fault, on_frame)
    camera.spoil = lambda frame: frame
    return blind

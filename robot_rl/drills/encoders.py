"""Faults 7 and 8: joints that are measured where they are not."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from controllers.pose import Array
from robot_rl.drills.cell import ASIDE, HELD_S, Cell, said
from robot_rl.drills.drill import Outcome, drill
from robot_rl.drills.numbers import moving, with_bad
from robot_rl.operator import State


@drill(7)
def nan_in_the_measured_joints(folder: Path, seed: int) -> Outcome:
    """One joint's position reads NaN for 20 ms, in full motion."""
    return _encoder_fault(seed, 0.02, lambda cell, q: with_bad(q, np.nan, int(cell.rng.integers(len(q)))))


@drill(8)
def joint_jumps(folder: Path, seed: int) -> Outcome:
    """One joint reads 0.5 rad more from one tick to the next; another time, for 20 ms, one beyond its range."""
    jump = _encoder_fault(seed, 0.1, lambda cell, q: q + 0.5 * (np.arange(len(q)) == 3))
    beyond = _encoder_fault(
        seed, 0.02, lambda cell, q: np.where(np.arange(len(q)) == 3, cell.limits.q_max_rad + 0.3, q)
    )
    return Outcome(
        jump.passed and beyond.passed,
        f"0.5 rad: {jump.seen}; beyond its range: {beyond.seen}",
        f"{jump.message} | {beyond.message}",
        _longest(jump.detected_s, beyond.detected_s),
        _longest(jump.held_s, beyond.held_s),
        restarted=jump.restarted and beyond.restarted,
    )


def _encoder_fault(seed: int, lasts_s: float, lie: Callable[[Cell, Array], Array]) -> Outcome:
    """The arm's joint positions are not what is read, for a while. It must stop, and stay so until a person comes."""
    cell = moving(seed)
    since_s, index = cell.now_s + 0.05, cell.rng.bit_generator.state

    def read(q: Array) -> Array:
        cell.rng.bit_generator.state = index  # the same joint at every tick
        return lie(cell, q) if since_s <= cell.now_s < since_s + lasts_s else q

    cell.encoders = lambda q, dq: (read(q), dq)
    cell.arm.sense = lambda state: replace(state, q_rad=read(state.q_rad))
    trouble = said(cell.drive, ASIDE, 6)
    stopped = [event.stamp_s for event in cell.world.guard.events if event.after is State.STOPPED]
    after = said(cell.drive, ASIDE, 3)
    cell.wait(1.0)
    message = cell.view()
    cell.person = False
    alone = said(cell.begin)
    way_m = cell.tape.way_m(since_s)
    checks = {
        "latched at once": bool(stopped) and stopped[0] - since_s < 0.01,
        "refused afterwards": bool(after),
        "nothing goes on without a person": bool(alone),
        "at rest in time": (cell.tape.rest_s(since_s) or 9.0) < HELD_S,
        "no way but to brake": way_m < 0.05,
    }
    seen = f"tool went on {1e3 * way_m:.1f} mm, torque within {_span(cell, since_s):.1f} Nm of the first"
    detected_s = round(stopped[0] - since_s, 6) if stopped else None
    return cell.outcome(checks, seen, f"{message} | {trouble or after}", since_s, detected_s, reference=False)


def _span(cell: Cell, since_s: float) -> float:
    tau = cell.tape.column("tau_nm", since_s)
    return float(np.abs(tau - tau[0]).max())


def _longest(*times_s: float | None) -> float | None:
    known = [time_s for time_s in times_s if time_s is not None]
    return max(known) if len(known) == len(times_s) else None

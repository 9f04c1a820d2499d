"""Faults 11 to 20: cameras, readings and clocks that are late, wrong, or not there."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controllers.records import ArmState
from robot_rl.actor import Choice, Counter, run_episode
from robot_rl.data.demos import DemoStore
from robot_rl.data.log import EpisodeLog
from robot_rl.drills.blind import Change, episode, spoilt
from robot_rl.drills.cell import ASIDE, HELD_S, Cell, said
from robot_rl.drills.drill import Outcome, drill
from robot_rl.errors import HardwareError
from robot_rl.hardware import Frame
from robot_rl.operator import State
from robot_rl.types import Source

CAMERAS = ("wrist", "side")


@drill(11)
def camera_repeats_its_frame(folder: Path, seed: int) -> Outcome:
    """The same frame with the same number."""
    return spoilt(Cell(seed, cameras=CAMERAS), lambda frame, good: good).outcome()


@drill(12)
def frozen_pixels(folder: Path, seed: int) -> Outcome:
    """The same picture under new numbers and stamps."""
    cell = Cell(seed, cameras=CAMERAS)
    with EpisodeLog(folder) as log:
        blind = spoilt(cell, lambda frame, good: replace(frame, image=good.image), log.append)
        log.commit(timeout_s=10.0)
    late = len(blind.late())
    (row,) = DemoStore(folder).rows
    marks = [*([] if row.complete else ["cut short"]), *row.flags]
    checks = {"noticed within 10 pictures": bool(blind.error) and late < 10, "marked": "stale_images" in marks}
    seen = f"{blind.seen()}; the episode is marked: {', '.join(marks)}"
    return cell.outcome(checks, seen, blind.error, blind.ended_s, blind.detected_s(), lost=late)


def unplugged(frame: Frame, good: Frame) -> Frame:
    raise HardwareError("camera wrist is gone: no such device")


@drill(13)
def camera_unplugged(folder: Path, seed: int) -> Outcome:
    """Gone in the middle of an episode, back later: a person must look and arm."""
    cell = Cell(seed, cameras=CAMERAS)
    with EpisodeLog(folder) as log:
        blind = spoilt(cell, unplugged, log.append)
        state = cell.view()
        cell.person = False
        alone = said(cell.begin)
        cell.person = True
        number = Counter("actor", blind.kept[-1].sequence + 1, blind.kept[-1].episode + 1)
        again = said(run_episode, cell.env, 1, _briefly(5), log.append, number)
        log.commit(timeout_s=10.0)
    recorded = list(DemoStore(folder).episodes())
    cut = [len(one) for one in recorded if not one.complete]
    seen = f"log: {len(recorded)} episodes, cut short after {cut} steps; alone: {alone or 'went on'}; after: {state}"
    return blind.outcome(
        seen,
        closed_as_aborted=len(cut) > 0,
        nothing_goes_on_without_a_person=bool(alone),
        goes_on_with_one="5" in again,
    )


def _briefly(steps: int) -> Callable[[object], Choice]:
    """A choice for so many steps, and then somebody ends it."""
    left = [steps]

    def choose(_: object) -> Choice:
        left[0] -= 1
        if left[0] < 0:
            raise HardwareError(f"ended after {steps} steps")
        return Choice(ASIDE, Source.POLICY)

    return choose


@drill(14)
def frames_at_three_hertz(folder: Path, seed: int) -> Outcome:
    """A camera that falls from the policy's rate to 3 Hz."""
    shown: list[Frame] = []

    def slow(frame: Frame, good: Frame) -> Frame:
        if not frame.stamp_s - (shown or [good])[-1].stamp_s < 1 / 3 - 1e-9:
            shown.append(frame)
        return (shown or [good])[-1]

    cell = Cell(seed, cameras=CAMERAS)
    blind = spoilt(cell, slow)
    return blind.outcome(a_notice="camera" in blind.error + cell.alarms())


PICTURES: dict[str, Change] = {
    "half the size": lambda frame, good: replace(frame, image=frame.image[::2, ::2]),
    "grey": lambda frame, good: replace(frame, image=frame.image[..., :1]),
    "of floats": lambda frame, good: replace(frame, image=frame.image.astype(np.float32)),
    "black": lambda frame, good: replace(frame, image=frame.image * 0),
    "saturated": lambda frame, good: replace(frame, image=frame.image | np.uint8(255)),
    "red for blue": lambda frame, good: replace(frame, image=frame.image[..., ::-1].copy()),
    "half a frame": lambda frame, good: replace(
        frame, image=np.where(np.arange(64)[:, None, None] < 32, frame.image, 0)
    ),
}


@drill(16)
def pictures_that_are_none(folder: Path, seed: int) -> Outcome:
    """Wrong size, type or order of colours, black, saturated, cut."""
    blinds = {name: spoilt(Cell(seed, cameras=CAMERAS), change) for name, change in PICTURES.items()}
    unseen = [name for name, blind in blinds.items() if not all(blind.checks().values())]
    told = " | ".join(f"{name}: {blind.error}" for name, blind in blinds.items() if blind.error)
    last = blinds["black"]
    for blind in blinds.values():
        if blind is not last:
            blind.cell.env.close()
    checks = {f"refused: {', '.join(unseen)}": not unseen}
    seen = f"{len(blinds) - len(unseen)} of {len(blinds)} kinds refused; {last.seen()}"
    return last.cell.outcome(checks, seen, told, last.since_s, last.detected_s(), lost=0)


@drill(17)
def stale_reading_of_the_arm(folder: Path, seed: int) -> Outcome:
    """The arm's reading is 120 ms behind, the cameras are not."""
    cell = Cell(seed, cameras=CAMERAS)
    blind = episode(cell, lambda since_s: _delay(cell, since_s, 0.12))
    cell.arm.report = lambda state: state
    return blind.outcome(the_age_is_told="0.120 s" in blind.error)


def _delay(cell: Cell, since_s: float, delay_s: float) -> None:
    """What the actor reads has an older stamp from then on; the arm's own process knows better."""
    cell.arm.report = lambda state: replace(state, stamp_s=state.stamp_s - delay_s * (cell.now_s >= since_s))


@contextmanager
def wall_clock(jump: Callable[[float], float]) -> Iterator[None]:
    """`jump` is given how often the clock has been looked at, and returns by how many seconds it is off."""
    true, true_ns, looks = time.time, time.time_ns, [0.0]  # noqa: TID251 (the wall clock is what goes wrong here)

    def off_s() -> float:
        looks[0] += 1
        return jump(looks[0])

    time.time = lambda: true() + off_s()  # noqa: TID251
    time.time_ns = lambda: true_ns() + round(1e9 * off_s())
    try:
        yield
    finally:
        time.time, time.time_ns = true, true_ns  # noqa: TID251


@drill(18)
def wall_clock_jumps(folder: Path, seed: int) -> Outcome:
    """An hour forth and back at every look, against the same run without: equal to the last bit."""
    runs: list[list[NDArray[Any]]] = []
    for name, jump in (("plain", lambda k: 0.0), ("jumping", lambda k: 3600.0 * (-1.0) ** k)):
        cell = Cell(seed, cameras=CAMERAS)
        with wall_clock(jump), EpisodeLog(folder / name) as log:
            error = said(run_episode, cell.env, 0, _briefly(20), log.append)
            log.commit(timeout_s=10.0)
        (recorded,) = DemoStore(folder / name).episodes()
        stamps = np.array([frame.stamp_s for frame in recorded.frames])
        columns = [cell.tape.column(name) for name in ("tau_nm", "q_rad", "tool_m")]
        runs.append([*columns, recorded.observations, stamps])
        if name == "plain":
            cell.env.close()
    plain, jumping = runs
    same = all(np.array_equal(a, b) for a, b in zip(plain, jumping, strict=True))
    seen = f"{len(jumping[0])} periods of torques and {len(jumping[3])} logged frames equal to the last bit: {same}"
    return cell.outcome({"equal": same, "ran through": "after 20 steps" in error}, seen, "")


@drill(19)
def stamps_from_the_future(folder: Path, seed: int) -> Outcome:
    """A frame, a reading and a command that say they are of ten seconds later."""
    eye = spoilt(Cell(seed, cameras=CAMERAS), lambda frame, good: replace(frame, stamp_s=frame.stamp_s + 10.0))
    cell = Cell(seed)
    arm = episode(cell, lambda since_s: _delay(cell, since_s, -10.0))
    eye.cell.env.close()
    cell.arm.report = lambda state: state
    cell.begin()
    cell.drive(ASIDE, 3)
    since_s, command = cell.now_s, cell.arm.sent[-1]
    state: ArmState = cell.arm.read()
    late = replace(command, sequence=command.sequence + 1, target=command.target.moved(np.full(3, 0.02), np.zeros(3)))
    verdict = cell.world.loop.command(late, state, since_s + 10.0, since_s)
    cell.wait(1.0)
    checks = {f"frame: {name}": met for name, met in eye.checks().items()}
    checks |= {f"reading: {name}": met for name, met in arm.checks().items()}
    checks["command: silence, not fresh for ever"] = (cell.tape.rest_s(since_s) or 9.0) < HELD_S
    seen = f"frame: {eye.seen()}; reading: {arm.seen()}; command: tool went on {1e3 * cell.tape.way_m(since_s):.1f} mm"
    told = f"{eye.error} | {arm.error} | {verdict.why or verdict.reasons}"
    return cell.outcome(checks, seen, told, since_s, 0.0, lost=0)


@drill(20)
def control_loop_overrun(folder: Path, seed: int) -> Outcome:
    """The arm's process stands still for 5 periods, then for longer than two validities."""
    cell = Cell(seed)
    cell.begin()
    cell.drive(ASIDE, 2)
    since_s, counted = cell.now_s, _overruns(cell)
    _stall(cell, 5 * cell.period_s)
    counted = _overruns(cell) - counted
    went_on = not said(cell.drive, ASIDE, 2)
    way_m = cell.tape.way_m(since_s)
    long_s = cell.now_s
    _stall(cell, 0.45)
    resumed_s = cell.now_s
    cell.wait(0.02)
    message, refused = cell.view(), said(cell.drive, -ASIDE, 2)
    cell.wait(0.5)
    checks = {
        "short: counted": counted > 0,
        "short: goes on": went_on and way_m > 0.02,
        "long: held": cell.state in (State.HOLD, State.STOPPED) and bool(refused),
        "long: no motion after it but braking": cell.tape.way_m(resumed_s) < 0.02,
    }
    seen = (
        f"5 periods: counted {counted} times, went on {1e3 * way_m:.0f} mm; 0.45 s: {cell.state.value}, "
        f"tool moved {1e3 * cell.tape.way_m(resumed_s):.1f} mm after it"
    )
    return cell.outcome(checks, seen, f"{message} | {refused}", long_s, round(resumed_s - long_s, 6), reference=False)


def _stall(cell: Cell, seconds: float) -> None:
    cell.stalled = True
    cell.wait(seconds)
    cell.stalled = False
    cell.wait(cell.period_s)


def _overruns(cell: Cell) -> int:
    """As the operator sees them."""
    return sum(health.overruns for health in cell.world.guard.supervisor.health() if health.part == "clock")

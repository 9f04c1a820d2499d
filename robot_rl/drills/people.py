"""Drills of group D: who moves the arm, and what becomes of it when that person lets go."""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

from controllers.pose import quat_conj, quat_rotate
from robot_rl.data.checkpoint import Checkpoint, load_newest, save_checkpoint
from robot_rl.drills.drill import Outcome, drill
from robot_rl.drills.ends import new_learner
from robot_rl.drills.records import made_up
from robot_rl.drills.tracked import OutOfTime, TrackedCell
from robot_rl.errors import HeldError
from robot_rl.operator import State
from robot_rl.operator.authority import INPUT_S
from robot_rl.operator.lease import LEASE_S
from robot_rl.types import Float32, Source

AHEAD_M = np.array([0.02, 0.0, 0.0])
WAYS_M = {"ann": AHEAD_M / 5, "bob": -AHEAD_M / 5}
"""So small that no round reaches the workspace's edge"""
INPUT_EVERY_S, ROUNDS, PERSON = 0.05, 40, "a person"


@drill(34)
def two_operators(folder: Path, seed: int) -> Outcome:
    """Ann pushes the arm one way, Bob the other; in which order their requests come is drawn anew in every round."""
    cell, rng = TrackedCell(seed), np.random.default_rng(seed)
    cell.env.reset(seed=seed)
    cell.env.pilot.close()
    wrong, messages = 0, []
    for _ in range(ROUNDS):
        fences: dict[str, int] = {}
        before = cell.world.loop.motion.now.tcp
        for name in map(str, rng.permutation(["ann", "bob"] * 4)):
            if name in fences:
                cell.send(WAYS_M[name], fences[name], "human")
                continue
            fences[name], refused = _take_over(cell, name)
            messages += [refused] * bool(refused)
        holder = max(fences, key=lambda name: fences[name])
        cell.wait(0.1)
        moved_m = cell.world.loop.motion.now.tcp.position_m - before.position_m
        wrong += not quat_rotate(quat_conj(before.quat_wxyz), moved_m) @ WAYS_M[holder] > 0.0
        cell.authority.release(fences[holder])
        cell.wait(0.3)
    told = len(messages) == ROUNDS and all("'ann'" in text or "'bob'" in text for text in messages)
    seen = f"{ROUNDS} rounds: the arm went the holder's way in all but {wrong}; the other was told whose it is: {told}"
    return Outcome(wrong == 0 and told, seen, messages[0] if messages else "")


def _take_over(cell: TrackedCell, name: str) -> tuple[int, str]:
    """A lease and the arm in hand, or -1 and why not."""
    answer = cell.authority.take(name)
    if answer.refused:
        return -1, answer.refused
    answer = cell.authority.human(answer.view.fence, answer.view.revision, 1)
    return (-1 if answer.refused else answer.view.fence), answer.refused


@drill(36)
def key_up_lost(folder: Path, seed: int) -> Outcome:
    """The hand is gone, but its program goes on sending commands and the last input, again and again."""
    cell, fence, number = _driven(seed)
    gone_s, speed = cell.now_s(), cell.speed_m_s
    while cell.now_s() < gone_s + 1.0:
        cell.authority.input(fence, number)
        cell.send(AHEAD_M, fence, "human")
        cell.wait(INPUT_EVERY_S)
    return _held(cell, gone_s, speed, INPUT_S)


@drill(44)
def session_ends(folder: Path, seed: int) -> Outcome:
    """The operator's program falls silent while driving. Later somebody without a lease says STOP."""
    cell, fence, _ = _driven(seed)
    gone_s, speed = cell.now_s(), cell.speed_m_s
    cell.wait(LEASE_S + 0.1)
    held = _held(cell, gone_s, speed, INPUT_S)
    free = not cell.authority.view().holder
    cell.authority.stop("bystander", "STOP pressed")
    refused = cell.send(AHEAD_M, fence, "human").refused
    stopped = cell.authority.view().state is State.STOPPED
    seen = f"{held.seen}; lease free afterwards: {free}; STOP without lease latched: {stopped and refused}"
    return Outcome(held.passed and free and stopped and refused, seen, held.message, held.detected_s, held.held_s)


def _driven(seed: int) -> tuple[TrackedCell, int, int]:
    """A cell in a person's hand, at speed; the fence and the number of the last input."""
    cell = TrackedCell(seed)
    cell.env.reset(seed=seed)
    cell.env.pilot.close()
    fence, _ = _take_over(cell, "ann")
    for number in range(2, 12):
        cell.authority.input(fence, number)
        cell.send(AHEAD_M, fence, "human")
        if number < 11:
            cell.wait(INPUT_EVERY_S)
    return cell, fence, number


def _held(cell: TrackedCell, gone_s: float, speed_m_s: float, deadline_s: float) -> Outcome:
    """Is the reference at rest as soon as it can be after the deadline?"""
    held_s, allowed_s = cell.at_rest_after_s(gone_s), deadline_s + cell.braking_s(speed_m_s) + cell.period_s
    view, events = cell.authority.view(), cell.world.guard.events
    event = next((e for e in events if e.stamp_s > gone_s and e.after is State.HOLD), None)
    passed = held_s is not None and held_s <= allowed_s and speed_m_s > 0.01
    seen = f"from {1e3 * speed_m_s:.0f} mm/s to rest; allowed {allowed_s:.3f} s, braking included"
    return Outcome(passed, seen, view.why, event.stamp_s - gone_s if event else None, held_s)


@drill(40)
def take_over(folder: Path, seed: int) -> Outcome:
    """A person pulls the arm back while the policy drives it forward as fast as it may."""
    cell = TrackedCell(seed)
    cell.env.reset(seed=seed)
    start_s = cell.now_s()
    _steps(cell, Source.POLICY, [1.0, 0.0, 0.0], 4)
    speed, before = cell.speed_m_s, cell.samples[-1]
    _steps(cell, Source.HUMAN, [-1.0, 0.0, 0.0], 6)
    back = bool((cell.samples[-1].reference_m - before.reference_m) @ before.velocity_m_s < 0.0)
    smooth, figures = cell.smooth(start_s)
    seen = f"taken over at {1e3 * speed:.0f} mm/s, arm came back: {back}; {figures}"
    return Outcome(smooth and back and speed > 0.05 and not cell.env.arm.fault, seen)


@drill(41)
def given_back(folder: Path, seed: int) -> Outcome:
    """A person leaves the arm far from where the policy had it; the policy's next action is at its limit."""
    cell = TrackedCell(seed)
    cell.env.reset(seed=seed)
    start_s = cell.now_s()
    _steps(cell, Source.POLICY, [1.0, 0.0, 0.0], 2)
    left = cell.samples[-1].reference_m
    _steps(cell, Source.HUMAN, [-1.0, 1.0, 0.0], 10)
    away_m = float(np.linalg.norm(cell.samples[-1].reference_m - left))
    released_s, here = cell.now_s(), cell.samples[-1].reference_m
    _steps(cell, Source.POLICY, [0.0, 0.0, 1.0], 3)
    first_m = float(np.linalg.norm(cell.since(released_s + cell.period_s)[0].reference_m - here))
    smooth, figures = cell.smooth(start_s)
    seen = f"given back {1e3 * away_m:.0f} mm away; first period moved {1e3 * first_m:.2f} mm; {figures}"
    return Outcome(smooth and away_m > 0.05 and not cell.env.arm.fault, seen)


def _steps(cell: TrackedCell, source: Source, direction: list[float], count: int) -> None:
    """So many steps of the environment in one direction."""
    action: Float32 = np.zeros(cell.env.action_spec.size, np.float32)
    action[: len(direction)] = direction[: len(action)]
    cell.env.turn_of(source)
    for _ in range(count):
        cell.env.step(action)


@drill(43)
def stop_at_work(folder: Path, seed: int) -> Outcome:
    """STOP while the arm moves and a learner learns, while one saves, and during the move to a start."""
    learnt, saved = _learning(seed), _saving(folder / "checkpoints", seed)
    parts = {"learning": learnt, "saving": saved, "resetting": (lambda: None, lambda: True)}
    wrong, held_s, said = [], [], ""
    for name, (work, finished) in parts.items():
        cell, stopped_s = _stopped(seed, work, while_resetting=name == "resetting")
        rest_s = cell.at_rest_after_s(stopped_s)
        view = cell.authority.view()
        said, latched = f"{view.state.value}: {view.why}", view.state is State.STOPPED
        if rest_s is None or not latched or not finished() or not _stays(cell):
            wrong.append(f"{name} (at rest {rest_s}, {view.state.value}, work finished {finished()})")
        held_s.append(rest_s or 0.0)
    seen = f"latched, at rest, work finished, nothing began again: in {len(parts) - len(wrong)} of {len(parts)} cases"
    return Outcome(not wrong, "; ".join([seen, *wrong]), said, held_s=max(held_s))


def _stopped(seed: int, work: Callable[[], object], while_resetting: bool) -> tuple[TrackedCell, float]:
    """A cell that was stopped at speed while `work` went on beside it, and when. Nobody clears it."""
    cell = TrackedCell(seed, simulated=False)
    stamps: list[float] = []

    def attend() -> None:
        """A person arms once, and later stops."""
        view = cell.authority.view()
        if view.state is State.DISARMED and not view.holder and not stamps:
            taken = cell.authority.take(PERSON).view
            cell.authority.arm(taken.fence, taken.revision, PERSON)
            cell.authority.release(taken.fence)
        moving = cell.speed_m_s > 0.02 and view.state is (State.RESET if while_resetting else State.POLICY)
        if moving and not stamps:
            stamps.append(cell.now_s())
            cell.authority.stop(PERSON, "STOP pressed")

    cell.at_every_period = attend
    beside = threading.Thread(target=work)
    beside.start()
    try:
        cell.env.reset(seed=seed)
        _steps(cell, Source.POLICY, [1.0, 0.0, 0.0], 10)
    except HeldError:
        pass
    cell.wait(0.5)
    beside.join()
    return cell, stamps[0] if stamps else cell.now_s()


def _stays(cell: TrackedCell) -> bool:
    """An actor that tries to begin again finds an arm that does not move."""
    before, cell.ends_s = cell.samples[-1].q_rad, cell.now_s() + 2.0
    try:
        cell.env.pilot.begin()
    except OutOfTime:
        return bool(np.abs(cell.samples[-1].q_rad - before).max() < 1e-3)
    return False


def _learning(seed: int) -> tuple[Callable[[], object], Callable[[], bool]]:
    """A hundred steps of learning, and whether all of them were done."""
    learner = new_learner(seed, start_steps=0, utd=1)
    frames = [made_up(k, seed) for k in range(200)]
    steps = sum(frame.transition is not None for frame in frames)

    def work() -> None:
        for frame in frames:
            learner.take(frame)

    return work, lambda: learner.gradient_steps == steps


def _saving(home: Path, seed: int) -> tuple[Callable[[], object], Callable[[], bool]]:
    """Thirty checkpoints, one after the other, and whether the last of them is whole."""
    checkpoint = Checkpoint({"weights": np.random.default_rng(seed).normal(size=50_000)}, {})

    def work() -> None:
        for number in range(1, 31):
            save_checkpoint(home, number, checkpoint)

    def finished() -> bool:
        loaded = load_newest(home)
        return loaded is not None and loaded.number == 30

    return work, finished

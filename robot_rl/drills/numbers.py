"""Faults 1 to 6, 9 and 10: numbers that are none, too large, of the wrong kind, or not where they can be."""

import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from controllers.pose import Array, Pose
from controllers.records import PoseCommand
from controllers.reference import MotionLimits, ReferenceMotion
from robot_rl.compose import load_config
from robot_rl.config import SafetyConfig
from robot_rl.drills.cell import ASIDE, FORWARD, HELD_S, Cell, said
from robot_rl.drills.drill import Outcome, drill
from robot_rl.drills.yard import Yard
from robot_rl.drivers.sim import SimGripper
from robot_rl.loop_settings import JERK_S


def moving(seed: int, *settings: str, **more: Any) -> Cell:
    """A cell in an episode, its tool under way sideways."""
    cell = Cell(seed, *settings, **more)
    cell.begin()
    cell.drive(ASIDE, 3)
    return cell


@drill(1)
def nan_in_one_component(folder: Path, seed: int) -> Outcome:
    """An action with one NaN, and then nothing valid; a target with one NaN on the wire."""
    cell = moving(seed)
    action = ASIDE.copy()
    action[cell.rng.integers(6)] = np.nan
    since_s = cell.now_s
    refusal = said(lambda: cell.env.step(action))
    at_once = cell.now_s == since_s
    cell.wait(1.0)
    on_wire = _on_the_wire(seed, partial(_misplaced, np.nan))
    checks = {
        "refused before anything moved": bool(refusal) and at_once,
        "at rest in time": (cell.tape.rest_s(since_s) or 9.0) < HELD_S,
        "nothing of it at the motors": on_wire[0],
    }
    seen = f"action refused, tool went on {1e3 * cell.tape.way_m(since_s):.1f} mm; {on_wire[1]}"
    return cell.outcome(checks, seen, f"{refusal} | {on_wire[2]}", since_s, 0.0)


@drill(2)
def infinite_or_huge(folder: Path, seed: int) -> Outcome:
    """Actions and targets with infinities and 1e308."""
    cell = moving(seed)
    since_s, refusals, checks, seen = cell.now_s, [], {}, []
    for bad in (np.inf, -np.inf, 1e308, -1e308):
        action = ASIDE.astype(np.float64)
        action[cell.rng.integers(6)] = bad
        refusals.append(_refusal(cell, action))
        checks[f"action with {bad:g} refused"] = bool(refusals[-1]) and cell.now_s == since_s
        refused, text, told = _on_the_wire(seed, partial(_misplaced, bad))
        checks[f"target with {bad:g} refused"] = refused
        seen.append(f"{bad:g}: {text}")
        refusals.append(told)
    cell.wait(1.0)
    message = " | ".join(dict.fromkeys(filter(None, refusals)))
    return cell.outcome(checks, "; ".join(seen), message, since_s, 0.0)


WRONG: dict[str, Callable[[Array], object]] = {
    "too short": lambda action: action[:5],
    "too long": lambda action: np.append(action, 0.0),
    "2-D": lambda action: action[None],
    "empty": lambda action: np.zeros(0),
    "a number": lambda action: 0.5,
    "nothing": lambda action: None,
    "objects": lambda action: action.astype(object),
    "objects that are none": lambda action: np.array([None] * 6),
    "objects of objects": lambda action: np.array([{}] * 6),
    "text": lambda action: action.astype(str),
    "complex": lambda action: action.astype(complex),
    "truth values": lambda action: action.astype(bool),
}
"""Each from an action (6,)"""


@drill(3)
def action_of_the_wrong_kind(folder: Path, seed: int) -> Outcome:
    """Wrong length, type, objects, two dimensions: refused with the shape in the message."""
    cell = moving(seed)
    since_s, silent, vague, told = cell.now_s, [], [], []
    for name, make in WRONG.items():
        text = _refusal(cell, make(ASIDE.astype(np.float64)))
        if not text:
            silent.append(name)
        elif "shape" not in text:
            vague.append(name)
        told.append(f"{name}: {text or 'taken'}")
    cell.wait(1.0)
    checks = {
        f"refused: {', '.join(silent)}": not silent,
        f"shape in the message: {', '.join(vague)}": not vague,
        "at rest in time": bool(silent) or (cell.tape.rest_s(since_s) or 9.0) < HELD_S,
    }
    seen = f"{len(WRONG) - len(silent)} of {len(WRONG)} kinds refused, {len(silent) + len(vague)} without their shape"
    return cell.outcome(checks, seen, " | ".join(told), since_s, 0.0)


@drill(4)
def chatter(folder: Path, seed: int) -> Outcome:
    """The largest legal action, to and fro, at every policy step, at 50 Hz."""
    cell = moving(seed, "robot.policy_hz=50")
    since_s = cell.now_s
    trouble = said(_chatter, cell, 100)
    alarms = cell.alarms()
    cell.wait(1.0)
    checks = {"went on": not trouble, "an alarm about chatter": "chatter" in alarms}
    tau = np.abs(np.diff(cell.tape.column("tau_nm", since_s), axis=0)).max() / cell.period_s
    way_mm = 1e3 * cell.tape.way_m(since_s)
    seen = f"200 reversals in 4 s; tool moved {way_mm:.1f} mm, torque changed by at most {tau:.0f} Nm/s"
    return cell.outcome(checks, seen, trouble or alarms, since_s + 4.0)


def _chatter(cell: Cell, times: int) -> None:
    for _ in range(times):
        cell.to_and_fro(1)


@drill(5)
def quaternions(folder: Path, seed: int) -> Outcome:
    """A small error of length is normalised, zero is refused, a change of sign turns nothing."""
    plain = _turns(seed, lambda pose, k: pose)
    cases: dict[str, Callable[[Pose, int], Pose]] = {
        "length 1.0005": lambda pose, k: Pose(pose.position_m, pose.quat_wxyz * 1.0005),
        "sign flipped": lambda pose, k: Pose(pose.position_m, pose.quat_wxyz * (1.0 if k % 2 else -1.0)),
    }
    checks, seen = {}, []
    for name, spoil in cases.items():
        turns = _turns(seed, spoil)
        off_rad = float((2 * np.arccos(np.clip(np.abs(np.sum(turns * plain, axis=1)), 0.0, 1.0))).max())
        checks[f"{name}: as if nothing were wrong"] = off_rad < 2e-3
        seen.append(f"{name}: {off_rad:.1e} rad from the same run without it")
    refused, text, told = _on_the_wire(seed, lambda pose: Pose(pose.position_m, 0.0 * pose.quat_wxyz))
    checks["zero refused"] = refused
    cell = moving(seed)
    return cell.outcome(checks, "; ".join([*seen, f"zero: {text}"]), told, detected_s=0.0)


@drill(6)
def rotation_matrix(folder: Path, seed: int) -> Outcome:
    """Orientations are quaternions here: a matrix in their place, orthonormal or not, is refused."""
    checks, seen, told = {}, [], ""
    for name, matrix in (("orthonormal", np.eye(3)), ("not orthonormal", np.eye(3) + 0.1), ("4 x 4", np.eye(4))):
        refused, text, told = _on_the_wire(seed, partial(_turned, matrix))
        checks[f"{name}: refused"] = refused
        seen.append(f"{name}: {text}")
    cell = moving(seed)
    return cell.outcome(checks, "; ".join(seen), told, detected_s=0.0)


@drill(9)
def gripper_toggles(folder: Path, seed: int) -> Outcome:
    """A gripper action far out of range is taken for its end; one that changes at every step of 20 Hz is slowed."""
    cell = Cell(seed, "robot.policy_hz=20", task=Yard(gripper=True))
    cell.begin()
    motor = cell.world.data.actuator("gripper").ctrl
    still = np.zeros(7, np.float32)
    told: list[tuple[float, float]] = []
    since_s = cell.now_s
    cell.world.watcher = lambda: told.append((cell.now_s, float(motor[0])))
    for k in range(30):
        cell.env.step(np.append(still[:6], 1e6 if k % 2 else -1e6).astype(np.float32))
    cell.attend()
    times = [t for (t, now), (_, before) in zip(told[1:], told, strict=False) if now != before]
    gaps = np.diff(times)
    checks = {
        "inside the gripper's range": all(0.0 <= width <= SimGripper.OPEN_M for _, width in told),
        "at most 3 changes a second at the motor": bool((gaps > 1 / 3).all()) and len(gaps) > 3,
    }
    seen = f"30 changes asked in {cell.now_s - since_s:.1f} s, each {gaps.min():.2f} s or more after the one before"
    return cell.outcome(checks, seen, "")


@drill(10)
def no_time_at_all(folder: Path, seed: int) -> Outcome:
    """A validity of zero or less; a limiter built for a period of zero or less; ticks at which no time has passed."""
    torques, told = {}, ""
    for validity_s in (None, 0.0, -0.1, float("nan")):
        cell = moving(seed)
        since_s = cell.now_s
        if validity_s is None:
            cell.wait(0.1)
        else:
            cell.arm.wire = partial(_valid_for, validity_s)
            cell.drive(-FORWARD, 1)
            told = cell.refusal()
        torques[validity_s] = cell.tape.column("tau_nm", since_s)
    kept = all(np.array_equal(torques[None], tau) for tau in torques.values())
    built = [hz for hz in ("0", "-500") if not said(load_config, [f"robot.control_hz={hz}"])]
    taken = [period_s for period_s in (0.0, -0.002) if _moves(period_s, cell.config.safety, cell.env.reading.arm.tcp)]
    cell = moving(seed)
    still_s = cell.now_s
    cell.tick_s = lambda now_s: min(now_s, still_s)
    said(cell.drive, ASIDE, 2)  # it may stop for good
    cell.tick_s = lambda now_s: now_s
    checks = {
        "command before kept, to the last bit": kept,
        f"a cell with such a control rate refused: {built}": not built,
        f"a limiter with such a period refused: {taken}": not taken,
    }
    seen = "3 validities: the torques are those of silence; 0.2 s of ticks without time: within all limits"
    return cell.outcome(checks, seen, told, detected_s=0.0, reference=False)


def _misplaced(coordinate_m: float, pose: Pose) -> Pose:
    return Pose(with_bad(pose.position_m, coordinate_m), pose.quat_wxyz)


def _turned(turn: Array, pose: Pose) -> Pose:
    return Pose(pose.position_m, turn)


def _valid_for(valid_for_s: float, command: PoseCommand) -> PoseCommand:
    return replace(command, valid_for_s=valid_for_s)


def _moves(period_s: float, safety: SafetyConfig, start: Pose) -> bool:
    """A limiter of motion is built for such a period, and moves."""
    speed, up, turn, turn_up = (
        safety.max_speed_m_s,
        safety.max_acceleration_m_s2,
        safety.max_rotation_rad_s,
        safety.max_rotation_acceleration_rad_s2,
    )
    try:
        motion = ReferenceMotion(MotionLimits(speed, up, up / JERK_S, turn, turn_up, turn_up / JERK_S), period_s, start)
    except ValueError:
        return False
    motion.aim(start.moved(np.array([0.1, 0.0, 0.0]), np.zeros(3)))
    return any(np.abs(motion.tick().tcp.position_m - start.position_m).max() > 0.0 for _ in range(10))


def with_bad(values: Array, bad: float, index: int = 0) -> Array:
    """A copy with one component replaced."""
    values = np.array(values)
    values[index] = bad
    return values


def _on_the_wire(seed: int, spoil: Callable[[Pose], Pose]) -> tuple[bool, str, str]:
    """Targets spoilt for half a second: whether none moved the arm, how the torques compare with those of silence, and
    what the operator was told."""
    torques = []
    for spoilt in (False, True):
        cell = moving(seed)
        since_s = cell.now_s
        if spoilt:
            cell.bend(spoil)
            said(cell.drive, -ASIDE, 4)
        else:
            cell.wait(0.4)
        torques.append(cell.tape.column("tau_nm", since_s)[:200])
    silence, fault = torques
    worst = float(np.abs(silence - fault).max()) if np.isfinite(fault).all() else np.inf
    refused = bool(worst == 0.0 and not cell.tape.breaches())
    text = "torques as in silence" if refused else f"torques up to {worst:.1f} Nm from those of silence"
    return refused, text, cell.refusal()


def _refusal(cell: Cell, action: object) -> str:
    """With warnings of numpy about what it throws away kept quiet: to take it is the fault."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return said(cell.env.step, action)


def _turns(seed: int, spoil: Callable[[Pose, int], Pose]) -> Array:
    """(T, 4) orientations of the tool in one second of motion and turning, with every target spoilt."""
    cell = moving(seed)
    since_s = cell.now_s
    cell.arm.wire = lambda command: replace(command, target=spoil(command.target, command.sequence))
    cell.drive(np.array([0.0, -0.5, 0.0, 0.3, 0.0, 0.5], np.float32), 10)
    return cell.tape.column("turn", since_s)

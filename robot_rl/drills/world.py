"""Faults 49 to 54: the arm against things, stopped by others, and where nobody thought it would be."""

from pathlib import Path

import mujoco
import numpy as np

from robot_rl.drills.cell import ASIDE, FORWARD, HELD_S, Cell, home, said
from robot_rl.drills.drill import Outcome, drill
from robot_rl.drills.watched import JammedGripper
from robot_rl.drills.yard import Yard
from robot_rl.drivers.sim import SimGripper
from robot_rl.operator import State
from robot_rl.tasks.base import add_box, add_floor_and_light

CONTACT_N = 20.0
"""A push above it is a contact (Franka's own thresholds are of this order)."""
SAG_M = 0.015
"""How far a payload that nobody knows of may pull a tool that holds: the clip of the reference."""


@drill(49)
def unknown_payload(folder: Path, seed: int) -> Outcome:
    """The hand weighs 1.5 kg more than the controller knows, while moving and holding; then it drops that."""
    cell = Cell(seed)
    cell.begin()
    hand = cell.world.model.body("hand").id
    cell.world.model.body_mass[hand] += 1.5
    trouble = said(cell.to_and_fro, 6)
    cell.wait(1.0)
    sag_m = _lag_m(cell)
    cell.world.model.body_mass[hand] -= 1.5
    dropped_s = cell.now_s
    cell.wait(1.0)
    force_n = cell.world.max_force_n
    checks = {
        "no false stop": not trouble and cell.state is not State.STOPPED,
        "hold off by less than the clip": sag_m < SAG_M,
        "rises no further than it sagged": cell.tape.way_m(dropped_s) < 1.5 * SAG_M,
        "back where it should be": _lag_m(cell) < 0.002,
    }
    seen = (
        f"1.5 kg: tool {1e3 * sag_m:.1f} mm off, sensor up to {force_n:.1f} N; dropped: moves "
        f"{1e3 * cell.tape.way_m(dropped_s):.1f} mm, then {1e3 * _lag_m(cell):.1f} mm off"
    )
    return cell.outcome(checks, seen, trouble or cell.view(), dropped_s, until_s=cell.now_s)


def _lag_m(cell: Cell) -> float:
    """Between tool and reference, now."""
    return float(np.linalg.norm(cell.tape.ticks[-1].tool_m - cell.tape.ticks[-1].reference_m))


def _something(spec: mujoco.MjSpec, half_m: tuple[float, float, float], **more: object) -> None:
    """A fixture `thing`, far away at first."""
    add_floor_and_light(spec)
    body = spec.worldbody.add_body(name="thing", pos=[0.0, 3.0, 0.0])
    add_box(body, half_m, (0.0, 0.0, 0.0), (0.9, 0.7, 0.6, 1.0), name="thing", **more)


@drill(50)
def hand_in_the_way(folder: Path, seed: int) -> Outcome:
    """Something soft is 6 cm in front of the fingers, and the policy goes on towards it. A cell with people in reach:
    it may press with 25 N."""
    gentle = ("safety.clip_m=0.01", "task.force_budget_n=25", "task.force_stop_n=30")
    cell = Cell(seed, *gentle, task=Yard(build=lambda spec: _something(spec, (0.02, 0.06, 0.05), solref=[0.02, 1.0])))
    cell.begin()
    cell.world.move_fixed("thing", cell.tape.ticks[-1].tool_m + [0.09, 0.0, 0.0])
    said(cell.drive, FORWARD, 20)
    cell.wait(1.0)
    end_s, pushes = cell.now_s, cell.tape.pushes_n()
    times = cell.tape.column("time_s")
    touched = np.flatnonzero(pushes > CONTACT_N)
    since_s = float(times[touched[0]]) if len(touched) else end_s
    after_n = cell.tape.pushes_n(since_s + HELD_S)
    stops = [event.stamp_s for event in cell.world.guard.events if event.after is State.STOPPED]
    message = f"{cell.view()} | {', '.join(cell.reasons())}"
    cell.world.move_fixed("thing", np.array([0.0, 3.0, 0.0]))
    checks = {
        "touched": len(touched) > 0,
        "the contact is told": "contact" in message,
        "stopped": bool(stops),
        "no push afterwards": len(after_n) > 0 and bool(after_n.max() < CONTACT_N),
    }
    seen = (
        f"push of {pushes.max():.0f} N at most, {after_n.max(initial=0.0):.0f} N from {HELD_S} s after it on; "
        f"above {CONTACT_N:.0f} N for {len(touched) * cell.period_s:.2f} s"
    )
    detected_s = round(stops[0] - since_s, 6) if stops else None
    return cell.outcome(checks, seen, message, since_s, detected_s, until_s=end_s, reference=False)


@drill(51)
def object_jammed(folder: Path, seed: int) -> Outcome:
    """At a reset the gripper is told to open, and stays where it is."""
    grippers: list[JammedGripper] = []

    def jam(gripper: SimGripper) -> JammedGripper:
        grippers.append(JammedGripper(gripper))
        return grippers[0]

    cell = Cell(seed, task=Yard(gripper=True), gripper=jam)
    cell.begin()
    gripper, since_s = grippers[0], cell.now_s
    gripper.jammed, gripper.opened = True, 0
    error = said(cell.begin)
    asked_s = cell.now_s
    cell.wait(1.0)
    gripper.jammed = False
    checks = {"a person is asked": bool(error), "bounded tries": 1 <= gripper.opened <= 5}
    seen = f"told to open {gripper.opened} times in {asked_s - since_s:.1f} s; {'asked' if error else 'went on'}"
    return cell.outcome(checks, seen, error, asked_s, round(asked_s - since_s, 6), until_s=cell.now_s)


@drill(52)
def reset_blocked(folder: Path, seed: int) -> Outcome:
    """A wall between home and start; a start that the workspace does not have."""
    outside = Cell(seed, task=Yard(start_m=(0.0, 0.5, 0.0)))
    no_start = said(outside.begin)
    outside.env.close()
    yard = Yard(start_m=(0.0, 0.15, 0.0), build=lambda spec: _something(spec, (0.2, 0.01, 0.2)))
    cell = Cell(seed, task=yard)
    cell.begin()
    cell.world.move_fixed("thing", np.array([0.45, 0.16, 0.25]))
    since_s = cell.now_s
    error = said(cell.begin)
    gave_up_s = cell.now_s
    cell.wait(1.0)
    pushes, force_limit_n = cell.tape.pushes_n(since_s), cell.config.task.force_budget_n
    end_s = cell.now_s
    cell.world.move_fixed("thing", np.array([0.0, 3.0, 0.0]))
    checks = {
        "blocked: gives up": "Error" in error and gave_up_s - since_s < 8.0,
        "blocked: held by the force limit": bool(np.median(pushes[pushes > 1.0]) < force_limit_n),
        "outside: refused": bool(no_start),
    }
    seen = (
        f"gave up after {gave_up_s - since_s:.1f} s, push of {pushes.max():.0f} N at the impact, then "
        f"{np.median(pushes[-250:]):.0f} N"
    )
    detected_s = round(gave_up_s - since_s, 6)
    return cell.outcome(checks, seen, f"{error} | {no_start}", gave_up_s, detected_s, until_s=end_s)


@drill(53)
def vendor_reflex(folder: Path, seed: int) -> Outcome:
    """The vendor's controller reports a reflex, which is gone half a second later; nobody has looked yet."""
    outcomes = []
    for latched_in_loop in (False, True):
        cell = Cell(seed)
        cell.begin()
        cell.drive(ASIDE, 3)
        since_s = cell.now_s
        _report(cell, "cartesian_reflex", latched_in_loop)
        tries = [said(cell.drive, ASIDE, 1) for _ in range(5)]
        cell.wait(0.5)
        _report(cell, "", latched_in_loop)
        for _ in range(30):
            tries.append(said(cell.drive, ASIDE, 1))
            cell.wait(0.1)
        message, end_s = cell.view(), cell.now_s
        cell.person = False
        alone = said(cell.begin)
        checks = {
            "stopped": cell.state is State.STOPPED,
            "every try refused": all(tries[1:]),
            "not cleared by a reset": bool(alone) and cell.state is State.STOPPED,
            "at rest in time": (cell.tape.rest_s(since_s, end_s) or 9.0) < HELD_S,
        }
        way_mm = 1e3 * cell.tape.way_m(since_s, end_s)
        seen = f"{len(tries)} tries in {end_s - since_s:.1f} s, tool went on {way_mm:.1f} mm"
        outcomes.append(cell.outcome(checks, seen, message, since_s, 0.002, until_s=end_s))
    vendor, loop = outcomes
    return Outcome(
        vendor.passed and loop.passed,
        f"told by the driver: {vendor.seen}; latched in the loop: {loop.seen}",
        f"{vendor.message} | {loop.message}",
        vendor.detected_s,
        vendor.held_s,
        restarted=vendor.restarted and loop.restarted,
    )


def _report(cell: Cell, fault: str, in_loop: bool) -> None:
    if not in_loop:
        cell.world.guard.authority.mirror("vendor", fault)
    elif fault:
        cell.world.loop.fault = fault


@drill(54)
def arm_is_elsewhere(folder: Path, seed: int) -> Outcome:
    """The arm is 0.3 m from where the reset assumes it; another time somebody pushes it there unseen."""
    q = home() + np.array([0.4, 0.2, 0.0, 0.2, 0.0, 0.0, 0.0])
    cell = Cell(seed, q_start_rad=q, task=Yard(low_m=(0.2, -0.4, 0.05), high_m=(0.75, 0.4, 0.6)))
    error = said(cell.begin)
    moved = cell.tape.ticks[cell.tape.cuts[-1] :]
    apart_m = float(np.linalg.norm(moved[0].reference_m - moved[0].tool_m))
    first_m = float(np.linalg.norm(cell.arm.sent[0].target.position_m - moved[0].tool_m))
    way_m = float(np.linalg.norm(moved[-1].tool_m - moved[0].tool_m))
    pushed = Cell(seed)
    pushed.begin()
    pushed.wait(1.0)
    pushed.world.data.qpos[0] += 0.3
    mujoco.mj_forward(pushed.world.model, pushed.world.data)
    since_s = pushed.now_s
    pushed.wait(1.0)
    refused, back_m = said(pushed.drive, ASIDE, 1), pushed.tape.way_m(since_s)
    told = pushed.view()
    pushed.env.close()
    checks = {
        "reference begins at the measured pose": apart_m < 1e-4,
        "first command within 5 mm of it": first_m < 0.005,
        "arrives": not error and way_m > 0.15,
        "pushed unseen: refused": bool(refused),
        "pushed unseen: not pulled back": back_m < 0.02,
    }
    seen = (
        f"reference {1e6 * apart_m:.0f} um and first command {1e3 * first_m:.1f} mm from the measured pose, then "
        f"{1e3 * way_m:.0f} mm to the start; pushed unseen: went {1e3 * back_m:.0f} mm by itself"
    )
    return cell.outcome(checks, seen, f"{error} | {told} | {refused}", detected_s=0.0)

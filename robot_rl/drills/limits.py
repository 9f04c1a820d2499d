"""Faults 45 to 48: the arm at the ends of where it can and may go."""

from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np

from controllers.pose import Pose
from robot_rl.drills.cell import FORWARD, Cell, home, said
from robot_rl.drills.drill import Outcome, drill
from robot_rl.drills.geometry import at_end, jacobian, links_and_links, links_and_table, nearest_m, towards, turning
from robot_rl.drills.yard import wide
from robot_rl.tasks.base import add_floor_and_light
from robot_rl.types import Float32

FOLDED = np.array([0.0, 0.3, 0.0, -2.6, 0.0, 1.2, np.pi / 4])
"""Joint angles of a panda with its hand near its upper arm."""
MARGIN_M = 0.01
"""Distance that links keep from each other and from the table."""
NEAR = 15.0
"""Condition number of the Jacobian (m and rad mixed) that is near a singularity; at home it is about 8."""
HAND_LEVEL = np.array([0.0, 0.1, 0.0, -2.2, np.pi / 2, 1.6, np.pi / 2])
"""Joint angles of a panda with its hand level, so that its wrist is the lowest part."""


@drill(45)
def joint_limits(folder: Path, seed: int) -> Outcome:
    """Into each end of each joint, as fast as the arm can be told to go."""
    rest_rad, cells, speed, told = [], [], [], set()
    for joint, end in product(range(7), (0, 1)):
        cell = Cell(seed, task=wide(), q_start_rad=at_end("panda", joint, end))
        cell.begin()
        error = said(cell.drive, partial(turning, cell, joint, 2.0 * end - 1), 30)
        q, limits = cell.tape.column("q_rad")[:, joint], cell.limits
        left = q - limits.q_min_rad[joint] if end == 0 else limits.q_max_rad[joint] - q
        rest_rad.append(float(left.min()))
        speed.append(float((np.abs(cell.tape.column("dq_rad_s")) / limits.dq_max_rad_s).max()))
        told |= {error, *cell.reasons()} - {""}
        cells.append(cell)
    margin = cells[0].config.safety.joint_margin_rad
    breaches = [f"joint {1 + k // 2}: {text}" for k, cell in enumerate(cells[:-1]) for text in cell.tape.breaches()]
    deep = [
        f"{1 + k // 2}{'+' if k % 2 else '-'}: {rest:.3f}" for k, rest in enumerate(rest_rad) if not rest > margin / 2
    ]
    checks = {
        f"stops in the outer half of the margin, {deep}": not deep,
        f"no limit broken, {breaches}": not breaches,
        "no vendor error": not any("Error" in text for text in told),
    }
    close = sum(rest < margin + 0.1 for rest in rest_rad)
    seen = (
        f"14 ends, {close} of them reached; nearest {min(rest_rad):.3f} rad (margin {margin}), "
        f"largest speed {100 * max(speed):.0f}% of the joint's"
    )
    for cell in cells[:-1]:
        cell.env.close()
    return cells[-1].outcome(checks, seen, ", ".join(sorted(told)), cells[-1].now_s - 1.0, go_on=False)


@drill(46)
def singularities(folder: Path, seed: int) -> Outcome:
    """The elbow straight (panda), the wrist aligned (ur5e): through it at full speed, and back."""
    elbow = Cell(seed, task=wide())
    shoulder_m = np.array([0.0, 0.0, 0.333])

    def out() -> Float32:
        return towards(elbow, np.append(elbow.world.data.site("tcp").xpos - shoulder_m, np.zeros(3)))

    elbow_checks, elbow_seen, elbow_told = _through(elbow, out, lambda: -out())
    q = home("ur5e")
    sign = -float(np.sign(q[4]))
    q[4] = -sign * 0.9
    wrist = Cell(seed, "robot=ur5e", task=wide(), q_start_rad=q)
    wrist_checks, wrist_seen, wrist_told = _through(
        wrist, lambda: turning(wrist, 4, sign), lambda: turning(wrist, 4, -sign)
    )
    checks = {f"elbow: {name}": met for name, met in elbow_checks.items()}
    checks |= {f"wrist: {name}": met for name, met in wrist_checks.items()}
    checks[f"wrist: no limit broken, {wrist.tape.breaches()}"] = not wrist.tape.breaches()
    wrist.env.close()
    told = elbow_told or wrist_told
    return elbow.outcome(checks, f"elbow: {elbow_seen}; wrist: {wrist_seen}", told, go_on=False)


def _through(cell: Cell, there: Callable[[], Float32], back: Callable[[], Float32]) -> tuple[dict[str, bool], str, str]:
    """Four seconds towards a singularity and two away from it."""
    cell.begin()
    n, spec = len(cell.limits.q_min_rad), cell.env.action_spec
    conditions, shares = [], []

    def go(action: Callable[[], Float32], steps: int) -> None:
        for _ in range(steps):
            before = cell.arm.read().tcp
            cell.drive(action(), 1)
            done = before.inverse() @ cell.arm.read().tcp
            shares.append(float(np.abs(spec.from_motion(np.append(done.position_m, done.rotvec_rad()))).max()))
            conditions.append(float(np.linalg.cond(jacobian(cell, n))))

    trouble = said(go, there, 40)
    way = slice(0, len(shares))
    turned = cell.arm.read()
    trouble = trouble or said(go, back, 20)
    left = turned.tcp.inverse() @ cell.arm.read().tcp
    left_m, left_rad = float(np.linalg.norm(left.position_m)), float(np.linalg.norm(left.rotvec_rad()))
    nearest, top = int(np.argmax(conditions[way])), max(shares[way])
    joints = float((np.abs(cell.tape.column("dq_rad_s")) / cell.limits.dq_max_rad_s).max())
    checks = {
        "comes near": conditions[nearest] > NEAR and top > 0.2,
        "slows": shares[nearest] < 0.5 * top,
        "joints stay within half of their speed": joints < 0.5,
        "can leave": not trouble and (left_m > 0.05 or left_rad > 0.2),
    }
    seen = (
        f"condition number up to {conditions[nearest]:.0f}, there {100 * shares[nearest]:.0f}% of the largest step "
        f"(before {100 * top:.0f}%), joints up to {100 * joints:.0f}% of their speed, "
        f"leaves by {1e3 * left_m:.0f} mm, {left_rad:.2f} rad"
    )
    return checks, seen, trouble or ", ".join(cell.reasons())


@drill(47)
def into_the_table_and_itself(folder: Path, seed: int) -> Outcome:
    """The links towards the table, in a box that was set too low, and the hand towards the arm's own base."""
    table = Cell(seed, task=wide(add_floor_and_light), q_start_rad=HAND_LEVEL)
    folded = Cell(seed, task=wide(), q_start_rad=FOLDED)
    down, inwards = np.array([0, 0, -1.0, 0, 0, 0]), np.array([-1.0, 0, 0, 0, 0, 0])
    seen, checks, told = [], {}, set()
    for name, cell, way, pairs in (
        ("table", table, down, links_and_table),
        ("itself", folded, inwards, links_and_links),
    ):
        cell.begin()
        trouble = said(cell.drive, partial(towards, cell, way), 40)
        distance_m = nearest_m(cell, pairs(cell))
        checks[f"{name}: {MARGIN_M} m kept"] = distance_m > MARGIN_M - 0.003
        checks[f"{name}: goes on"] = not trouble
        checks[f"{name}: no limit broken, {cell.tape.breaches()}"] = not cell.tape.breaches()
        seen.append(f"{name}: nearest {1e3 * distance_m:.1f} mm, push at most {cell.tape.pushes_n().max():.0f} N")
        told |= {*cell.reasons(), trouble}
    folded.env.close()
    return table.outcome(checks, "; ".join(seen), ", ".join(sorted(told - {""})), go_on=False)


@drill(48)
def target_far_outside(folder: Path, seed: int) -> Outcome:
    """Every target is 2 m outside the box's side wall, and a little further along it each time."""
    cell = Cell(seed)
    cell.begin()
    since_s, wall_m = cell.now_s, cell.env.scene.task.workspace.high_m[1]

    def far(pose: Pose) -> Pose:
        return Pose(pose.position_m * [1, 0, 1] + [0.0, wall_m + 2.0, 0.0], pose.quat_wxyz)

    cell.bend(far)
    trouble = said(cell.drive, 0.5 * FORWARD, 25)
    cell.bend(lambda pose: pose)
    tool = cell.tape.column("tool_m", since_s)
    touched = int(np.argmax(tool[:, 1] > wall_m - 0.005))
    past_m, back_m = float(tool[:, 1].max() - wall_m), float(wall_m - tool[touched:, 1].min())
    slid_m = float(tool[-1, 0] - tool[touched, 0])
    end_s = cell.now_s
    cell.wait(1.0)
    checks = {
        "goes on": not trouble,
        "reaches the wall": touched > 0,
        "not past it": past_m < 0.005,
        "no bounce": back_m < 0.007,
        "slides along it": slid_m > 0.05,
    }
    seen = (
        f"tool {1e3 * past_m:.1f} mm past the wall at most, {1e3 * back_m:.1f} mm before it once there, "
        f"slid {1e3 * slid_m:.0f} mm"
    )
    return cell.outcome(checks, seen, trouble or ", ".join(cell.reasons()), end_s)

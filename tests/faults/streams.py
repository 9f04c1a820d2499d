"""Streams of commands that an arm must survive, as data: one function for each kind.

Each makes one command from the pose the tool is at, the last sequence number admitted, and chance. Kinds in `NEVER`
must be refused, whatever else is true; the others may be refused or cut down. None may raise anything.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from controllers.pose import Array, Pose, quat_from_rotvec, quat_mul
from controllers.records import PoseCommand
from tests.faults.rig import FENCE, HIGH_M, LOW_M, STEP_M, STEP_RAD

Rng = np.random.Generator
Make = Callable[[Rng, Pose, int], PoseCommand]


def _valid_s(rng: Rng) -> float:
    return float(rng.choice([0.02, 0.05, 0.1, 0.2, 0.5]))


def _turned(rng: Rng, here: Pose, largest_rad: float) -> Array:
    return quat_mul(here.quat_wxyz, quat_from_rotvec(rng.uniform(-largest_rad, largest_rad, 3)))


def _plain(rng: Rng, position: Any, quat: Any, sequence: int) -> PoseCommand:
    return PoseCommand(Pose(position, quat), sequence + 1, _valid_s(rng), FENCE)


def steps(rng: Rng, here: Pose, sequence: int) -> PoseCommand:
    """What a policy sends."""
    return _plain(rng, here.position_m + rng.uniform(-STEP_M, STEP_M, 3), _turned(rng, here, STEP_RAD), sequence)


def jumps(rng: Rng, here: Pose, sequence: int) -> PoseCommand:
    """Targets up to 2 m and half a turn away."""
    return _plain(rng, rng.uniform(-2.0, 2.0, 3), _turned(rng, here, np.pi), sequence)


def chatter(rng: Rng, here: Pose, sequence: int) -> PoseCommand:
    """The largest legal step, to and fro, at every command."""
    sign = 1.0 if sequence % 2 else -1.0
    turn = quat_mul(here.quat_wxyz, quat_from_rotvec(np.array([0.0, 0.0, sign * STEP_RAD])))
    return _plain(rng, here.position_m + sign * STEP_M, turn, sequence)


def drive(rng: Rng, here: Pose, sequence: int) -> PoseCommand:
    """The same way on and on, towards a wall, and turning the same way on and on."""
    way = np.random.default_rng((sequence + 1) // 64).uniform(-1.0, 1.0, 6)
    turn = quat_mul(here.quat_wxyz, quat_from_rotvec(STEP_RAD * way[3:]))
    return _plain(rng, here.position_m + STEP_M * way[:3], turn, sequence)


def edges(rng: Rng, here: Pose, sequence: int) -> PoseCommand:
    """Corners and walls of the box, exactly, and one unit in the last place beside."""
    position = np.where(rng.random(3) < 0.5, LOW_M, HIGH_M)
    position = np.nextafter(position, position + rng.integers(-1, 2, 3))
    keep = rng.random(3) < 0.4
    return _plain(rng, np.where(keep, here.position_m, position), here.quat_wxyz, sequence)


def sign_flips(rng: Rng, here: Pose, sequence: int) -> PoseCommand:
    """The same orientation, the other quaternion."""
    return _plain(rng, here.position_m, -here.quat_wxyz, sequence)


def subnormal(rng: Rng, here: Pose, sequence: int) -> PoseCommand:
    tiny = rng.choice([5e-324, -5e-324, 2.2e-308, -0.0, 1e-310], 3)
    quat = here.quat_wxyz + rng.choice([5e-324, -1e-310, 0.0], 4)
    return _plain(rng, rng.choice([0.0, 1.0]) * here.position_m + tiny, quat, sequence)


def nearly_unit(rng: Rng, here: Pose, sequence: int) -> PoseCommand:
    """As rounded in single precision, or a little worse."""
    return _plain(rng, here.position_m, here.quat_wxyz * (1 + rng.uniform(-4e-4, 4e-4)), sequence)


def huge(rng: Rng, here: Pose, sequence: int) -> PoseCommand:
    position = np.array(here.position_m)
    position[rng.integers(3)] = rng.choice([1e308, -1e308, 1e20])
    return _plain(rng, position, here.quat_wxyz, sequence)


def future(rng: Rng, here: Pose, sequence: int) -> PoseCommand:
    """A sequence number far ahead."""
    return PoseCommand(here, sequence + int(rng.integers(2, 10**6)), _valid_s(rng), FENCE)


def _spoilt(rng: Rng, values: Array, bad: float) -> Array:
    values = np.array(values)
    values[rng.integers(len(values))] = bad
    return values


def nan(rng: Rng, here: Pose, sequence: int) -> PoseCommand:
    if rng.random() < 0.5:
        return _plain(rng, _spoilt(rng, here.position_m, np.nan), here.quat_wxyz, sequence)
    return _plain(rng, here.position_m, _spoilt(rng, here.quat_wxyz, np.nan), sequence)


def infinite(rng: Rng, here: Pose, sequence: int) -> PoseCommand:
    bad = float(rng.choice([np.inf, -np.inf]))
    if rng.random() < 0.5:
        return _plain(rng, _spoilt(rng, here.position_m, bad), here.quat_wxyz, sequence)
    return _plain(rng, here.position_m, _spoilt(rng, here.quat_wxyz, bad), sequence)


def not_unit(rng: Rng, here: Pose, sequence: int) -> PoseCommand:
    scale = rng.choice([0.0, 5e-324, 0.5, 1.01, 2.0, 1e160, 1e308])
    return _plain(rng, here.position_m, here.quat_wxyz * scale, sequence)


def wrong_shape(rng: Rng, here: Pose, sequence: int) -> PoseCommand:
    shape = [(), (0,), (2,), (4,), (7,), (3, 1), (1, 3), (3, 3)][rng.integers(8)]
    if rng.random() < 0.5:
        return _plain(rng, np.zeros(shape), here.quat_wxyz, sequence)
    return _plain(rng, here.position_m, np.zeros(shape if shape != (4,) else (5,)), sequence)


WRONG_TYPES: tuple[Callable[[Array], Any], ...] = (
    lambda a: a.astype(object),
    lambda a: a.astype(str),
    lambda a: a.astype(complex),
    lambda a: a.astype(np.float32),
    lambda a: a.astype(np.float16),
    lambda a: a.astype(int),
    lambda a: a.astype(bool),
    lambda a: np.array([None] * len(a)),
    lambda a: a.tolist(),
    lambda a: None,
    lambda a: "abc",
    lambda a: a[::-1],
    lambda a: np.asfortranarray(np.stack((a, a)).T)[:, 0],
)


def wrong_type(rng: Rng, here: Pose, sequence: int) -> PoseCommand:
    """Arrays of other types, other things than arrays, views with strides."""
    spoil = WRONG_TYPES[rng.integers(len(WRONG_TYPES))]
    if rng.random() < 0.5:
        return _plain(rng, spoil(np.array(here.position_m)), here.quat_wxyz, sequence)
    return _plain(rng, here.position_m, spoil(np.array(here.quat_wxyz)), sequence)


def no_target(rng: Rng, here: Pose, sequence: int) -> PoseCommand:
    return PoseCommand([None, (0.0, 0.0, 0.0), 3.0][rng.integers(3)], sequence + 1, 0.2, FENCE)  # type: ignore[arg-type]


def replays(rng: Rng, here: Pose, sequence: int) -> PoseCommand:
    """A number that has been used, or left out."""
    return PoseCommand(here, sequence - int(rng.integers(0, 50)), _valid_s(rng), FENCE)


def bad_sequence(rng: Rng, here: Pose, sequence: int) -> PoseCommand:
    bad: Any = [float("nan"), None, "9", -(2**63), 10**5000, True, sequence + 1.5, [sequence + 1]][rng.integers(8)]
    return PoseCommand(here, bad, 0.2, FENCE)


def bad_validity(rng: Rng, here: Pose, sequence: int) -> PoseCommand:
    bad: Any = [0.0, -0.1, 0.5000001, 1e308, float("nan"), float("inf"), -0.0, None, "0.2", 10**400][rng.integers(10)]
    return PoseCommand(here, sequence + 1, bad, FENCE)


def stale(rng: Rng, here: Pose, sequence: int) -> PoseCommand:
    """Arrived longer ago than it is valid (`AGES_S`)."""
    return PoseCommand(here, sequence + 1, 0.1, FENCE)


def early(rng: Rng, here: Pose, sequence: int) -> PoseCommand:
    """Arrives after it is judged (`AGES_S`)."""
    return PoseCommand(here, sequence + 1, 0.1, FENCE)


def foreign(rng: Rng, here: Pose, sequence: int) -> PoseCommand:
    """Under a fence, or in a mode, that may not command this arm."""
    fences: list[Any] = [0, FENCE - 1, FENCE + 1, -FENCE, 10**400, None, "7", 7.0, float("nan"), [FENCE]]
    modes: list[Any] = ["root", "", None, 3, b"policy", ["policy"], "POLICY"]
    if rng.random() < 0.5:
        return PoseCommand(here, sequence + 1, 0.2, fences[rng.integers(len(fences))])
    return PoseCommand(here, sequence + 1, 0.2, FENCE, modes[rng.integers(len(modes))])


def spin(rng: Rng, here: Pose, sequence: int) -> PoseCommand:
    """Turning on and on about one axis, to the ends of the wrist."""
    way = np.random.default_rng((sequence + 1) // 256).normal(size=3)
    turn = quat_mul(here.quat_wxyz, quat_from_rotvec(0.95 * STEP_RAD * way / np.linalg.norm(way)))
    return _plain(rng, here.position_m, turn, sequence)


def fold(rng: Rng, here: Pose, sequence: int) -> PoseCommand:
    """Towards the arm's own base and the table."""
    goal = np.array([0.0, rng.uniform(-0.1, 0.1), 0.1])
    way = goal - here.position_m
    return _plain(rng, here.position_m + STEP_M * way / max(1e-6, np.abs(way).max()), here.quat_wxyz, sequence)


def stretch(rng: Rng, here: Pose, sequence: int) -> PoseCommand:
    """Away from the base, until the elbow is straight."""
    way = here.position_m - [0.0, 0.0, 0.3]
    return _plain(rng, here.position_m + STEP_M * way / max(1e-6, np.abs(way).max()), here.quat_wxyz, sequence)


AGES_S: Mapping[str, tuple[float, float]] = {"stale": (0.1, 3.0), "early": (-3.0, -1e-9)}
"""Least and greatest age at which a kind is judged; else up to one period."""
KINDS: Mapping[str, Make] = {
    make.__name__.replace("_", " "): make
    for make in (
        *(steps, jumps, chatter, drive, edges, sign_flips, subnormal, nearly_unit, huge, future),
        *(nan, infinite, not_unit, wrong_shape, wrong_type, no_target, replays, bad_sequence, bad_validity),
        *(stale, early, foreign, spin, fold, stretch),
    )
}
NEVER = frozenset(
    {
        *("nan", "infinite", "not unit", "wrong shape", "no target", "replays", "bad sequence", "bad validity"),
        *("stale", "early", "foreign"),
    }
)
MOTION = ("steps", "jumps", "chatter", "drive", "edges", "spin", "fold", "stretch")
"""Kinds that move the arm, among which the others are strewn."""

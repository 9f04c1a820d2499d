"""What a recorded episode looks like: each measure is a number beside its limit. A flag is advice, not a verdict."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from robot_rl.types import Array, Episode, Float32, Frame

IDLE_ACTION = 0.02
"""A step rests when every entry of its action is below this share of the largest: a hand off the input device."""
MAX_IDLE = 0.5
"""Share of resting steps: whoever imitates more rest than motion learns to rest."""
MAX_ROUGHNESS = 2.0
"""See `roughness`: white noise has 2.45, the tremor of a hand that still follows its way stays below 2."""
STILL_M_S, STILL_ACTION = 0.001, 0.001
"""Slower than this is sensor noise, whose roughness says nothing."""
MAX_LENGTH_SCORE = 3.5
"""Distance from the median length in robust standard deviations (Iglewicz and Hoaglin 1993)."""
LENGTH_SPREAD = 0.1
"""Least spread of lengths, as a share of their median: a scripted set has next to none."""
FEWEST_FOR_LENGTH = 5
"""A median of fewer episodes says little."""
MAX_LIMITED = 0.2
"""Share of steps that the gate changed: above, the demonstrator works against a limit."""
MAX_STALE_IMAGES = 0.05
"""Share of pictures that repeat the one before: a small picture may miss a small motion, but not more often."""
GAP = 1.5
"""A later reading than this many periods means that at least one was missed."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One number about an episode."""

    name: str
    value: float
    limit: float
    """The largest value that raises no flag"""
    meaning: str

    @property
    def flagged(self) -> bool:
        return not self.value <= self.limit  # also for NaN

    def __str__(self) -> str:
        return f"{self.name} {self.value:.3g} (limit {self.limit:g}): {self.meaning}"


@np.errstate(invalid="ignore", over="ignore")
def measures(episode: Episode) -> tuple[Measure, ...]:
    """All measures of an episode of at least one step, but for `odd_length`, which needs the whole set."""
    return (
        Measure("low_movement", idle_share(episode), MAX_IDLE, "share of steps without motion"),
        Measure("jerk", roughness(episode), MAX_ROUGHNESS, "jerk against speed; white noise has 2.45"),
        Measure("limit_hits", limited_share(episode), MAX_LIMITED, "share of steps that the gate changed"),
        Measure("stale_stamps", stale_stamps(episode), 0, "readings not newer than the one before"),
        Measure("stale_images", stale_images(episode), MAX_STALE_IMAGES, "share of pictures that repeat while moving"),
        Measure("gaps", gaps(episode), 0, f"readings later than {GAP} median periods"),
        Measure("non_finite", non_finite(episode), 0, "numbers that are NaN or infinite"),
    )


def odd_length(steps: int, lengths: Sequence[int]) -> Measure:
    """Distance of `steps` from the median of the set's `lengths`, in robust deviations; 0 for a small set."""
    score = 0.0
    if len(lengths) >= FEWEST_FOR_LENGTH:
        median = float(np.median(lengths))
        spread = 1.4826 * float(np.median(np.abs(np.asarray(lengths) - median)))
        score = abs(steps - median) / max(spread, LENGTH_SPREAD * median)
    return Measure("odd_length", score, MAX_LENGTH_SCORE, "robust deviations from the median length")


def idle_share(episode: Episode) -> float:
    """Share of steps whose executed action rests."""
    return float(np.mean(_resting(episode)))


def roughness(episode: Episode) -> float:
    """Second difference of velocity against velocity, root mean squares; from 0 (steady) to 4 (reversed each step).

    Velocity is the tool's, from positions and stamps; without an arm the executed action stands for it. The second
    difference is jerk times the squared period, so neither units nor rate matter. White noise has sqrt(6) = 2.45.
    """
    velocity, still = _velocity(episode)
    if len(velocity) < 3:
        return 0.0
    speed = _rms(velocity)
    return _rms(np.diff(velocity, 2, axis=0)) / speed if not speed < still else 0.0


def limited_share(episode: Episode) -> float:
    """Share of steps in which a limit of the gate acted."""
    return float(np.mean([bool(t.reasons) for t in episode.transitions]))


def stale_stamps(episode: Episode) -> int:
    """Readings whose stamp is not later than the one before."""
    return int(np.sum(_periods(episode) <= 0))


def stale_images(episode: Episode) -> float:
    """Share of pictures with the very bytes of the one before, over steps that move: live cameras have noise."""
    pairs = zip(pairwise(episode.frames), ~_resting(episode), strict=True)
    repeated = [same for (before, after), moving in pairs if moving for same in _same(before, after)]
    return float(np.mean(repeated)) if repeated else 0.0


def gaps(episode: Episode) -> int:
    """Readings later than `GAP` times the median period; steps that wait for the gripper do not count."""
    periods = _periods(episode)
    waited = np.array([t.gripper_changed for t in episode.transitions])
    return int(np.sum(periods[~waited] > GAP * np.median(periods)))


def non_finite(episode: Episode) -> int:
    """NaN and infinite entries of everything recorded."""
    return sum(int(np.sum(~np.isfinite(part))) for frame in episode.frames for part in _numbers(frame))


def _resting(episode: Episode) -> np.ndarray:
    return np.all(np.abs(episode.actions) < IDLE_ACTION, axis=1)


def _velocity(episode: Episode) -> tuple[Array, float]:
    """(T, 3) of the tool in m/s or (T, a) in actions, and what counts as standing still."""
    arms = [f.arm for f in episode.frames if f.arm]
    if len(arms) < len(episode.frames):
        return episode.actions.astype(float), STILL_ACTION
    periods = _periods(episode)
    moved = np.diff([arm.tcp.position_m for arm in arms], axis=0)
    return (moved[periods > 0].T / periods[periods > 0]).T, STILL_M_S


def _periods(episode: Episode) -> Array:
    """(T,) seconds between readings"""
    return np.diff([f.stamp_s for f in episode.frames])


def _same(before: Frame, after: Frame) -> list[bool]:
    """By camera"""
    both = before.images.keys() & after.images.keys()
    return [np.array_equal(before.images[camera], after.images[camera]) for camera in both]


def _numbers(frame: Frame) -> list[Array | Float32 | float]:
    numbers: list[Array | Float32 | float] = [frame.stamp_s, frame.state]
    if arm := frame.arm:
        numbers += [arm.stamp_s, arm.q_rad, arm.dq_rad_s, arm.tcp.position_m, arm.tcp.quat_wxyz]
        numbers += [arm.linear_m_s, arm.angular_rad_s, arm.force_n, arm.torque_nm]
    if step := frame.transition:
        numbers += [step.requested, step.executed, step.reward, step.duration_s]
        numbers += [step.success_probability] if step.success_probability is not None else []
    return numbers


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(np.square(values))))

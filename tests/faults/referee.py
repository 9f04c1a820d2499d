"""An independent referee: it notes what reached the motors and how the arm moved, and judges it afterwards.

It shares no code with the controllers, and knows the vendors' tables from its own copy. Everything is written as
"not inside", so that what is not a number is a breach.

Arithmetic: where jerk is bounded, the difference of two samples of the velocity is at most acceleration x period, and
their second difference at most jerk x period^2, whatever happens between samples. The same holds for the mean velocity
of each period, so also for turns from one orientation to the next. Differences of rounded numbers are noisy: eight
units in the last place are allowed on top of the tolerance.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from tests.faults.vendors import VENDORS, Floats

TOLD_RAD, TOLD_S = 0.02, 0.1
"""How far joints that drives are told may be from the measured ones: so far, and in the direction of motion by what
they move in this time beside. Further away it is a jump."""
AFTER_FORCE_S = 0.1
"""After a stop for force, the time until the force is below the budget."""
JOINT_STOP = (0.5, 0.125)
"""Shares of the joints' acceleration and jerk that a stop uses at least, of moving and of turning."""
TOLERANCE = 1e-9
"""Of the limit's unit, and relative to the limit."""


@dataclass(frozen=True)
class Promise:
    """What the cell is set to keep, beside the vendor's limits."""

    low_m: Floats
    high_m: Floats
    step_m: float
    """Largest distance of an admitted target from the measured pose, per axis."""
    step_rad: float
    tool_m: tuple[float, float, float]
    """Speed, acceleration and jerk of the reference, per axis."""
    tool_rad: tuple[float, float, float]
    """The same for turns, per axis of some frame: a vector may be longer by the root of three."""
    lag_m: float
    """How far a compliant arm may overshoot its reference."""
    force_n: float
    tau_rate_nm_s: float
    ddq_rad_s2: Floats | None = None
    """(n,) what the cell takes for the joints' acceleration, and jerk: how slow a stop may be for their sake."""
    dddq_rad_s3: Floats | None = None


@dataclass(frozen=True)
class Sample:
    """One control period."""

    time_s: float
    q_rad: Floats
    dq_rad_s: Floats
    tau_nm: Floats
    reference_m: Floats
    reference_m_s: Floats
    reference_quat: Floats
    tool_m: Floats
    force_n: Floats
    jacobian: Floats | None = None
    """(6, n) of the tool, base frame; without it the joints that the reference implies are not judged."""
    contacts: int = 0
    """Places where the arm touches itself or the table."""
    told_rad: Floats | None = None
    """(n,) of drives that take joint positions."""


@dataclass(frozen=True)
class Breach:
    """Something that must not have happened."""

    kind: str
    time_s: float
    worst: float
    """Largest measured value of this kind that is too large; not a number where it was none."""
    limit: float
    count: int
    """Samples of this kind."""

    def __str__(self) -> str:
        return (
            f"{self.kind}: {self.worst:.9g}, allowed {self.limit:.9g}; {self.count} times, first at {self.time_s:.4f} s"
        )


@dataclass
class Referee:
    """Fed with everything that one run does; `breaches` judges it."""

    arm: str
    promise: Promise
    period_s: float
    samples: list[Sample] = field(default_factory=list)
    targets: list[tuple[float, Floats, Floats, Floats, Floats]] = field(default_factory=list)
    """Admitted: time, target position and quaternion, measured position and quaternion."""
    ends: list[float] = field(default_factory=list)
    """For each admitted command, and each stop: when the arm's permission to move ends."""
    given: list[float] = field(default_factory=list)
    struck: list[float] = field(default_factory=list)
    """When the arm stopped for force."""

    def admitted(
        self, time_s: float, valid_for_s: float, target: tuple[Floats, Floats], here: tuple[Floats, Floats]
    ) -> None:
        """A command has passed: `target` and measured pose `here`, as position and quaternion."""
        self.targets.append((time_s, *map(np.array, (*target, *here))))
        self.given.append(time_s)
        self.ends.append(time_s + valid_for_s)

    def stopped(self, time_s: float) -> None:
        """Somebody pressed stop."""
        self.given.append(time_s)
        self.ends.append(time_s)

    def saw(self, sample: Sample) -> None:
        self.samples.append(sample)

    def breaches(self) -> list[Breach]:
        """Everything that was not inside its limit."""
        judges = (
            *(self._of_targets, self._of_motors, self._of_told, self._of_reference),
            *(self._of_joints, self._of_tool, self._of_braking),
        )
        with np.errstate(all="ignore"):  # what is infinite is found without warnings too
            return [breach for judge in judges for breach in judge() if breach]

    def _column(self, name: str) -> Floats:
        return np.array([getattr(sample, name) for sample in self.samples])

    def _of_targets(self) -> Iterator[Breach | None]:
        if not self.targets:
            return
        times, place, quat, here, here_quat = (np.array(column) for column in zip(*self.targets, strict=True))
        p = self.promise
        # Where the tool itself is outside, the target may be as far out, but no further.
        outside = np.maximum(np.maximum(p.low_m - here, here - p.high_m), 0.0)
        excess = np.maximum(p.low_m - place, place - p.high_m) - outside
        yield _above("target outside the box, m", times, excess, 0.0)
        yield _above("target step, m", times, np.abs(place - here), p.step_m)
        turn = _angle_rad(here_quat, quat)
        yield _above("target turn, rad", times, turn, p.step_rad, noise=1e-6 * p.step_rad)
        yield _above("target quaternion's length", times, np.abs(np.linalg.norm(quat, axis=1) - 1.0), 1e-3)

    def _of_motors(self) -> Iterator[Breach | None]:
        times, tau = self._column("time_s"), self._column("tau_nm")
        vendor, q, dq = VENDORS[self.arm], self._column("q_rad"), self._column("dq_rad_s")
        yield _above("torque over its range, Nm", times, np.abs(tau) - vendor.tau_max_nm, 0.0)
        rate = min(self.promise.tau_rate_nm_s, vendor.tau_rate_nm_s or np.inf)
        yield _above("torque rate, Nm/s", times[1:], np.abs(np.diff(tau, axis=0)) / self.period_s, rate, noise=1e-8)
        yield _above("joint beyond its range, rad", times, np.maximum(vendor.q_min_rad - q, q - vendor.q_max_rad), 0.0)
        yield _above("joint speed over its limit, rad/s", times, np.abs(dq) - vendor.dq_max_rad_s, 0.0)

    def _of_told(self) -> Iterator[Breach | None]:
        """What drives are told that take joint positions."""
        if any(sample.told_rad is None for sample in self.samples):
            return
        p, dt, vendor = self.promise, self.period_s, VENDORS[self.arm]
        times, told, q, dq = (self._column(name) for name in ("time_s", "told_rad", "q_rad", "dq_rad_s"))
        yield _above(
            "told joint beyond its range, rad", times, np.maximum(vendor.q_min_rad - told, told - vendor.q_max_rad), 0.0
        )
        speed = np.diff(told, axis=0) / dt
        yield _above(
            "told joint speed over its limit, rad/s", times[1:], np.abs(speed) - vendor.dq_max_rad_s, 0.0, _noise(7, dt)
        )
        if p.ddq_rad_s2 is not None:
            excess = np.abs(np.diff(speed, axis=0)) / dt - p.ddq_rad_s2
            yield _above("told joint acceleration, rad/s2", times[2:], excess, 0.0, _noise(7, dt**2))
        ahead = TOLD_S * dq
        jump = np.maximum(np.minimum(ahead, 0.0) - (told - q), (told - q) - np.maximum(ahead, 0.0))
        yield _above("told joint away from the measured one, rad", times, jump, TOLD_RAD)

    def _of_reference(self) -> Iterator[Breach | None]:
        p, dt = self.promise, self.period_s
        times, place, rate = self._column("time_s"), self._column("reference_m"), self._column("reference_m_s")
        speed, acceleration, jerk = p.tool_m
        yield _above("reference outside the box, m", times, np.maximum(p.low_m - place, place - p.high_m), 0.0)
        yield _above("reference speed, m/s", times, np.abs(rate), speed)
        yield from _differences("reference", times, rate, dt, (acceleration, jerk), 2.0 * speed, "m/s")
        middle = np.diff(place, axis=0) / dt - (rate[1:] + rate[:-1]) / 2
        yield _above(
            "reference path against its speed, m/s", times[1:], np.abs(middle), jerk * dt**2 / 6, _noise(2, dt)
        )
        quats = self._column("reference_quat")
        yield _above("reference quaternion's length", times, np.abs(np.linalg.norm(quats, axis=1) - 1.0), 1e-6)
        turns = _turns_rad(quats) / dt
        for name, limits, root in (
            ("reference", p.tool_rad, np.sqrt(3.0)),
            ("vendor's", VENDORS[self.arm].tool_rad, 1.0),
        ):
            if limits and len(turns):
                speed, acceleration, jerk = root * np.array(limits)
                length = np.linalg.norm(turns, axis=1)
                yield _above(f"{name} turning speed, rad/s", times[1:], length, speed, _noise(2, dt))
                yield from _differences(
                    f"{name} turning", times[1:], turns, dt, (acceleration, jerk), 2 / dt, "rad/s", True
                )

    def _of_joints(self) -> Iterator[Breach | None]:
        """The joint motion that the reference asks for, by the Jacobian at each sample and differences."""
        if len(self.samples) < 4 or self.samples[0].jacobian is None:
            return
        dt, vendor, times = self.period_s, VENDORS[self.arm], self._column("time_s")
        turns = _turns_rad(self._column("reference_quat")) / dt
        twist = np.concatenate((self._column("reference_m_s")[1:], turns), axis=1)
        dq = np.einsum("tij,tj->ti", np.linalg.pinv(self._column("jacobian")[1:]), twist)
        q = self._column("q_rad")[1:]
        low, high = -vendor.dq_max_rad_s, vendor.dq_max_rad_s
        if vendor.curve:
            low_end, high_end, offset, gain = vendor.curve
            low = np.maximum(low, offset - np.sqrt(gain * (q - low_end)))
            high = np.minimum(high, np.sqrt(gain * (high_end - q)) - offset)
        yield _above("reference joint speed, rad/s", times[1:], np.maximum(low - dq, dq - high), 0.0)
        for order, limit in enumerate((vendor.ddq_max_rad_s2, vendor.dddq_max_rad_s3), start=1):
            if limit is not None:
                word = ("acceleration, rad/s2", "jerk, rad/s3")[order - 1]
                excess = np.abs(np.diff(dq, n=order, axis=0)) / dt**order - limit
                yield _above(
                    f"reference joint {word}", times[1 + order :], excess, 0.0, _noise(100.0, dt ** (order + 1))
                )

    def _of_tool(self) -> Iterator[Breach | None]:
        p, times, tool = self.promise, self._column("time_s"), self._column("tool_m")
        outside = np.maximum(p.low_m - tool, tool - p.high_m)
        yield _above("tool outside the box, m", times, outside, p.lag_m)
        apart = np.abs(self._column("reference_m") - tool)  # no target is further from the tool than one step
        yield _above("tool behind or beyond its reference, m", times, apart, p.step_m + p.lag_m)
        force, quiet = np.linalg.norm(self._column("force_n"), axis=1), np.zeros(len(times), dtype=bool)
        for moment in self.struck:
            quiet |= times > moment + AFTER_FORCE_S
        if self.struck:
            yield _above("force after a stop for force, N", times[quiet], force[quiet], p.force_n)
        else:
            yield _above("contact force, N", times, force, p.force_n)
        yield _above("places where the arm touches itself or the table", times, self._column("contacts"), 0.0)
        if VENDORS[self.arm].tool_m:
            speed = np.linalg.norm(np.diff(tool, axis=0), axis=1) / self.period_s
            yield _above("vendor's tool speed, m/s", times[1:], speed, VENDORS[self.arm].tool_m[0])

    def _of_braking(self) -> Iterator[Breach | None]:
        """Every time that permission ends and no new one comes at once."""
        times, stops = self._column("time_s"), []
        for k, end in enumerate(self.ends):
            until = self.given[k + 1] if k + 1 < len(self.given) else np.inf
            start, stop = (int(np.searchsorted(times, moment - TOLERANCE)) for moment in (end, until))
            if 3 <= start < stop:
                stops.append((end, *self._one_stop(start, stop)))
        if stops:
            ends, late, spin, far, coast = np.array(stops).T
            yield _above("speed after the time to stop, m/s", ends, late, 0.0, noise=1e-8)
            yield _above("turning after the time to stop, rad/s", ends, spin, 0.0, noise=1e-8)
            yield _above("way beyond the distance to stop, m", ends, far, 0.0, noise=1e-8)
            yield _above("tool beyond the distance to stop, m", ends, coast, self.promise.lag_m)

    def _one_stop(self, start: int, stop: int) -> tuple[float, float, float, float]:
        """What is left of speed and of turning after the time that a stop takes, and how far reference and tool go
        beyond its distance, in the samples from `start`, the first without permission, to before `stop`."""
        dt, last, p = self.period_s, start - 1, self.promise
        rate = np.array([sample.reference_m_s for sample in self.samples[last - 1 : stop]])
        place = np.array([sample.reference_m for sample in self.samples[last:stop]])
        tool = np.array([sample.tool_m for sample in self.samples[last:stop]])
        turns = _turns_rad(np.array([sample.reference_quat for sample in self.samples[last - 2 : stop]])) / dt
        tool_m, tool_rad = self._softer(self.samples[last])
        seconds, metres = _stop(rate[1], (rate[1] - rate[0]) / dt, tool_m, dt, p.tool_m[1])
        # Turning is known as the mean of each period: by now it may have grown by what the jerk allows.
        slope = np.linalg.norm(turns[1] - turns[0]) / dt + np.sqrt(3.0) * p.tool_rad[2] * dt
        turn_s, _ = _stop(np.linalg.norm(turns[1]) + slope * dt, slope, tool_rad, dt, p.tool_rad[1])
        return (
            np.abs(rate[2 + _ticks(seconds, dt) :]).max(initial=0.0),
            np.linalg.norm(turns[2 + _ticks(turn_s, dt) :], axis=1).max(initial=0.0),
            (np.abs(place - place[0]) - metres).max(),
            # The tool follows: it first has to come to where its reference was.
            np.linalg.norm(tool - tool[0], axis=1).max() - np.linalg.norm(np.abs(place[0] - tool[0]) + metres),
        )

    def _softer(self, sample: Sample) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
        """Limits of moving and of turning within which the arm must be able to stop, given what its joints can do."""
        p, answer = self.promise, []
        for part, limits in enumerate((p.tool_m, p.tool_rad)):
            softer = list(limits)
            for order, most in enumerate((p.ddq_rad_s2, p.dddq_rad_s3), start=1):
                if sample.jacobian is not None and most is not None:
                    inverse = np.linalg.pinv(sample.jacobian)[:, 3 * part : 3 * part + 3]
                    load = (np.abs(inverse).sum(axis=1) * limits[order] / most).max()
                    softer[order] *= min(1.0, JOINT_STOP[part] / load)
            answer.append((softer[0], softer[1], softer[2]))
        return answer[0], answer[1]


def _ticks(seconds: float, dt: float) -> int:
    """Whole periods, none where the time is no number."""
    return int(np.ceil(seconds / dt)) if np.isfinite(seconds) else 0


def _stop(
    rate: Floats, slope: Floats, limits: tuple[float, float, float], dt: float, steepest: float
) -> tuple[float, Floats]:
    """Longest time, and distance per axis, of the quickest stop within acceleration and jerk: first the present
    acceleration, at most `steepest`, is taken back, then a symmetric S. `slope` is the mean of the last period, half a
    period old."""
    _, acceleration, jerk = limits
    back_s = np.minimum(np.abs(slope) + jerk * dt / 2, steepest) / jerk
    peak = np.abs(rate) + jerk * back_s**2 / 2
    short, long = 2 * np.sqrt(peak / jerk), peak / acceleration + acceleration / jerk
    brake_s = np.where(peak * jerk >= acceleration**2, long, short)
    return float(np.max(back_s + brake_s)), peak * (back_s + brake_s / 2)


def _above(kind: str, times: Floats, values: Floats, limit: float, noise: float = 0.0) -> Breach | None:
    """The breach, if any value (a row may have several columns) is not at most the limit."""
    allowed = limit + TOLERANCE * max(1.0, abs(limit)) + noise
    bad = ~(values <= allowed)
    rows = bad.reshape(len(bad), -1).any(axis=1)
    if not rows.any():
        return None
    return Breach(kind, float(times[rows][0]), float(np.max(values[bad])), float(limit), int(rows.sum()))


def _differences(
    name: str,
    times: Floats,
    rate: Floats,
    dt: float,
    limits: tuple[float, float],
    scale: float,
    unit: str,
    norm: bool = False,
) -> Iterator[Breach | None]:
    """Acceleration and jerk of a sampled velocity, per axis or as the length of the vector."""
    for order, (limit, word) in enumerate(zip(limits, ("acceleration", "jerk"), strict=True), start=1):
        values = np.diff(rate, n=order, axis=0) / dt**order
        values = np.linalg.norm(values, axis=1) if norm else np.abs(values)
        if len(values):
            yield _above(
                f"{name} {word}, {unit}{'23'[order - 1]}", times[order:], values, limit, _noise(scale, dt**order)
            )


def _noise(scale: float, divisor: float) -> float:
    """What rounding alone can make of a difference of numbers of this size."""
    return float(8 * np.finfo(float).eps * scale / divisor)


def _turns_rad(quats: Floats) -> Floats:
    """(T - 1, 3) rotation vectors from each orientation to the next, base frame."""
    a, b = quats[:-1], quats[1:]
    scalar = np.sum(a * b, axis=1)
    vector = a[:, :1] * b[:, 1:] - b[:, :1] * a[:, 1:] - np.cross(b[:, 1:], a[:, 1:])
    vector, scalar = vector * np.where(scalar < 0, -1.0, 1.0)[:, None], np.abs(scalar)
    length = np.linalg.norm(vector, axis=1)
    return vector * (2 * np.arctan2(length, scalar) / np.maximum(length, 1e-300))[:, None]


def _angle_rad(a: Floats, b: Floats) -> Floats:
    """(T,) angles between two rows of orientations."""
    pairs = np.stack((a, b), axis=1)
    return np.array([float(np.linalg.norm(_turns_rad(pair)[0])) for pair in pairs])

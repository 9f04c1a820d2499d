"""The moving reference: from where the arm is to where it may go, within speed, acceleration and jerk."""

from dataclasses import dataclass

import numpy as np
from ruckig import (
    ControlInterface,
    InputParameter,
    OutputParameter,
    Ruckig,
    RuckigError,
    Synchronization,
    Trajectory,
)

from controllers.joint_motion import NAMES, JointRoom
from controllers.pose import Array, Pose, frozen, quat_conj, quat_from_rotvec, quat_mul, quat_to_rotvec
from controllers.records import Reference
from controllers.turning import angular_acceleration, angular_velocity

TURN_SHARE = 0.95
"""Of the limits of turning: what is left makes up for the curvature of turns, within one step of the gate."""
KEPT = np.array([0.75, 0.25]).reshape(2, 1, 1)
"""Shares of what the joints can do that moving and turning have in any case."""
LEAST = 1e-9
"""A load below it is none."""


@dataclass(frozen=True, slots=True)
class MotionLimits:
    """Limits of the reference, per axis of the base frame."""

    speed_m_s: float
    acceleration_m_s2: float
    jerk_m_s3: float
    rotation_rad_s: float
    rotation_acceleration_rad_s2: float
    rotation_jerk_rad_s3: float

    def rows(self) -> Array:
        """(3, 6) velocity, acceleration and jerk for x, y, z, rx, ry, rz."""
        turns = (
            self.rotation_rad_s,
            TURN_SHARE * self.rotation_acceleration_rad_s2,
            TURN_SHARE * self.rotation_jerk_rad_s3,
        )
        moves = (self.speed_m_s, self.acceleration_m_s2, self.jerk_m_s3)
        return np.array([[move] * 3 + [turn] * 3 for move, turn in zip(moves, turns, strict=True)])

    def stop(self, speed_m_s: float) -> tuple[float, float]:
        """Time in s and way in m of a stop from a steady speed along one axis."""
        return _stop(self.rows(), [speed_m_s, 0.0, 0.0, 0.0, 0.0, 0.0], [0.0] * 6)


class ReferenceMotion:
    """Time-optimal, jerk-limited motion of the tool (ruckig, Berscheid and Kröger 2021).

    Orientation is tracked as a rotation vector of the base frame from an anchor that is laid anew at every target:
    its rate is close to the angular velocity for the small turns between two commands, and where it differs, angular
    velocity and acceleration go on smoothly through a new anchor.
    """

    def __init__(self, limits: MotionLimits, period_s: float, start: Pose) -> None:
        self._otg, self._planner = Ruckig(6, period_s), Ruckig(6)
        self._in, self._out, self._plan = InputParameter(6), OutputParameter(6), Trajectory(6)
        # Axes on their own: keeping them in step fails numerically for moves of micrometres.
        self._in.synchronization = Synchronization.No
        self._full = limits.rows()
        self.lost = 0
        """Targets given up because no motion to them was found."""
        self.reset(start)

    def reset(self, pose: Pose) -> None:
        """Stand still at `pose`."""
        self._anchor = pose.quat_wxyz
        self._in.control_interface = ControlInterface.Position
        self._in.current_position = [*pose.position_m, 0.0, 0.0, 0.0]
        self._in.current_velocity = self._in.current_acceleration = [0.0] * 6
        self._in.target_position = self._in.current_position
        self._in.target_velocity = self._in.target_acceleration = [0.0] * 6
        self._limit(self._full)
        self._now = Reference(pose, np.zeros(3), np.zeros(3))
        self._braking = False

    def hold(self, pose: Pose) -> None:
        """Stand still at `pose`, and be braked there: what an arm does that has just hit something."""
        self.reset(pose)
        self.brake()

    @property
    def now(self) -> Reference:
        return self._now

    @property
    def braking(self) -> bool:
        return self._braking

    def aim(self, target: Pose, speed: float = 1.0, joints: JointRoom | None = None) -> tuple[str, ...]:
        """Head for `target` from the present motion, with this share of the usual speed.

        With `joints`, a plan that asks too much of them is made slower; the answer names what was too much (`NAMES`).
        Motion that is already under way, and too much, is first braked down by the plan.
        """
        self._lay_anchor()
        turn = quat_to_rotvec(quat_mul(target.quat_wxyz, quat_conj(self._anchor)))
        self._in.control_interface = ControlInterface.Position
        self._in.target_position = [*target.position_m, *turn]
        self._braking = False
        rows = self._full * [[speed], [1.0], [1.0]]
        self._limit(rows)
        return () if joints is None else self._soften(rows, joints)

    def _soften(self, rows: Array, joints: JointRoom) -> tuple[str, ...]:
        """Lower the limits of moving and of turning to what the joints can follow, if all axes peak together.

        Each may have what the other leaves, and has its part of `KEPT` in any case: small turns that only put an
        orientation right would otherwise slow every move down.
        """
        low, high = self._extremes()
        loads = joints.loads(low, high)
        too_much = ~(loads.sum(axis=0) <= 1.0)
        if not too_much.any():
            return ()
        share = np.maximum(KEPT, 1.0 - loads[::-1]) / np.maximum(loads, LEAST)
        share = np.where(too_much, share, 1.0).min(axis=2).T  # speed, acceleration and jerk, of moving and of turning
        peaks = np.maximum(high, -low).reshape(3, 2, 3).max(axis=2)
        self._limit(np.minimum(rows, np.repeat(np.where(share < 1.0, share * peaks, np.inf), 3, axis=1)))
        return tuple(name for name, did in zip(NAMES, too_much.any(axis=1), strict=True) if did)

    def brake(self) -> None:
        """Decelerate to rest wherever that is, within the limits that were last in force."""
        if self._braking:
            return
        self._lay_anchor()
        self._in.control_interface = ControlInterface.Velocity
        self._braking = True

    def stopping(self) -> tuple[float, float]:
        """Time in s and way in m that a stop from the present motion takes, within the limits last in force."""
        rows = np.array([self._in.max_velocity, self._in.max_acceleration, self._in.max_jerk])
        return _stop(rows, self._in.current_velocity, self._in.current_acceleration)

    def tick(self) -> Reference:
        """One period further. When no motion to the target is found the arm brakes, and `lost` counts it."""
        try:
            self._otg.update(self._in, self._out)
        except RuckigError:
            self.lost += 1
            self.brake()
            self._otg.update(self._in, self._out)
        self._out.pass_to_input(self._in)
        place = self._out.new_position
        turn = place[3:]
        quat = quat_mul(quat_from_rotvec(np.array(turn)), self._anchor)
        velocity = self._out.new_velocity
        angular = angular_velocity(turn, velocity[3:])
        self._now = Reference(Pose(frozen(place[:3]), frozen(quat)), np.array(velocity[:3]), np.array(angular))
        return self._now

    def _limit(self, rows: Array) -> None:
        self._in.max_velocity, self._in.max_acceleration, self._in.max_jerk = rows.tolist()

    def _extremes(self) -> tuple[Array, Array]:
        """Lowest and highest velocity, acceleration and jerk (3, 6) of the plan; zero where there is no plan."""
        try:
            self._planner.calculate(self._in, self._plan)
        except (RuckigError, ValueError):  # its binding has no name for some results, and raises ValueError
            return np.zeros((3, 6)), np.zeros((3, 6))
        pieces = np.array([(*p.brake.t, *p.t, *p.brake.j, *p.j) for p in self._plan.profiles[0]])
        lengths, jerks = pieces[:, :9], pieces[:, 9:]
        first, velocity = np.array(self._in.current_acceleration), np.array(self._in.current_velocity)
        course = np.empty((3, 6, 19))
        course[1, :, 0], course[0, :, 0] = first, velocity
        course[1, :, 1:10] = first[:, None] + (lengths * jerks).cumsum(axis=1)
        before, after = course[1, :, :9], course[1, :, 1:10]
        course[0, :, 1:10] = velocity[:, None] + (0.5 * lengths * (before + after)).cumsum(axis=1)
        # Where an acceleration crosses zero within a piece, the velocity is beyond those of both its ends.
        crossing = before * after < 0.0
        turned = course[0, :, :9] - np.where(crossing, 0.5 * before**2 / np.where(crossing, jerks, 1.0), 0.0)
        course[0, :, 10:], course[1, :, 10:] = turned, 0.0
        course[2, :, 10:], course[2, :, :10] = np.where(lengths > 0.0, jerks, 0.0), 0.0
        return course.min(axis=2), course.max(axis=2)

    def _lay_anchor(self) -> None:
        """Express the present turn as zero, with the angular velocity and acceleration that it has."""
        turn = self._in.current_position[3:]
        velocity, acceleration = self._in.current_velocity, self._in.current_acceleration
        self._in.current_velocity = [*velocity[:3], *angular_velocity(turn, velocity[3:])]
        change = angular_acceleration(turn, velocity[3:], acceleration[3:])
        self._in.current_acceleration = [*acceleration[:3], *change]
        self._anchor = self._now.tcp.quat_wxyz
        self._in.current_position = [*self._now.tcp.position_m, 0.0, 0.0, 0.0]


def _stop(rows: Array, velocity: list[float], acceleration: list[float]) -> tuple[float, float]:
    """Time and way of the quickest stop within limits (3, 6)."""
    halt, plan = InputParameter(6), Trajectory(6)
    halt.control_interface, halt.synchronization = ControlInterface.Velocity, Synchronization.No
    halt.max_velocity, halt.max_acceleration, halt.max_jerk = rows.tolist()
    halt.current_position = halt.target_velocity = halt.target_acceleration = [0.0] * 6
    halt.current_velocity, halt.current_acceleration = velocity, acceleration
    Ruckig(6).calculate(halt, plan)
    return plan.duration, float(np.linalg.norm(plan.at_time(plan.duration)[0][:3]))

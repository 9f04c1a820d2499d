"""The moving reference: from where the arm is to where it may go, within speed, acceleration and jerk."""

from dataclasses import dataclass, replace
from itertools import compress

import numpy as np
from numpy.typing import NDArray
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

AXES = 6
"""x, y, z of the tool, and its turn about them."""
STILL = [0.0] * AXES
TURN_SHARE = 0.95
"""Of the limits of turning: what is left makes up for the curvature of turns, within one step of the gate."""
CREEP = 1e-3
"""Share of its speed that an axis keeps in any case: no speed at all is no plan."""
STRAIGHT = 1e-9
"""m and rad: a plan that leaves the way between start and target by less is straight; ruckig is as precise."""
SAID = 0.5
"""Share of acceleration or jerk below which a cut is said: smaller ones come with every change of posture."""


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
        return np.array([moves, turns]).T.repeat(3, axis=1)

    def for_joints(self, joints: JointRoom) -> "MotionLimits":
        """These limits, or lower accelerations and jerks that the joints can follow whatever the axes do together."""
        (move, turn), (jolt, twist) = joints.shares(self.rows()[1:]).tolist()
        return replace(
            self,
            acceleration_m_s2=self.acceleration_m_s2 * move,
            jerk_m_s3=self.jerk_m_s3 * jolt,
            rotation_acceleration_rad_s2=self.rotation_acceleration_rad_s2 * turn,
            rotation_jerk_rad_s3=self.rotation_jerk_rad_s3 * twist,
        )

    def stop(self, speed_m_s: float) -> tuple[float, float]:
        """Time in s and way in m of a stop from a steady speed along one axis."""
        return _stop(self.rows(), [speed_m_s, 0.0, 0.0, 0.0, 0.0, 0.0], STILL)


class ReferenceMotion:
    """Time-optimal, jerk-limited motion of the tool (ruckig, Berscheid and Kröger 2021).

    Orientation is tracked as a rotation vector of the base frame from an anchor that is laid anew at every target:
    its rate is close to the angular velocity for the small turns between two commands, and where it differs, angular
    velocity and acceleration go on smoothly through a new anchor.
    """

    def __init__(self, limits: MotionLimits, period_s: float, start: Pose) -> None:
        """Raises ValueError for a period that is none."""
        if not 0.0 < period_s < 1.0:
            raise ValueError(f"period {period_s} s; allowed: above 0, below 1 s")
        self._otg, self._planner = Ruckig(AXES, period_s), Ruckig(AXES)
        self._in, self._out, self._plan = InputParameter(AXES), OutputParameter(AXES), Trajectory(AXES)
        # Axes on their own: keeping them in step fails numerically for moves of micrometres.
        self._in.synchronization = Synchronization.No
        self.limits, self._full = limits, limits.rows()
        self.lost = 0
        """Targets given up because no motion to them was found."""
        self.reset(start)

    def reset(self, pose: Pose) -> None:
        """Stand still at `pose`."""
        self._anchor = pose.quat_wxyz
        self._in.control_interface = ControlInterface.Position
        self._in.current_position = [*pose.position_m, 0.0, 0.0, 0.0]
        self._in.current_velocity = self._in.current_acceleration = STILL
        self._in.target_position = self._in.current_position
        self._in.target_velocity = self._in.target_acceleration = STILL
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
    def in_force(self) -> Array:
        """(3, 6) largest speed, acceleration and jerk by which it moves at present, and brakes; read only."""
        return self._rows

    @property
    def braking(self) -> bool:
        return self._braking

    def aim(self, target: Pose, speed: float = 1.0, joints: JointRoom | None = None) -> tuple[str, ...]:
        """Head for `target` from the present motion, with this share of the usual speed.

        With `joints`, accelerations and jerks are what these can follow whatever the axes do together, and the speed is
        what they can follow on the way planned. The answer names what was cut: `joint_speed`, and `joint_acceleration`
        or `joint_jerk` where less than `SAID` is left.
        """
        self._lay_anchor()
        turn = quat_to_rotvec(quat_mul(target.quat_wxyz, quat_conj(self._anchor)))
        self._in.control_interface = ControlInterface.Position
        self._in.target_position = [*target.position_m, *turn]
        self._braking = False
        rows = self._full * [[speed], [1.0], [1.0]]
        names = () if joints is None else self._soften(rows, joints)
        self._limit(rows)
        return names

    def _soften(self, rows: Array, joints: JointRoom) -> tuple[str, ...]:
        """Lower `rows` in place; names of what was cut."""
        shares = joints.shares(rows[1:])
        rows[1:] *= shares.repeat(3, axis=1)
        before = self._rows[1:]
        lowered = np.logical_or(*(rows[1:] < before))
        self._calculate(rows)
        if lowered.any():
            late = lowered & self._overshoots()
            if late.any():
                rows[1:, late] = before[:, late]
                self._calculate(rows)
        low, high = self._speeds(rows)
        share = joints.speed_share(low, high)
        slower = share < 1.0
        if slower:  # of what the plan reaches: its limits may be far above
            rows[0] = np.minimum(rows[0], np.maximum(share * np.maximum(-low, high), CREEP * rows[0]))
        return tuple(compress(NAMES, (slower, *(shares.min(axis=1) < SAID))))

    def _overshoots(self) -> NDArray[np.bool_]:
        """(6,) True for axes whose plan does not go straight from start to target.

        With the limits in force an axis can stop where it was last sent to. Lowered in full speed they would carry it
        on, out of the box perhaps: it keeps them until a plan with the lower ones goes straight.
        """
        reach = np.array([(bound.min, bound.max) for bound in self._plan.position_extrema]).T
        ends = np.array([self._in.current_position, self._in.target_position])
        beyond: NDArray[np.bool_] = (reach[0] < ends.min(axis=0) - STRAIGHT) | (reach[1] > ends.max(axis=0) + STRAIGHT)
        return beyond

    def _speeds(self, rows: Array) -> tuple[Array, Array]:
        """Lowest and highest velocity (6,) of the plan."""
        start, change = np.array(self._in.current_velocity), np.array(self._in.current_acceleration)
        turned = start + change * np.abs(change) / (2.0 * rows[2])  # where an acceleration runs out
        corners = np.array([profile.v for profile in self._plan.profiles[0]])
        least, most = np.minimum(start, turned), np.maximum(start, turned)
        return np.minimum(least, corners.min(axis=1)), np.maximum(most, corners.max(axis=1))

    def _calculate(self, rows: Array) -> None:
        """Plan within `rows`; where there is no plan the last one stands in, and `tick` finds out."""
        self._limit(rows)
        try:
            self._planner.calculate(self._in, self._plan)
        except (RuckigError, ValueError):  # its binding has no name for some results, and raises ValueError
            return

    def brake(self) -> None:
        """Decelerate to rest wherever that is, within the limits that were last in force."""
        if self._braking:
            return
        self._lay_anchor()
        self._in.control_interface = ControlInterface.Velocity
        self._braking = True

    def stopping(self) -> tuple[float, float]:
        """Time in s and way in m that a stop from the present motion takes, within the limits last in force."""
        return _stop(self._rows, self._in.current_velocity, self._in.current_acceleration)

    def tick(self) -> Reference:
        """One period further. When no motion to the target is found the arm brakes, and `lost` counts it; when there is
        no way to brake either, it stands still where it is."""
        if not self._step():
            self.lost += 1
            self.brake()
            if not self._step():
                self.hold(self._now.tcp)
                return self._now
        self._out.pass_to_input(self._in)
        place = self._out.new_position
        turn = place[3:]
        quat = quat_mul(quat_from_rotvec(np.array(turn)), self._anchor)
        velocity = self._out.new_velocity
        angular = angular_velocity(turn, velocity[3:])
        self._now = Reference(Pose(frozen(place[:3]), frozen(quat)), np.array(velocity[:3]), np.array(angular))
        return self._now

    def _step(self) -> bool:
        try:
            self._otg.update(self._in, self._out)
        except (RuckigError, ValueError):  # as in `_calculate`
            return False
        return True

    def _limit(self, rows: Array) -> None:
        self._rows = rows
        self._in.max_velocity, self._in.max_acceleration, self._in.max_jerk = rows.tolist()

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
    halt, plan = InputParameter(AXES), Trajectory(AXES)
    halt.control_interface, halt.synchronization = ControlInterface.Velocity, Synchronization.No
    halt.max_velocity, halt.max_acceleration, halt.max_jerk = rows.tolist()
    halt.current_position = halt.target_velocity = halt.target_acceleration = STILL
    halt.current_velocity, halt.current_acceleration = velocity, acceleration
    Ruckig(AXES).calculate(halt, plan)
    return plan.duration, float(np.linalg.norm(plan.at_time(plan.duration)[0][:3]))

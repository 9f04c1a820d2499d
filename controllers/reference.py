"""The moving reference: from where the arm is to where it may go, within speed, acceleration and jerk."""

from dataclasses import dataclass

import numpy as np
from ruckig import ControlInterface, InputParameter, OutputParameter, Ruckig, RuckigError, Synchronization

from controllers.pose import Pose, frozen, quat_conj, quat_from_rotvec, quat_mul, quat_rotate, quat_to_rotvec
from controllers.records import Reference


@dataclass(frozen=True, slots=True)
class MotionLimits:
    """Limits of the reference, per axis."""

    speed_m_s: float
    acceleration_m_s2: float
    jerk_m_s3: float
    rotation_rad_s: float
    rotation_acceleration_rad_s2: float
    rotation_jerk_rad_s3: float

    def rows(self) -> tuple[list[float], list[float], list[float]]:
        """Velocity, acceleration and jerk for x, y, z, rx, ry, rz."""
        return (
            [self.speed_m_s] * 3 + [self.rotation_rad_s] * 3,
            [self.acceleration_m_s2] * 3 + [self.rotation_acceleration_rad_s2] * 3,
            [self.jerk_m_s3] * 3 + [self.rotation_jerk_rad_s3] * 3,
        )


class ReferenceMotion:
    """Time-optimal, jerk-limited motion of the tool (ruckig, Berscheid and Kröger 2021).

    Orientation is tracked as a rotation vector from an anchor that is laid anew at every target, so that
    its rate is the angular velocity for the small turns between two commands.
    """

    def __init__(self, limits: MotionLimits, period_s: float, start: Pose) -> None:
        self._otg = Ruckig(6, period_s)
        self._in = InputParameter(6)
        self._out = OutputParameter(6)
        # Axes on their own: keeping them in step fails numerically for moves of micrometres.
        self._in.synchronization = Synchronization.No
        self._in.max_velocity, self._in.max_acceleration, self._in.max_jerk = limits.rows()
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
        self._now = Reference(pose, np.zeros(3), np.zeros(3))
        self._braking = False

    @property
    def now(self) -> Reference:
        return self._now

    @property
    def braking(self) -> bool:
        return self._braking

    def aim(self, target: Pose) -> None:
        """Head for `target` from the present motion."""
        self._lay_anchor()
        turn = quat_to_rotvec(quat_mul(quat_conj(self._anchor), target.quat_wxyz))
        self._in.control_interface = ControlInterface.Position
        self._in.target_position = [*target.position_m, *turn]
        self._braking = False

    def brake(self) -> None:
        """Decelerate to rest within the limits, wherever that is."""
        if self._braking:
            return
        self._lay_anchor()
        self._in.control_interface = ControlInterface.Velocity
        self._braking = True

    def tick(self) -> Reference:
        """One period further. When no motion to the target is found the arm brakes, and `lost` counts it."""
        try:
            self._otg.update(self._in, self._out)
        except RuckigError:
            self.lost += 1
            self.brake()
            self._otg.update(self._in, self._out)
        self._out.pass_to_input(self._in)
        place, rate = np.array(self._out.new_position), np.array(self._out.new_velocity)
        quat = quat_mul(self._anchor, quat_from_rotvec(place[3:]))
        self._now = Reference(Pose(frozen(place[:3]), frozen(quat)), rate[:3], quat_rotate(self._anchor, rate[3:]))
        return self._now

    def _lay_anchor(self) -> None:
        """Express the present turn as zero, keeping its rate (in the new anchor's frame)."""
        back = quat_mul(quat_conj(self._now.tcp.quat_wxyz), self._anchor)
        for name in ("current_velocity", "current_acceleration"):
            values = np.array(getattr(self._in, name))
            setattr(self._in, name, [*values[:3], *quat_rotate(back, values[3:])])
        self._anchor = self._now.tcp.quat_wxyz
        self._in.current_position = [*self._now.tcp.position_m, 0.0, 0.0, 0.0]

"""A straight way of the tool from rest to rest, as a function of time."""

from ruckig import InputParameter, Ruckig, RuckigError, Trajectory

from controllers.pose import Pose, length
from controllers.reference import MotionLimits

LESS = 0.999


class StraightMove:
    """From `start` to `goal` along a line and about one axis, both in step, within `limits` (ruckig, one degree of
    freedom: the share of the way)."""

    def __init__(self, start: Pose, goal: Pose, limits: MotionLimits) -> None:
        self._start, self._way = start, start.inverse() @ goal
        self._turn = self._way.rotvec_rad()
        metres, radians = length(self._way.position_m), length(self._turn)
        whole = [1.0]
        plan = InputParameter(len(whole))
        plan.target_position = whole
        plan.max_velocity, plan.max_acceleration, plan.max_jerk = (
            [min(linear / max(metres, 1e-6), angular / max(radians, 1e-6))] for linear, *_, angular in limits.rows()
        )
        self._plan = Trajectory(len(whole))
        try:
            Ruckig(len(whole)).calculate(plan, self._plan)
        except RuckigError:  # just where two shapes of profile meet it may find neither
            (most,) = plan.max_acceleration
            plan.max_acceleration = [LESS * most]
            Ruckig(len(whole)).calculate(plan, self._plan)
        self.duration_s: float = self._plan.duration

    def at(self, time_s: float) -> Pose:
        """T_base_tcp so long after the start; the goal from `duration_s` on."""
        (share,), _, _ = self._plan.at_time(min(max(time_s, 0.0), self.duration_s))
        return self._start.moved(share * self._way.position_m, share * self._turn)

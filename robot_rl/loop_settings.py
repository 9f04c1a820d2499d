"""From a config to what an arm's loop is set to: the same in simulation and in the arm's own process."""

from controllers.build import LoopSettings
from controllers.impedance import ImpedanceGains
from controllers.limits import HalfSpace, WorkspaceBox
from controllers.pose import frozen
from controllers.reference import MotionLimits
from robot_rl.config import SafetyConfig, TaskConfig

TABLE = HalfSpace(frozen([0.0, 0.0, 1.0]), 0.0)
"""The arm's links stay above the height it is mounted at."""
JERK_S = 0.025
"""Time in which the reference may reach its full acceleration."""


def loop_settings(
    safety: SafetyConfig,
    task: TaskConfig,
    control_hz: float,
    box: WorkspaceBox,
    step_m: float,
    step_rad: float,
) -> LoopSettings:
    """For commands that reach at most `step_m` (per axis) and `step_rad` from the measured pose."""
    s = safety
    motion = MotionLimits(
        s.max_speed_m_s,
        s.max_acceleration_m_s2,
        s.max_acceleration_m_s2 / JERK_S,
        s.max_rotation_rad_s,
        s.max_rotation_acceleration_rad_s2,
        s.max_rotation_acceleration_rad_s2 / JERK_S,
    )
    gains = ImpedanceGains(
        s.stiffness_n_m,
        s.rotational_stiffness_nm_rad,
        s.clip_m,
        s.clip_rad,
        s.damping_ns_m,
        s.rotational_damping_nms_rad,
        task.force_budget_n,
    )
    return LoopSettings(
        control_hz,
        box,
        step_m,
        step_rad,
        s.joint_margin_rad,
        motion,
        gains,
        s.contact_n,
        task.force_stop_n,
        planes=tuple(HalfSpace(frozen(plane[:3]), plane[3]) for plane in s.planes),
        scene=(TABLE,),
    )

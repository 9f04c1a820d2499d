"""The one way to put an arm loop together: simulation, drivers and tests all use it."""

from dataclasses import dataclass

from controllers.arm_loop import ArmLoop
from controllers.gate import Gate
from controllers.impedance import CartesianImpedance, ImpedanceGains
from controllers.kinematics import ArmModel
from controllers.limits import JointMargin, PoseStep, WorkspaceBox
from controllers.models import ArmLimits
from controllers.pose import Array
from controllers.reference import MotionLimits, ReferenceMotion


@dataclass(frozen=True, slots=True)
class LoopSettings:
    """What a cell sets, beside the arm's own table."""

    control_hz: float
    box: WorkspaceBox
    step_m: float
    """Largest distance, per axis, of a target from the measured pose"""
    step_rad: float
    joint_margin_rad: float
    motion: MotionLimits
    gains: ImpedanceGains


def build_loop(model: ArmModel, limits: ArmLimits, settings: LoopSettings, posture_rad: Array) -> ArmLoop:
    """A loop that stands still at `posture_rad` (n,), to which the spare joints return.

    Nobody may command it before its gate's `permit` is set.
    """
    s, period_s = settings, 1.0 / settings.control_hz
    model.update(posture_rad, 0.0 * posture_rad)
    joints = JointMargin(model, limits.q_min_rad, limits.q_max_rad, s.joint_margin_rad)
    return ArmLoop(
        model,
        Gate(s.box, (PoseStep(s.step_m, s.step_rad), joints)),
        ReferenceMotion(s.motion, period_s, model.tcp()),
        CartesianImpedance(model, s.gains, limits, posture_rad, period_s),
    )

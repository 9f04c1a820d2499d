"""The one way to put an arm loop together: simulation, drivers and tests all use it."""

from dataclasses import dataclass

from controllers.arm_loop import ArmLoop
from controllers.chatter import Chatter
from controllers.force import ForceMonitor
from controllers.gate import Gate
from controllers.impedance import CartesianImpedance, ImpedanceGains
from controllers.joint_motion import JointMotion
from controllers.kinematics import ArmModel
from controllers.limits import HalfSpace, JointMargin, Planes, PoseStep, WorkspaceBox
from controllers.models import ArmLimits
from controllers.pose import Array
from controllers.readings import Readings
from controllers.reference import MotionLimits, ReferenceMotion
from controllers.slowdowns import Clearance, Singularity

REACH_M = 1e-7
"""Kept from the walls of the box: ruckig ends a motion within 1e-8 of its target, on either side."""


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
    contact_n: float = 20.0
    """Contact force that is said in the next verdict; a Franka's own thresholds are of this order."""
    stop_n: float = 150.0
    """Contact force at which the arm stops until a person resets it."""
    joint_share: float = 0.75
    """Of the joints' speed, acceleration and jerk that a planned motion may ask for."""
    planes: tuple[HalfSpace, ...] = ()
    """Where the tool point must stay, beside the box."""
    scene: tuple[HalfSpace, ...] = ()
    """Where the links must stay: table, walls."""


def build_loop(model: ArmModel, limits: ArmLimits, settings: LoopSettings, posture_rad: Array) -> ArmLoop:
    """A loop that stands still at `posture_rad` (n,), to which the spare joints return. The accelerations of the
    reference are what the joints can follow there.

    Nobody may command it before its gate's `permit` is set. Raises ValueError where the settings cannot be kept.
    """
    s, period_s = settings, 1.0 / settings.control_hz
    model.update(posture_rad, 0.0 * posture_rad)
    box = WorkspaceBox(s.box.low_m + REACH_M, s.box.high_m - REACH_M)
    limit_list = (
        Planes(s.planes),
        PoseStep(s.step_m, s.step_rad),
        JointMargin(model, limits.q_min_rad, limits.q_max_rad, s.joint_margin_rad),
    )
    joints = JointMotion(limits, s.joint_margin_rad, s.joint_share)
    return ArmLoop(
        model,
        Gate(box, limit_list, (Singularity(model), Clearance(model, posture_rad, s.scene))),
        ReferenceMotion(s.motion.for_joints(joints.room(model, posture_rad)), period_s, model.tcp()),
        CartesianImpedance(model, s.gains, limits, posture_rad, period_s),
        joints,
        Readings(limits, period_s),
        ForceMonitor(s.contact_n, s.stop_n),
        Chatter(s.step_m),
        period_s,
        posture_rad,
    )

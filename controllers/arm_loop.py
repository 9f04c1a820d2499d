"""The arm's fast loop: gate, reference, impedance. The only place that makes a motor torque."""

import numpy as np

from controllers.gate import Gate
from controllers.impedance import CartesianImpedance
from controllers.kinematics import ArmModel
from controllers.pose import Array
from controllers.records import ArmState, PoseCommand, Verdict
from controllers.reference import ReferenceMotion


class ArmLoop:
    """Runs at the control rate beside the motors, in simulation and on hardware alike."""

    def __init__(self, model: ArmModel, gate: Gate, motion: ReferenceMotion, impedance: CartesianImpedance) -> None:
        self.gate = gate
        self._model = model
        self.motion = motion
        self._impedance = impedance
        self._expires_s = 0.0
        self._tau: Array | None = None
        self.fault = ""
        """Latched reason why no command is taken any more; only `reset` clears it: a person's act, or in simulation the
        scene's own reset, which stands for one."""

    def reset(self, q_rad: Array) -> None:
        """Hold the measured pose; nothing remembered of earlier motion."""
        self._model.update(q_rad, 0.0 * q_rad)
        self.motion.reset(self._model.tcp())
        self._impedance.reset()
        self._expires_s, self._tau, self.fault = 0.0, None, ""

    def command(self, command: PoseCommand, state: ArmState, arrived_s: float, now_s: float) -> Verdict:
        """Judge a command that reached this process at `arrived_s`; pursue what is allowed until its validity ends."""
        if self.fault:
            return Verdict(state.tcp, ("fault",), refused=True)
        verdict = self.gate.judge(command, state, arrived_s, now_s)
        if not verdict.refused:
            self.motion.aim(verdict.target)
            self._expires_s = arrived_s + command.valid_for_s
        return verdict

    def stop(self) -> None:
        """Brake within the motion limits and hold."""
        self._expires_s = 0.0
        self.motion.brake()

    @property
    def holding(self) -> bool:
        """No valid command: braking or at rest."""
        return self.motion.braking

    def tick(self, q_rad: Array, dq_rad_s: Array, force_n: float, now_s: float) -> Array:
        """(n,) joint torques in Nm for this period. `force_n` is the size of the contact force on the tool.

        A reading that is not finite latches a fault: the last torque stands in, and the arm brakes and holds.
        """
        if not (np.isfinite(q_rad).all() and np.isfinite(dq_rad_s).all()):
            self.fault = self.fault or "joint reading not finite"
            self.stop()
            return np.zeros_like(q_rad) if self._tau is None else self._tau
        self._model.update(q_rad, dq_rad_s)
        if now_s > self._expires_s - 1e-9:  # not on the rounding of the clock
            self.motion.brake()
        self._tau = self._impedance.torque_nm(self.motion.tick(), q_rad, dq_rad_s)
        return self._tau

"""The arm's fast loop: gate, reference, impedance. The only place that makes a motor torque."""

from dataclasses import replace

import numpy as np

from controllers.chatter import Chatter
from controllers.force import ForceMonitor
from controllers.gate import Gate
from controllers.impedance import CartesianImpedance
from controllers.joint_motion import JointMotion
from controllers.kinematics import ArmModel
from controllers.pose import Array
from controllers.readings import Readings
from controllers.records import ArmState, PoseCommand, Verdict
from controllers.reference import ReferenceMotion

GAP_S = 0.2
"""After a pause of this length between two periods the command before it is dead."""
OVERRUN = 1.5
"""Periods after the last at which the next one counts as late."""


class ArmLoop:
    """Runs at the control rate beside the motors, in simulation and on hardware alike."""

    def __init__(
        self,
        model: ArmModel,
        gate: Gate,
        motion: ReferenceMotion,
        impedance: CartesianImpedance,
        joints: JointMotion,
        readings: Readings,
        force: ForceMonitor,
        chatter: Chatter,
        period_s: float,
        q_rad: Array,
    ) -> None:
        """It stands still at joints `q_rad` (n,)."""
        self.gate = gate
        self._model = model
        self.motion = motion
        self._impedance, self._joints, self._readings, self._force = impedance, joints, readings, force
        self.chatter = chatter
        self._late_s = OVERRUN * period_s
        self.overruns = 0
        """Periods that came late."""
        self.reset(q_rad)

    def reset(self, q_rad: Array) -> None:
        """Hold the measured pose; nothing remembered of earlier motion."""
        self._model.update(q_rad, 0.0 * q_rad)
        self.motion.reset(self._model.tcp())
        self._impedance.reset()
        self._readings.reset(q_rad)
        self._force.touched()
        self.chatter.reset()
        self._blind = self._lost = self._pushed = False
        """The last reading could not be used; it was not true, so the arm must be looked for; the last force was beyond
        its limit."""
        self._given_s = self._expires_s = self._last_s = -np.inf
        self.fault = ""
        """Latched reason why no command is taken any more; only `reset` clears it: a person's act, or in simulation the
        scene's own reset, which stands for one."""

    def command(self, command: PoseCommand, state: ArmState, arrived_s: float, now_s: float) -> Verdict:
        """Judge a command that reached this process at `arrived_s`; pursue what is allowed until its validity ends."""
        if self.fault:
            verdict, acted = Verdict(state.tcp, ("fault",), refused=True, why=f"fault: {self.fault}"), ["fault"]
        else:
            verdict, acted = self.gate.judge(command, state, arrived_s, now_s), []
        if not verdict.refused:
            if verdict.target is state.tcp:  # a hold: the reference stays, so that no load moves the arm on
                self.motion.brake()
            else:
                acted += self.motion.aim(verdict.target, verdict.speed, self._joints.room(self._model, state.q_rad))
            self.chatter.note(verdict.target.position_m - state.tcp.position_m)
            acted += ["chatter"] if self.chatter.acting else []
            self._given_s, self._expires_s = now_s, arrived_s + command.valid_for_s
        return self._told(verdict, acted)

    def _told(self, verdict: Verdict, acted: list[str]) -> Verdict:
        """With what acted after the gate, and with the contact there has been since the last verdict."""
        touched = ["contact"] if self._force.touched() else []
        self.gate.note(acted + touched)
        more = [name for name in acted + touched if name not in verdict.reasons]
        return replace(verdict, reasons=(*verdict.reasons, *more)) if more else verdict

    def stop(self) -> None:
        """Brake within the motion limits and hold."""
        self.motion.brake()

    @property
    def holding(self) -> bool:
        """No valid command: braking or at rest."""
        return self.motion.braking

    def tick(self, q_rad: Array, dq_rad_s: Array, force_n: float, now_s: float) -> Array:
        """(n,) joint torques in Nm for this period. `force_n` is the size of the contact force on the tool.

        Readings or a clock that cannot be true latch a fault, and the arm brakes and holds. While readings cannot be
        used at all, the last torque stands in for one period; after that the arm is only kept from falling. A contact
        force beyond the limit latches a fault too: the arm holds the pose it measures.
        """
        believed, pushed = self._believed(q_rad, dq_rad_s, now_s), self._force.fault(force_n)
        if pushed:
            self._latch(pushed)
        if not believed:
            blind, self._blind = self._blind, True
            return self._impedance.weightless_nm() if blind else self._impedance.last_nm()
        self._model.update(q_rad, dq_rad_s)
        if self._lost or (pushed and not self._pushed):
            self.motion.hold(self._model.tcp())  # towards a pose from readings that were not true nothing must pull
        self._blind, self._lost, self._pushed = False, False, bool(pushed)
        if not now_s <= self._expires_s - 1e-9:  # not on the rounding of the clock
            self.motion.brake()
        return self._impedance.torque_nm(self.motion.tick(), q_rad, dq_rad_s)

    def _believed(self, q_rad: Array, dq_rad_s: Array, now_s: float) -> bool:
        """Whether this period may go by its readings. While a fault is latched, finite ones are good enough to hold."""
        elapsed_s = now_s - self._last_s
        if not elapsed_s > 0.0:
            self._latch(f"clock went from {self._last_s:.6f} s to {now_s:.6f} s, it must grow")
        late = self._late_s < elapsed_s < np.inf
        if late:
            self._overrun(now_s, elapsed_s)
        self._last_s = max(self._last_s, now_s) if np.isfinite(now_s) else self._last_s
        wrong = self._readings.fault(q_rad, dq_rad_s, elapsed_s if late else 0.0)
        if not wrong:
            return True
        again, self._lost = self.fault, True
        self._latch(wrong)
        return bool(again and np.isfinite(q_rad).all() and np.isfinite(dq_rad_s).all())

    def _overrun(self, now_s: float, elapsed_s: float) -> None:
        self.overruns += 1
        if elapsed_s > GAP_S and now_s - self._given_s > GAP_S:
            self.stop()

    def _latch(self, fault: str) -> None:
        """The first fault stays; each brakes."""
        self.fault = self.fault or fault
        self.stop()

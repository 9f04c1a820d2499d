"""From reference motion and contact force to joint positions, for arms whose drives take nothing else.

Admittance control (Hogan 1985; Villani and De Schutter 2008, "Force control", Springer Handbook of Robotics): the
impedance law of the torque path, solved for motion. A massless point between a damper and a clipped spring goes
  v = v_reference + (stiffness * clip(reference - commanded) + contact) / damping,
so that without contact it follows the reference without lag, and at rest against a wall it presses with
stiffness * clip at most, however far behind the wall the reference is.

Drives lag, and against something stiff that lag makes the law unstable unless the damping is above contact stiffness
times lag. So in contact the damping is larger (variable admittance: Ikeura and Inooka 1995), the more so the longer the
period, and the reference's own speed does not press. It is larger in all directions: friction turns the measured force
about, and a tool that is soft across that force slides to and fro with it. Joints follow by damped least squares
(Wampler 1986) on the commanded joints: what the drives do about a command never enters the loop, only force does.
"""

import numpy as np

from controllers.impedance import ImpedanceGains
from controllers.joint_motion import JointMotion
from controllers.kinematics import ArmModel
from controllers.models import ArmLimits
from controllers.pose import Array, length, quat_conj, quat_mul, quat_rotate, quat_to_rotvec
from controllers.records import Reference

AXES = 6
"""Of a pose: an arm with more joints has spare ones."""
POSTURE_HZ = 0.5
"""Rate at which spare joints return to the posture, 1/s, while the tool moves."""
UNDER_WAY_M_S, UNDER_WAY_RAD_S = 0.02, 0.1
"""Speed of the reference from which they do so at the full rate; at rest they stay: nobody asked for motion."""
STIFFER, LAG_S = 10.0, 0.04
"""Damping in contact over that of free motion: 2000 Ns/m, for drives of 50 N/mm that lag so long beside a fast loop."""
LATE = 2.0
"""Periods by which a slow loop adds to that lag: force is read, and joints are taken up, up to one period late each."""
TOUCH, FIRM = (2.0, 0.2), (6.0, 0.6)
"""N and Nm from which there is contact, and from which it is firm."""
FORGET_S = 0.3
"""Time constant with which a contact that has ended is forgotten."""
MOST_PUSH = 2.0
"""Contact is believed up to this multiple of the force limit: a broken sensor must not fling the arm away."""
GIVE_M = 0.1
"""Largest distance from the reference: further than any contact under the gate's steps can take it."""
LARGEST = 1e4
"""Metres, N, Nm: what is larger is no number to calculate with."""
LEAST = 1e-9
"""Smallest length that is divided by."""


class _Touch:
    """The law for moving, or for turning: three axes, base frame."""

    def __init__(self, damping: float, touch: float, firm: float, period_s: float) -> None:
        self._damping, self._touch, self._firm = damping, touch, firm
        self._stiffer = STIFFER * (1.0 + LATE * period_s / LAG_S)
        self._keeps = 1.0 - period_s / FORGET_S
        self._share, self._away = 0.0, np.zeros(3)
        """How firm the contact is, 0 to 1, and where it pushes."""

    def speed(self, wanted: Array, spring: Array, contact: Array, believed: float) -> Array:
        """(3,) for the reference's speed (3,) and the pulls (3,) of spring and contact, the latter up to `believed`."""
        size = length(contact)
        push = contact * min(1.0, believed / max(size, LEAST))
        if size > self._touch:
            self._away = contact / size
            self._share = max(self._share, min(1.0, (size - self._touch) / (self._firm - self._touch)))
        else:
            self._share *= self._keeps
        share, away = self._share, self._away
        pressing = min(0.0, float(wanted @ away))
        yielding = (1.0 - share + share / self._stiffer) / self._damping
        speed: Array = wanted - share * pressing * away + yielding * (spring + push)
        return speed


class JointFollower:
    """Commanded joints (n,) rad, one period after the other. Every command is finite, and moves from the last by no
    more than the arm's joint speed, acceleration and range allow."""

    def __init__(
        self,
        model: ArmModel,
        limits: ArmLimits,
        gains: ImpedanceGains,
        margin_rad: float,
        posture_rad: Array,
        period_s: float,
    ) -> None:
        """`model` is this object's own: it is at the commanded joints, not at the measured ones."""
        g = gains
        self._model, self._limits, self._period_s = model, limits, period_s
        self._stiffness = np.repeat([g.stiffness_n_m, g.rotational_stiffness_nm_rad], 3)
        self._damping = (g.damping_ns_m, g.rotational_damping_nms_rad)
        self._clip = np.repeat([g.clip_m, g.clip_rad], 3)
        self._believed = (MOST_PUSH * g.force_limit_n, MOST_PUSH * g.torque_limit_nm)
        self._at_rest = (g.stiffness_n_m * g.clip_m, g.rotational_stiffness_nm_rad * g.clip_rad)
        self._speeds = JointMotion(limits, margin_rad)
        self._posture = np.array(posture_rad)
        self.reset(posture_rad)

    def reset(self, q_rad: Array) -> None:
        """Stand still at the measured joints (n,): the next command is just that until the reference moves."""
        self._q, self._dq = np.array(q_rad, np.float64), np.zeros(len(q_rad))
        self._touches = [
            _Touch(damping, touch, firm, self._period_s)
            for damping, touch, firm in zip(self._damping, TOUCH, FIRM, strict=True)
        ]
        self._fixed: Reference | None = None
        self.fault = ""
        """Latched reason why it follows no more; only `reset` clears it."""

    @property
    def at_rest(self) -> bool:
        """The commanded joints stand still."""
        return not self._dq.any()

    def tick(self, reference: Reference, wrench: Array, fault: bool) -> Array:
        """(n,) the joints for this period. `wrench` (6,) N and Nm acts on the tool at its tool point, tool frame.

        At fault the arm no longer follows: it stays where it was last commanded, and gives way to contact by at most
        the clip. Without a wrench and reference that are numbers it brakes and stays, whatever it touches.
        """
        self._model.update(self._q, self._dq)
        place, linear_m_s, angular_rad_s = reference
        told = (place.position_m, place.quat_wxyz, linear_m_s, angular_rad_s, wrench)
        blind = not (np.abs(np.concatenate(told)) <= LARGEST).all()
        if not (fault or blind or self.fault):
            self._fixed = None
        elif self._fixed is None:
            self._fixed = Reference(self._model.tcp(), np.zeros(3), np.zeros(3))
        wanted = np.zeros_like(self._q) if blind else self._joint_speeds(self._fixed or reference, wrench)
        self._dq = self._within(wanted)
        self._q = self._q + self._dq * self._period_s
        return self._q.copy()

    def _joint_speeds(self, reference: Reference, wrench: Array) -> Array:
        """(n,) rad/s, before the joints' own limits."""
        inverse = self._model.inverse
        speeds: Array = inverse @ self._twist(reference, wrench)
        if len(self._q) > AXES:
            ways = length(reference.linear_m_s) / UNDER_WAY_M_S, length(reference.angular_rad_s) / UNDER_WAY_RAD_S
            posture = POSTURE_HZ * min(1.0, max(ways)) * (self._posture - self._q)
            speeds += posture - inverse @ (self._model.jacobian @ posture)
        return speeds

    def _twist(self, reference: Reference, wrench: Array) -> Array:
        """(6,) velocity of the commanded tool, base frame."""
        quat = self._model.tcp_quat_wxyz().copy()
        turn = quat_to_rotvec(quat_mul(reference.tcp.quat_wxyz, quat_conj(quat)))
        error = np.concatenate((reference.tcp.position_m - self._model.tcp_position_m(), turn))
        self._judge(length(error[:3]), wrench)
        spring = self._stiffness * np.minimum(np.maximum(error, -self._clip), self._clip)
        believed = self._at_rest if self._fixed else self._believed
        return np.concatenate(
            (
                self._touches[0].speed(reference.linear_m_s, spring[:3], quat_rotate(quat, wrench[:3]), believed[0]),
                self._touches[1].speed(reference.angular_rad_s, spring[3:], quat_rotate(quat, wrench[3:]), believed[1]),
            )
        )

    def _judge(self, given_m: float, wrench: Array) -> None:
        if not self.fault and not given_m <= GIVE_M:
            self.fault = (
                f"the arm gave way by {given_m:.3f} m, at most {GIVE_M} m, to a force of {length(wrench[:3]):.1f} N: "
                "see what pushes it, or whether its force sensor reads zero on the free tool"
            )

    def _within(self, wanted: Array) -> Array:
        """(n,) rad/s: `wanted` within what the joints may do in this period.

        Distance d to the end of the range allows v <= sqrt(2 a d) - a t / 2: braking by a at every period t then ends
        inside, and a joint that keeps to it at one period can keep to it at the next.
        """
        limits, most = self._limits, self._limits.ddq_max_rad_s2
        step = most * self._period_s
        low, high = self._speeds.speeds_rad_s(self._q)
        up = np.sqrt(2.0 * most * np.maximum(0.0, limits.q_max_rad - self._q)) - step / 2
        down = np.sqrt(2.0 * most * np.maximum(0.0, self._q - limits.q_min_rad)) - step / 2
        high, low = np.minimum(high, np.maximum(0.0, up)), np.maximum(low, -np.maximum(0.0, down))
        speeds = np.minimum(np.maximum(wanted, low), high)
        allowed: Array = np.minimum(np.maximum(speeds, self._dq - step), self._dq + step)
        return allowed

"""Cartesian impedance with a clipped reference: contact force is bounded by stiffness times clip.

Hogan 1985; clipping inside the loop as in Luo et al. 2024 (SERL), with damping relative to the reference's
velocity so that free motion does not lag.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack

from controllers.kinematics import ArmModel
from controllers.models import ArmLimits
from controllers.pose import Array, length, quat_conj, quat_mul, quat_to_rotvec
from controllers.records import Reference

WALL_RAD, WALL_SHARE = 0.05, 0.5
"""Before its end a joint meets a spring, which at the end pushes back with this share of the joint's torque: what the
tool is told to do must not be the only thing that keeps joints off their ends."""


@dataclass(frozen=True, slots=True)
class ImpedanceGains:
    """Stiffness and clip of the tool, posture stiffness of the null space."""

    stiffness_n_m: float
    rotational_stiffness_nm_rad: float
    clip_m: float
    clip_rad: float
    damping_ns_m: float
    rotational_damping_nms_rad: float
    force_limit_n: float = 40.0
    """Largest force of spring and damper together."""
    torque_limit_nm: float = 8.0
    posture_nm_rad: float = 10.0
    torque_rate_nm_s: float = 1000.0
    """Franka's limit, the strictest of the arms here (control parameters, `dtau_max`)."""
    brake_from: float = 0.6
    """Share of a joint's top speed from which a brake of its own acts, against springing free of an obstacle."""
    brake_nms_rad: float = 30.0


class CartesianImpedance:
    """Torques that pull the tool to its reference and the spare joints to a posture."""

    def __init__(
        self, model: ArmModel, gains: ImpedanceGains, limits: ArmLimits, posture_rad: Array, period_s: float
    ) -> None:
        g = gains
        self._model = model
        self._stiffness = np.repeat([g.stiffness_n_m, g.rotational_stiffness_nm_rad], 3)
        self._damping = np.repeat([g.damping_ns_m, g.rotational_damping_nms_rad], 3)
        self._clip = np.repeat([g.clip_m, g.clip_rad], 3)
        self._force_limit, self._torque_limit = g.force_limit_n, g.torque_limit_nm
        self._posture_k, self._posture_d = g.posture_nm_rad, 2.0 * np.sqrt(g.posture_nm_rad)
        self._posture = np.array(posture_rad)
        self._tau_max = limits.tau_max_nm
        self._brake_at = g.brake_from * limits.dq_max_rad_s
        self._brake_k = g.brake_nms_rad
        self._wall_low, self._wall_high = limits.q_min_rad + WALL_RAD, limits.q_max_rad - WALL_RAD
        self._wall_k = WALL_SHARE * limits.tau_max_nm / WALL_RAD
        self._max_change = g.torque_rate_nm_s * period_s
        self._tau: Array | None = None
        self._error = np.zeros(6)
        self._rate = np.zeros(6)
        self._regular = 1e-4 * np.eye(6)

    def reset(self) -> None:
        """Forget the last torque: the next one is not rate-limited."""
        self._tau = None

    def torque_nm(self, reference: Reference, q_rad: Array, dq_rad_s: Array) -> Array:
        """(n,) joint torques for the readings last given to the model."""
        model, error, rate = self._model, self._error, self._rate
        jac = model.jacobian
        error[:3] = reference.tcp.position_m - model.tcp_position_m()
        error[3:] = quat_to_rotvec(quat_mul(reference.tcp.quat_wxyz, quat_conj(model.tcp_quat_wxyz())))
        np.minimum(np.maximum(error, -self._clip), self._clip, out=error)
        rate[:3], rate[3:] = reference.linear_m_s, reference.angular_rad_s
        wrench = self._stiffness * error + self._damping * (rate - jac @ dq_rad_s)
        wrench[:3] *= self._force_limit / max(self._force_limit, length(wrench[:3]))
        wrench[3:] *= self._torque_limit / max(self._torque_limit, length(wrench[3:]))
        posture = self._posture_k * (self._posture - q_rad) - self._posture_d * dq_rad_s
        spare = jac.T @ lapack.dposv(jac @ jac.T + self._regular, jac @ posture)[1]
        too_fast = dq_rad_s - np.minimum(np.maximum(dq_rad_s, -self._brake_at), self._brake_at)
        inside = np.minimum(np.maximum(q_rad, self._wall_low), self._wall_high)
        walls = self._wall_k * (inside - q_rad)
        tau = jac.T @ wrench + posture - spare + walls + model.bias_nm() - self._brake_k * too_fast
        return self._sent(tau)

    def last_nm(self) -> Array:
        """(n,) what was sent last; at the start what keeps the arm from falling."""
        return self.weightless_nm() if self._tau is None else self._tau

    def weightless_nm(self) -> Array:
        """(n,) what keeps the arm from falling at the readings last given to the model, and does not drive it."""
        return self._sent(self._model.bias_nm())

    def _sent(self, tau: Array) -> Array:
        """Within the torques' rate and range."""
        if self._tau is not None:
            tau = np.minimum(np.maximum(tau, self._tau - self._max_change), self._tau + self._max_change)
        self._tau = np.minimum(np.maximum(tau, -self._tau_max), self._tau_max)
        return self._tau

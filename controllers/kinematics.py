"""An arm's own model: kinematics, Jacobian and gravity from joint readings alone."""

import mujoco
import numpy as np
from scipy.linalg import lapack  # small systems: a third of the time of numpy.linalg, and it does not raise

from controllers.pose import Array, Pose, frozen, quat_conj, quat_mul, quat_to_rotvec

DAMPING = 1e-4
"""Of the inverse of the Jacobian, whose singular values are near 1 (m and rad) where an arm works well."""


class ArmModel:
    """MuJoCo's rigid-body functions for the first `joints` degrees of freedom of `model`.

    It knows the arm and its gripper only, never the scene: a real controller knows no more.
    """

    def __init__(self, model: mujoco.MjModel, joints: int, site: str = "tcp") -> None:
        self.joints = joints
        self.model = model
        self._data = mujoco.MjData(model)
        self._site = model.site(site).id
        self.tool_body = int(model.site_bodyid[self._site])
        """The body that carries the tool point."""
        self._jac = np.zeros((6, model.nv))
        self._bias = np.zeros(model.nv)
        self._quat = np.zeros(4)
        self._inverse: Array | None = None
        self._regular = DAMPING * np.eye(6)
        self._step: tuple[Pose, Pose, Array] | None = None

    def update(self, q_rad: Array, dq_rad_s: Array) -> None:
        """Take new joint readings, each (n,)."""
        data = self._data
        data.qpos[: self.joints] = q_rad
        data.qvel[: self.joints] = dq_rad_s
        self._inverse = self._step = None
        mujoco.mj_kinematics(self.model, data)
        mujoco.mj_comPos(self.model, data)
        mujoco.mj_comVel(self.model, data)
        mujoco.mj_jacSite(self.model, data, self._jac[:3], self._jac[3:], self._site)

    @property
    def jacobian(self) -> Array:
        """(6, n) rows linear then angular, base frame. Valid until the next `update`."""
        return self._jac[:, : self.joints]

    @property
    def inverse(self) -> Array:
        """(n, 6) damped least-squares inverse of the Jacobian (Wampler 1986). Valid until the next `update`."""
        if self._inverse is None:
            jac = self.jacobian
            self._inverse = lapack.dposv(jac @ jac.T + self._regular, jac)[1].T
        return self._inverse

    def joint_step(self, start: Pose, end: Pose) -> Array:
        """(n,) rad: the joint motion, to first order, that takes the tool from one pose to the other.

        The last answer is kept: several limits ask for the same step.
        """
        if self._step is None or self._step[0] is not start or self._step[1] is not end:
            turn = quat_to_rotvec(quat_mul(end.quat_wxyz, quat_conj(start.quat_wxyz)))
            step = self.inverse @ np.concatenate((end.position_m - start.position_m, turn))
            step.setflags(write=False)
            self._step = start, end, step
        return self._step[2]

    def bias_nm(self) -> Array:
        """(n,) gravity, Coriolis and centrifugal torques."""
        mujoco.mj_rne(self.model, self._data, 0, self._bias)
        return self._bias[: self.joints]

    def tcp_position_m(self) -> Array:
        """(3,) live view; copy it to keep it."""
        position: Array = self._data.site_xpos[self._site]
        return position

    def tcp_quat_wxyz(self) -> Array:
        """(4,) scratch array; copy it to keep it."""
        mujoco.mju_mat2Quat(self._quat, self._data.site_xmat[self._site])
        return self._quat

    def tcp(self) -> Pose:
        """T_base_tcp."""
        return Pose(frozen(self.tcp_position_m()), frozen(self.tcp_quat_wxyz()))

    def solve(self, target: Pose, q_start_rad: Array, tolerance_m: float = 1e-5, steps: int = 200) -> Array:
        """Joint angles (n,) that put the tool at `target`, by damped least squares from `q_start_rad`.

        Raises ValueError when the pose is not reached (out of reach, or a limit of the chain).
        """
        q = np.array(q_start_rad, dtype=np.float64)
        error = np.zeros(6)
        for _ in range(steps):
            self.update(q, np.zeros_like(q))
            error[:3] = target.position_m - self.tcp_position_m()
            error[3:] = quat_to_rotvec(quat_mul(target.quat_wxyz, quat_conj(self.tcp_quat_wxyz())))
            if np.abs(error).max() < tolerance_m:
                return q
            jac = self.jacobian
            q += np.clip(jac.T @ np.linalg.solve(jac @ jac.T + 1e-6 * np.eye(6), error), -0.2, 0.2)
        raise ValueError(
            f"no joint angles reach tool position {np.round(target.position_m, 3).tolist()} m: "
            f"{np.linalg.norm(error[:3]) * 1e3:.1f} mm and {np.linalg.norm(error[3:]):.3f} rad remain; "
            "move the start pose closer to the arm's home pose"
        )

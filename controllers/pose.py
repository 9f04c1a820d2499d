"""Rigid poses. Frames are in the names: `T_base_tcp` maps tool coordinates into base coordinates.

Quaternions are wxyz, as in MuJoCo. Rotation vectors are axis times angle in rad.
"""

import math
from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

IDENTITY_QUAT = np.array([1.0, 0.0, 0.0, 0.0])


def frozen(values: object) -> Array:
    """A read-only float64 copy."""
    array = np.array(values, dtype=np.float64)
    array.setflags(write=False)
    return array


def length(vector: Array) -> float:
    """Euclidean, of a short vector: a tenth of the time of `np.linalg.norm`."""
    return math.sqrt(sum([value * value for value in vector.tolist()]))


def quat_mul(a: Array, b: Array) -> Array:
    """Hamilton product: first rotate by `b`, then by `a`."""
    out = np.empty(4)
    mujoco.mju_mulQuat(out, a, b)
    return out


def quat_conj(q: Array) -> Array:
    return np.array([q[0], -q[1], -q[2], -q[3]])


def quat_rotate(q: Array, v: Array) -> Array:
    """The vector (3,) turned by the quaternion."""
    out = np.empty(3)
    mujoco.mju_rotVecQuat(out, v, q)
    return out


def quat_from_rotvec(rotvec_rad: Array) -> Array:
    """Exponential map: (3,) to a unit quaternion."""
    x, y, z = np.asarray(rotvec_rad, np.float64).tolist()
    angle = math.sqrt(x * x + y * y + z * z)
    scale = 0.5 if angle < 1e-12 else math.sin(angle / 2) / angle
    return np.array([math.cos(angle / 2), scale * x, scale * y, scale * z])


def quat_to_rotvec(q: Array) -> Array:
    """Logarithm map: the shortest rotation vector (3,), length at most pi."""
    out = np.empty(3)
    mujoco.mju_quat2Vel(out, q, 1.0)
    return out


@dataclass(frozen=True, slots=True)
class Pose:
    """A rigid transform."""

    position_m: Array
    """(3,)"""
    quat_wxyz: Array
    """(4,) unit"""

    @classmethod
    def of(cls, position_m: object, quat_wxyz: object = IDENTITY_QUAT) -> "Pose":
        """From anything array-like; the quaternion is normalised.

        Raises ValueError when the quaternion has no direction.
        """
        quat = np.array(quat_wxyz, dtype=np.float64)
        norm = float(np.linalg.norm(quat))
        if not norm > 1e-6:
            raise ValueError(f"quaternion {quat.tolist()} has length {norm:.1e}: a unit quaternion is needed")
        return cls(frozen(position_m), frozen(quat / norm))

    def __matmul__(self, other: "Pose") -> "Pose":
        """`T_a_b @ T_b_c` is `T_a_c`."""
        return Pose(
            frozen(self.position_m + quat_rotate(self.quat_wxyz, other.position_m)),
            frozen(quat_mul(self.quat_wxyz, other.quat_wxyz)),
        )

    def inverse(self) -> "Pose":
        """`T_a_b` to `T_b_a`."""
        conj = quat_conj(self.quat_wxyz)
        return Pose(frozen(-quat_rotate(conj, self.position_m)), frozen(conj))

    def rotvec_rad(self) -> Array:
        """(3,) rotation vector of the orientation."""
        return quat_to_rotvec(self.quat_wxyz)

    def moved(self, translation_m: Array, rotvec_rad: Array) -> "Pose":
        """This pose after a small motion expressed in its own frame."""
        return self @ Pose(frozen(translation_m), frozen(quat_from_rotvec(rotvec_rad)))


def rotation_between_rad(a: Array, b: Array) -> float:
    """Angle between two orientations, in [0, pi]."""
    return float(np.linalg.norm(quat_to_rotvec(quat_mul(quat_conj(a), b))))

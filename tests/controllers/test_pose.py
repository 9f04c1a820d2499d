import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.pose import Pose, quat_from_rotvec, quat_rotate, quat_to_rotvec, rotation_between_rad

metres = st.lists(st.floats(-2, 2), min_size=3, max_size=3).map(np.array)
turns = st.lists(st.floats(-1.7, 1.7), min_size=3, max_size=3).map(np.array)
poses = st.builds(lambda p, r: Pose.of(p, quat_from_rotvec(r)), metres, turns)


def close(a: Pose, b: Pose) -> bool:
    near = bool(np.allclose(a.position_m, b.position_m, atol=1e-9))
    return near and rotation_between_rad(a.quat_wxyz, b.quat_wxyz) < 1e-7


@given(poses)
def test_a_pose_times_its_inverse_is_the_identity(pose: Pose) -> None:
    assert close(pose @ pose.inverse(), Pose.of([0, 0, 0]))
    assert close(pose.inverse() @ pose, Pose.of([0, 0, 0]))


@given(poses, poses, poses)
def test_composition_is_associative(a: Pose, b: Pose, c: Pose) -> None:
    assert close((a @ b) @ c, a @ (b @ c))


@given(turns)
def test_rotation_vectors_survive_the_round_trip(turn: np.ndarray) -> None:
    assert np.allclose(quat_to_rotvec(quat_from_rotvec(turn)), turn, atol=1e-9)


@given(poses, metres)
def test_composition_maps_points_like_the_matrices_do(pose: Pose, point: np.ndarray) -> None:
    mapped = (pose @ Pose.of(point)).position_m
    assert np.allclose(mapped, pose.position_m + quat_rotate(pose.quat_wxyz, point), atol=1e-12)


@given(poses, metres, turns)
def test_a_motion_in_the_own_frame_can_be_read_back(pose: Pose, way: np.ndarray, turn: np.ndarray) -> None:
    back = pose.inverse() @ pose.moved(way, turn)
    assert np.allclose(back.position_m, way, atol=1e-9)
    assert np.allclose(back.rotvec_rad(), turn, atol=1e-8)


def test_a_zero_quaternion_is_refused_and_arrays_are_read_only() -> None:
    with pytest.raises(ValueError, match="unit quaternion"):
        Pose.of([0, 0, 0], [0, 0, 0, 0])
    with pytest.raises(ValueError, match="read-only"):
        Pose.of([0, 0, 0]).position_m[0] = 1.0

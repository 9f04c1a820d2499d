"""Points to pixels and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.pose import Array
from robot_rl.errors import ConfigError
from sim2real.pinhole import board_pose, directions, project, to_matrix, to_pose
from sim2real.views import distance
from tests.sim2real.scene import CORNERS_M, LENS, euler, shown

ANGLES = st.tuples(st.floats(-0.8, 0.8), st.floats(-0.8, 0.8), st.floats(-3.0, 3.0))
PLACES = st.tuples(st.floats(-0.2, 0.0), st.floats(-0.15, 0.0), st.floats(0.4, 1.2))


@given(angles=ANGLES, place=PLACES)
def test_a_board_is_where_its_pixels_say(angles: tuple[float, ...], place: tuple[float, ...]) -> None:
    board = euler(place, angles)
    off = distance(board_pose(CORNERS_M, shown(board), LENS), board)
    assert off.position_m < 1e-6 and off.rotation_rad < 1e-5


@given(angles=ANGLES, place=PLACES)
def test_the_direction_of_a_pixel_leads_back_to_it(angles: tuple[float, ...], place: tuple[float, ...]) -> None:
    pixels = shown(euler(place, angles))
    seen = directions(pixels, LENS)
    again = project(np.column_stack((seen, np.ones(len(seen)))), LENS)
    inside = (np.abs(pixels - [320, 240]) < [320, 240]).all(axis=1)
    assert np.abs(again - pixels)[inside].max(initial=0.0) < 1e-6


def test_pixels_are_those_of_opencv() -> None:
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed: pip install 'robot_rl[opencv]'")
    board = euler((-0.1, -0.05, 0.5), (0.4, -0.3, 0.2))
    matrix = np.array([[LENS.fx, 0, LENS.cx], [0, LENS.fy, LENS.cy], [0, 0, 1]])
    turn = cv2.Rodrigues(to_matrix(board))[0]
    theirs, _ = cv2.projectPoints(CORNERS_M, turn, np.array(board.position_m), matrix, np.array(LENS.distortion))
    assert np.abs(np.asarray(theirs).reshape(-1, 2) - shown(board)).max() < 1e-6


@pytest.mark.parametrize("points_m", [CORNERS_M[:5], CORNERS_M[:7], CORNERS_M[:0]])
def test_corners_that_do_not_place_a_board_are_refused(points_m: Array) -> None:
    with pytest.raises(ConfigError, match="6 are needed, not on one line"):
        board_pose(points_m, shown(euler((-0.1, 0, 0.5), (0.1, 0.1, 0)), points_m), LENS)


@given(angles=st.tuples(*[st.floats(-3.1, 3.1)] * 3))
def test_a_rotation_goes_to_a_quaternion_and_back(angles: tuple[float, ...]) -> None:
    pose = euler((1.0, 2.0, 3.0), angles)
    assert distance(to_pose(to_matrix(pose), pose.position_m), pose).rotation_rad < 1e-6

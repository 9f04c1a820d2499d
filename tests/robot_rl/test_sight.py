import numpy as np
import pytest

from robot_rl.clock import ManualClock
from robot_rl.errors import StaleError
from robot_rl.hardware import Frame
from robot_rl.sight import FROZEN, MAX_AGE_S, Sight


class Cam:
    """A camera that shows what the test puts before it."""

    name = "front"

    def __init__(self) -> None:
        self.frame = Frame(0.0, 0, picture(0))

    def read(self) -> Frame:
        return self.frame

    def close(self) -> None: ...


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (4, 6, 3), np.uint8)


@pytest.fixture
def cell():
    camera, clock = Cam(), ManualClock()
    return camera, clock, Sight(camera, clock, still_lifes=False)


def show(camera: Cam, sequence: int, image: np.ndarray | None = None, stamp_s: float = 0.0) -> None:
    camera.frame = Frame(stamp_s, sequence, picture(sequence) if image is None else image)


def test_a_new_picture_is_given_as_it_is(cell) -> None:
    camera, _, sight = cell
    show(camera, 1)
    assert (sight.look() == picture(1)).all() and sight.name == "front" and sight.shape == (4, 6, 3)


@pytest.mark.parametrize("sequence", [5, 4, -1])
def test_a_frame_that_is_not_newer_is_refused_with_its_number(cell, sequence: int) -> None:
    camera, _, sight = cell
    show(camera, 5)
    sight.look()
    show(camera, sequence, picture(99))
    with pytest.raises(StaleError, match=f"front.*same frame \\({sequence}\\)"):
        sight.look()


def test_after_a_restart_the_numbers_may_begin_anew(cell) -> None:
    camera, _, sight = cell
    show(camera, 5)
    sight.look()
    sight.restart()
    show(camera, 0)
    sight.look()


@pytest.mark.parametrize(("age_s", "fine"), [(0.0, True), (MAX_AGE_S, True), (0.2001, False), (-0.001, False)])
def test_a_frame_from_too_long_ago_or_from_the_future_is_refused(cell, age_s: float, fine: bool) -> None:
    camera, clock, sight = cell
    clock.sleep_until(10.0)
    show(camera, 1, stamp_s=10.0 - age_s if age_s != MAX_AGE_S else 10.0 - 0.2 + 1e-12)
    if fine:
        sight.look()
    else:
        with pytest.raises(StaleError, match=r"old; allowed: 0 to 0\.2 s"):
            sight.look()


def test_a_stamp_that_is_no_number_is_refused(cell) -> None:
    camera, _, sight = cell
    show(camera, 1, stamp_s=float("nan"))
    with pytest.raises(StaleError):
        sight.look()


@pytest.mark.parametrize("image", [np.zeros((4, 5, 3), np.uint8), np.ones((4, 6, 3), np.float32)])
def test_another_size_or_type_than_at_the_start_is_refused(cell, image: np.ndarray) -> None:
    camera, _, sight = cell
    show(camera, 1, image)
    with pytest.raises(StaleError, match="at the start it was uint8"):
        sight.look()


@pytest.mark.parametrize(
    ("level", "fine"), [(0, False), (2, False), (3, True), (252, True), (253, False), (255, False)]
)
def test_a_black_or_saturated_picture_is_refused(cell, level: int, fine: bool) -> None:
    camera, _, sight = cell
    show(camera, 1, np.full((4, 6, 3), level, np.uint8))
    if fine:
        sight.look()
    else:
        with pytest.raises(StaleError, match="shows nothing"):
            sight.look()


def test_frozen_pixels_under_new_numbers_are_noticed_at_the_tenth(cell) -> None:
    camera, _, sight = cell
    for k in range(FROZEN - 1):
        show(camera, k, picture(0))
        sight.look()
    show(camera, FROZEN, picture(0))
    with pytest.raises(StaleError, match="10 pictures that are the same"):
        sight.look()


def test_one_other_pixel_is_life(cell) -> None:
    camera, _, sight = cell
    for k in range(3 * FROZEN):
        image = picture(0)
        image[0, 0, 0] = 10 * (k % 2)
        show(camera, k, image)
        sight.look()


def test_where_nothing_need_move_a_still_life_is_fine() -> None:
    camera = Cam()
    sight = Sight(camera, ManualClock(), still_lifes=True)
    for k in range(3 * FROZEN):
        show(camera, k, picture(0))
        sight.look()

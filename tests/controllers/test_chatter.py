import numpy as np
import pytest

from controllers.chatter import Chatter

STEP_M = 0.02
THERE = np.array([STEP_M, 0.0, 0.0])


def shaken(chatter: Chatter, times: int, move_m: np.ndarray = THERE) -> Chatter:
    for k in range(times):
        chatter.note(move_m * (-1.0) ** k)
    return chatter


def test_it_acts_once_most_of_the_last_commands_were_reversals_and_not_before() -> None:
    assert not shaken(Chatter(STEP_M), 15).acting, "the first command reverses nothing"
    assert shaken(Chatter(STEP_M), 16).acting


def test_it_stops_acting_when_the_reversals_have_left_the_window() -> None:
    chatter = shaken(Chatter(STEP_M), 40)
    for k in range(7):
        assert chatter.acting, k
        chatter.note(THERE)
    assert not chatter.acting


@pytest.mark.parametrize(("size", "acts"), [(0.5, True), (np.nextafter(0.5, 0.0), False)])
def test_small_steps_do_not_count(size: float, acts: bool) -> None:
    assert shaken(Chatter(1.0), 40, np.array([size, 0.0, 0.0])).acting is acts


def test_one_way_on_and_on_is_no_chatter_however_far() -> None:
    chatter = Chatter(STEP_M)
    for _ in range(40):
        chatter.note(THERE)
    assert not chatter.acting


@pytest.mark.parametrize(("angle", "acts"), [(2.2, True), (2.0, False)])
def test_a_reversal_turns_by_more_than_120_degrees(angle: float, acts: bool) -> None:
    chatter = Chatter(STEP_M)
    for k in range(40):
        chatter.note(STEP_M * np.array([np.cos(k * angle), np.sin(k * angle), 0.0]))
    assert chatter.acting is acts


@pytest.mark.parametrize(("angle", "acts"), [(2.2, True), (2.0, False)])
def test_steps_of_different_sizes_reverse_by_their_angle_alone(angle: float, acts: bool) -> None:
    chatter = Chatter(STEP_M)
    for k in range(40):
        size = STEP_M * (1.0 if k % 2 else 0.5)
        chatter.note(size * np.array([np.cos(k * angle), np.sin(k * angle), 0.0]))
    assert chatter.acting is acts


def test_at_120_degrees_exactly_nothing_is_reversed() -> None:
    chatter = Chatter(1.0)
    for k in range(40):
        chatter.note(np.roll([7.0, -7.0, 0.0], k))  # the square of whose length has no rounding
    assert not chatter.acting


def test_random_full_steps_are_no_chatter() -> None:
    rng = np.random.default_rng(0)
    chatter = Chatter(STEP_M)
    for _ in range(2000):
        chatter.note(rng.uniform(-STEP_M, STEP_M, 3))
        assert not chatter.acting


def test_after_a_reset_nothing_is_remembered() -> None:
    chatter = shaken(Chatter(STEP_M), 40)
    chatter.reset()
    assert not chatter.acting and not shaken(chatter, 15).acting

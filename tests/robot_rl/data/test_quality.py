from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot_rl.data import quality
from robot_rl.data.quality import measures, odd_length, roughness
from robot_rl.types import Episode, Frame
from tests.robot_rl.data.made import episode


def changed(one: Episode, change: Callable[[Frame], dict[str, Any]]) -> Episode:
    return Episode([replace(frame, **change(frame)) for frame in one.frames])


def acting(actions: np.ndarray) -> Episode:
    """An episode of these actions (T, a), without an arm."""
    bare = episode(len(actions), with_arm=False, action=actions.shape[1])

    def put(frame: Frame) -> dict[str, Any]:
        step = frame.transition
        return {"transition": step and replace(step, executed=actions[frame.step - 1].astype(np.float32))}

    return changed(bare, put)


def flags(one: Episode) -> set[str]:
    return {m.name for m in measures(one) if m.flagged}


def smooth(steps: int = 30) -> np.ndarray:
    """Speeds up and slows down."""
    return np.sin(np.linspace(0.2, 3, steps))[:, None] * [0.8, 0.3, 0.1]


def good() -> Episode:
    still = changed(acting(smooth()), lambda f: {"transition": f.transition and replace(f.transition, reasons=())})
    return changed(still, lambda f: {"stamp_s": 7 + 0.1 * f.step, "images": {"wrist": picture(f.step)}})


def picture(k: int) -> np.ndarray:
    return np.full((4, 4, 3), k, np.uint8)


def test_a_good_episode_raises_no_flag() -> None:
    assert not flags(good())


def test_each_fault_raises_its_own_flag_and_no_other() -> None:
    one = good()
    stamps = [f.stamp_s for f in one.frames]
    faults = {
        "low_movement": acting(smooth() * (np.arange(30) > 20)[:, None]),
        "jerk": acting(np.random.default_rng(0).normal(0, 0.3, (40, 3)).clip(-1, 1)),
        "limit_hits": changed(
            one, lambda f: {"transition": f.transition and replace(f.transition, reasons=("box",) * (f.step % 3 == 0))}
        ),
        "stale_stamps": changed(one, lambda f: {"stamp_s": stamps[f.step - (f.step == 9)]}),
        "stale_images": changed(one, lambda f: {"images": {"wrist": picture(min(f.step, 20))}}),
        "gaps": changed(one, lambda f: {"stamp_s": f.stamp_s + 0.06 * (f.step > 12)}),
        "non_finite": changed(one, lambda f: {"state": f.state * (np.nan if f.step == 5 else 1)}),
    }
    expected = {name: {name} for name in faults} | {"stale_stamps": {"stale_stamps", "gaps"}}
    for name, faulty in faults.items():
        assert flags(faulty) == expected[name], name


def test_the_wait_for_the_gripper_is_no_gap_and_a_still_picture_of_a_still_robot_is_not_stale() -> None:
    one = changed(good(), lambda f: {"stamp_s": f.stamp_s + 0.4 * (f.step > 12)})
    grips = changed(one, lambda f: {"transition": f.transition and replace(f.transition, gripper_changed=f.step == 13)})
    assert quality.gaps(one) == 1 and quality.gaps(grips) == 0
    still = changed(acting(np.zeros((5, 2))), lambda f: {"images": {"wrist": picture(1)}})
    assert quality.stale_images(still) == 0


def test_roughness_has_the_values_that_are_promised() -> None:
    rng = np.random.default_rng(0)
    assert roughness(acting(np.full((20, 2), 0.5))) == pytest.approx(0, abs=1e-6)
    assert roughness(acting(0.5 * (-1.0) ** np.arange(40)[:, None])) == pytest.approx(4)
    assert roughness(acting(rng.normal(0, 0.2, (4000, 1)).clip(-1, 1))) == pytest.approx(np.sqrt(6), rel=0.05)
    assert roughness(acting(np.zeros((9, 2)))) == 0


def test_roughness_of_an_arm_is_measured_on_its_positions() -> None:
    rough = episode(30, 1)
    assert roughness(rough) > 2
    assert roughness(changed(rough, lambda _: {"arm": None})) < 1


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 1000), st.floats(0.1, 1))
def test_roughness_lies_between_0_and_4_whatever_the_scale(seed: int, scale: float) -> None:
    actions = np.random.default_rng(seed).uniform(-1, 1, (12, 3))
    value = roughness(acting(actions))
    assert 0 <= value <= 4 + 1e-6
    assert roughness(acting(scale * actions)) == pytest.approx(value, rel=1e-3)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 400), min_size=5, max_size=30), st.integers(2, 9))
def test_odd_length_knows_no_unit_and_the_median_is_never_odd(lengths: list[int], factor: int) -> None:
    for steps in lengths:
        score = odd_length(steps, lengths).value
        assert odd_length(factor * steps, [factor * n for n in lengths]).value == pytest.approx(score)
    if len(lengths) % 2:
        assert odd_length(int(np.median(lengths)), lengths).value == 0


def test_one_very_long_episode_is_odd_even_where_all_others_are_equal() -> None:
    assert odd_length(60, [40] * 9 + [60]).flagged
    assert not odd_length(44, [40] * 9 + [44]).flagged
    assert not odd_length(400, [40, 40, 40, 400]).flagged, "four say nothing"


def test_a_measure_tells_its_number_and_its_limit_and_nan_is_flagged() -> None:
    measure = replace(odd_length(60, [40] * 9), value=float("nan"))
    assert measure.flagged
    assert "5" in str(odd_length(60, [40] * 9)) and "3.5" in str(measure)


def test_every_number_of_a_frame_is_looked_at() -> None:
    one = episode(2)
    assert quality.non_finite(one) == 0
    arm = one.frames[1].arm
    assert arm is not None and one.frames[1].transition is not None
    spoilt = [
        {"stamp_s": np.inf},
        {"state": np.full(4, np.nan, np.float32)},
        {"arm": replace(arm, force_n=np.array([0, np.inf, 0]))},
        {"transition": replace(one.frames[1].transition, reward=np.nan)},
        {"transition": replace(one.frames[1].transition, success_probability=np.nan)},
    ]
    for change in spoilt:
        assert quality.non_finite(changed(one, lambda f, c=change: c if f.step == 1 else {})) > 0

"""Hand-eye calibration finds the camera, and says how far off it may be."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from controllers.pose import Pose, quat_from_rotvec
from robot_rl.errors import ConfigError
from sim2real.charuco import MOUNTS
from sim2real.handeye import FEWEST, HandEye, closed_form, solve
from sim2real.pinhole import board_pose
from sim2real.views import Spread, View, distance, turned
from tests.sim2real.scene import (
    BESIDE_THE_ARM,
    CORNERS_M,
    LENS,
    ON_THE_TOOL,
    PIXEL_NOISE,
    Truth,
    board_before_camera,
    euler,
    shown,
    views,
)

JOINT_NOISE_RAD, POSES, SEEDS = 5e-4, 15, 10
BAR = Spread(0.5e-3, np.radians(0.05))
TRUTHS = pytest.mark.parametrize("truth", [ON_THE_TOOL, BESIDE_THE_ARM], ids=MOUNTS)
SMALL = st.tuples(*[st.floats(-0.2, 0.2)] * 3)


def solved(truth: Truth, seed: int, joint_noise_rad: float, count: int = POSES) -> HandEye:
    return solve(views(truth, count, np.random.default_rng(seed), joint_noise_rad), LENS, truth.mounted)


def ideal(truth: Truth, seed: int = 0, count: int = 10) -> list[View]:
    """Views by an arm and a camera without any error."""
    return views(truth, count, np.random.default_rng(seed), 0.0, 0.0)


def root_mean_square(values: list[float]) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


@TRUTHS
@settings(max_examples=8, deadline=None)
@given(turn=SMALL, shift=st.tuples(*[st.floats(-0.02, 0.02)] * 3), seed=st.integers(0, 1000))
def test_a_faultless_arm_and_camera_give_the_truth(
    truth: Truth, turn: tuple[float, ...], shift: tuple[float, ...], seed: int
) -> None:
    truth = replace(truth, near=truth.near @ euler(shift, turn))
    try:
        seen = views(truth, FEWEST, np.random.default_rng(seed), 0.0, 0.0)
    except AssertionError:
        assume(False)  # the arm cannot look at the board
    poses = [board_pose(view.points_m, view.pixels, LENS) for view in seen]
    near, far = closed_form([view.tool for view in seen], poses, truth.mounted)
    found = solve(seen, LENS, truth.mounted)
    for off in (distance(near, truth.near), distance(far, truth.far), distance(found.camera, truth.camera)):
        assert off.position_m < 1e-5 and off.rotation_rad < 1e-5
    assert found.reprojection_px < 1e-3 and found.arm.position_m < 1e-4


@pytest.mark.slow
@TRUTHS
def test_fifteen_poses_of_an_arm_with_half_a_milliradian_of_noise_are_enough_and_the_deviation_is_honest(
    truth: Truth,
) -> None:
    found = [solved(truth, seed, JOINT_NOISE_RAD) for seed in range(SEEDS)]
    off = [distance(one.camera, truth.camera) for one in found]
    rms = Spread(root_mean_square([o.position_m for o in off]), root_mean_square([o.rotation_rad for o in off]))
    assert rms.position_m <= BAR.position_m and rms.rotation_rad <= BAR.rotation_rad, rms
    said = Spread(
        root_mean_square([one.deviation.position_m for one in found]),
        root_mean_square([one.deviation.rotation_rad for one in found]),
    )
    assert 0.6 < rms.position_m / said.position_m < 1.6 and 0.6 < rms.rotation_rad / said.rotation_rad < 1.6, said
    within = [
        o.position_m < 2.5 * one.deviation.position_m and o.rotation_rad < 2.5 * one.deviation.rotation_rad
        for one, o in zip(found, off, strict=True)
    ]
    assert sum(within) >= 0.9 * SEEDS
    assert all(0.4 < one.leave_one_out.position_m / one.deviation.position_m < 2.5 for one in found)


def test_the_arm_s_own_error_is_told_apart_from_the_pixels_noise() -> None:
    bad, good = solved(ON_THE_TOOL, 0, JOINT_NOISE_RAD), solved(ON_THE_TOOL, 0, 0.0)
    assert 0.3e-3 < bad.arm.position_m < 1.2e-3 and good.arm.position_m < 0.05e-3
    assert bad.reprojection_px == pytest.approx(good.reprojection_px, rel=0.1) == pytest.approx(0.11, rel=0.2)
    assert good.deviation.position_m < bad.deviation.position_m / 5
    assert distance(good.camera, ON_THE_TOOL.camera).position_m < 0.1e-3


@TRUTHS
@pytest.mark.parametrize("percent", [-1.0, 1.0])
@pytest.mark.parametrize("what", ["focal", "square"])
def test_a_lens_or_a_board_of_another_size_than_given_is_found_with_what_it_does_to_the_camera(
    truth: Truth, percent: float, what: str
) -> None:
    seen, factor = views(truth, POSES, np.random.default_rng(0), JOINT_NOISE_RAD), 1.0 + percent / 100.0
    lens = replace(LENS, fx=factor * LENS.fx, fy=factor * LENS.fy) if what == "focal" else LENS
    if what == "square":
        seen = [replace(view, points_m=factor * view.points_m) for view in seen]
    found = solve(seen, lens, truth.mounted)
    size, other = (found.focal, found.square) if what == "focal" else (found.square, found.focal)
    off_m = distance(found.camera, truth.camera).position_m
    assert off_m > 5 * found.deviation.position_m and found.reprojection_px < 0.2, "neither of them shows it"
    assert size.shift.position_m == pytest.approx(off_m, rel=0.25)
    assert size.off == pytest.approx(-percent / 100.0, abs=4 * size.deviation)
    assert size.is_doubtful and not other.is_doubtful


@TRUTHS
def test_a_lens_and_a_board_as_given_are_not_doubted(truth: Truth) -> None:
    for seed in range(3):
        found = solved(truth, seed, JOINT_NOISE_RAD)
        for size in (found.focal, found.square):
            assert not size.is_doubtful and size.deviation < 0.005


@TRUTHS
@pytest.mark.parametrize("seed", range(4))
def test_a_tool_that_only_turns_tells_nothing_of_the_square_and_it_is_not_doubted(truth: Truth, seed: int) -> None:
    rng = np.random.default_rng(seed)
    home, seen = truth.tool(board_before_camera(rng)), []
    for turn in rng.uniform(-0.4, 0.4, (12, 3)):
        tool = home @ Pose.of(np.zeros(3), quat_from_rotvec(turn))
        pixels = shown(truth.seen(tool)) + rng.normal(0.0, PIXEL_NOISE, (len(CORNERS_M), 2))
        seen.append(View(tool, CORNERS_M, pixels))
    found = solve(seen, LENS, truth.mounted)
    assert found.square.deviation > 0.1 and not found.square.is_doubtful
    assert distance(found.camera, truth.camera).position_m < 1e-3


@TRUTHS
def test_one_pose_that_is_wrong_is_found_and_does_little_harm(truth: Truth) -> None:
    seen = views(truth, POSES, np.random.default_rng(2), 1e-4)
    seen[4] = replace(seen[4], tool=seen[4].tool.moved(np.array([0.02, 0.0, 0.0]), np.zeros(3)))
    found = solve(seen, LENS, truth.mounted)
    assert int(np.argmax([residual.arm.position_m for residual in found.residuals])) == 4
    assert distance(found.camera, truth.camera).position_m < 2e-3 < found.residuals[4].arm.position_m


def test_one_corner_that_is_wrong_does_no_harm() -> None:
    seen = views(ON_THE_TOOL, POSES, np.random.default_rng(3), 0.0)
    pixels = seen[0].pixels.copy()
    pixels[0] += 15.0
    found = solve([replace(seen[0], pixels=pixels), *seen[1:]], LENS, "hand")
    assert distance(found.camera, ON_THE_TOOL.camera).position_m < 0.15e-3
    assert int(np.argmax([residual.pixel_rms for residual in found.residuals])) == 0


@given(seed=st.integers(0, 1000))
@settings(max_examples=5, deadline=None)
def test_the_order_of_the_views_does_not_matter(seed: int) -> None:
    seen = views(ON_THE_TOOL, 8, np.random.default_rng(seed), JOINT_NOISE_RAD)
    one, other = solve(seen, LENS, "hand"), solve(seen[::-1], LENS, "hand")
    assert distance(one.camera, other.camera).position_m < 0.02 * one.deviation.position_m
    assert one.deviation.position_m == pytest.approx(other.deviation.position_m, rel=0.02)


def test_a_view_left_out_moves_the_camera_as_is_said() -> None:
    seen = views(ON_THE_TOOL, 10, np.random.default_rng(5), JOINT_NOISE_RAD)
    whole, without = solve(seen, LENS, "hand"), solve(seen[1:], LENS, "hand")
    moved = distance(whole.camera, without.camera).position_m
    assert moved == pytest.approx(whole.residuals[0].shift.position_m, rel=0.5)


@given(axis=st.sampled_from("xyz"), degrees=st.integers(25, 60))
@settings(deadline=None)
def test_rotation_about_one_axis_is_not_enough_and_another_one_is_named(axis: str, degrees: int) -> None:
    unit = np.eye(3)["xyz".index(axis)]
    angles = np.radians(np.linspace(-degrees / 2, degrees / 2, 8))
    tools = [ON_THE_TOOL.near @ Pose.of([0.01 * a, 0, 0], quat_from_rotvec(a * unit)) for a in angles]
    turning = turned(tools)
    assert turning.missing in set("xyz") - {axis}
    assert turning.about_deg["xyz".index(axis)] == pytest.approx(degrees)
    about = "xyz".index(turning.missing)
    more = [tools[4] @ Pose.of(np.zeros(3), quat_from_rotvec(np.radians(s) * np.eye(3)[about])) for s in (-15, 15)]
    assert not turned([*tools, *more]).missing, "what was asked for is enough"


def test_turning_about_a_slanted_axis_is_not_said_to_be_turning_about_two() -> None:
    tools = [Pose.of(np.zeros(3), quat_from_rotvec(angle * np.array([0.7, 0.7, 0.1]))) for angle in (-0.5, 0.0, 0.5)]
    turning = turned(tools)
    assert min(turning.about_deg[:2]) > 30 and turning.missing == "z"
    assert str(turning).endswith("but only by 0 about a second axis across the first")
    more = [Pose.of(np.zeros(3), quat_from_rotvec(turn * np.array([0.0, 0.0, 1.0]))) for turn in (-0.3, 0.3)]
    assert not turned([*tools, *more]).missing and "second axis" not in str(turned([*tools, *more]))


def test_views_that_cannot_tell_are_refused_in_one_line() -> None:
    seen = ideal(ON_THE_TOOL)
    with pytest.raises(ConfigError, match=r"5 views of the board; at least 6"):
        solve(seen[:5], LENS, "hand")
    with pytest.raises(ConfigError, match=r"0 about y, 0 about z, but only by 0 about a second axis.*; 20 "):
        solve([seen[0]] * 8, LENS, "hand")
    with pytest.raises(ConfigError, match=r"mounted 'head'; allowed: hand, world"):
        solve(seen, LENS, "head")
    with pytest.raises(ConfigError, match=r"3 corners"):
        solve([*seen[1:], View(seen[0].tool, seen[0].points_m[:3], seen[0].pixels[:3])], LENS, "hand")

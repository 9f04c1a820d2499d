import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_rl.errors import NonFiniteError
from robot_rl.specs import AXES, ActionSpec, Field, StateSpec

SPEC = StateSpec((Field("velocity", 3, "m/s", 0.1), Field("width", 1, "m", 0.04)))
values = st.floats(-1, 1, width=32)


@given(st.lists(values, min_size=3, max_size=3), values)
def test_what_is_packed_comes_out_by_name(velocity: list[float], width: float) -> None:
    state = SPEC.pack({"velocity": velocity, "width": width, "unused": 1.0})
    parts = SPEC.unpack(state)
    assert state.dtype == np.float32 and state.shape == (SPEC.size,) == (4,)
    assert np.array_equal(parts["velocity"], np.float32(velocity)) and parts["width"] == np.float32(width)


def test_names_and_scales_follow_the_fields() -> None:
    assert SPEC.names == ("velocity[0]", "velocity[1]", "velocity[2]", "width[0]")
    assert SPEC.scale.tolist() == [np.float32(0.1)] * 3 + [np.float32(0.04)]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_field_that_is_not_finite_is_refused_by_name(bad: float) -> None:
    with pytest.raises(NonFiniteError, match="width"):
        SPEC.pack({"velocity": np.zeros(3), "width": bad})


def test_a_field_of_the_wrong_size_is_refused_with_both_sizes() -> None:
    with pytest.raises(ValueError, match=r"velocity.*\(2,\).*\(3,\)"):
        SPEC.pack({"velocity": np.zeros(2), "width": 0.0})


@given(
    st.lists(st.sampled_from(AXES), min_size=1, unique=True).map(tuple),
    st.floats(0.001, 0.1),
    st.floats(0.01, 0.5),
    st.booleans(),
    st.randoms(use_true_random=False),
)
def test_actions_and_motions_convert_both_ways(
    axes: tuple[str, ...], step_m: float, step_rad: float, gripper: bool, random: object
) -> None:
    spec = ActionSpec(axes, step_m, step_rad, gripper)
    action = np.array([random.uniform(-1, 1) for _ in range(spec.size)], np.float32)  # type: ignore[attr-defined]
    motion = spec.to_motion(action)
    assert np.allclose(spec.from_motion(motion), action[: len(axes)], atol=1e-6)
    assert np.all(np.abs(motion[:3]) <= step_m) and np.all(np.abs(motion[3:]) <= step_rad)
    undriven = [AXES.index(axis) for axis in AXES if axis not in axes]
    assert not motion[undriven].any()


def test_an_unknown_axis_is_refused_with_the_valid_ones() -> None:
    with pytest.raises(ValueError, match=r"yaw.*rz"):
        ActionSpec(("x", "yaw"), 0.01, 0.1, False)

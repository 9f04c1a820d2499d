import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_rl.drivers.inputs import MAX_REST, shaped

ANY = st.floats(allow_nan=True, allow_infinity=True)
RAW, REST, BAND = st.floats(-1.1, 1.1), st.floats(-MAX_REST, MAX_REST), st.floats(0.0, 0.5)


@given(ANY, ANY, BAND)
def test_any_reading_becomes_a_finite_wish_of_at_most_one(raw: float, rest: float, band: float) -> None:
    if not abs(rest) <= MAX_REST:
        rest = 0.0
    wish = shaped(raw, rest, band)
    assert math.isfinite(wish) and abs(wish) <= 1.0


@given(REST, BAND, st.floats(-1.0, 1.0))
def test_within_the_dead_band_there_is_no_wish(rest: float, band: float, part: float) -> None:
    assert shaped(rest + 0.999 * part * band, rest, band) == 0.0


@given(RAW, RAW, REST, BAND)
def test_more_deflection_is_never_less_wish(one: float, other: float, rest: float, band: float) -> None:
    low, high = sorted((one, other))
    assert shaped(low, rest, band) <= shaped(high, rest, band)


@given(REST, BAND)
def test_full_deflection_is_the_full_wish_both_ways(rest: float, band: float) -> None:
    assert shaped(1.0, rest, band) == pytest.approx(1.0) and shaped(-1.0, rest, band) == pytest.approx(-1.0)


@given(RAW, BAND)
def test_a_centred_axis_wishes_alike_both_ways(raw: float, band: float) -> None:
    assert shaped(-raw, 0.0, band) == -shaped(raw, 0.0, band)

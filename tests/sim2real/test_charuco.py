"""A board as words, as a picture, and as corners in a picture, with OpenCV 4 and 5."""

import sys
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from robot_rl.arguments import ARGUMENTS
from robot_rl.errors import ConfigError
from sim2real.charuco import EXAMPLE, Board, Finder, opencv_board, sighting
from tests.sim2real.scene import BOARD

pytest.importorskip("cv2", reason="OpenCV is not installed: pip install 'robot_rl[opencv]'")


@given(
    columns=st.integers(3, 40),
    rows=st.integers(3, 40),
    square_mm=st.integers(2, 500),
    marker_percent=st.integers(10, 90),
    bits=st.sampled_from(["4X4_50", "5X5_100", "APRILTAG_36H11"]),
)
def test_a_board_is_read_back_as_it_is_written(
    columns: int, rows: int, square_mm: int, marker_percent: int, bits: str
) -> None:
    square_m = square_mm / 1000
    board = Board(columns, rows, square_m, square_m * marker_percent / 100, f"DICT_{bits}")
    assert Board.parse(str(board)) == board, "else a folder of samples would be of another board"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "write it as 8x6"),
        ("8x6", "write it as 8x6"),
        ("8x6:0.03:0.02:DICT 5", "write it as"),
        ("8x6:0.0.3:0.02:DICT_5X5_100", "write it as"),
        ("8x2:0.03:0.02:DICT_5X5_100", "8 x 2 squares; allowed: 3 to 40"),
        ("41x6:0.03:0.02:DICT_5X5_100", "41 x 6"),
        ("8x6:0.02:0.02:DICT_5X5_100", "a marker must be smaller"),
        ("8x6:0.02:0.03:DICT_5X5_100", "a marker of 0.03 m in a square of 0.02 m"),
        ("8x6:0.03:0:DICT_5X5_100", "a marker of 0 m"),
        ("8x6:0.03:0.00005:DICT_5X5_100", "at least 0.1 mm"),
        ("8x6:30:22:DICT_5X5_100", "a square at most 1 m"),
    ],
)
def test_a_board_that_cannot_be_is_refused_with_what_is_wrong(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        Board.parse(text)
    assert said in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("8x6:0.03:0.02:DICT_5X5_10", "did you mean DICT_5X5_1"),
        ("20x20:0.03:0.02:DICT_4X4_50", "has 50; take a larger"),
    ],
)
def test_a_dictionary_that_is_unknown_or_too_small_is_named(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Finder(Board.parse(text))


@pytest.mark.parametrize("text", ["8x6:0.030:0.022:DICT_5X5_100", "5x7:0.04:0.02:DICT_4X4_50"])
def test_corners_have_the_numbers_and_places_that_opencv_gives_them(text: str) -> None:
    board = Board.parse(text)
    theirs = np.asarray(opencv_board(board).getChessboardCorners()).reshape(-1, 3)
    assert np.abs(board.points_m(np.arange(board.corners)) - theirs).max() < 1e-6


def test_the_start_s_board_is_ours() -> None:
    assert {a.name: a.default for a in ARGUMENTS["calibrate"]}["board"] == EXAMPLE == "8x6:0.030:0.022:DICT_5X5_100"


def test_every_corner_of_its_own_picture_is_found_where_it_is() -> None:
    page = np.pad(BOARD.picture(100), 100, constant_values=255)
    seen = Finder(BOARD).find(page)
    assert seen.ids.tolist() == list(range(35)) and seen.is_spread
    # Squares begin at whole pixels, so between two pixels' middles.
    assert np.abs(seen.pixels - (seen.points_m[:, :2] / BOARD.square_m * 100 + 99.5)).max() < 0.05
    coloured = Finder(BOARD).find(np.repeat(page[:, :, None], 3, axis=2))
    assert np.array_equal(coloured.pixels, seen.pixels)


def test_without_a_board_no_corner_is_found() -> None:
    seen = Finder(BOARD).find(np.full((240, 320), 128, np.uint8))
    assert seen.ids.shape == (0,) and seen.points_m.shape == (0, 3) and seen.pixels.shape == (0, 2)
    assert not seen.is_spread


@given(ids=st.lists(st.integers(0, 34), min_size=1, max_size=35, unique=True))
def test_opencv_4_and_5_give_the_same_sighting(ids: list[int]) -> None:
    places = np.arange(2 * len(ids), dtype=np.float32).reshape(-1, 2)
    numbers = np.array(ids, np.int32)
    five = sighting(BOARD, places, numbers)
    four = sighting(BOARD, places[:, None, :], numbers[:, None])
    assert five.pixels.shape == four.pixels.shape == (len(ids), 2)
    assert np.array_equal(five.pixels, four.pixels) and np.array_equal(five.points_m, four.points_m)
    assert five.points_m.shape == (len(ids), 3)


@pytest.mark.parametrize("nothing", [None, np.zeros((0, 1, 2), np.float32)])
def test_both_words_of_opencv_for_nothing_are_understood(nothing: object) -> None:
    assert sighting(BOARD, nothing, None).ids.shape == (0,)


def test_corners_on_one_line_are_not_spread() -> None:
    row = sighting(BOARD, np.zeros((7, 2)), np.arange(7))
    assert not row.is_spread and sighting(BOARD, np.zeros((8, 2)), np.arange(8)).is_spread


def test_the_picture_for_printing_says_how_large_it_is() -> None:
    with Image.open(BytesIO(BOARD.printable())) as page:
        (dpi, _), (width, height) = page.info["dpi"], page.size
    assert width / dpi * 0.0254 == pytest.approx((8 + 2 / 3) * 0.030, rel=2e-3)
    assert height / dpi * 0.0254 == pytest.approx((6 + 2 / 3) * 0.030, rel=2e-3)


@pytest.mark.parametrize("page_m", [(0.297, 0.210), (0.2794, 0.2159)], ids=["A4", "letter"])
def test_the_usual_board_fits_a_page_with_what_a_printer_leaves_white_and_is_seen_on_it(
    page_m: tuple[float, float],
) -> None:
    with Image.open(BytesIO(BOARD.printable())) as page:
        dpi, size, grey = page.info["dpi"][0], page.size, np.asarray(page)
    assert all(length / dpi * 0.0254 <= paper - 2 * 0.005 for length, paper in zip(size, page_m, strict=True))
    on_a_dark_table = np.pad(grey, 100, constant_values=40)
    assert len(Finder(BOARD).find(on_a_dark_table).ids) == BOARD.corners


def test_without_opencv_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(ConfigError, match=r"pip install 'robot_rl\[opencv\]'"):
        Finder(BOARD)

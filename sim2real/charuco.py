"""A ChArUco board: its picture for printing, and its corners in a camera's picture.

OpenCV 4.10 or later, or 5; it is imported where it is used.
"""

import re
from dataclasses import dataclass
from importlib import import_module
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from controllers.pose import Array
from robot_rl.errors import ConfigError
from robot_rl.suggest import nearest

Picture = NDArray[np.uint8]
"""(H, W) grey levels, or (H, W, 3) RGB"""
MOUNTS = ("hand", "world")
"""The camera on the tool and the board in the world; the camera in the world and the board on the tool"""
EXAMPLE = "8x6:0.030:0.022:DICT_5X5_100"
FORM = re.compile(r"(\d+)x(\d+):([0-9.]+):([0-9.]+):(\w+)")
SQUARE_PX = 100
"""Of a picture for printing"""
INCH_M = 0.0254
LEAST, MOST = 3, 40
"""Squares along a side"""
LEAST_M, MOST_M = 1e-4, 1.0
"""Of the sides of a marker and of a square"""


@dataclass(frozen=True, slots=True)
class Board:
    """Its frame: origin in the outer corner of the first square, x along a row, y down the rows, z into the board."""

    columns: int
    rows: int
    square_m: float
    """Length of a square's side"""
    marker_m: float
    """Length of a marker's side"""
    dictionary: str
    """Of the markers, by OpenCV's name"""

    @classmethod
    def parse(cls, text: str) -> "Board":
        """From `8x6:0.030:0.022:DICT_5X5_100`: squares, their side in m, a marker's side in m, dictionary.

        Raises ConfigError for anything else, and for a board that nobody can make.
        """
        found = FORM.fullmatch(text)
        try:
            columns, rows, square, marker, dictionary = found.groups() if found else ()
            board = cls(int(columns), int(rows), float(square), float(marker), dictionary)
        except ValueError:
            raise ConfigError(f"board {text!r} cannot be read; write it as {EXAMPLE}") from None
        if not all(LEAST <= squares <= MOST for squares in (board.columns, board.rows)):
            raise ConfigError(f"board {text}: {columns} x {rows} squares; allowed: {LEAST} to {MOST} along each side")
        if not LEAST_M <= board.marker_m < board.square_m <= MOST_M:
            raise ConfigError(
                f"board {text}: a marker of {marker} m in a square of {square} m; a marker must be smaller than its "
                f"square and at least {LEAST_M * 1e3:g} mm, and a square at most {MOST_M:g} m"
            )
        return board

    def __str__(self) -> str:
        """As `parse` reads it."""
        return f"{self.columns}x{self.rows}:{self.square_m}:{self.marker_m}:{self.dictionary}"

    @property
    def corners(self) -> int:
        """How many inner corners it has"""
        return (self.columns - 1) * (self.rows - 1)

    def points_m(self, ids: NDArray[np.int64]) -> Array:
        """(n, 3) where the corners of these numbers (n,) are, board frame."""
        row, column = np.divmod(ids, self.columns - 1)
        return np.stack(((column + 1) * self.square_m, (row + 1) * self.square_m, np.zeros(len(ids))), axis=1)

    def picture(self, square_px: int = SQUARE_PX) -> Picture:
        """(rows x square_px, columns x square_px) without a margin. Raises as `opencv_board`."""
        size = self.columns * square_px, self.rows * square_px
        drawn: Picture = np.asarray(opencv_board(self).generateImage(size, marginSize=0, borderBits=1), np.uint8)
        return drawn

    def printable(self) -> bytes:
        """A PNG with a white margin of a third of a square, which says how large it is: printed at 100 % it is true to
        scale."""
        page = np.pad(self.picture(), SQUARE_PX // 3, constant_values=255)
        dpi, file = SQUARE_PX / self.square_m * INCH_M, BytesIO()
        Image.fromarray(page).save(file, "PNG", dpi=(dpi, dpi))
        return file.getvalue()


@dataclass(frozen=True, slots=True)
class Sighting:
    """The corners of a board that a picture shows."""

    ids: NDArray[np.int64]
    """(n,)"""
    points_m: Array
    """(n, 3) board frame"""
    pixels: Array
    """(n, 2) x to the right, y down; whole numbers are the middles of pixels"""

    @property
    def is_spread(self) -> bool:
        """Not all on one line"""
        return len(self.ids) > 2 and bool(np.linalg.matrix_rank(self.points_m - self.points_m[0], tol=1e-6) == 2)


class Finder:
    """Finds one board in pictures."""

    def __init__(self, board: Board) -> None:
        """Raises as `opencv_board`."""
        self._board, self._cv2 = board, _opencv()
        self._detector = self._cv2.aruco.CharucoDetector(opencv_board(board))

    def find(self, picture: Picture) -> Sighting:
        """With no corner at all where the board is not seen."""
        grey = picture if picture.ndim == 2 else self._cv2.cvtColor(picture, self._cv2.COLOR_RGB2GRAY)
        pixels, ids, *_ = self._detector.detectBoard(grey)
        return sighting(self._board, pixels, ids)


def sighting(board: Board, pixels: Any, ids: Any) -> Sighting:
    """From what OpenCV's detector gives: (n, 1, 2) and (n, 1) in version 4, (n, 2) and (n,) in 5, None for nothing."""
    numbers = np.asarray(() if ids is None else ids, np.int64).reshape(-1)
    places = np.asarray(() if ids is None else pixels, np.float64).reshape(-1, 2)
    return Sighting(numbers, board.points_m(numbers), places)


def opencv_board(board: Board) -> Any:
    """`cv2.aruco.CharucoBoard`. Raises ConfigError for an unknown dictionary or one too small, and without OpenCV."""
    aruco = _opencv().aruco
    known = [name for name in dir(aruco) if name.startswith("DICT_")]
    if board.dictionary not in known:
        raise ConfigError(f"no dictionary {board.dictionary!r} in OpenCV{nearest(board.dictionary, known)}")
    dictionary = aruco.getPredefinedDictionary(getattr(aruco, board.dictionary))
    needed, there = board.columns * board.rows // 2, len(dictionary.bytesList)
    if needed > there:
        raise ConfigError(f"board {board} needs {needed} markers, {board.dictionary} has {there}; take a larger one")
    return aruco.CharucoBoard((board.columns, board.rows), board.square_m, board.marker_m, dictionary)


def _opencv() -> Any:
    try:
        return import_module("cv2")
    except ImportError as error:
        raise ConfigError(f"OpenCV is not here ({error}): pip install 'robot_rl[opencv]'") from error

"""A set of rows: add, discard and look-up in constant time, all members in one dense array."""

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int32]
"""Numbers of rows. 32 bits: two such arrays a buffer, and no buffer has 2^31 frames."""
NONE = -1


class RowSet:
    """Some of the rows 0 to capacity - 1."""

    def __init__(self, capacity: int) -> None:
        self._rows: Rows = np.empty(capacity, np.int32)
        self._place: Rows = np.full(capacity, NONE, np.int32)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def __contains__(self, row: int) -> bool:
        return bool(self._place[row] != NONE)

    @property
    def rows(self) -> Rows:
        """(len,) a view, in order of addition as long as nothing was discarded"""
        return self._rows[: self._size]

    def places(self, rows: Rows) -> Rows:
        """Where in `rows` of the set these members are."""
        return self._place[rows]

    def add(self, row: int) -> None:
        """Append a row that is not a member."""
        self._put(row, self._size)
        self._size += 1

    def discard(self, row: int) -> None:
        """Take a row out, if it is a member; the last one moves to its place."""
        place = int(self._place[row])
        if place != NONE:
            self._size -= 1
            self._put(int(self._rows[self._size]), place)
            self._place[row] = NONE

    def swap(self, one: int, other: int) -> None:
        """Exchange the members at two places."""
        a, b = int(self._rows[one]), int(self._rows[other])
        self._put(a, other)
        self._put(b, one)

    def pop(self, count: int) -> Rows:
        """Take the last `count` members out."""
        self._size -= count
        rows = self._rows[self._size : self._size + count].copy()
        self._place[rows] = NONE
        return rows

    def extend(self, rows: Rows) -> None:
        """Append rows that are not members."""
        places = slice(self._size, self._size + len(rows))
        self._rows[places] = rows
        self._place[rows] = np.arange(places.start, places.stop)
        self._size = places.stop

    def _put(self, row: int, place: int) -> None:
        self._rows[place] = row
        self._place[row] = place

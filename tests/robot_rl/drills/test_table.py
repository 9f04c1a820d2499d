"""The table has every fault once; each is drilled, or says what it waits for."""

import pytest

from robot_rl.drills import run
from robot_rl.drills.drill import DRILLS
from robot_rl.drills.show import WIDTH, listing
from robot_rl.drills.table import GROUPS, ROWS, Row


def test_every_number_is_there_once_in_order() -> None:
    assert [row.number for row in ROWS] == list(range(1, 73))


def test_groups_follow_each_other_and_are_named() -> None:
    letters = [row.group for row in ROWS]
    assert letters == sorted(letters) and set(letters) == set(GROUPS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row.number))
def test_a_fault_has_a_drill_or_says_what_it_needs_and_never_both(row: Row) -> None:
    run.load()
    assert (row.number in DRILLS) is not bool(row.needs)


def test_the_list_shows_every_fault_with_its_expectation_and_when_it_is_drilled() -> None:
    text = listing()
    for row in ROWS:
        assert row.fault in text and row.expected in text and (not row.needs or f"not yet: needs {row.needs}" in text)
    assert max(len(line) for line in text.splitlines()) <= WIDTH

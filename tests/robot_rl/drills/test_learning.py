"""Learning: the fast drills meet their expectation."""

from pathlib import Path

import pytest

from robot_rl.drills import run
from robot_rl.drills.drill import DRILLS


@pytest.mark.parametrize("number", [55, 61])
def test_the_fault_meets_its_expectation(number: int, tmp_path: Path) -> None:
    run.load()
    outcome = run.carry_out(DRILLS[number], tmp_path / str(number), seed=1)
    assert outcome.passed, outcome.seen

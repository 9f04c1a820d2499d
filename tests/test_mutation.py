"""The mutation run: what it changes, what it calls a survivor, what it excuses."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from benchmarks.mutation import ROOT, Mutant, difference, mutants, own_tests, unexcused

SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
FILES = SETTINGS["coverage"]["report"]["include"]
MUTANT = Mutant("a.py", 3, "x < 1", "x <= 1", "")
REASON = {"file": "a.py", "was": "x < 1", "becomes": "x <= 1", "reason": "x is never 1"}


def changes(source: str) -> set[str]:
    return {mutant.becomes for mutant in mutants("a.py", source)}


@pytest.mark.parametrize(
    ("source", "some"),
    [
        ("x < y", {"x <= y", "x > y", "x == y"}),
        ("x = y + 2", {"x = y - 2", "x = y + 3", "x = y + 1"}),
        ("x = -y * z", {"x = y * z", "x = -y / z"}),
        ("x = a and not b", {"x = a or not b", "x = a and b"}),
        ("if a:\n    x = True", {"if not a:", "x = False"}),
        ("x = a is b", {"x = a is not b"}),
    ],
)
def test_comparisons_numbers_arithmetic_and_conditions_are_changed(source: str, some: set[str]) -> None:
    assert some <= changes(source)


def test_every_mutant_differs_from_the_source_and_from_the_others() -> None:
    source = (ROOT / "robot_rl/operator/lease.py").read_text()
    codes = [mutant.code for mutant in mutants("robot_rl/operator/lease.py", source)]
    assert len(codes) > 30 and len({source, *codes}) == len(codes) + 1


def test_a_difference_does_not_depend_on_where_the_line_stands() -> None:
    assert difference("a\n\n    x = 1\n", "a\n\n    x =  2\n") == ("x = 1", "x = 2")
    assert difference("@f\nx\n", "x\n") == ("@f", "")


def test_a_survivor_needs_a_reason_and_a_reason_a_survivor() -> None:
    assert unexcused([MUTANT], [REASON]) == []
    assert unexcused([MUTANT], []) == ["a.py:3\n  - x < 1\n  + x <= 1"]
    assert len(unexcused([MUTANT], [REASON | {"reason": ""}])) == 1, "an empty reason is none"
    assert len(unexcused([MUTANT, MUTANT], [REASON])) == 1, "a reason excuses one line, not its twin"
    assert unexcused([], [REASON]) == ["a.py: no survivor matches the reason for\n  - x < 1\n  + x <= 1"]


def test_the_own_tests_a_file_are_those_of_the_longest_prefix() -> None:
    tests = {"a/": ["t/a"], "a/b.py": ["t/b"]}
    assert own_tests("a/b.py", tests) == ["t/b"] and own_tests("a/c.py", tests) == ["t/a"]


@pytest.mark.parametrize("file", FILES)
def test_every_listed_file_is_there_and_has_tests(file: str) -> None:
    assert (ROOT / file).is_file()
    assert all((ROOT / test).exists() for test in own_tests(file, SETTINGS["mutation"]["tests"]))


VERDICTS = """
import sys
from pathlib import Path
from benchmarks import mutation
mutation.ROOT = Path(sys.argv[1])
for code, limit_s in (("def f(x): return x + 1", 60), ("def f(x): return x - 1", 60), ("while True: pass", 2)):
    print(mutation.verdict(mutation.Mutant("adder.py", 1, "", "", code), ["test_adder.py"], limit_s))
"""


def test_a_mutant_that_a_test_notices_is_killed_and_the_file_on_disk_stays(tmp_path: Path) -> None:
    (tmp_path / "adder.py").write_text("def f(x): return x + 1\n")
    (tmp_path / "test_adder.py").write_text("from adder import f\n\ndef test_f(): assert f(1) == 2\n")
    command = [sys.executable, "-c", VERDICTS, str(tmp_path)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert result.stdout.split() == ["survived", "killed", "timeout"], result.stderr
    assert (tmp_path / "adder.py").read_text() == "def f(x): return x + 1\n"
    assert {path.suffix for path in tmp_path.rglob("*.p*")} <= {".py"}

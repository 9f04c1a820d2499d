"""One process for each drill: whatever becomes of it is a row, and the exit code counts the rows."""

import json
from pathlib import Path

import pytest

from robot_rl.cli import main
from robot_rl.drills import run
from robot_rl.drills.drill import Drill, Outcome
from robot_rl.drills.show import DISCLAIMER, WIDTH, table
from robot_rl.drills.table import ROWS
from tests.robot_rl.drills import bad


def test_an_outcome_comes_back_whole_and_the_seed_arrives(tmp_path: Path) -> None:
    outcome = run.carry_out(bad.good, tmp_path / "01", 7)
    assert outcome == Outcome(True, "all well", "a message", 0.1, 0.2, 3, True)
    assert (tmp_path / "01" / "seed.txt").read_text() == "7"


@pytest.mark.parametrize(("drill", "why"), [(bad.raises, "ValueError: the arm fell off"), (bad.dies, "code -11")])
def test_a_drill_that_raises_or_crashes_is_a_failed_row_with_the_reason(tmp_path: Path, drill: Drill, why: str) -> None:
    outcome = run.carry_out(drill, tmp_path / "01", 0)
    assert not outcome.passed and why in outcome.seen


def test_a_drill_that_hangs_is_killed_with_what_it_started(tmp_path: Path) -> None:
    run.carry_out(bad.good, tmp_path / "00", 0)  # what all drills share is imported now
    outcome = run.carry_out(bad.hangs, tmp_path / "01", 0, limit_s=8.0)
    assert not outcome.passed and "killed after 8 s" in outcome.seen
    child = int((tmp_path / "01" / "child.txt").read_text())
    state = Path(f"/proc/{child}/stat")
    assert not state.exists() or state.read_text().split()[2] == "Z"


def fake(passing: set[str]) -> Drill:
    def carry_out(drill: Drill, folder: Path, seed: int) -> Outcome:
        name = folder.name
        return Outcome(name in passing, f"seed {seed}", "two\nlines | and a bar", 0.5, None, 2, False)

    return carry_out  # type: ignore[return-value]


def faults(*arguments: str) -> int:
    return main(["faults", *arguments])


def test_all_well_is_exit_code_0_with_both_files_and_a_last_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "carry_out", fake({"22", "55"}))
    assert faults("--out", str(tmp_path / "out"), "--only", "55,22", "seed=3") == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[-1].startswith("2 of 2 faults met their expectation; ")
    assert max(len(line) for line in said.out.splitlines()) <= WIDTH
    assert "[1/2] 22 learner killed" in said.err
    written = json.loads((tmp_path / "out" / "faults.json").read_text())
    assert written["seed"] == 3 and [row["number"] for row in written["rows"]] == [22, 55]
    assert written["rows"][0]["detected_s"] == 0.5 and written["rows"][0]["seen"] == "seed 3"
    page = (tmp_path / "out" / "faults.md").read_text()
    assert page.startswith(DISCLAIMER)
    assert "| 22 | learner killed |" in page and "two lines \\| and a bar" in page


def test_a_drill_that_fails_is_exit_code_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "carry_out", fake({"22"}))
    assert faults("--out", str(tmp_path / "out"), "--only", "22,55") == 1
    said = capsys.readouterr()
    assert "1 of 2 faults met their expectation" in said.err and "FAIL" in said.out


def test_a_row_without_a_drill_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "DRILLS", {})
    monkeypatch.setattr(run, "load", lambda: None)
    assert faults("--out", str(tmp_path / "out"), "--only", "22") == 1


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--only", "99"), "there is no fault 99"),
        (("--only", "0"), "there is no fault 0"),
        (("--only", "many"), "'many' is no whole number"),
        (("--only", "26"), "needs the web UI"),
        (("--only", "22"), "needs --out DIR"),
        (("--only", "22", "--out", "/proc/nowhere"), "can be written"),
        (("--only", "22", "--out", __file__), "can be written"),
        (("--only", "22", "--out", str(Path(__file__).parent)), "is not empty"),
        (("--fast",), "cannot use '--fast'"),
        (("seed=x", "--out", "d"), "'x' is no whole number"),
        (("--out",), "cannot use '--out'"),
        (("--list", "--out", "d"), "after --list"),
    ],
)
def test_a_wrong_request_is_exit_code_2_and_one_line(
    arguments: tuple[str, ...], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert faults(*arguments) == 2
    said = capsys.readouterr().err.strip()
    assert why in said and len(said.splitlines()) == 1


def test_the_list_needs_no_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert faults("--list") == 0
    assert "learner killed  [runs today]" in capsys.readouterr().out


def test_the_table_says_what_was_expected_of_a_row_that_failed() -> None:
    row = ROWS[21]
    failed = table([run.Result(row, Outcome(False, "it did not"))])
    assert f"expected: {row.expected}" in failed and "FAIL" in failed
    assert "expected" not in table([run.Result(row, Outcome(True, "it did"))])

"""The report is strict, offline, escaped, and survives what a run leaves out; progress suits its reader."""

import io
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from robot_rl.clock import ManualClock
from robot_rl.progress import Progress
from robot_rl.report import Filmstrip, write_report
from robot_rl.report.curves import curves_html, logarithmic, moving_mean
from robot_rl.report.wording import duration, percent, verdict

FULL: dict[str, Any] = {
    "success_rate": 0.97,
    "success_ci95": [0.92, 0.99],
    "episodes": 100,
    "cycle_time_s": 2.0,
    "expert_cycle_time_s": 3.0,
    "env_steps": 5000,
    "gradient_steps": 20000,
    "wall_s": 300.0,
    "intervention_share": 0.1,
    "limit_breaches": 0,
    "mujoco_warnings": 0,
    "task": "reach",
    "seed": 1,
    "config": {"learner": {"utd": 4}},
    "versions": {"numpy": "2"},
    "complete": True,
    "collection": {"demos": 20, "demo_success": 1.0},
}


def row(env_steps: int, **values: float) -> dict[str, Any]:
    return {"env_steps": env_steps, "success": 1, "return": 1.0, "length": 20, "cycle_time_s": 2.0, **values}


def film(success: bool = True, caption: str = "seed 1") -> Filmstrip:
    return Filmstrip(caption, success, np.zeros((3, 8, 8, 3), np.uint8))


def html(folder: Path, report: dict[str, Any], **parts: Any) -> str:
    page = write_report(
        folder, report, parts.get("metrics", []), parts.get("evaluation", []), parts.get("filmstrips", [])
    )
    return page.read_text(encoding="utf-8")


def test_json_is_strict_and_complete(tmp_path: Path) -> None:
    rows = [row(1, q_mean=math.nan, entropy=np.float32(1.5), seeds=np.arange(2))]
    write_report(tmp_path, {**FULL, "extra": math.inf, "where": tmp_path}, rows, [{"seed": 1, "success": True}], [])
    text = (tmp_path / "report.json").read_text()
    read = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert read["metrics"][0] == {**row(1), "q_mean": None, "entropy": 1.5, "seeds": [0, 1]}
    assert read["success_rate"] == 0.97
    assert read["extra"] is None
    assert read["where"] == str(tmp_path)


def test_only_the_two_files_are_left(tmp_path: Path) -> None:
    page = write_report(tmp_path / "new" / "run", FULL, [row(1)], [], [film()])
    assert sorted(f.name for f in page.parent.iterdir()) == ["report.html", "report.json"]


@pytest.mark.parametrize("report", [{}, {"success_rate": None}, {"task": None, "success_ci95": None}, FULL])
def test_any_part_may_be_missing(tmp_path: Path, report: dict[str, Any]) -> None:
    assert html(tmp_path, report).endswith("</html>")


def test_the_headline_is_in_words(tmp_path: Path) -> None:
    page = html(tmp_path, FULL)
    assert "Reliable: succeeds in 97% of attempts, 1.5 times as fast as the expert." in page
    assert "no limit breaches" in page
    assert "interrupted: partial" not in page
    assert "collection.demo_success" in page


def test_trouble_is_said_first(tmp_path: Path) -> None:
    page = html(tmp_path, {**FULL, "limit_breaches": 3, "complete": False})
    assert "3 limit breaches" in page
    assert "interrupted: partial" in page
    assert verdict({**FULL, "limit_breaches": 3}).startswith("A safety limit was breached")


@pytest.mark.parametrize(
    ("stops", "words"), [(0, "never had to stop itself"), (4, "the arm stopped itself 4 times"), (None, "")]
)
def test_how_often_the_arm_stopped_itself_is_told_where_it_is_known(
    tmp_path: Path, stops: int | None, words: str
) -> None:
    page = html(tmp_path, {**FULL, "protective_stops": stops})
    assert words in page and (stops is not None or "stop itself" not in page)


def test_nothing_is_fetched_from_the_network(tmp_path: Path) -> None:
    page = html(tmp_path, FULL, metrics=[row(1), row(30)], filmstrips=[film()])
    assert page.count("Plotly.newPlot(") >= 2
    assert not re.findall(r"<(?:script|img|link|iframe)[^>]+(?:src|href)=[\"'](?!data:)", page)


def test_text_from_outside_is_escaped(tmp_path: Path) -> None:
    bad = "<script>alert(1)</script>"
    page = html(
        tmp_path,
        {**FULL, "task": bad, bad: bad, "verdict": bad, "config": {bad: bad}, "versions": {bad: [bad]}},
        evaluation=[{"seed": bad, "success": False}],
        filmstrips=[film(caption=bad)],
    )
    assert bad not in page
    assert "&lt;script&gt;alert(1)" in page


def test_failed_seeds_are_listed_and_successes_shown_first(tmp_path: Path) -> None:
    evaluation = [{"seed": 7, "success": False}, {"seed": 8, "success": True}]
    page = html(tmp_path, FULL, evaluation=evaluation, filmstrips=[film(False, "bad"), film(True, "fine")])
    assert "1 of 2 episodes succeeded. Seeds that failed: 7." in page
    assert page.index("fine") < page.index("</span> bad")


def test_curves_without_data_are_left_out() -> None:
    assert curves_html([], {}) == []
    assert curves_html([{"env_steps": 3, "entropy": None}], {}) == []
    assert len(curves_html([row(1)], {})) == 2, "return echoes success, steps echo time"
    assert len(curves_html([{**row(1), "return": 3.0}, row(2)], {})) == 3
    assert "dash" in "".join(curves_html([row(1)], {"expert_cycle_time_s": 2.5}))


def test_a_logarithmic_axis_is_labelled_with_whole_numbers() -> None:
    assert logarithmic([0.3, 4.0])["ticktext"] == ["0.2", "0.5", "1", "2", "5"]
    assert logarithmic([2.5, 3.0])["ticktext"] == ["2", "5"]
    assert logarithmic([0.0, 0.004, 30.0])["ticktext"] == ["0.01", "0.1", "1", "10"]
    assert logarithmic([1.0])["ticktext"] == ["0.5", "1", "2"]
    assert logarithmic([0.0]) == {"type": "log"}


def test_the_expert_is_spoken_of_where_there_is_one() -> None:
    shown = "".join(curves_html([row(1)], {"expert_cycle_time_s": 2.5}))
    assert "seconds; dashed: the expert" in shown
    assert "the expert" not in "".join(curves_html([row(1)], {}))


def test_a_gymnasium_environment_is_called_by_its_id(tmp_path: Path) -> None:
    report = {**FULL, "task": "gymnasium", "config": {"task": {"id": "Pendulum-v1"}}}
    assert "<h1>Pendulum-v1, seed 1</h1>" in html(tmp_path, report)


def test_moving_mean_looks_back_only() -> None:
    assert moving_mean([1.0, 3.0, 5.0, 7.0], window=2) == [1.0, 2.0, 4.0, 6.0]


def test_numbers_read_naturally() -> None:
    assert [percent(x) for x in (0.0, 0.973, 0.998, 1.0, None)] == ["0%", "97%", "99.8%", "100%", "–"]
    assert [duration(x) for x in (5.72, 754.0, 7500.0)] == ["5.7 s", "12 min 34 s", "2 h 5 min"]


def test_a_filmstrip_refuses_what_is_not_pictures() -> None:
    with pytest.raises(ValueError, match="float64"):
        Filmstrip("x", True, np.zeros((2, 8, 8, 3)))


def test_a_log_file_gets_a_plain_line_now_and_then() -> None:
    out, clock = io.StringIO(), ManualClock()
    with Progress(100, console=Console(file=out), clock=clock) as progress:
        progress.phase("practise")
        for _ in range(100):
            clock.sleep_until(clock.now_s() + 0.125)
            progress.advance(1, success=0.85)
    lines = out.getvalue().splitlines()
    assert "\x1b" not in out.getvalue()
    assert 2 <= len(lines) <= 4
    assert lines[0].startswith("practise  40/100  0:05 elapsed, 0:08 left  success 85%  8/s")


def test_what_was_done_before_is_not_counted_as_speed() -> None:
    out, clock = io.StringIO(), ManualClock()
    with Progress(100, console=Console(file=out), clock=clock) as progress:
        progress.phase("practise", done=60)
        for _ in range(20):
            clock.sleep_until(clock.now_s() + 0.25)
            progress.advance(1)
    assert out.getvalue().splitlines()[0] == "practise  80/100  0:05 elapsed, 0:05 left  4/s"


def test_eighty_columns_show_everything() -> None:
    out = io.StringIO()
    with Progress(20_000, console=Console(file=out, force_terminal=True, width=80, color_system=None)) as progress:
        progress.phase("demonstrations", 20)
        progress.advance(20, success=1.0)
        progress.phase("practice", done=19_000)
        progress.advance(1, success=1.0, help=1.0)
    last = [line for line in out.getvalue().splitlines() if "practice" in line][-1]
    assert "19001/20000 0:00:0" in last and "success 100%  help 100%" in last and "/s" in last and "…" not in last


def test_a_terminal_gets_a_bar() -> None:
    out = io.StringIO()
    with Progress(10, console=Console(file=out, force_terminal=True, width=120)) as progress:
        progress.phase("demos", 2)
        progress.advance(2, success=1.0)
    assert "2/2" in out.getvalue()


def test_quiet_is_silent() -> None:
    out = io.StringIO()
    with Progress(10, quiet=True, console=Console(file=out, force_terminal=True)) as progress:
        progress.phase("demos", 2)
        progress.advance(2)
    assert out.getvalue() == ""

"""The short versions of the benchmarks run and keep their targets."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


NAMES = ["learner", "learning", "replay", "damage", "resume", "crash", "loop", "link", "gate", "lease", "silence"]
ROS = pytest.mark.skipif(find_spec("rclpy") is None, reason="rclpy is not installed: pip install robot_rl[ros]")


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", [*NAMES, pytest.param("ros", marks=ROS)])
def test_the_quick_benchmark_passes(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", f"benchmarks.{name}", "--quick", "--json", str(tmp_path / "figures.json")]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=380)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "PASS" in result.stdout and "FAIL" not in result.stdout
    assert json.loads((tmp_path / "figures.json").read_text())["targets"]


def test_intervals_over_seeds_follow_student_s_table() -> None:
    from benchmarks.learning import ablation_targets, spread

    mean, half = spread([{"success_rate": rate} for rate in (0.2, 0.4, 0.6)])
    assert mean == pytest.approx(0.4) and half == pytest.approx(4.303 * 0.2 / 3**0.5, rel=1e-3)
    arms = {"nothing": 0.0, "demos only": 0.5, "demos + corrections": 0.9, "cloning, same demos and corrections": 0.5}
    tables = {name: [{"success_rate": rate}] * 3 for name, rate in arms.items()}
    verdicts = {name: passed for name, _, _, passed in ablation_targets(tables)}
    assert list(verdicts.values()) == [True, True, False, True]
    uneven = [{"success_rate": rate} for rate in (0.1, 0.5, 0.9)]
    better = [{"success_rate": rate} for rate in (0.2, 0.6, 1.0)]
    compared = ablation_targets(tables | {"demos only": uneven, "demos + corrections": better})
    assert "seed by seed +0.10 ± 0.00" in compared[1][1] and not compared[1][3]

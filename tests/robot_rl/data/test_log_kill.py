"""A writer killed at any moment has lost nothing that it called durable."""

import subprocess
import sys
from pathlib import Path


def test_all_that_was_called_durable_survives_the_kill(tmp_path: Path) -> None:
    """In a process of its own: forking one with threads is not allowed."""
    command = [sys.executable, "-m", "tests.robot_rl.data.killed_writers", str(tmp_path / "log"), "12"]
    result = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True, timeout=200)
    assert result.returncode == 0, result.stderr
    assert "12 kills" in result.stdout

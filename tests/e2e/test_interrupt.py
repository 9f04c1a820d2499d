"""Ctrl-C while the command line still starts up."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
START = """
import os, sys
os.write(1, b".")
from robot_rl.cli import main
sys.exit(main())
"""
"""What the console script does, once the interpreter itself has started: no code of ours runs before."""
WITHIN_EXEC = """
import os, signal, sys
from robot_rl import cli
stop = "os.kill(os.getpid(), signal.SIGINT)\\nfor _ in range(9): pass"
cli._prepared = lambda arguments: (lambda _: exec(stop), None)
sys.exit(cli.main(["check"]))
"""
"""Libraries that make classes do such things while they are imported."""
DELAYS_S = np.linspace(0.02, 0.5, 20)


def interrupted(delay_s: float, number: signal.Signals) -> tuple[int, str]:
    """Exit code and standard error of a verb that gets the signal so long after its start."""
    command = [sys.executable, "-c", START, "check", "task=reach"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout and child.stdout.read(1) == "."
        time.sleep(delay_s)
        child.send_signal(number)
        _, said = child.communicate(timeout=30)
    return child.returncode, said


@pytest.mark.slow
def test_ctrl_c_at_any_moment_of_the_start_is_answered_with_one_line_and_exit_code_130() -> None:
    for k, delay_s in enumerate(DELAYS_S):
        code, said = interrupted(delay_s, (signal.SIGINT, signal.SIGTERM)[k % 2])
        assert code == 130 and said.count("\n") == 1 and said.startswith("robot-rl: interrupted"), (delay_s, said)


def test_an_interrupt_within_an_exec_is_exit_code_130_too(tmp_path: Path) -> None:
    (tmp_path / "verb.py").write_text(WITHIN_EXEC)
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{tmp_path}"}
    done = subprocess.run([sys.executable, "-m", "verb"], env=environment, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr.count("\n")) == (130, 1), done.stderr


def test_the_command_line_imports_little_before_it_listens() -> None:
    script = "import sys; import robot_rl.cli; sys.stdout.write(' '.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    ours = {name for name in loaded.split() if name.startswith("robot_rl")}
    assert ours == {"robot_rl", "robot_rl.cli", "robot_rl.errors"}
    assert not {"numpy", "rich", "hydra", "logging", "subprocess"} & set(loaded.split())

"""A test in real time is carried out again when the machine stood still, and fails when the product is wrong."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TESTS = """
import os, socket, subprocess, sys, time
import pytest
from tests.conftest import *

HERE = [0]
STALL = "import os, signal, sys, time; time.sleep(0.1); pid = int(sys.argv[1]); os.kill(pid, signal.SIGSTOP); "
STALL += "time.sleep(0.3); os.kill(pid, signal.SIGCONT)"


@pytest.fixture
def fresh():
    return []


def stand_still():
    subprocess.run([sys.executable, "-c", STALL, str(os.getpid())], check=True)


@pytest.mark.real_time
def test_stalled_once(fresh):
    fresh.append(1)
    HERE[0] += 1
    left_open = socket.socket()
    if HERE[0] == 1:
        stand_still()
    else:
        left_open.close()
    assert HERE[0] == 2 and fresh == [1]


@pytest.mark.real_time
def test_stalled_and_wrong():
    stand_still()
    assert False


def test_stalled_without_the_mark():
    stand_still()
    assert False
"""


def carried_out(folder: Path, name: str) -> "subprocess.CompletedProcess[str]":
    """One of those, in a pytest of its own."""
    (folder / "test_them.py").write_text(TESTS)
    (folder / "conftest.py").write_text("from tests.conftest import *\n")
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(folder)]
    words = ["-p", "no:cacheprovider", str(folder / "test_them.py"), "-k", name]
    return subprocess.run([*command, *words], cwd=ROOT, capture_output=True, text=True, timeout=100)


def test_a_stall_is_outlasted_with_fixtures_of_its_own_and_told(tmp_path: Path) -> None:
    done = carried_out(tmp_path, "stalled_once")
    assert done.returncode == 0 and done.stdout.count("REPEATED") == 1 and "1 passed" in done.stdout, done.stdout


@pytest.mark.parametrize(("name", "repeated"), [("stalled_and_wrong", 3), ("stalled_without_the_mark", 0)])
def test_what_is_wrong_fails_whatever_the_machine_does(tmp_path: Path, name: str, repeated: int) -> None:
    done = carried_out(tmp_path, name)
    assert done.returncode == 1 and done.stdout.count("REPEATED") == repeated and "1 failed" in done.stdout, done.stdout

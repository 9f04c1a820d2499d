"""The package as ROS 2's build tool makes it: a copy of the tree, built and tested in a folder of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.launch.test_bringup import SCRIPTS

pytest.importorskip("colcon_core", reason="colcon is not installed: pip install 'robot_rl[dev]'")
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
NEEDED = ("robot_rl", "controllers", "sim2real", "web_ui", "launch", "resource", "tests/launch")
FILES = ("pyproject.toml", "setup.py", "setup.cfg", "package.xml", "README.md")


class Workspace:
    """`src/robot_rl` and what colcon makes of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.source = folder / "src" / "robot_rl"
        self.prefix = folder / "install" / "robot_rl"
        for name in NEEDED:
            shutil.copytree(ROOT / name, self.source / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in FILES:
            shutil.copy(ROOT / name, self.source)

    def colcon(self, *words: str) -> str:
        """What it says; it must succeed."""
        return self.run(str(Path(sys.executable).with_name("colcon")), "--log-base", "log", *words)

    def sourced(self, command: str) -> str:
        """What a shell says that has sourced the workspace."""
        return self.run("bash", "-c", f". install/local_setup.bash && cd / && {command}")

    def run(self, *command: str) -> str:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        environment = os.environ | {"PATH": path, "PYTHONPATH": "", "PYTHONWARNINGS": "ignore"}
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=250)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    built = Workspace(tmp_path_factory.mktemp("colcon"))
    assert "Finished <<< robot_rl" in built.colcon("build")
    return built


def test_executables_lie_where_launch_looks_and_run_under_the_users_python(workspace: Workspace) -> None:
    scripts = workspace.prefix / "lib" / "robot_rl"
    assert {path.name for path in scripts.iterdir()} == set(SCRIPTS)
    for script in scripts.iterdir():
        assert script.read_text().startswith("#!/usr/bin/env python3\n") and os.access(script, os.X_OK)


def test_launch_and_parameter_files_are_installed_and_the_package_is_registered(workspace: Workspace) -> None:
    share = workspace.prefix / "share"
    installed = share / "robot_rl" / "launch"
    for path in (ROOT / "launch").rglob("*.*"):
        if "__pycache__" not in path.parts:
            assert (installed / path.relative_to(ROOT / "launch")).read_bytes() == path.read_bytes()
    assert (share / "ament_index" / "resource_index" / "packages" / "robot_rl").exists()
    assert (share / "robot_rl" / "package.xml").exists()


def test_a_sourced_workspace_runs_what_was_installed(workspace: Workspace) -> None:
    place = "from robot_rl.bringup import config_folder; import sys; sys.stdout.write(str(config_folder()))"
    assert workspace.sourced(f'python3 -c "{place}"') == str(workspace.prefix / "share/robot_rl/launch/config")
    assert "up robot takes" in workspace.sourced(f"{workspace.prefix}/lib/robot_rl/robot-rl up robot --show-args")


def test_colcon_test_runs_pytest(workspace: Workspace) -> None:
    workspace.colcon("test", "--return-code-on-test-failure", "--pytest-args", "tests/launch/test_bringup.py")
    summary = workspace.colcon("test-result", "--all", "--verbose")
    found = int(summary.partition("pytest.xml: ")[2].partition(" tests")[0])
    assert found > 10 and " 0 errors, 0 failures" in summary

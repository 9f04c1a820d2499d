"""The launch files: read as they are, and run where ROS 2's launch is installed."""

import ast
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from robot_rl.arguments import ARGUMENTS
from robot_rl.bringup import PROFILE, parts
from tests.launch.test_bringup import CONFIG, FULL
from tests.launch.test_up import ROOT, alive, until

FILES = sorted((ROOT / "launch").glob("*.launch.py"))
RUN = """
import sys
from ros2launch.api.api import launch_a_launch_file

sys.exit(launch_a_launch_file(launch_file_path=sys.argv[1], launch_file_arguments=sys.argv[2:]))
"""
"""What `ros2 launch` does"""


@pytest.fixture
def ros() -> None:
    pytest.importorskip("launch_ros", reason="ROS 2's launch is not installed; it is not on PyPI")


def kind_of(path: Path) -> str:
    return path.name.partition(".")[0]


def test_every_kind_has_its_launch_file() -> None:
    assert {kind_of(path) for path in FILES} == set(ARGUMENTS)


@pytest.mark.parametrize("path", FILES, ids=kind_of)
def test_a_launch_file_describes_its_kind_and_knows_nothing_else(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert len(path.read_text().splitlines()) < 100
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported == {"launch", "robot_rl.launching"}
    (function,) = (node for node in tree.body if isinstance(node, ast.FunctionDef))
    assert function.name == "generate_launch_description"
    assert ast.unparse(function.body[-1]) == f"return describe({kind_of(path)!r})"


@pytest.mark.usefixtures("ros")
@pytest.mark.parametrize("path", FILES, ids=kind_of)
def test_a_launch_file_declares_the_arguments_with_help(path: Path) -> None:
    from launch.launch_description_sources import get_launch_description_from_python_launch_file

    declared = get_launch_description_from_python_launch_file(str(path)).get_launch_arguments()
    assert [argument.name for argument in declared] == [argument.name for argument in ARGUMENTS[kind_of(path)]]
    assert all(argument.description for argument in declared)


@pytest.mark.usefixtures("ros")
@pytest.mark.parametrize("kind", ARGUMENTS)
def test_launch_starts_the_same_commands_as_up(kind: str) -> None:
    from launch import LaunchContext
    from launch.utilities import perform_substitutions

    from robot_rl.launching import declared, started

    context = LaunchContext()
    context.launch_configurations.update(FULL[kind])
    for argument in ARGUMENTS[kind]:
        declared(argument).execute(context)
    for action, part in zip(started(context, kind), parts(kind, FULL[kind]), strict=True):
        words = [perform_substitutions(context, word) for word in action.cmd[1:]]
        assert tuple(words)[: len(part.words(CONFIG))] == part.words(CONFIG)


class Launched:
    """`ros2 launch` of a file, with stand-ins where launch looks for our executables."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.prefix = folder, folder / "prefix"
        (folder / "noted").touch()
        marker = self.prefix / "share/ament_index/resource_index/packages/robot_rl"
        marker.parent.mkdir(parents=True)
        marker.touch()
        (self.prefix / "lib/robot_rl").mkdir(parents=True)

    def executable(self, name: str, manner: str = "good") -> None:
        script = self.prefix / "lib/robot_rl" / name
        script.write_text(
            f'#!/bin/sh\necho "$@ ${PROFILE}" >> {self.folder}/words\n'
            f"exec {sys.executable} -m tests.launch.stand_in part {name} {manner} {self.folder}\n"
        )
        script.chmod(0o755)

    def start(self, file: str, *words: str) -> None:
        environment = os.environ | {
            "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}",
            "AMENT_PREFIX_PATH": str(self.prefix),
            "ROS_LOG_DIR": str(self.folder / "log"),
        }
        with (self.folder / "output").open("w") as file_:
            self.process = subprocess.Popen(
                [sys.executable, "-c", RUN, str(ROOT / "launch" / file), *words],
                cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=file_, stderr=file_,
                start_new_session=True,
            )  # fmt: skip

    def pids(self, name: str = "") -> list[int]:
        noted = (self.folder / "noted").read_text().splitlines()
        return [int(line.split()[2]) for line in noted if line.startswith(name) and " pid " in line]

    def ready(self, count: int, name: str = "") -> None:
        until(lambda: len(self.pids(name)) >= count)

    def gone(self) -> bool:
        return not [pid for pid in self.pids() if alive(pid)]

    def said(self) -> str:
        return (self.folder / "output").read_text()


@pytest.fixture
def launched(ros: None, tmp_path: Path) -> Iterator[Launched]:
    running = Launched(tmp_path)
    nodes = ("sim_node", "arm_node", "gripper_node", "camera_node", "teleop_node", "recorder_node", "calibration_node")
    for name in (*nodes, "robot-rl"):
        running.executable(name)
    yield running
    if running.process.poll() is None:
        running.process.kill()
    running.process.wait()
    until(running.gone)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_outlives_launch(launched: Launched, number: signal.Signals) -> None:
    launched.start("sim.launch.py", "teleop:=gamepad")
    launched.ready(2)
    launched.process.send_signal(number)
    launched.process.wait(timeout=30)
    until(launched.gone)


def test_launch_starts_a_camera_again_and_ends_with_its_arm(launched: Launched) -> None:
    launched.start("robot.launch.py", "robot:=ur", "address:=10.0.0.1", "cameras:=wrist=opencv:0")
    launched.ready(3)
    os.kill(launched.pids("camera_node")[0], signal.SIGKILL)
    launched.ready(2, "camera_node")
    os.kill(launched.pids("arm_node")[0], signal.SIGKILL)
    launched.process.wait(timeout=30)
    assert launched.gone() and len(launched.pids("arm_node")) == 1
    assert "Caught exception" not in launched.said()


def test_launch_ends_with_a_part_whose_settings_cannot_be_used(launched: Launched) -> None:
    launched.executable("recorder_node", "unusable")
    launched.start("sim.launch.py", "record:=/proc/nope")
    launched.process.wait(timeout=30)
    assert launched.gone() and launched.said().count("error: out=/proc/nope") == 1


def test_launch_sets_the_profile_and_tells_of_a_misspelt_argument(launched: Launched) -> None:
    launched.start("sim.launch.py", "namspace:=left")
    launched.ready(1)
    launched.process.send_signal(signal.SIGINT)
    launched.process.wait(timeout=30)
    assert str(CONFIG / "fastdds.xml") in (launched.folder / "words").read_text()
    assert "did you mean namespace?" in launched.said()


def test_launch_refuses_in_one_line_what_cannot_be(launched: Launched) -> None:
    launched.start("sim.launch.py", "web:=true")
    assert launched.process.wait(timeout=30) == 1
    assert "there is no operator's page yet" in launched.said() and not launched.pids()

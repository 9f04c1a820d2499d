"""A demonstration recorded in lockstep, repeated through topics in real time: every part in a process of its own."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped
from std_msgs.msg import String

from robot_rl.compose import load_config
from robot_rl.jobs.demonstrate import record
from robot_rl.jobs.repeat import SAME_M
from robot_rl.ros import qos
from tests.robot_rl.ros.graph import Process, parameters, until
from tests.robot_rl.ros.listening import Listener, listener

MEASURED = re.compile(r"(\d+) of (\d+) steps repeated, (.*); the gate changed (\d+);.* largest (.*) mm, rms (.*) mm")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.real_time]


def recorded(folder: Path, task: str) -> Path:
    record(load_config([f"task={task}", "human.demos=1", f"out={folder}/run"]))
    return folder / "run" / "demos"


@pytest.fixture(scope="module")
def reach(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded(tmp_path_factory.mktemp("reach"), "reach")


@pytest.fixture(scope="module")
def pick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds of motion, with the gripper"""
    return recorded(tmp_path_factory.mktemp("pick"), "pick_cube")


@pytest.fixture
def node(domain: int) -> Iterator[Listener]:
    with listener(domain) as node:
        yield node


def replay(demos: Path, *words: str) -> Process:
    return Process("-m", "robot_rl.cli", "replay", "robot=ros", f"demos={demos}", *words)


def test_a_recorded_episode_is_repeated_by_an_arm_behind_topics(domain: int, reach: Path) -> None:
    code, output = Process("-m", "robot_rl.cli", "up", "replay", f"demos:={reach}", "episode:=0").end(60.0)
    assert code == 0, output
    found = MEASURED.search(output)
    assert found, output
    steps, of, _, _, largest_mm, rms_mm = found.groups()
    assert int(of) - 1 <= int(steps) <= int(of), "a success may come a step earlier"
    assert 0.0 < float(rms_mm) <= float(largest_mm) <= SAME_M * 1e3


@pytest.fixture
def sim(request: pytest.FixtureRequest, node: Listener) -> Iterator[Process]:
    process = Process("-m", "robot_rl.ros.sim_node", *parameters(*request.param))
    yield process
    code, output = process.stop()
    assert code == 0, output


@pytest.mark.parametrize("sim", [("task.name:=pick_cube",)], indirect=True)
def test_ctrl_c_in_the_middle_leaves_an_arm_that_holds_and_belongs_to_nobody(
    sim: Process, node: Listener, pick: Path
) -> None:
    states = node.hear(String, "arm/state", qos.LATCHED)
    client = replay(pick, "task=pick_cube")
    assert until(lambda: states and json.loads(states[-1].data)["state"] == "policy", 40.0), client.stop()
    code, output = client.stop()
    assert code == 130 and re.search(r"\d+ of \d+ steps repeated, then interrupted; the arm holds", output), output
    assert "Traceback" not in output

    def left() -> bool:
        view = json.loads(states[-1].data)
        return view["state"] == "hold" and not view["holder"]

    assert until(left), states[-1]


@pytest.mark.parametrize("sim", [("task.name:=reach", "robot.model:=ur5e")], indirect=True)
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("task=reach",), "the arm has 6 joints, the recorded one 7"),
        (("task=pick_cube",), "recorded with task=reach, this is task=pick_cube"),
    ],
)
def test_what_does_not_fit_the_record_moves_nothing(
    sim: Process, node: Listener, reach: Path, words: tuple[str, ...], said: str
) -> None:
    poses = node.hear(PoseStamped, "current_pose")
    assert until(lambda: poses, 30.0)
    code, output = replay(reach, *words).end(40.0)
    assert code == 2 and said in output and output.count("\n") == 1, output
    seen = len(poses)
    assert until(lambda: len(poses) > seen + 20)
    heights = [pose.pose.position.z for pose in poses]
    assert np.ptp(heights) < 1e-4, "the arm has stayed where it was"

"""A person at a device over real DDS, every part in a process of its own; the person is a script."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped
from std_msgs.msg import String

from robot_rl.data.demos import DemoStore
from robot_rl.data.log import read_frames
from robot_rl.processes import free_port
from robot_rl.ros import qos
from robot_rl.types import Frame, Source
from tests.robot_rl.ros.graph import Process, parameters, until
from tests.robot_rl.ros.listening import Listener, listener

SMALL = [
    "human.demos=1",
    "learner.hidden=[32,32]",
    "learner.critics=2",
    "learner.batch_size=64",
    "learner.utd=1",
    "learner.actor_every=1",
    "learner.bc_steps=100",
    "learner.start_steps=20",
]
START_S, WORK_S = 60.0, 30.0
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.real_time]


class Cell:
    """A simulated cell with a person beside it."""

    def __init__(self, node: Listener) -> None:
        self.states = node.hear(String, "arm/state", qos.LATCHED)
        self.poses = node.hear(PoseStamped, "current_pose")
        self.sim = Process("-m", "robot_rl.ros.sim_node", *parameters("task.name:=reach"))
        self.person = Process("-m", "tests.robot_rl.ros.fake_person")
        self._verbs: list[Process] = []

    def run(self, *words: str) -> Process:
        self._verbs.append(Process("-m", "robot_rl.cli", *words, "robot=ros", "task=reach"))
        return self._verbs[-1]

    def state(self) -> dict[str, Any]:
        return json.loads(self.states[-1].data) if self.states else {"state": "", "holder": "", "why": ""}

    def here_m(self) -> np.ndarray:
        at = self.poses[-1].pose.position
        return np.array([at.x, at.y, at.z])

    def stop(self) -> None:
        for process in (*self._verbs, self.person, self.sim):
            process.stop()


@pytest.fixture
def cell(domain: int) -> Iterator[Cell]:
    with listener(domain) as node:
        made = Cell(node)
        yield made
        made.stop()


def test_a_person_shows_the_task_from_the_first_motion_to_success(cell: Cell, tmp_path: Path) -> None:
    record = cell.run("demos", "record", "human=teleop", "human.demos=1", f"out={tmp_path}")
    assert until(lambda: cell.state()["holder"] == "actor", START_S), record.stop()
    cell.person.order("push")
    code, output = record.end(WORK_S)
    assert code == 0 and "1 demonstrations of 1 tries" in output, output
    store = DemoStore(tmp_path / "demos")
    (episode,) = store.kept()
    assert set(episode.sources) == {Source.HUMAN} and store.rows[0].usable
    assert np.abs(episode.actions[0]).max() > 0.1, "it begins with a motion"


def test_the_actor_learns_from_a_person_who_shows_the_task_corrects_and_lets_go(cell: Cell, tmp_path: Path) -> None:
    words = [*SMALL, "human=teleop", f"link.address=127.0.0.1:{free_port()}"]
    learner = cell.run("learner", *words, f"out={tmp_path}/learner")
    actor = cell.run("actor", *words, f"out={tmp_path}/actor")
    assert until(lambda: cell.state()["holder"] == "actor", START_S), actor.stop()
    cell.person.order("push")
    practised = Practised(tmp_path / "actor" / "practice")
    assert until(lambda: Source.HUMAN in practised.sources(), START_S), actor.stop()
    cell.person.order("rest")
    assert until(lambda: practised.sources()[-5:] == [Source.POLICY] * 5, WORK_S), actor.stop()
    assert actor.stop()[0] == 130 and learner.child.poll() is None
    assert {f.transition.source for f in practised.frames() if f.transition and f.demo_set} == {Source.HUMAN}


class Practised:
    """The log of an actor, while it is written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def frames(self) -> list[Frame]:
        return list(read_frames(self._folder)) if any(self._folder.glob("*.mcap")) else []

    def sources(self) -> list[Source]:
        """Of the steps of practice"""
        return [f.transition.source for f in self.frames() if f.transition and not f.demo_set]


def test_the_arm_moves_while_the_device_is_deflected_and_holds_while_it_is_not(cell: Cell) -> None:
    teleop = cell.run("teleop")
    assert until(lambda: resting(cell), START_S), teleop.stop()
    cell.person.order("push")  # nobody has laid out a scene: the person pushes towards base x
    assert until(lambda: cell.state()["state"] == "human"), teleop.stop()
    before_m = cell.here_m()
    assert until(lambda: cell.here_m()[0] > before_m[0] + 0.03), teleop.stop()
    cell.person.order("rest")
    assert until(lambda: resting(cell)) and still(cell), cell.state()
    assert abs(cell.here_m()[1] - before_m[1]) < 0.005
    code, output = teleop.stop()
    assert code == 0 and "the arm holds" in output and "Traceback" not in output, output
    assert until(lambda: not cell.state()["holder"]) and cell.state()["state"] == "hold"


@pytest.mark.parametrize("who", ["device", "verb"])
def test_a_device_or_a_verb_that_is_killed_in_motion_leaves_an_arm_at_rest(cell: Cell, who: str) -> None:
    teleop = cell.run("teleop")
    assert until(lambda: resting(cell), START_S), teleop.stop()
    before_m = cell.here_m()
    cell.person.order("push")
    assert until(lambda: cell.here_m()[0] > before_m[0] + 0.02), teleop.stop()
    (cell.person if who == "device" else teleop).tell(signal.SIGKILL)
    assert until(lambda: cell.state()["state"] == "hold", 5.0) and still(cell), cell.state()
    assert who == "verb" or cell.state()["holder"] == "teleop"


def resting(cell: Cell) -> bool:
    state = cell.state()
    return (state["state"], state["holder"], state["why"]) == ("hold", "teleop", "hands are off")


def still(cell: Cell) -> bool:
    """Whether the arm comes to rest and stays there."""

    def rests() -> bool:
        seen = len(cell.poses)
        return until(lambda: len(cell.poses) > seen + 20) and spread_m(cell.poses[-20:]) < 0.0005

    return until(rests, 5.0)


def spread_m(poses: list[PoseStamped]) -> float:
    return float(np.ptp([[p.pose.position.x, p.pose.position.y, p.pose.position.z] for p in poses], axis=0).max())

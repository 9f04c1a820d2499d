"""Practice over real DDS, every part in a process of its own: it learns, and whoever dies, the arm comes to rest."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from geometry_msgs.msg import TwistStamped
from std_msgs.msg import String

from robot_rl import load_policy
from robot_rl.data.log import read_frames
from robot_rl.processes import free_port
from robot_rl.ros import qos
from tests.robot_rl.ros.graph import Process, parameters, until
from tests.robot_rl.ros.listening import Listener, listener

SMALL = [
    "task=reach",
    "robot=ros",
    "human.demos=2",
    "learner.hidden=[32,32]",
    "learner.critics=2",
    "learner.batch_size=64",
    "learner.utd=1",
    "learner.actor_every=1",
    "learner.bc_steps=200",
    "learner.start_steps=20",
]
MOVING = ("policy", "human", "reset")
AT_REST_M_S = 0.002
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.real_time]


class Crew:
    """A simulated cell, an actor and a learner."""

    def __init__(self, folder: Path, node: Listener, env_steps: int) -> None:
        self.folder = folder
        self._settings = [*SMALL, f"learner.env_steps={env_steps}", f"link.address=127.0.0.1:{free_port()}"]
        self.states = node.hear(String, "arm/state", qos.LATCHED)
        self.twists = node.hear(TwistStamped, "current_twist")
        self.parts = {
            "sim": Process("-m", "robot_rl.ros.sim_node", *parameters("task.name:=reach")),
            "learner": self._start("learner"),
            "actor": self._start("actor"),
        }

    def _start(self, verb: str) -> Process:
        return Process("-m", "robot_rl.cli", verb, *self._settings, f"out={self.folder / verb}")

    def state(self) -> dict[str, Any]:
        return json.loads(self.states[-1].data) if self.states else {"state": ""}

    def speed_m_s(self) -> float:
        linear = self.twists[-1].twist.linear
        return float(np.linalg.norm([linear.x, linear.y, linear.z]))

    def practised(self) -> int:
        log = self.folder / "actor" / "practice"
        if not any(log.glob("*.mcap")):
            return 0
        return sum(frame.transition is not None and not frame.demo_set for frame in read_frames(log))

    def await_motion(self) -> None:
        """Until practice has begun and the arm moves."""
        moving = until(lambda: self.practised() > 3 and self.state()["state"] in MOVING, 90.0)
        assert moving and until(lambda: self.speed_m_s() > 10 * AT_REST_M_S, 30.0), self.stop()

    def at_rest(self, bound_s: float = 5.0) -> bool:
        """Whether the arm comes to rest and stays there."""

        def still() -> bool:
            seen = len(self.twists)
            return until(lambda: len(self.twists) > seen + 20, 5.0) and all(
                np.linalg.norm([t.twist.linear.x, t.twist.linear.y, t.twist.linear.z]) < AT_REST_M_S
                for t in self.twists[-20:]
            )

        return until(still, bound_s)

    def stop(self) -> dict[str, tuple[int, str]]:
        """Exit code and output of each, the actor first."""
        return {name: self.parts[name].stop() for name in ("actor", "learner", "sim")}


@pytest.fixture
def crew(domain: int, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Crew]:
    with listener(domain) as node:
        made = Crew(tmp_path, node, getattr(request, "param", 100_000))
        yield made
        made.stop()


@pytest.mark.parametrize("crew", [60], indirect=True)
def test_actor_and_learner_train_on_an_arm_that_is_reached_through_topics(crew: Crew) -> None:
    assert crew.parts["actor"].end(150.0)[0] == 0
    assert crew.parts["learner"].end(30.0)[0] == 0
    sent, received = (list(read_frames(crew.folder / log)) for log in ("actor/practice", "learner/received"))
    assert len(sent) == len(received) and crew.practised() >= 60
    steps = [frame.transition for frame in sent if frame.transition and not frame.demo_set]
    assert len({step.policy_version for step in steps}) > 1, "what was learnt came back and acted"
    assert load_policy(crew.folder / "learner" / "policy").meta.task == "reach"
    code, output = crew.parts["sim"].stop()
    assert code == 0, output


def test_an_actor_that_is_killed_leaves_an_arm_at_rest(crew: Crew) -> None:
    crew.await_motion()
    crew.parts["actor"].tell(signal.SIGKILL)
    assert until(lambda: crew.state()["state"] not in MOVING), crew.state()
    assert crew.at_rest()
    assert crew.parts["learner"].child.poll() is None and crew.parts["sim"].child.poll() is None


def test_without_its_learner_practice_goes_on_and_nothing_is_lost(crew: Crew) -> None:
    crew.await_motion()
    crew.parts["learner"].tell(signal.SIGKILL)
    before = crew.practised()
    assert until(lambda: crew.practised() > before + 10, 60.0)
    code, output = crew.parts["actor"].stop()
    assert code == 130, output
    numbers = [frame.sequence for frame in read_frames(crew.folder / "actor" / "practice")]
    assert numbers == list(range(len(numbers)))


def test_when_the_arm_s_node_dies_the_actor_ends_and_says_so(crew: Crew) -> None:
    crew.await_motion()
    crew.parts["sim"].tell(signal.SIGKILL)
    code, output = crew.parts["actor"].end(60.0)
    assert code == 1 and "arm" in output.strip().splitlines()[-1], output
    assert crew.parts["learner"].child.poll() is None

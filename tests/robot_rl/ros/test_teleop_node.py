"""The node of a person's device over real DDS; the device is a pseudo-terminal."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import TwistStamped
from sensor_msgs.msg import Joy

from robot_rl.drivers.gamepad import AXIS, BUTTON, LEFT_Y
from tests.robot_rl.drivers.test_gamepad import Bench, event, opening
from tests.robot_rl.ros.graph import Process, until
from tests.robot_rl.ros.graph import parameters as command_line
from tests.robot_rl.ros.listening import Listener, listener

BOUND_S = 20.0


class Plug:
    """A path where a gamepad can be plugged in and out."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.plug_in()

    def plug_in(self) -> None:
        self.pad = Bench()
        self.pad.send(opening())
        self.path.symlink_to(self.pad.path)

    def unplug(self) -> None:
        self.path.unlink(missing_ok=True)
        self.pad.unplug()


@pytest.fixture
def plug(tmp_path: Path) -> Iterator[Plug]:
    plug = Plug(tmp_path / "js0")
    yield plug
    plug.unplug()


@pytest.fixture
def ear(domain: int) -> Iterator[Listener]:
    with listener(domain) as ear:
        ear.hear(TwistStamped, "teleop/twist")
        ear.hear(Joy, "teleop/joy")
        yield ear


@pytest.fixture
def start(domain: int) -> Iterator[Callable[..., Process]]:
    started: list[Process] = []

    def start(**parameters: object) -> Process:
        words = command_line(*(f"{key}:={value}" for key, value in parameters.items()))
        started.append(Process("-m", "robot_rl.ros.teleop_node", *words))
        return started[-1]

    yield start
    for process in started:
        process.stop()


def ready(ear: Listener) -> bool:
    status = ear.health_of("gamepad")
    return status is not None and status.level == DiagnosticStatus.OK


def test_a_deflection_comes_all_the_time_and_its_release_once(plug: Plug, ear: Listener, start) -> None:
    start(device="gamepad", path=plug.path)
    twists, joys = ear.heard["teleop/twist"], ear.heard["teleop/joy"]
    assert until(lambda: ready(ear), BOUND_S)
    assert not twists, "a released device asks for nothing"
    plug.pad.send(event(AXIS, LEFT_Y, -32767))
    assert until(lambda: len(twists) > 20, BOUND_S)
    assert {message.twist.linear.x for message in twists} == {1.0}
    assert twists[0].header.frame_id == "base"
    plug.pad.send(event(AXIS, LEFT_Y, 0))
    assert until(lambda: twists[-1].twist.linear.x == 0.0, BOUND_S)
    plug.pad.send(event(BUTTON, 0, 1))
    assert until(lambda: joys and joys[-1].buttons[0] == 1, BOUND_S)
    assert [message.twist.linear.x for message in twists].count(0.0) == 1


def test_nothing_comes_from_an_unplugged_device_until_it_is_back(plug: Plug, ear: Listener, start) -> None:
    start(device="gamepad", path=plug.path)
    twists = ear.heard["teleop/twist"]
    assert until(lambda: ready(ear), BOUND_S)
    plug.pad.send(event(AXIS, LEFT_Y, -32767))
    assert until(lambda: twists, BOUND_S)
    plug.unplug()
    assert until(lambda: ear.health_of("gamepad").level == DiagnosticStatus.ERROR, BOUND_S)
    before, told = len(twists), len(ear.heard["diagnostics"])
    assert until(lambda: len(ear.heard["diagnostics"]) > told + 1, BOUND_S)
    assert len(twists) == before and {message.twist.linear.x for message in twists} == {1.0}
    plug.plug_in()
    assert until(lambda: ready(ear) and ear.number("gamepad", "losses") == 1, BOUND_S)
    assert len(twists) == before
    plug.pad.send(event(AXIS, LEFT_Y, 32767))
    assert until(lambda: twists[-1].twist.linear.x == -1.0, BOUND_S)


@pytest.mark.parametrize(
    ("parameters", "code", "said"),
    [
        ({"device": "gamepd"}, 2, "no device 'gamepd' to move an arm with; did you mean gamepad?"),
        ({"device": "gamepad", "path": "/dev/input/js97"}, 1, "/dev/input/js97 cannot be opened"),
        ({"device": "spacemouse", "path": "/dev/null", "dead_band": 0.9}, 2, "dead-band 0.9"),
    ],
)
def test_what_cannot_be_opened_says_why_in_one_line_and_ends_with_a_code(start, parameters, code, said) -> None:
    found, output = start(**parameters).end()
    assert found == code and output.count(said) == 1 and "Traceback" not in output

"""Moving a simulated arm by hand, in lockstep; the hand is a script."""

import logging
import math
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import pytest

from controllers.pose import Pose, rotation_between_rad
from controllers.records import Verdict
from robot_rl.compose import load_config
from robot_rl.devices import Devices
from robot_rl.errors import ConfigError, StaleError
from robot_rl.jobs.teleoperate import Teleoperation, teleop
from robot_rl.make import open_devices
from robot_rl.operator import View
from robot_rl.tasks import make_task
from robot_rl.tasks.base import Reading
from robot_rl.types import Float32

PERIOD_S = 0.1
Act = Callable[[Devices], None]


class Hand:
    """Does one thing after the other, then ends the session; in between it notes where the tool is."""

    def __init__(self, script: Iterable[list[float] | Act | None]) -> None:
        self._script = iter(script)
        self.devices: Devices
        self.tools: list[Pose] = []
        self.states: list[str] = []
        self.begun = 0

    def new_episode(self) -> None:
        self.begun += 1

    def choose(self, reading: Reading) -> Float32 | None:
        self.tools.append(reading.arm.tcp)
        self.states.append(self.devices.port.view().state.value)
        for step in self._script:
            if not callable(step):
                return None if step is None else np.array(step, np.float32)
            step(self.devices)
        raise KeyboardInterrupt


def moved(task: str, *script: list[float] | Act | None) -> Hand:
    config = load_config([f"task={task}"])
    made, hand = make_task(config.task), Hand(script)
    hand.devices = open_devices(config, made, False)
    session = Teleoperation(hand.devices, hand, made.action, PERIOD_S)
    try:
        session.run()
    except KeyboardInterrupt:
        session.close()
    return hand


def way_m(hand: Hand, start: int, end: int) -> np.ndarray:
    return hand.tools[end].position_m - hand.tools[start].position_m


def test_the_arm_moves_with_the_hand_and_holds_without_it() -> None:
    hand = moved("reach", *[None] * 5, *[[0.5, 0, 0]] * 5, *[[0.0, 0, 0]] * 5, *[None] * 10)
    assert np.linalg.norm(way_m(hand, 0, 5)) < 1e-3 < 0.02 < abs(way_m(hand, 5, 11)[0])
    assert np.linalg.norm(way_m(hand, 15, 25)) < 1e-3
    assert hand.states[1:6] == ["hold"] * 5 and hand.states[6:16] == ["human"] * 10 and hand.states[17] == "hold"
    view = hand.devices.port.view()
    assert (view.state.value, view.holder) == ("hold", "")


def test_a_push_does_not_turn_the_tool_and_a_turn_does_not_move_it() -> None:
    push, turn = [0.3, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0.3]
    hand = moved("board", *[push] * 8, *[[0.0] * 6] * 10, *[turn] * 8, *[[0.0] * 6] * 10)
    assert abs(way_m(hand, 0, 8)[0]) > 0.05 and turned_deg(hand, 0, 18) < 1.0
    assert turned_deg(hand, 18, 28) > 10.0 and np.linalg.norm(way_m(hand, 20, -1)) < 0.003


def test_what_a_task_does_not_drive_stays_as_it_was() -> None:
    hand = moved("reach", *[[0.5, 0.5, 0.0]] * 10, *[[0.0, 0, 0]] * 5)
    assert turned_deg(hand, 0, -1) < 0.5


def turned_deg(hand: Hand, start: int, end: int) -> float:
    return math.degrees(rotation_between_rad(hand.tools[start].quat_wxyz, hand.tools[end].quat_wxyz))


def test_an_arm_that_somebody_else_holds_is_not_moved_until_it_is_armed_anew(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        hand = moved(
            "reach", None, lambda d: d.port.hold("ann", "wait"), None, None, [1.0, 0, 0],
            lambda d: d.port.hold("ann", "stop it"), [1.0, 0, 0], [1.0, 0, 0],
        )  # fmt: skip
    assert hand.begun == 3
    told = [record.message for record in caplog.records if "out of hand" in record.message]
    assert len(told) == 2 and "ann" in told[0] and "wait" in told[0]
    assert "stop it" in told[1]


def test_a_late_answer_before_it_may_move_is_said_and_asked_for_again(caplog: pytest.LogCaptureFixture) -> None:
    config = load_config(["task=reach"])
    task, hand = make_task(config.task), Hand([None])
    devices = hand.devices = open_devices(config, task, False)
    answer = devices.port.view

    def late() -> View:
        devices.port.view = answer  # type: ignore[method-assign]
        raise StaleError("no answer")

    devices.port.view = late  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        Teleoperation(devices, hand, task.action, PERIOD_S).run()
    assert hand.begun == 1 and "no answer" in caplog.text


def test_a_command_that_the_gate_refuses_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    def refuse(devices: Devices) -> None:
        devices.arm.command = lambda _: Verdict(devices.arm.read().tcp, ("box",), True, why="outside")  # type: ignore

    moved("reach", refuse, *[[0.5, 0.0, 0.0]] * 4)
    assert [record.message for record in caplog.records if "not obeyed" in record.message] == ["not obeyed: outside"]


def test_an_old_reading_moves_nothing(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    config = load_config(["task=reach"])
    task, hand = make_task(config.task), Hand([[1.0, 0, 0]] * 3)
    devices = hand.devices = open_devices(config, task, False)
    session = Teleoperation(devices, hand, task.action, PERIOD_S)
    session._pilot.begin()
    state = devices.arm.read()
    monkeypatch.setattr(devices.arm, "read", lambda: replace(state, stamp_s=state.stamp_s - 0.2))
    with pytest.raises(StaleError, match=r"0.200 s old"):
        session._period()
    assert not hand.tools


def test_the_gripper_follows_the_buttons() -> None:
    closing: list[bool] = []

    def look(devices: Devices) -> None:
        assert devices.gripper
        closing.append(devices.gripper.read().closing)

    close, stay, open_ = ([0.0, 0.0, 0.1, grip] for grip in (-1.0, 0.0, 1.0))
    moved("pick_cube", stay, look, close, look, stay, look, open_, look)
    assert closing == [False, True, True, False]


def test_without_topics_there_is_no_device() -> None:
    with pytest.raises(ConfigError, match="use robot=ros"):
        teleop(load_config(["task=reach"]))

"""Which devices an environment gets, and that it gives all of them back."""

import sys
from dataclasses import replace
from types import ModuleType

import pytest

from robot_rl.compose import load_config
from robot_rl.config import Config
from robot_rl.devices import Devices
from robot_rl.errors import ConfigError, HardwareError
from robot_rl.make import make_env, open_devices
from robot_rl.tasks.base import Task

ROS = "robot_rl.ros.devices"


def by_driver(driver: str) -> Config:
    config = load_config(["task=pick_cube"])
    return replace(config, robot=replace(config.robot, driver=driver))


def test_an_unknown_driver_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match=r"robot\.driver='rso'.*ros"):
        make_env(by_driver("rso"))


def test_the_driver_ros_is_looked_for_by_name_and_its_devices_make_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closed: list[str] = []
    asked: list[str] = []

    def opened(config: Config, task: Task) -> Devices:
        asked.append(task.name)
        return replace(open_devices(by_driver("sim"), task), close=lambda: closed.append("rest"))

    module = ModuleType(ROS)
    module.open_devices = opened  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, ROS, module)
    env = make_env(by_driver("ros"))
    assert asked == ["pick_cube"] and env.gripper is not None
    env.reset(seed=0)
    env.close()
    assert closed == ["rest"]


def test_without_ros_the_driver_ros_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, ROS, None)
    with pytest.raises(ConfigError, match=r"needs ROS 2 .*robot_rl\[ros\]"):
        make_env(by_driver("ros"))


def test_a_device_that_does_not_close_does_not_keep_the_rest_open(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []
    env = make_env(by_driver("sim"))
    env._on_close = lambda: closed.append("rest")

    def broken() -> None:
        raise HardwareError("its plug is out")

    monkeypatch.setattr(env.arm, "close", broken)
    with pytest.raises(HardwareError, match="plug"):
        env.close()
    assert closed == ["rest"]

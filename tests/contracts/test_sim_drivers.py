import numpy as np
import pytest

from robot_rl.clock import Clock
from robot_rl.compose import load_config
from robot_rl.drivers.sim import SimCamera
from robot_rl.errors import ConfigError, HardwareError
from robot_rl.hardware import Arm
from robot_rl.make import make_env
from tests.contracts.arm import ArmContract


class TestSimulatedPanda(ArmContract):
    robot = "panda"

    def open(self) -> tuple[Arm, Clock]:
        env = make_env(load_config(["task=reach", f"robot={self.robot}"]))
        return env.arm, env.clock


class TestSimulatedUr5e(TestSimulatedPanda):
    robot = "ur5e"


def test_the_gripper_closes_opens_and_reports_it() -> None:
    env = make_env(load_config(["task=pick_cube"]))
    env.reset(seed=0)
    gripper, clock = env.gripper, env.clock
    assert gripper is not None and gripper.read().width_m > 0.075 and not gripper.read().closing
    for _ in range(2):
        gripper.command(closing=True)
    assert gripper.read().closing
    clock.sleep_until(clock.now_s() + 1.2)
    assert gripper.read().width_m < 0.005
    gripper.command(closing=False)
    clock.sleep_until(clock.now_s() + 1.2)
    assert gripper.read().width_m > 0.075
    gripper.close()
    gripper.close()
    with pytest.raises(HardwareError):
        gripper.read()


def test_the_camera_gives_fresh_rgb_frames_with_growing_sequence() -> None:
    env = make_env(load_config(["task=reach"]))
    env.reset(seed=0)
    camera = SimCamera(env.scene.world, "wrist", 48, 64)
    first = camera.read()
    assert camera.read().sequence == first.sequence
    env.step(np.array([1, 1, 0], np.float32))
    second = camera.read()
    assert first.image.shape == (48, 64, 3) and first.image.dtype == np.uint8
    assert second.sequence > first.sequence and second.stamp_s > first.stamp_s
    assert not np.array_equal(first.image, second.image)
    camera.close()
    with pytest.raises(HardwareError):
        camera.read()


def test_an_unknown_camera_is_named_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"'fornt'.*side, wrist"):
        make_env(load_config(["task=reach", "robot.cameras=[fornt]"]))

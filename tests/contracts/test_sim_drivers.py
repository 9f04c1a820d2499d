import numpy as np
import pytest

from robot_rl.clock import Clock
from robot_rl.compose import load_config
from robot_rl.drivers.sim import SimCamera
from robot_rl.errors import ConfigError, HardwareError
from robot_rl.hardware import Arm, Camera, Gripper
from robot_rl.make import make_env
from robot_rl.operator import Pilot
from tests.contracts.arm import ArmContract
from tests.contracts.camera import CameraContract
from tests.contracts.gripper import GripperContract


class TestSimulatedPanda(ArmContract):
    robot = "panda"

    def open(self) -> tuple[Arm, Clock, Pilot]:
        env = make_env(load_config(["task=reach", f"robot={self.robot}"]))
        return env.arm, env.clock, env.pilot


class TestSimulatedUr5e(TestSimulatedPanda):
    robot = "ur5e"


class TestSimulatedGripper(GripperContract):
    def open(self) -> tuple[Gripper, Clock]:
        env = make_env(load_config(["task=pick_cube"]))
        env.reset(seed=0)
        assert env.gripper is not None
        return env.gripper, env.clock


class TestSimulatedCamera(CameraContract):
    def open(self) -> tuple[Camera, Clock]:
        env = make_env(load_config(["task=reach"]))
        env.reset(seed=0)
        return SimCamera(env.scene.world, "side", 48, 64), env.clock


def test_an_unknown_camera_is_named_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"'fornt'.*side, wrist"):
        make_env(load_config(["task=reach", "robot.cameras=[fornt]"]))


def test_a_latched_fault_of_the_arm_s_loop_ends_the_episode_and_the_next_reset_clears_it() -> None:
    env = make_env(load_config(["task=reach"]))
    env.reset(seed=0)
    env.step(np.ones(3, np.float32))
    env.scene.world.loop.tick(np.full(7, np.nan), np.zeros(7), 0.0, env.clock.now_s())
    _, reward, terminated, truncated, info = env.step(np.ones(3, np.float32))
    assert (reward, terminated, truncated) == (0.0, True, False) and "not finite" in info["stopped"]
    with pytest.raises(HardwareError, match="reset"):
        env.step(np.ones(3, np.float32))
    env.reset(seed=1)
    assert env.arm.fault == "" and not env.step(np.ones(3, np.float32))[2]

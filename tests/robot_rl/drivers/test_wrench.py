"""What pushes on the tool is told in the tool's frame by every driver, however the tool is turned.

A wrench that is known in base axes at the tool point is told as the vendor would tell it. (Behind ros2_control the
sender turns it: tests/robot_rl/ros/test_control.py.)
"""

import mujoco
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.kinematics import ArmModel
from controllers.models import arm_limits, arm_spec, home_q
from controllers.pose import quat_conj, quat_from_rotvec, quat_rotate
from robot_rl.clock import ManualClock
from robot_rl.compose import load_config
from robot_rl.drivers.franka import FrankaMotors
from robot_rl.drivers.sim_motors import SceneMotors
from robot_rl.sim_parts import build_parts
from robot_rl.tasks import make_task
from tests.robot_rl.drivers.fake_franky import SDK
from tests.robot_rl.drivers.fake_ur import Ur, motors_of

FORCE_N, TORQUE_NM = np.array([3.0, -7.0, 11.0]), np.array([0.4, 0.2, -0.9])
TURN_RAD = st.lists(st.floats(-0.6, 0.6), min_size=7, max_size=7)


def model_at(name: str, q_rad: np.ndarray, site: str = "tcp") -> ArmModel:
    model = ArmModel(arm_spec(name).compile(), len(q_rad), site)
    model.update(q_rad, 0.0 * q_rad)
    return model


def in_tool(tool: ArmModel) -> np.ndarray:
    """(6,) the known wrench, tool frame."""
    to_tool = quat_conj(tool.tcp_quat_wxyz())
    return np.concatenate((quat_rotate(to_tool, FORCE_N), quat_rotate(to_tool, TORQUE_NM)))


@given(TURN_RAD)
@settings(max_examples=20, deadline=None)
def test_a_ur_s_wrench_is_turned_from_base_axes_and_moved_from_the_flange(turn_rad: list[float]) -> None:
    q_rad = home_q("ur5e") + np.array(turn_rad[:6])
    tool, flange = model_at("ur5e", q_rad), model_at("ur5e", q_rad, "flange")
    about_flange = TORQUE_NM + np.cross(tool.tcp_position_m() - flange.tcp_position_m(), FORCE_N)
    motors = motors_of(Ur(q_rad, [*FORCE_N, *about_flange]), ManualClock(1.0))
    np.testing.assert_allclose(motors.read().wrench, in_tool(tool), atol=1e-9)


@given(TURN_RAD, st.lists(st.floats(-1.5, 1.5), min_size=6, max_size=6))
@settings(max_examples=20, deadline=None)
def test_a_franka_s_wrench_is_turned_and_moved_from_wherever_its_stiffness_frame_is(
    turn_rad: list[float], frame: list[float]
) -> None:
    q_rad, limits = home_q("panda") + np.array(turn_rad), arm_limits("panda")
    motors = FrankaMotors(
        "10.0.0.1", ArmModel(arm_spec("panda").compile(), 7), limits, ManualClock(1.0), 0.004,
        realtime_kernel=False, sdk=SDK,
    )  # fmt: skip
    tool, quat, place_m = model_at("panda", q_rad), quat_from_rotvec(np.array(frame[:3])), 0.1 * np.array(frame[3:])
    turned = np.zeros(9)
    mujoco.mju_quat2Mat(turned, quat)
    robot, acts = motors._robot, in_tool(tool)
    robot.q, robot.stiffness_frame[:3, :3], robot.stiffness_frame[:3, 3] = q_rad, turned.reshape(3, 3), place_m
    about = acts[3:] - np.cross(place_m, acts[:3])
    robot.force = -np.concatenate((quat_rotate(quat_conj(quat), acts[:3]), quat_rotate(quat_conj(quat), about)))
    np.testing.assert_allclose(motors.read().wrench, acts, atol=1e-9)


@pytest.mark.parametrize("robot", ["panda", "ur5e"])
def test_a_simulated_arm_s_wrench_is_what_pushes_on_its_tool_in_the_tool_s_frame(robot: str) -> None:
    config = load_config([f"robot={robot}", "task=reach"])
    parts = build_parts(config, make_task(config.task))
    physics, n = parts.physics, parts.arm.joints
    q_rad = home_q(robot) + 0.3 * np.array([1, -0.5, 0.5, -0.5, 1, 1, 1])[:n]
    physics.reset(q_rad, parts.task.opening_m)
    model, data = physics.model, physics.data
    hand, tcp_m = model.body("hand").id, data.site("tcp").xpos.copy()
    data.xfrc_applied[hand] = [*FORCE_N, *(TORQUE_NM + np.cross(tcp_m - data.xipos[hand], FORCE_N))]
    data.qvel[:] = data.qacc[:] = 0.0
    mujoco.mj_rnePostConstraint(model, data)  # at rest: nothing but the push and the hand's weight is at the wrist
    mujoco.mj_sensorAcc(model, data)
    physics.wrist[:] = physics._wrist_raw
    np.testing.assert_allclose(SceneMotors(physics).read().wrench, in_tool(model_at(robot, q_rad)), atol=1e-3)

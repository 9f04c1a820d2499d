"""The real ur_rtde library against a loopback controller, in the process that the product gives it."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from controllers.models import home_q
from robot_rl.operator import State
from tests.robot_rl.drivers.person import Cell, until
from tests.robot_rl.drivers.ur_cell import ROOT, Robot, refused_start, settings

pytest.importorskip("rtde_control")
pytestmark = pytest.mark.real_time


@pytest.fixture
def robot() -> Iterator[Robot]:
    robot = Robot()
    yield robot
    robot.kill()


@pytest.fixture
def cell(tmp_path: Path, robot: Robot) -> Iterator[Cell]:
    cell = Cell(*settings(robot, tmp_path))
    yield cell
    cell.end()


def test_it_connects_stands_still_moves_and_lets_go(robot: Robot, cell: Cell) -> None:
    assert cell.authority.view().state in (State.DISARMED, State.STOPPED)
    assert until(lambda: robot.report()["servos"] > 100)
    report = robot.report()
    np.testing.assert_allclose(report["first_rad"], home_q("ur5e"), atol=1e-6)
    assert report["largest_rad"] < 1e-6
    before = cell.arm.read().tcp.position_m
    cell.move(0.05)
    np.testing.assert_allclose(cell.arm.read().tcp.position_m - before, [0.0, -0.05, 0.0], atol=4e-3)
    report = robot.report()
    sys.stdout.write(f"servoJ at 500 Hz: period p50 {report['p50_ms']:.2f} ms, p99 {report['p99_ms']:.2f} ms\n")
    assert 0.0 < report["largest_rad"] < 3.15 * 0.002 * 1.01
    cell.child.terminate()
    assert cell.child.wait(timeout=20) == 0
    assert robot.report()["stops"] == 1 and not robot.report()["playing"]


def test_the_state_comes_at_125_hz_or_more_of_the_robot_s_own_time(robot: Robot) -> None:
    code = (
        "import os, sys, time\n"
        "from rtde_receive import RTDEReceiveInterface\n"
        f"receive, stamps, end_s = RTDEReceiveInterface({robot.address!r}), set(), time.monotonic() + 2.0\n"
        "while time.monotonic() < end_s:\n"
        "    stamps.add(receive.getTimestamp())\n"
        "    time.sleep(0.0005)\n"
        "print(len(stamps), max(stamps) - min(stamps), flush=True)\n"
        "os._exit(0)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    states, robot_s = result.stdout.split()
    sys.stdout.write(f"{states} states in {float(robot_s):.2f} s of the robot's time\n")
    assert int(states) >= 125 * float(robot_s) > 0.0


@pytest.mark.parametrize(("number", "said"), [(3, "protective stop"), (5, "safeguard stop"), (7, "emergency stop")])
def test_a_stop_of_the_robot_is_latched_and_said_and_no_clearing_here_ends_it(
    robot: Robot, cell: Cell, number: int, said: str
) -> None:
    cell.armed()
    robot.order(f"safety {number}")
    assert until(lambda: cell.authority.view().state is State.STOPPED)
    assert until(lambda: any(said in fault for fault in cell.authority.view().faults))
    robot.order("safety 1")
    view = cell.authority.view()
    cell.authority.clear(cell.fence(), view.revision, "eve")
    refused = cell.arm_it().refused
    assert said in refused and "at the robot" in refused
    servos = robot.report()["servos"]
    cell.authority.view()
    assert robot.report()["servos"] == servos, "nothing is sent to a robot that has stopped"


def test_a_robot_that_is_gone_stops_the_arm_is_said_and_ends_the_process_and_a_fresh_one_takes_over(
    robot: Robot, cell: Cell
) -> None:
    cell.armed()
    robot.kill()
    assert until(lambda: any("see to its network" in fault for fault in cell.authority.view().faults))
    assert cell.authority.view().state is State.STOPPED
    assert cell.child.wait(timeout=20) == 1
    cell.end()
    robot.start()
    cell.start()
    cell.move(0.02)


def test_a_killed_process_leaves_a_robot_that_the_next_one_takes_over(robot: Robot, cell: Cell) -> None:
    cell.armed()
    cell.child.kill()
    cell.end()
    q_rad = robot.report()["q_rad"]
    cell.start()
    cell.move(0.02)
    assert np.abs(np.array(robot.report()["q_rad"]) - q_rad).max() < 0.2


def test_a_state_that_no_longer_changes_is_not_believed(robot: Robot, cell: Cell) -> None:
    robot.order("freeze")
    assert until(lambda: cell.authority.view().state is State.STOPPED)
    assert cell.child.wait(timeout=20) == 1


def test_a_payload_or_a_tool_that_is_not_set_refuses_arming_whatever_a_person_ticks(robot: Robot, cell: Cell) -> None:
    robot.order("payload 0")
    assert until(lambda: "payload is 0 kg" in cell.arm_it().refused)
    assert cell.authority.view().state is not State.ARMED


def test_a_push_on_the_tool_is_felt_in_the_tool_frame_and_gives_way(robot: Robot, cell: Cell) -> None:
    fence = cell.armed()
    before_m = cell.arm.read().tcp.position_m
    robot.order("force 0 0 10")
    assert until(lambda: cell.arm.read().force_n[2] < -9.0)  # the tool points down
    state = cell.arm.read()
    np.testing.assert_allclose(state.force_n, [0.0, 0.0, -10.0], atol=0.1)

    def gave() -> bool:
        cell.authority.renew(fence)
        return cell.arm.read().tcp.position_m[2] - before_m[2] > 0.004

    assert until(gave)
    np.testing.assert_allclose(cell.arm.read().tcp.position_m[2] - before_m[2], 0.005, atol=2e-3)


@pytest.mark.parametrize(
    ("order", "said"), [("safety 3", "protective stop"), ("mode 5", "idle"), ("mode 3", "power off")]
)
def test_a_robot_that_is_not_ready_is_said_in_one_line_before_any_program_is_sent(
    robot: Robot, tmp_path: Path, order: str, said: str
) -> None:
    robot.order(order)
    result = refused_start(robot, tmp_path)
    assert result.returncode == 1 and said in result.stderr and result.stderr.count("\n") == 1
    assert not robot.report()["playing"] and robot.report()["servos"] == 0


def test_nobody_at_the_address_is_said_in_one_line(robot: Robot, tmp_path: Path) -> None:
    robot.address = robot.address + "7"
    result = refused_start(robot, tmp_path)
    assert result.returncode == 1 and "no UR answers" in result.stderr and result.stderr.count("\n") == 1


def first_motion(robot: Robot, cell: Cell) -> "tuple[int, str]":
    """Exit code and words of the bring-up page's script, with a person who pushes the tool and says yes."""
    command = [sys.executable, "-u", str(ROOT / "examples" / "05_first_motion.py"), str(cell.path)]
    robot.order("force 0 0 20")
    script = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    script.stdin.write("eve\n")
    script.stdin.flush()
    said = ""
    while "largest force" not in said:
        said = script.stdout.readline()
        assert said, "it ended before the push was felt"
    robot.order("force 0 0 0")
    rest, _ = script.communicate("yes\n" * 4, timeout=60)
    return script.returncode, said + rest


def test_the_first_motion_of_the_bring_up_page_feels_a_push_asks_the_list_and_moves(robot: Robot, cell: Cell) -> None:
    for _ in range(3):  # a slow machine may stop it
        code, said = first_motion(robot, cell)
        if code == 0:
            break
        cell.armed()
        cell.authority.disarm(cell.fence(), cell.authority.view().revision)
        cell.authority.release(cell.fence())
    assert code == 0 and "20.0 N" in said, said
    assert "up by 1" in said or "up by 2" in said


def test_a_push_that_is_felt_the_wrong_way_round_ends_the_first_motion(robot: Robot, cell: Cell) -> None:
    command = [sys.executable, str(ROOT / "examples" / "05_first_motion.py"), str(cell.path)]
    robot.order("force 0 0 -20")
    result = subprocess.run(command, input="eve\n", capture_output=True, text=True, timeout=60)
    assert result.returncode == 1 and "Do not go on" in result.stderr
    assert cell.authority.view().state in (State.DISARMED, State.STOPPED)

"""Camera calibration over real DDS, every part in a process of its own: what it finds is where the model has it."""

import contextlib
import signal
from pathlib import Path

import numpy as np
import pytest
import yaml
from rclpy.node import Node

from controllers.pose import Pose, quat_from_rotvec
from controllers.records import PoseCommand
from controllers.reference import MotionLimits
from controllers.trajectory import StraightMove
from robot_rl.cell.remote import RemoteArm, RemoteAuthority
from robot_rl.clock import MonotonicClock
from robot_rl.compose import load_config
from robot_rl.errors import HeldError, StaleError
from robot_rl.operator import Pilot, State
from robot_rl.ros.port import RosCellClient
from robot_rl.sim_parts import build_parts
from robot_rl.tasks import make_task
from robot_rl.tasks.board import ON_TABLE_M
from sim2real.pinhole import to_pose
from sim2real.views import distance
from tests.robot_rl.ros.graph import Process, graph, spun, until

TURNS_DEG = (
    (0, 0, 0), (18, 0, 0), (20, 8, -35), (0, 18, -20), (-14, 12, -20), (-20, 8, 35), (-14, -10, 25), (14, -12, 25),
)  # fmt: skip
"""Of the tool about x, y, z of the base, from where it starts"""
PERIOD_S, LATE_S, ARRIVED_M = 0.05, 3.0, 0.002
TRIES = 5
LIMITS = MotionLimits(0.22, 1.0, 10.0, 0.9, 5.0, 50.0)
NEAR_M, NEAR_RAD = 1e-3, np.radians(0.1)
OWN = "calibration: {ros__parameters: {still_s: 0.3}}\nsim: {ros__parameters: {camera_hz: 10.0}}\n"
"""Parameters that spare a busy machine"""
OPTICAL = np.diag([1.0, -1.0, -1.0])
"""MuJoCo's cameras look along -z"""
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.real_time]


class Person:
    """Moves the arm from pose to pose, through lease and gate."""

    def __init__(self, node: Node) -> None:
        self._client = RosCellClient(node, 5.0)
        assert until(lambda: self._client.answered, 40.0), "no arm answers"
        self._arm, self._clock = RemoteArm(self._client, "ann"), MonotonicClock()
        self._pilot = Pilot(RemoteAuthority(self._client), self._clock, "ann", simulated=True)
        self._sent = 0

    def go(self, goal: Pose) -> None:
        """There, beginning anew where a slow machine has stopped the arm."""
        for _ in range(TRIES):
            with contextlib.suppress(HeldError, StaleError):
                return self._move(goal)
        self._move(goal)

    def _move(self, goal: Pose) -> None:
        self._pilot.begin()
        move, start_s = StraightMove(self._arm.read().tcp, goal, LIMITS), self._clock.now_s()
        while (
            distance(self._arm.read().tcp, goal).position_m > 0.002 or self._clock.now_s() < start_s + move.duration_s
        ):
            spent_s = self._clock.now_s() - start_s
            assert spent_s < move.duration_s + LATE_S, goal
            self._pilot.enter(State.RESET)
            self._sent += 1
            command = PoseCommand(move.at(spent_s + PERIOD_S), self._sent, 0.3, self._pilot.fence, "reset")
            verdict = self._arm.command(command)
            if verdict.refused:
                raise HeldError(verdict.why)
            self._clock.sleep_until(start_s + spent_s + PERIOD_S)
        self._pilot.pause("the camera looks")

    def close(self) -> None:
        self._arm.close()


def truth(mounted: str) -> tuple[Pose, Pose]:
    """Where the model has the camera, T_tcp_camera or T_base_camera, and the pose T_base_tcp the tool starts from."""
    config = load_config(["task=board", f"task.params.mounted={mounted}"])
    task = make_task(config.task)
    parts = build_parts(config, task)
    data, model = parts.physics.data, parts.physics.model
    camera = model.camera("wrist" if mounted == "hand" else "side").id
    found = to_pose(data.cam_xmat[camera].reshape(3, 3) @ OPTICAL, data.cam_xpos[camera])
    return (parts.physics.tool().inverse() @ found if mounted == "hand" else found), task.home


def turned_about(pivot: Pose, home: Pose, turn_deg: tuple[int, int, int]) -> Pose:
    """The tool at `home` carried round a point."""
    turn = Pose.of([0, 0, 0], quat_from_rotvec(np.radians(np.array(turn_deg, float))))
    return pivot @ turn @ pivot.inverse() @ home


@pytest.mark.parametrize("mounted", ["hand", "world"])
def test_a_camera_is_found_where_the_model_has_it(mounted: str, domain: int, tmp_path: Path) -> None:
    out, own, (camera, home) = tmp_path / "out", tmp_path / "own.yaml", truth(mounted)
    own.write_text(OWN)
    cameras = f"cameras:={'wrist' if mounted == 'hand' else 'side'}=realsense:0123"
    words = ("robot:=sim", cameras, f"mounted:={mounted}", f"out:={out}", f"poses:={len(TURNS_DEG)}")
    process = Process("-m", "robot_rl.cli", "up", "calibrate", *words, f"parameters:={own}")
    try:
        with graph(domain) as context, spun(node := Node("person", context=context)):
            person = Person(node)
            pivot = Pose.of(ON_TABLE_M if mounted == "hand" else home.position_m)
            for taken, turn_deg in enumerate(TURNS_DEG, 1):
                person.go(turned_about(pivot, home, turn_deg))
                assert until(lambda n=taken: lines(out) >= n, 30.0), f"no sample {taken}"
            assert until((out / "calibration.yaml").exists, 60.0)
            person.close()
    finally:
        process.tell(signal.SIGINT)
        code, output = process.end(40.0)
    assert code == 0, output
    found = yaml.safe_load((out / "calibration.yaml").read_text())
    off = distance(Pose.of(found["camera"]["position_m"], found["camera"]["quat_wxyz"]), camera)
    assert off.position_m < NEAR_M and off.rotation_rad < NEAR_RAD, (off, output)
    assert found["poses"] == len(TURNS_DEG) and found["reprojection_rms_px"] < 0.5
    assert f"sample {len(TURNS_DEG)} of {len(TURNS_DEG)}" in output and "written to" in output
    assert "DO NOT USE" not in output


def lines(out: Path) -> int:
    """How many samples are in the folder"""
    file = out / "samples.jsonl"
    return len(file.read_text().splitlines()) if file.exists() else 0

"""Some drills of the world, that they fail where a limit is missing, and the geometry they judge by."""

from pathlib import Path

import mujoco
import numpy as np
import pytest

from controllers.limits import WorkspaceBox
from robot_rl.drills import limits, world
from robot_rl.drills.cell import FORWARD, Cell, said
from robot_rl.drills.drill import Drill
from robot_rl.drills.geometry import jacobian, links_and_links, links_and_table, nearest_m, towards, turning
from robot_rl.drills.yard import Yard, wide
from robot_rl.operator import Authority
from robot_rl.tasks.base import add_box, add_floor_and_light


@pytest.mark.parametrize("drill", [limits.target_far_outside, world.vendor_reflex])
def test_a_drill_passes_and_is_the_same_each_time(drill: Drill, tmp_path: Path) -> None:
    outcome = drill(tmp_path, 3)
    assert outcome.passed, outcome.seen
    assert outcome.restarted
    assert outcome == drill(tmp_path, 3)


def test_without_the_box_a_target_outside_it_is_followed_and_the_drill_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WorkspaceBox, "apply", lambda self, target, state: target)
    outcome = limits.target_far_outside(tmp_path, 0)
    assert not outcome.passed and "not past it" in outcome.seen and "tool outside its box" in outcome.seen


def test_an_authority_that_does_not_mirror_faults_fails_the_drill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Authority, "mirror", lambda self, part, fault: None)
    outcome = world.vendor_reflex(tmp_path, 0)
    assert not outcome.passed and "every try refused" in outcome.seen


@pytest.fixture(scope="module")
def cell() -> Cell:
    def build(spec: mujoco.MjSpec) -> None:
        add_floor_and_light(spec)
        add_box(spec.worldbody, (0.02, 0.1, 0.1), (0.55, 0.0, 0.26), (0.5, 0.5, 0.5, 1.0), name="thing")

    made = Cell(0, task=Yard(build=build))
    made.begin()
    return made


def test_the_push_on_an_arm_that_drives_forward_points_back(cell: Cell) -> None:
    assert cell.tape.pushes_n().max() == 0.0
    said(cell.drive, FORWARD, 8)
    push = cell.tape.column("push_n")
    assert push[:, 0].min() < -5.0 and push[:, 0].max() < 5.0


def test_the_jacobian_is_the_derivative_of_the_tools_place(cell: Cell) -> None:
    model, data, n = cell.world.model, mujoco.MjData(cell.world.model), 7
    jac, q = jacobian(cell, n), cell.world.data.qpos[:n]
    for joint in range(n):
        places = []
        for sign in (-1.0, 1.0):
            data.qpos[:n] = q + sign * 1e-6 * (np.arange(n) == joint)
            mujoco.mj_kinematics(model, data)
            places.append(data.site("tcp").xpos.copy())
        np.testing.assert_allclose(jac[:3, joint], (places[1] - places[0]) / 2e-6, atol=1e-4)


def test_the_action_along_a_motion_of_the_base_moves_the_tool_along_it() -> None:
    cell = Cell(0, task=wide())
    cell.begin()
    before = cell.tape.ticks[-1].tool_m
    cell.drive(towards(cell, np.array([0.0, 1.0, 0.0, 0.0, 0.0, 0.0])), 5)
    moved = cell.tape.ticks[-1].tool_m - before
    assert moved[1] > 0.03 and np.abs(moved[[0, 2]]).max() < 0.005
    q = cell.tape.ticks[-1].q_rad
    for _ in range(3):
        cell.drive(turning(cell, 6, 1.0), 1)
    assert cell.tape.ticks[-1].q_rad[6] > q[6] + 0.05


def test_distances_of_links_are_those_of_the_arm_at_home(cell: Cell) -> None:
    cell.tape.ticks[:] = cell.tape.ticks[:1]
    assert 0.1 < nearest_m(cell, links_and_table(cell)) < 0.4
    assert nearest_m(cell, links_and_links(cell)) > 0.02

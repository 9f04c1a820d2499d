"""A cell that is simulated in real time: its thread, its door, and what other threads ask of it."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from controllers.pose import Pose
from robot_rl.cell.client import CellClient
from robot_rl.cell.remote import RemoteArm, RemoteAuthority
from robot_rl.clock import Clock, ManualClock, MonotonicClock
from robot_rl.compose import load_config
from robot_rl.drivers.sim import SimArm, SimCamera
from robot_rl.drivers.sim_camera import SceneCamera, snapshot
from robot_rl.drivers.sim_handover import Handover
from robot_rl.drivers.sim_motors import SceneMotors
from robot_rl.errors import ConfigError, HardwareError, HeldError, StaleError
from robot_rl.hardware import Arm, Camera, Gripper
from robot_rl.make import make_env
from robot_rl.operator import Pilot, State
from robot_rl.sim_cell import SimCell
from tests.contracts.arm import ArmContract
from tests.contracts.camera import CameraContract
from tests.contracts.gripper import GripperContract

pytestmark = pytest.mark.real_time


@contextmanager
def running(folder: Path, *settings: str) -> Iterator[SimCell]:
    """A cell in a thread of its own; at the end it has stopped by itself, in time."""
    cell, stop = SimCell(load_config(list(settings)), folder / "arm"), threading.Event()
    thread = threading.Thread(target=cell.run, args=(stop,))
    thread.start()
    try:
        yield cell
    finally:
        stop.set()
        thread.join(timeout=30)
    assert not thread.is_alive()


def pilot_of(folder: Path, name: str = "ann") -> tuple[RemoteArm, RemoteAuthority, Pilot]:
    client = CellClient(folder / "arm", 10.0)  # it shares this process, and all that was collected in it
    authority = RemoteAuthority(client)
    return RemoteArm(client, name), authority, Pilot(authority, MonotonicClock(), name, simulated=True)


def until(met, limit_s: float = 20.0) -> None:
    deadline_s = time.monotonic() + limit_s
    while not met():
        assert time.monotonic() < deadline_s, "it did not come to that in time"
        time.sleep(0.01)


class TestArmOfACell(ArmContract):
    @pytest.fixture(autouse=True)
    def _open(self, tmp_path: Path) -> Iterator[None]:
        self.folder = tmp_path
        with running(tmp_path, "task=reach"):
            self.arm, self.clock, self.pilot = self.open()
            self.start()
            yield
            self.arm.close()

    def open(self) -> tuple[Arm, Clock, Pilot]:
        arm, _, pilot = pilot_of(self.folder)
        return arm, MonotonicClock(), pilot


class TestGripperOfACell(GripperContract):
    @pytest.fixture(autouse=True)
    def _open(self, tmp_path: Path) -> Iterator[None]:
        with running(tmp_path, "task=pick_cube") as cell:
            self.cell = cell
            self.gripper, self.clock = self.open()
            yield
            self.gripper.close()

    def open(self) -> tuple[Gripper, Clock]:
        assert self.cell.gripper is not None
        return self.cell.gripper, self.cell.clock


class TestCameraOfACell(CameraContract):
    @pytest.fixture(autouse=True)
    def _open(self, tmp_path: Path) -> Iterator[None]:
        with running(tmp_path, "task=reach") as cell:
            self.cell = cell
            self.camera, self.clock = self.open()
            yield
            self.camera.close()

    def open(self) -> tuple[Camera, Clock]:
        return self.cell.camera("side", 48, 64), self.cell.clock


def test_the_same_seed_gives_the_same_scene_as_an_environment_of_one_s_own(tmp_path: Path) -> None:
    def drawn(seed: int) -> tuple[Pose, Pose]:
        return cell.reset(seed), cell.objects()[1]["cube"]

    env = make_env(load_config(["task=pick_cube"]))
    start = env.scene.reset(np.random.default_rng(5))
    cube_m = env.scene.world.data.body("cube").xpos.copy()
    with running(tmp_path, "task=pick_cube") as cell:
        first, other, again = drawn(5), drawn(6), drawn(5)
    assert np.array_equal(first[0].position_m, again[0].position_m)
    assert np.array_equal(first[0].position_m, start.position_m)
    assert np.abs(first[1].position_m - again[1].position_m).max() < 1e-3  # the cube settles on the table
    assert np.abs(first[1].position_m - cube_m).max() < 1e-3
    assert np.abs(first[1].position_m - other[1].position_m).max() > 1e-3


def test_a_reset_puts_the_arm_back_and_is_refused_while_it_may_move(tmp_path: Path) -> None:
    with running(tmp_path, "task=reach") as cell:
        arm, authority, pilot = pilot_of(tmp_path)
        home = arm.read().q_rad
        for mode in (State.RESET, State.POLICY, State.HUMAN):
            pilot.begin()
            pilot.enter(mode)
            with pytest.raises(HeldError, match=mode.value):
                cell.reset(1)
        assert authority.view().state is State.HUMAN, "who was refused has changed nothing"
        pilot.pause("a reset follows")
        cell._handover.do(lambda: cell._physics.data.qpos.__setitem__(0, home[0] + 0.2))
        cell.reset(1)
        until(lambda: np.abs(arm.read().q_rad - home).max() < 1e-3)
        arm.close()


def test_a_reset_sees_to_a_latched_fault_and_the_pilot_may_begin_at_once(tmp_path: Path) -> None:
    with running(tmp_path, "task=reach") as cell:
        arm, authority, pilot = pilot_of(tmp_path)
        pilot.begin()
        cell._handover.do(lambda: cell.server.loop._latch("contact force 200 N, at most 150 N"))
        until(lambda: authority.view().state is State.STOPPED)
        assert arm.fault
        cell.reset(2)
        assert not arm.fault and not authority.view().faults
        pilot.begin()
        assert authority.view().state is State.RESET
        arm.close()


@pytest.mark.parametrize("seed", [-1, 1 << 63])
def test_a_seed_that_is_none_is_refused_with_its_value(tmp_path: Path, seed: int) -> None:
    with running(tmp_path, "task=reach") as cell, pytest.raises(ConfigError, match=str(seed)):
        cell.reset(seed)


def test_a_cell_that_is_told_to_end_stops_the_arm_first_and_refuses_jobs_afterwards(tmp_path: Path) -> None:
    with running(tmp_path, "task=pick_cube") as cell:
        arm, _, pilot = pilot_of(tmp_path)
        pilot.begin()
        arm.close()
    assert cell.server.guard.authority.state is State.STOPPED and cell.server.at_rest
    assert not (tmp_path / "arm").exists()
    with pytest.raises(HardwareError, match="ended"):
        cell.reset(1)
    assert cell.gripper is not None
    with pytest.raises(HardwareError, match="ended"):
        cell.gripper.read()


def test_a_cell_that_does_not_run_keeps_nobody_waiting_and_does_not_do_the_job_later() -> None:
    done: list[int] = []
    handover = Handover(wait_s=0.01)
    with pytest.raises(StaleError, match="did nothing"):
        handover.do(lambda: done.append(1))
    handover.work()
    assert not done


def test_a_mistake_in_a_job_is_told_to_its_sender_and_to_the_cell() -> None:
    handover, told = Handover(), []

    def sender() -> None:
        with pytest.raises(HardwareError, match="mistake"):
            handover.do(lambda: 1 / 0)
        told.append(True)

    thread = threading.Thread(target=sender)
    thread.start()
    until(lambda: not handover._jobs.empty())
    with pytest.raises(ZeroDivisionError):
        handover.work()
    thread.join()
    assert told


def test_a_camera_of_a_cell_sees_what_a_camera_in_the_world_sees() -> None:
    env = make_env(load_config(["task=pick_cube"]))
    world = env.scene.world
    env.scene.reset(np.random.default_rng(3))
    camera = SceneCamera(world.model, "side", 60, 80, lambda: snapshot(world.model, world.data, 0.0, 1), ManualClock())
    inside = SimCamera(world, "side", 60, 80)
    first = camera.read().image
    assert np.array_equal(first, inside.read().image)
    env.scene.reset(np.random.default_rng(4))
    second = camera.read().image
    assert np.array_equal(second, inside.read().image) and not np.array_equal(first, second)
    camera.close()
    inside.close()


def test_a_camera_refuses_a_scene_that_stands_still_and_a_name_that_is_none() -> None:
    world = make_env(load_config(["task=reach"])).scene.world
    clock = ManualClock(10.0)
    camera = SceneCamera(world.model, "side", 8, 8, lambda: snapshot(world.model, world.data, 7.0, 1), clock)
    with pytest.raises(StaleError, match=r"3\.000 s"):
        camera.read()
    with pytest.raises(ConfigError, match=r"'fornt'.*side, wrist"):
        SceneCamera(world.model, "fornt", 8, 8, lambda: snapshot(world.model, world.data, 7.0, 1), clock)


def test_a_camera_s_focal_length_is_that_of_its_picture() -> None:
    """A point at a known place appears where the pinhole model puts it."""
    world = make_env(load_config(["task=reach"])).scene.world
    size = 240
    model, data = world.model, world.data
    camera = SceneCamera(model, "side", size, size, lambda: snapshot(model, data, 0.0, 1), ManualClock())
    world.move_fixed("target", np.array([0.42, 0.02, 0.13]))
    without = camera.read().image.astype(int)
    world.move_fixed("target", np.array([0.42, -0.2, 0.25]))
    changed = np.abs(camera.read().image.astype(int) - without).sum(axis=2)
    lens = world.data.camera("side")
    x, y, z = lens.xmat.reshape(3, 3).T @ (np.array([0.42, -0.2, 0.25]) - lens.xpos)  # z points backwards
    column = size / 2 - 0.5 + camera.focal_px * x / -z
    row = size / 2 - 0.5 - camera.focal_px * y / -z
    near = np.argwhere(changed > 60)
    near = near[np.linalg.norm(near - [row, column], axis=1) < 20]
    assert np.abs(near.mean(axis=0) - [row, column]).max() < 2.0
    camera.close()


def test_the_wrench_at_the_drives_is_that_of_the_arm_s_reading() -> None:
    env = make_env(load_config(["task=peg_insertion"]))
    env.reset(seed=0)
    world = env.scene.world
    for _ in range(20):
        env.step(np.array([0.0, 0.0, 1.0], np.float32))
    state, reading = SimArm(world, 7).read(), SceneMotors(world.physics).read()
    assert np.linalg.norm(state.force_n) > 3.0, "it must press on something"
    assert np.array_equal(reading.wrench, np.concatenate((state.force_n, state.torque_nm)))
    assert abs(np.linalg.norm(reading.wrench[:3]) - world.physics.contact_force_n()) < 1e-6
    assert np.array_equal(reading.q_rad, state.q_rad) and np.array_equal(reading.dq_rad_s, state.dq_rad_s)

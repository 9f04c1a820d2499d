"""Without a fault a faulty device is the device itself; with one it does what its kind says, and nothing else."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.records import PoseCommand
from robot_rl.clock import ManualClock
from robot_rl.data.disk import Disk
from robot_rl.errors import StaleError
from sim2real.faults import Fault, FaultyArm, FaultyCamera, FaultyDisk, FaultyGripper, Script
from sim2real.script import KINDS
from tests.sim2real.devices import HOME, PlainArm, PlainCamera, PlainGripper

BITS = st.lists(st.sampled_from(["read", "command", "wait"]), max_size=20)
LATER = [Fault(kind, 1000.0, 1.0, 1.0) for kind in KINDS]
"""One of every kind, none of them active yet"""


def number(sequence: int) -> PoseCommand:
    return PoseCommand(HOME, sequence)


def arm_with(*faults: Fault, seed: int = 0) -> tuple[FaultyArm, PlainArm, ManualClock]:
    clock = ManualClock()
    arm = PlainArm(clock)
    return FaultyArm(arm, Script(faults, clock, seed)), arm, clock


@given(BITS)
def test_an_arm_without_an_active_fault_is_the_arm_itself(steps: list[str]) -> None:
    (faulty, inner, clock), (_, plain, plain_clock) = arm_with(*LATER), arm_with()
    for k, step in enumerate(steps):
        if step == "wait":
            clock.sleep_until(k)
            plain_clock.sleep_until(k)
        elif step == "read":
            ours, theirs = faulty.read(), plain.read()
            assert ours.stamp_s == theirs.stamp_s and ours.q_rad.tobytes() == theirs.q_rad.tobytes()
        else:
            assert faulty.command(number(k)) == plain.command(number(k))
    assert inner.told == plain.told and inner.readings == plain.readings and faulty.fault == plain.fault


def test_a_stale_reading_keeps_its_stamp_until_the_fault_is_over() -> None:
    faulty, _, clock = arm_with(Fault("stale_reading", 1.0, 1.0))
    stamps = []
    for now_s in (0.5, 1.0, 1.9, 2.0):
        clock.sleep_until(now_s)
        stamps.append(faulty.read().stamp_s)
    assert stamps == [0.5, 0.5, 0.5, 2.0]


@pytest.mark.parametrize(("kind", "value"), [("nan_reading", np.nan), ("joint_jump", 0.5)])
def test_one_joint_lies_and_the_seed_says_which(kind: str, value: float) -> None:
    joints = set()
    for seed in range(20):
        faulty, plain, _ = arm_with(Fault(kind, value=0.0 if kind == "nan_reading" else value), seed=seed)
        difference = faulty.read().q_rad - np.full(7, 0.1 * plain.readings)
        (joint,) = np.flatnonzero(difference != 0.0)
        assert difference[joint] == pytest.approx(value, nan_ok=True)
        joints.add(int(joint))
        assert joint == int(np.flatnonzero(arm_with(Fault(kind, value=0.5), seed=seed)[0].read().q_rad != 0.1)[0])
    assert len(joints) > 1


def test_a_vendor_fault_shows_and_refuses_commands() -> None:
    faulty, inner, clock = arm_with(Fault("vendor_fault", 0.0, 1.0))
    verdict = faulty.command(number(1))
    assert verdict.refused and verdict.why == faulty.fault != "" and not inner.told
    clock.sleep_until(1.0)
    assert not faulty.fault and not faulty.command(number(2)).refused


@pytest.mark.parametrize(
    ("kind", "arrived"),
    [
        ("lost_command", []),
        ("doubled_command", [1, 1, 2, 2, 3, 3, 4, 4]),
        ("reordered_command", [2, 1, 4, 3]),
    ],
)
def test_commands_arrive_as_the_cable_lets_them(kind: str, arrived: list[int]) -> None:
    faulty, inner, _ = arm_with(Fault(kind))
    for sequence in range(1, 5):
        assert not faulty.command(number(sequence)).refused
    assert [command.sequence for command in inner.told] == arrived


def test_a_late_command_arrives_when_its_time_has_come() -> None:
    faulty, inner, clock = arm_with(Fault("late_command", 0.0, 0.5, 0.3))
    faulty.command(number(1))
    for now_s, there in ((0.2, 0), (0.3, 1)):
        clock.sleep_until(now_s)
        faulty.read()
        assert len(inner.told) == there


def test_a_jammed_gripper_keeps_its_width_and_hears_nothing() -> None:
    clock = ManualClock()
    inner = PlainGripper(clock)
    gripper = FaultyGripper(inner, Script([Fault("jammed", 1.0, 1.0)], clock))
    gripper.command(True)
    clock.sleep_until(1.0)
    before = gripper.read()
    gripper.command(False)
    after = gripper.read()
    assert (after.width_m, after.closing, inner.told) == (before.width_m, False, [True])
    clock.sleep_until(2.0)
    assert gripper.read().width_m < before.width_m


@given(st.lists(st.booleans(), max_size=30))
def test_a_gripper_without_fault_passes_all_on_and_counts_its_changes(commands: list[bool]) -> None:
    clock = ManualClock()
    inner = PlainGripper(clock)
    gripper = FaultyGripper(inner, Script(LATER, clock))
    for closing in commands:
        gripper.command(closing)
    assert inner.told == commands
    assert gripper.changes == sum(a != b for a, b in pairwise(commands))


def camera_with(*faults: Fault) -> tuple[FaultyCamera, ManualClock]:
    clock = ManualClock()
    return FaultyCamera(PlainCamera(clock), Script(faults, clock)), clock


def test_a_camera_without_an_active_fault_is_the_camera_itself() -> None:
    (faulty, _), plain = camera_with(*LATER), PlainCamera(ManualClock())
    for _ in range(5):
        ours, theirs = faulty.read(), plain.read()
        assert ours.sequence == theirs.sequence and ours.image.tobytes() == theirs.image.tobytes()


@pytest.mark.parametrize(("kind", "numbers"), [("frozen", [1, 1, 1, 2]), ("frozen_pixels", [1, 2, 3, 4])])
def test_a_frozen_camera_shows_one_picture(kind: str, numbers: list[int]) -> None:
    faulty, clock = camera_with(Fault(kind, 1.0, 1.0))
    frames = []
    for now_s in (0.0, 1.0, 1.5, 2.0):
        clock.sleep_until(now_s)
        frames.append(faulty.read())
    assert [frame.sequence for frame in frames] == numbers
    same = [np.array_equal(frame.image, frames[0].image) for frame in frames]
    assert same == [True, True, True, False]


def test_an_unplugged_camera_gives_nothing_and_says_so() -> None:
    faulty, clock = camera_with(Fault("unplugged", 0.0, 1.0))
    with pytest.raises(StaleError, match="camera wrist gives no frames"):
        faulty.read()
    clock.sleep_until(1.0)
    assert faulty.read().sequence == 1


def test_a_slow_camera_gives_so_many_frames_a_second() -> None:
    faulty, clock = camera_with(Fault("slow", value=3.0))
    seen = set()
    for k in range(101):
        clock.sleep_until(k / 50)
        seen.add(faulty.read().sequence)
    assert len(seen) in (6, 7)


def test_a_broken_picture_is_broken_as_its_kind_says() -> None:
    truth = PlainCamera(ManualClock()).read().image
    seen = {k: camera_with(Fault(k))[0].read().image for k in KINDS if k in PICTURES}
    assert seen["black"].max() == 0 and seen["saturated"].min() == 255
    assert np.array_equal(seen["half_frame"][:4], truth[:4]) and not seen["half_frame"][4:].any()
    assert seen["wrong_size"].shape == (4, 6, 3)
    assert np.array_equal(seen["swapped_colours"][..., ::-1], truth)


PICTURES = ("black", "saturated", "half_frame", "wrong_size", "swapped_colours")


def fill(disk: Disk, path: Path) -> None:
    """A small file, written in two synced parts."""
    file = disk.create(path)
    disk.sync_folder(path.parent)
    for part in range(2):
        disk.write(file, b"12345678", 8 * part)
        disk.sync(file)
    disk.close(file)


def test_a_disk_without_an_active_fault_writes_what_it_is_given(tmp_path: Path) -> None:
    disk = FaultyDisk(Script(LATER, ManualClock()))
    fill(disk, tmp_path / "ours")
    fill(Disk(), tmp_path / "theirs")
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()
    assert disk.calls == ["create", "sync_folder", "write", "sync", "write", "sync"] and not disk.failed
    assert disk.free_bytes(tmp_path) > 0


@pytest.mark.parametrize(("kind", "message"), [("disk_full", "No space left"), ("disk_error", "Input/output")])
@pytest.mark.parametrize("passes", range(6))
def test_a_failing_disk_lets_so_many_calls_pass(tmp_path: Path, kind: str, message: str, passes: int) -> None:
    disk = FaultyDisk(Script([Fault(kind, value=passes)], ManualClock()))
    with pytest.raises(OSError, match=message):
        fill(disk, tmp_path / "file")
    assert len(disk.calls) == passes + 1


def test_a_loss_of_power_takes_what_was_not_synced(tmp_path: Path) -> None:
    disk = FaultyDisk(Script((), ManualClock()))
    fill(disk, tmp_path / "kept")
    for name, synced in (("half", True), ("unnamed", False)):
        file = disk.create(tmp_path / name)
        if synced:
            disk.sync_folder(tmp_path)
        disk.write(file, b"1234", 0)
        disk.close(file)
    disk.lose_power()
    left = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert left == {"kept": 16, "half": 0}

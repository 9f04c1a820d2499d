"""Devices and disks that fail by a script. With no fault active they pass everything on as it is, bit for bit."""

import errno
import math
import os
from collections import deque
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from controllers.pose import frozen
from controllers.records import ArmState, PoseCommand, Verdict
from robot_rl.data.disk import Disk
from robot_rl.errors import StaleError
from robot_rl.hardware import Arm, Camera, Frame, Gripper, GripperState
from sim2real.script import Fault, FaultyClock, Script

__all__ = ["Fault", "FaultyArm", "FaultyCamera", "FaultyClock", "FaultyDisk", "FaultyGripper", "Script"]

VENDOR_FAULT = "vendor: protective stop (on purpose)"


class FaultyArm:
    """An arm with bad sensors, a bad cable, or a stop of its own. The joint that lies is drawn once, by the seed."""

    def __init__(self, arm: Arm, script: Script) -> None:
        self._arm, self._script = arm, script
        self._last: ArmState | None = None
        self._late: deque[tuple[float, PoseCommand]] = deque()
        self._joint = script.rng.random()

    @property
    def fault(self) -> str:
        """Latched by the arm for as long as the script says: a person would clear it then."""
        return VENDOR_FAULT if self._script.active("vendor_fault") else self._arm.fault

    def read(self) -> ArmState:
        self._deliver()
        if self._last is not None and self._script.active("stale_reading"):
            return self._last
        state = self._last = self._arm.read()
        if self._script.active("nan_reading"):
            return self._bent(state, math.nan)
        jump = self._script.active("joint_jump")
        return self._bent(state, jump.value) if jump else state

    def command(self, command: PoseCommand) -> Verdict:
        """What never arrives, or not yet, is answered as the sender would take it: as admitted."""
        self._deliver()
        script = self._script
        sent = Verdict(command.target)
        if self.fault == VENDOR_FAULT:
            return Verdict(self._arm.read().tcp, ("fault",), refused=True, why=VENDOR_FAULT)
        if script.active("lost_command"):
            return sent
        if late := script.active("late_command"):
            self._late.append((script.now_s() + late.value, command))
            return sent
        if script.active("reordered_command"):
            if not self._late:
                self._late.append((math.inf, command))
                return sent
            _, before = self._late.popleft()
            verdict = self._arm.command(command)
            self._arm.command(before)
            return verdict
        verdict = self._arm.command(command)
        if script.active("doubled_command"):
            self._arm.command(command)
        return verdict

    def stop(self) -> None:
        self._arm.stop()

    def close(self) -> None:
        self._arm.close()

    def _deliver(self) -> None:
        """Commands whose time has come."""
        while self._late and self._late[0][0] <= self._script.now_s():
            self._arm.command(self._late.popleft()[1])

    def _bent(self, state: ArmState, by_rad: float) -> ArmState:
        q = state.q_rad.copy()
        q[int(self._joint * len(q))] += by_rad
        return replace(state, q_rad=frozen(q))


class FaultyGripper:
    """A gripper that jams. `changes` counts how often it was told something else than before."""

    def __init__(self, gripper: Gripper, script: Script) -> None:
        self._gripper, self._script = gripper, script
        self._stuck: GripperState | None = None
        self._told: bool | None = None
        self.changes = 0

    def read(self) -> GripperState:
        state = self._gripper.read()
        if not self._script.active("jammed"):
            self._stuck = None
            return state
        self._stuck = self._stuck or state
        told = state.closing if self._told is None else self._told
        return replace(state, width_m=self._stuck.width_m, closing=told)

    def command(self, closing: bool) -> None:
        self.changes += self._told is not None and closing != self._told
        self._told = closing
        if not self._script.active("jammed"):
            self._gripper.command(closing)

    def close(self) -> None:
        self._gripper.close()


class FaultyCamera:
    """A camera that freezes, slows down, or shows what is not there."""

    def __init__(self, camera: Camera, script: Script) -> None:
        self._camera, self._script = camera, script
        self._kept: Frame | None = None
        """The newest frame before the picture froze"""

    @property
    def name(self) -> str:
        return self._camera.name

    def read(self) -> Frame:
        script = self._script
        if script.active("unplugged"):
            raise StaleError(f"camera {self.name} gives no frames; check its cable")
        slow = script.active("slow")
        waits = slow and self._kept and self._camera_age_s() < 1.0 / slow.value
        if self._kept and (script.active("frozen") or waits):
            return self._kept
        frame = self._camera.read()
        if self._kept and script.active("frozen_pixels"):
            return replace(frame, image=self._kept.image)
        self._kept, self._kept_at_s = frame, script.now_s()
        bent = _bent(frame.image, script)
        return frame if bent is frame.image else replace(frame, image=bent)

    def close(self) -> None:
        self._camera.close()

    def _camera_age_s(self) -> float:
        return self._script.now_s() - self._kept_at_s


def _bent(image: NDArray[np.uint8], script: Script) -> NDArray[np.uint8]:
    """The picture (H, W, 3) as a broken camera gives it."""
    if script.active("black"):
        return np.zeros_like(image)
    if script.active("saturated"):
        return np.full_like(image, 255)
    if script.active("half_frame"):
        half = image.copy()
        half[len(half) // 2 :] = 0
        return half
    if script.active("wrong_size"):
        return image[: len(image) // 2].copy()
    if script.active("swapped_colours"):
        return image[..., ::-1].copy()
    return image


class FaultyDisk(Disk):
    """A disk that fills up, fails, or loses its power.

    Calls that change it are counted; `disk_full` and `disk_error` let so many of them pass, and leave half of the
    write that fails.
    """

    def __init__(self, script: Script) -> None:
        self._script = script
        self.calls: list[str] = []
        """That change the disk, by name"""
        self.failed = 0
        self._paths: dict[int, Path] = {}
        self._synced: dict[Path, int] = {}
        """Bytes of every file that outlive a loss of power"""
        self._named: set[Path] = set()
        """Whose names do"""

    def create(self, path: Path) -> int:
        self._call("create")
        file = super().create(path)
        self._paths[file], self._synced[path] = path, 0
        return file

    def write(self, file: int, data: bytes | bytearray, offset: int) -> None:
        try:
            self._call("write")
        except OSError:
            super().write(file, data[: len(data) // 2], offset)
            raise
        super().write(file, data, offset)

    def sync(self, file: int) -> None:
        self._call("sync")
        super().sync(file)
        self._synced[self._paths[file]] = os.fstat(file).st_size

    def sync_folder(self, folder: Path) -> None:
        self._call("sync_folder")
        super().sync_folder(folder)
        self._named |= {path for path in self._synced if path.parent == folder}

    def free_bytes(self, folder: Path) -> int:
        return 0 if self._failure() == errno.ENOSPC else super().free_bytes(folder)

    def lose_power(self) -> None:
        """What was not synced is gone: content and names."""
        for path, size in self._synced.items():
            if path not in self._named:
                path.unlink(missing_ok=True)
            elif path.exists():
                os.truncate(path, min(size, path.stat().st_size))

    def _call(self, name: str) -> None:
        code = self._failure()
        self.calls.append(name)
        if code:
            self.failed += 1
            raise OSError(code, os.strerror(code))

    def _failure(self) -> int:
        for kind, code in (("disk_full", errno.ENOSPC), ("disk_error", errno.EIO)):
            fault = self._script.active(kind)
            if fault and len(self.calls) >= fault.value:
                return code
        return 0

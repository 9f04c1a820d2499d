"""3Dconnexion SpaceMouse by its HID reports, from the kernel's /dev/hidraw*.

Report 1 is the translation, report 2 the rotation: three int16 little endian each, axes to the right, towards the
person and down. Newer devices put all six into report 1. Report 3 is a mask of buttons (spacenavd and pyspacemouse
read the same bytes). A deflected device reports all the time, a released one sends zeros once and is quiet.
"""

import struct
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from robot_rl.clock import Clock, MonotonicClock
from robot_rl.drivers.inputs import DEAD_BAND, DeviceFile, Input, checked_dead_band, checked_rest, shaped
from robot_rl.errors import HardwareError, StaleError

FULL = 350.0
"""Reading at full deflection."""
REPORT_BYTES = 64
VENDORS = {0x256F, 0x046D}
"""3Dconnexion, and Logitech, whose numbers older ones carry."""
LOGITECH_PRODUCTS = range(0xC603, 0xC652)
"""Of all that Logitech makes, the 3D mice."""
BUTTONS = 16
SILENT_S = 0.5
"""A deflected device reports about every 10 ms; a receiver out of reach reports nothing."""
ADVICE = "check its cable or receiver, and its udev rule (docs/hardware-cameras.md)"


@dataclass(frozen=True, slots=True)
class Puck:
    """What the device has reported so far."""

    axes: tuple[int, ...] = (0,) * 6
    """Right, towards the person, down; then the rotations about them. ±350."""
    buttons: tuple[bool, ...] = (False,) * BUTTONS


def parse(report: bytes, before: Puck) -> Puck | None:
    """The state after a report; None for one that is none of these three, such as that of the battery."""
    match report[:1], len(report) - 1:
        case b"\x01", size if size >= 12:
            return replace(before, axes=struct.unpack("<6h", report[1:13]))
        case b"\x01", size if size >= 6:
            return replace(before, axes=struct.unpack("<3h", report[1:7]) + before.axes[3:])
        case b"\x02", size if size >= 6:
            return replace(before, axes=before.axes[:3] + struct.unpack("<3h", report[1:7]))
        case b"\x03", size if size >= 1:
            mask = int.from_bytes(report[1:3], "little")
            return replace(before, buttons=tuple(bool(mask >> bit & 1) for bit in range(BUTTONS)))
    return None


def find() -> list[Path]:
    """The device files of all connected 3D mice."""
    return [Path("/dev") / node.name for node in sorted(Path("/sys/class/hidraw").glob("hidraw*")) if _is_ours(node)]


class SpaceMouse:
    """One device."""

    def __init__(self, path: Path | None = None, *, dead_band: float = DEAD_BAND, clock: Clock | None = None) -> None:
        """`path`: of its hidraw file; the only one connected if None. Raises HardwareError where there is none."""
        found = [path] if path else find()
        if len(found) != 1:
            raise HardwareError(f"{len(found)} 3D mice found{_listed(found)}; {'say which one' if found else ADVICE}")
        self._dead_band = checked_dead_band(dead_band)
        self._file, self._clock = DeviceFile(found[0], ADVICE), clock or MonotonicClock()
        self._name = f"SpaceMouse {found[0]}"
        self._puck, self._events, self._stamp_s = Puck(), 0, self._clock.now_s()
        self._rest = np.zeros(6)

    def read(self) -> Input:
        """What the person asks for at this moment; never waits.

        Raises HardwareError when the device is gone, StaleError when it stays deflected and reports no more.
        """
        while report := self._file.read(REPORT_BYTES):
            after = parse(report, self._puck)
            if after is not None:
                self._puck, self._events, self._stamp_s = after, self._events + 1, self._clock.now_s()
        twist = np.array([shaped(*pair, self._dead_band) for pair in zip(self._raw(), self._rest, strict=True)])
        silent_s = self._clock.now_s() - self._stamp_s
        if twist.any() and not silent_s <= SILENT_S:
            raise StaleError(f"{self._name} is deflected but has been silent for {silent_s:.1f} s; {ADVICE}")
        return Input(self._stamp_s, twist, self._puck.buttons, self._events)

    def take_rest(self) -> None:
        """Where it is at this moment is its centre from here on, against drift. Raises HardwareError if it is held."""
        self.read()
        self._rest = checked_rest(self._name, self._raw())

    def close(self) -> None:
        """Release the device; allowed twice."""
        self._file.close()

    def _raw(self) -> np.ndarray:
        """(6,) of about ±1, in the axes of `Input`: the device's right, back and down are our -y, -x and -z."""
        right, back, down, roll_right, roll_back, roll_down = self._puck.axes
        return np.array([-back, -right, -down, -roll_back, -roll_right, -roll_down]) / FULL


def _is_ours(node: Path) -> bool:
    try:
        lines = (node / "device" / "uevent").read_text().splitlines()
    except OSError:  # unplugged while we look
        return False
    for line in lines:
        if line.startswith("HID_ID="):
            _, vendor, product = (int(part, 16) for part in line.removeprefix("HID_ID=").split(":"))
            return vendor in VENDORS and (vendor != 0x046D or product in LOGITECH_PRODUCTS)
    return False


def _listed(paths: list[Path]) -> str:
    return f": {', '.join(map(str, paths))}" if paths else ""

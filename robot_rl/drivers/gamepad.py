"""A gamepad by the events of the Linux joystick interface, /dev/input/js* (kernel: joystick-api.rst).

Layout of xpad and hid-playstation: left stick moves forward and sideways, triggers up (right) and down (left), right
stick pitches and turns, the shoulder buttons roll.
"""

import struct
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from robot_rl.clock import Clock, MonotonicClock
from robot_rl.drivers.inputs import DEAD_BAND, DeviceFile, Input, checked_dead_band, checked_rest, shaped
from robot_rl.errors import HardwareError

EVENT = struct.Struct("<IhBB")
"""Time [ms], value, type, number."""
BUTTON, AXIS, INIT = 0x01, 0x02, 0x80
FULL = 32767.0
AXES, BUTTONS = 8, 16
LEFT_X, LEFT_Y, LEFT_TRIGGER, RIGHT_X, RIGHT_Y, RIGHT_TRIGGER = range(6)
STICKS = (LEFT_X, LEFT_Y, RIGHT_X, RIGHT_Y)
TRIGGERS = (LEFT_TRIGGER, RIGHT_TRIGGER)
LEFT_SHOULDER, RIGHT_SHOULDER = 4, 5
ADVICE = "check its cable or battery, and the group `input` (docs/hardware-cameras.md)"


@dataclass(frozen=True, slots=True)
class Pad:
    """What the device has told so far. Axes are to the right and towards the person, [-1, 1]."""

    axes: tuple[float, ...] = tuple(-1.0 if axis in TRIGGERS else 0.0 for axis in range(AXES))
    """Released triggers read -1."""
    buttons: tuple[bool, ...] = (False,) * BUTTONS


def parse(event: bytes, before: Pad) -> Pad:
    """The state after one event of 8 bytes. Numbers beyond those used here change nothing."""
    _, value, kind, number = EVENT.unpack(event)
    if kind & BUTTON and number < BUTTONS:
        return replace(before, buttons=_put(before.buttons, number, bool(value)))
    # Until a trigger moves for the first time the kernel reports 0 for it, which would be half pressed.
    if kind & AXIS and number < AXES and not (kind & INIT and number in TRIGGERS):
        return replace(before, axes=_put(before.axes, number, max(-1.0, value / FULL)))
    return before


def find() -> list[Path]:
    """The device files of all connected gamepads."""
    return sorted(Path("/dev/input").glob("js*"))


class Gamepad:
    """One gamepad."""

    def __init__(self, path: Path | None = None, *, dead_band: float = DEAD_BAND, clock: Clock | None = None) -> None:
        """`path`: such as /dev/input/js0; the only one connected if None.

        Its sticks must be released: where they are is their centre. Raises HardwareError if they are not, or where
        there is no device.
        """
        found = [path] if path else find()
        if len(found) != 1:
            listed = f": {', '.join(map(str, found))}; say which one" if found else f"; {ADVICE}"
            raise HardwareError(f"{len(found)} gamepads found{listed}")
        self._dead_band = checked_dead_band(dead_band)
        self._file, self._clock = DeviceFile(found[0], ADVICE), clock or MonotonicClock()
        self._name = f"gamepad {found[0]}"
        self._pad, self._events, self._stamp_s, self._rest = Pad(), 0, self._clock.now_s(), np.zeros(AXES)
        self._part = b""
        self.take_rest()

    def read(self) -> Input:
        """What the person asks for at this moment; never waits. Raises HardwareError when the device is gone."""
        while read := self._file.read(64 * EVENT.size):
            events = self._part + read
            whole = len(events) - len(events) % EVENT.size
            self._part = events[whole:]
            for start in range(0, whole, EVENT.size):
                self._pad = parse(events[start : start + EVENT.size], self._pad)
                self._events, self._stamp_s = self._events + 1, self._clock.now_s()
        return Input(self._stamp_s, self._twist(), self._pad.buttons, self._events)

    def take_rest(self) -> None:
        """Where the sticks are at this moment is their centre from here on. Raises HardwareError if one is held."""
        self.read()
        raw = np.array([self._pad.axes[axis] if axis in STICKS else 0.0 for axis in range(AXES)])
        try:
            self._rest = checked_rest(self._name, raw)
        except HardwareError:
            self.close()
            raise

    def close(self) -> None:
        """Release the device; allowed twice."""
        self._file.close()

    def _twist(self) -> np.ndarray:
        axes, buttons = self._pad.axes, self._pad.buttons
        right, back, turn, tilt = (shaped(axes[axis], self._rest[axis], self._dead_band) for axis in STICKS)
        down, up = (shaped((axes[trigger] + 1.0) / 2, 0.0, self._dead_band) for trigger in TRIGGERS)
        roll = float(buttons[RIGHT_SHOULDER]) - float(buttons[LEFT_SHOULDER])
        return np.array([-back, -right, up - down, roll, -tilt, -turn]) + 0.0  # no negative zeros


def _put(values: tuple[Any, ...], at: int, value: Any) -> tuple[Any, ...]:
    return (*values[:at], value, *values[at + 1 :])

"""What a hand-held device says, and the file of the kernel's that it is read from."""

import math
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robot_rl.errors import ConfigError, HardwareError

DEAD_BAND = 0.08
"""Of full deflection: what springs and hands leave over."""
MAX_REST = 0.25
"""Largest reading of a released axis that may be taken for its centre; beyond, it is held or broken."""


@dataclass(frozen=True, slots=True)
class Input:
    """What a person asks for at one moment."""

    stamp_s: float
    """When the newest event was received; when the device was opened, if there was none yet."""
    twist: NDArray[np.float64]
    """(6,) in [-1, 1]: x forward, y left, z up, then the rotations about them; of a person who sits behind the arm"""
    buttons: tuple[bool, ...]
    events: int
    """So many events the device has sent since it was opened; equal numbers are the same input."""


def shaped(raw: float, rest: float, dead_band: float = DEAD_BAND) -> float:
    """A reading `raw` in [-1, 1] of an axis that reads `rest` when released, as a wish in [-1, 1].

    Zero within the dead-band around the rest, from there growing evenly to ±1, without a jump. What is not finite is 0.
    """
    if not (math.isfinite(raw) and math.isfinite(rest)):
        return 0.0
    off = raw - rest
    room = 1.0 - dead_band - abs(rest)
    if not abs(off) > dead_band:
        return 0.0
    return math.copysign(min(1.0, (abs(off) - dead_band) / room), off)


def checked_dead_band(dead_band: float) -> float:
    """The same. Raises ConfigError outside [0, 0.5]."""
    if not 0.0 <= dead_band <= 0.5:
        raise ConfigError(f"dead-band {dead_band}; allowed: 0 to 0.5 of full deflection")
    return dead_band


def checked_rest(name: str, raw: NDArray[np.float64]) -> NDArray[np.float64]:
    """These readings as those of a released device. Raises HardwareError when one is too far off for that."""
    if not (np.abs(raw) <= MAX_REST).all():
        worst = int(np.argmax(np.abs(raw)))
        raise HardwareError(
            f"{name}: axis {worst} reads {raw[worst]:+.2f} at rest, allowed ±{MAX_REST}; "
            "let go of it and open it anew, else it is worn out"
        )
    return raw.copy()


class DeviceFile:
    """A character device of the kernel, read without waiting."""

    def __init__(self, path: Path, advice: str) -> None:
        """Raises HardwareError, with `advice`, when it is not there or not ours to read."""
        self._path, self._advice = path, advice
        try:
            self._file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        except OSError as error:
            raise HardwareError(f"{path} cannot be opened: {error.strerror}; {advice}") from error

    def read(self, most: int) -> bytes:
        """Up to `most` bytes, empty when nothing waits. Raises HardwareError when the device is gone or closed."""
        if self._file < 0:
            raise HardwareError(f"{self._path} is closed; open it anew to read it")
        try:
            read = os.read(self._file, most)
        except BlockingIOError:
            return b""
        except OSError as error:
            self.close()
            raise HardwareError(f"{self._path} is gone: {error.strerror}; {self._advice}") from error
        if not read:  # a device file has no end but its device's
            self.close()
            raise HardwareError(f"{self._path} is gone; {self._advice}")
        return read

    def close(self) -> None:
        """Allowed twice."""
        if self._file >= 0:
            os.close(self._file)
        self._file = -1

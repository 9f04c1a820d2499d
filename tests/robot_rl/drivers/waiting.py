"""Waiting with a bound."""

import time
from collections.abc import Callable

from robot_rl.errors import StaleError
from robot_rl.hardware import Camera, Frame


def until(true: Callable[[], object], what: str, bound_s: float = 20.0) -> None:
    """Return as soon as it is so. Raises AssertionError when it is not within the bound."""
    end_s = time.monotonic() + bound_s
    while not true():
        assert time.monotonic() < end_s, f"not within {bound_s} s: {what}"
        time.sleep(0.01)


def fresh(camera: Camera, after: int = 0) -> Frame:
    """A frame with a sequence above `after`; silences are waited through."""
    found: list[Frame] = []

    def look() -> bool:
        try:
            frame = camera.read()
        except StaleError:
            return False
        found[:] = [frame] if frame.sequence > after else []
        return bool(found)

    until(look, f"a frame after {after}")
    return found[0]

"""Looking through a camera, and noticing that it does not look."""

import zlib

import numpy as np
from numpy.typing import NDArray

from robot_rl.clock import Clock
from robot_rl.errors import StaleError
from robot_rl.hardware import Camera

MAX_AGE_S = 0.2
"""At 10 Hz, two periods: an older picture shows another world."""
FROZEN = 10
"""So many pictures in a row that are the same to the last bit: a real sensor's noise does not allow that."""
DARK, BRIGHT = 2, 253
"""Where no pixel is above, or none below, nothing is seen."""
COLOURFUL = 8.0
"""Difference of mean red and mean blue from which the order of the colours can be told."""


class Sight:
    """One camera whose every picture is checked before anybody acts on it or keeps it."""

    def __init__(self, camera: Camera, clock: Clock, *, still_lifes: bool) -> None:
        """`still_lifes`: identical pictures are possible, as in a simulation at rest."""
        self._camera, self._clock, self._still_lifes = camera, clock, still_lifes
        first = camera.read().image
        self.shape, self.name = first.shape, camera.name
        self._colours, self._dark_halves = _mean_colours(first), _dark_halves(first)
        self.restart()

    def restart(self) -> None:
        """A new episode: what was seen before says nothing."""
        self._sequence, self._hash, self._same = -1, 0, 0

    def look(self) -> NDArray[np.uint8]:
        """A picture (H, W, 3) taken since the last look.

        Raises StaleError when there is none, or when it cannot be one of what is there now.
        """
        frame = self._camera.read()
        if not frame.sequence > self._sequence:
            self._refuse(f"shows the same frame ({frame.sequence}) as at the last look")
        age_s = self._clock.now_s() - frame.stamp_s
        if not 0.0 <= age_s <= MAX_AGE_S:
            self._refuse(f"shows a frame {age_s:.3f} s old; allowed: 0 to {MAX_AGE_S} s")
        if frame.image.shape != self.shape or frame.image.dtype != np.uint8:
            self._refuse(f"gives {frame.image.dtype} {frame.image.shape}, at the start it was uint8 {self.shape}")
        if frame.image.max() <= DARK or frame.image.min() >= BRIGHT:
            self._refuse(f"shows nothing: pixels from {frame.image.min()} to {frame.image.max()}")
        self._check_sense(frame.image)
        self._sequence = frame.sequence
        self._check_life(frame.image)
        return frame.image

    def _check_sense(self, image: NDArray[np.uint8]) -> None:
        """Against the first picture of all: what was there then, a half or a colour, does not go away."""
        if _dark_halves(image) > self._dark_halves:
            self._refuse("shows half a picture: the rest is black")
        now, then = _mean_colours(image), self._colours
        off, off_swapped = np.linalg.norm(now - then), np.linalg.norm(now[::-1] - then)
        if abs(then[0] - then[2]) > COLOURFUL and off_swapped < off / 4:
            self._refuse(f"shows red for blue: mean colours {now.round()}, at the start {then.round()}")

    def _check_life(self, image: NDArray[np.uint8]) -> None:
        if self._still_lifes:
            return
        picture = zlib.crc32(image.tobytes())
        self._same = self._same + 1 if picture == self._hash else 1
        self._hash = picture
        if self._same >= FROZEN:
            self._refuse(f"has shown {self._same} pictures that are the same to the last bit, under new numbers")

    def _refuse(self, what: str) -> None:
        raise StaleError(f"camera {self.name} {what}; check the camera and its cable, nothing was kept of it")


def _mean_colours(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(3,) of a picture with colours; zeros for anything else."""
    return image.reshape(-1, 3).mean(axis=0) if image.ndim == 3 and image.shape[2] == 3 else np.zeros(3)


def _dark_halves(image: NDArray[np.uint8]) -> int:
    """How many of the upper, lower, left and right half are black."""
    rows, columns = image.shape[0] // 2, image.shape[1] // 2
    halves = (image[:rows], image[rows:], image[:, :columns], image[:, columns:])
    return sum(bool(half.max() <= DARK) for half in halves)

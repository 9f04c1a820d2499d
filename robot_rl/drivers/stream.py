"""The newest frame of a camera, kept by a thread of its own that mends the camera when it goes silent."""

import logging
import threading
from collections import deque
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from robot_rl.clock import Clock, MonotonicClock
from robot_rl.drivers.restart import RETURN_S, SETTLE_S, Counts, Ladder, Step
from robot_rl.errors import HardwareError, StaleError
from robot_rl.hardware import Frame

FIRST_FRAME_S = 5.0
"""How long opening waits for the first frame."""
STUCK_S = RETURN_S + 3 * SETTLE_S
"""A step that has not returned by then never will: a reset while streaming can block the SDK for good."""
POLL_S = 0.1
"""Between two looks for a device that has been reset."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Shot:
    """What a device gives."""

    number: int
    """The device's own count of frames since its start; gaps are frames that were lost."""
    image: NDArray[np.uint8]
    """(H, W, 3) RGB, memory of its own"""
    depth: NDArray[np.uint16] | None = None
    """(H, W) in the device's units, aligned to the image; 0 is no reading"""


class Device(Protocol):
    """A camera's SDK. All its methods are called by one thread, apart from the first `start`."""

    @property
    def period_s(self) -> float:
        """Time between two frames."""
        ...

    def start(self) -> None:
        """Open and stream. Raises HardwareError at once where the device is not there."""
        ...

    def grab(self, timeout_s: float) -> Shot | None:
        """The next frame, None when there is none in time. Raises HardwareError when the device says why."""
        ...

    def stop(self) -> None:
        """End the stream; allowed twice."""
        ...

    def present(self) -> bool:
        """Whether the device can be seen."""
        ...

    def reset(self) -> None:
        """As if unplugged and plugged in again. Raises HardwareError where that cannot be done."""
        ...


@dataclass(frozen=True, slots=True)
class Health:
    """How a stream is doing."""

    frames: int
    lost: int
    """Frames that the device numbered and nobody got."""
    rate_hz: float
    """Of the last second's frames; 0 before the second one, and while the newest is stale."""
    age_s: float
    troubles: Counts
    failure: str
    """Why it has ended for good; empty while it has not."""


class Stream:
    """A device that is being read."""

    def __init__(self, name: str, device: Device, clock: Clock) -> None:
        """Start the device and wait for its first frame. Raises HardwareError when there is none."""
        self._name, self._device, self._clock = name, device, clock
        self._closing, self._came = threading.Event(), threading.Condition()
        self._newest: tuple[Frame, NDArray[np.uint16] | None] | None = None
        self._number, self._sequence, self._frames, self._lost = -1, 0, 0, 0
        self._failure, self._reason = "", ""
        device.start()
        self._ladder = Ladder(clock, device.period_s)
        self._stamps_s: deque[float] = deque(maxlen=max(2, round(1.0 / device.period_s)))
        self._step, self._since_s = Step.READ, clock.now_s()
        self._thread = threading.Thread(target=self._run, name=f"camera {name}", daemon=True)
        self._thread.start()
        if not self.wait(0, FIRST_FRAME_S):
            self.close()
            raise HardwareError(
                self._failure
                or f"camera {name} is there but gave no frame within {FIRST_FRAME_S:.0f} s; "
                f"{self._reason or 'check cable, bandwidth and whether another process uses it'}"
            )

    def wait(self, after: int, timeout_s: float) -> bool:
        """Whether a frame with a sequence above `after` is there, or came in time."""
        with self._came:
            self._came.wait_for(lambda: self._sequence > after or self._failure, timeout_s)
        return self._sequence > after

    def newest(self) -> tuple[Frame, NDArray[np.uint16] | None]:
        """The newest frame with its depth.

        Raises StaleError while the newest is older than three periods, HardwareError once there will be no more.
        """
        if self._closing.is_set():
            raise HardwareError(f"camera {self._name} is closed; open it anew to read it")
        if self.failure:
            raise HardwareError(self.failure)
        assert self._newest is not None
        age_s, limit_s = self._clock.now_s() - self._newest[0].stamp_s, self.stale_s
        if not age_s <= limit_s:
            raise StaleError(
                f"camera {self._name}: the newest frame is {age_s:.2f} s old, allowed {limit_s:.2f} s; "
                f"{self._ladder.counts.restarts} restarts and {self._ladder.counts.resets} resets so far"
            )
        return self._newest

    @property
    def stale_s(self) -> float:
        """Age beyond which a frame is not given any more."""
        return self._ladder.stale_s

    @property
    def failure(self) -> str:
        """Why no frame will ever come again; empty while one may."""
        busy_s = self._clock.now_s() - self._since_s
        if not self._failure and busy_s > STUCK_S:
            return f"camera {self._name}: to {self._step.value} has not returned for {busy_s:.0f} s; end this process"
        return self._failure

    @property
    def health(self) -> Health:
        """How it is doing at this moment."""
        stamps_s = tuple(self._stamps_s)
        span_s = stamps_s[-1] - stamps_s[0] if len(stamps_s) > 1 else 0.0
        age_s = self._clock.now_s() - stamps_s[-1] if stamps_s else float("inf")
        rate_hz = (len(stamps_s) - 1) / span_s if span_s > 0 and age_s <= self.stale_s else 0.0
        return Health(self._frames, self._lost, rate_hz, age_s, self._ladder.counts, self.failure)

    def close(self) -> None:
        """End the thread and with it the stream; allowed twice."""
        self._closing.set()
        self._thread.join(STUCK_S)
        if self._thread.is_alive():
            _log.error("camera %s: its thread does not end, the device stays open until the process ends", self._name)

    def _run(self) -> None:
        try:
            while not self._closing.is_set() and not self._failure:
                self._step, self._since_s = self._ladder.next_step(self._device.present), self._clock.now_s()
                self._do(self._step)
        finally:
            if not self._closing.is_set():
                self._failure = self._failure or f"camera {self._name}: its reader ended by an error, see the log"
            with self._came:
                self._came.notify_all()
            self._stop()

    def _do(self, step: Step) -> None:
        try:
            match step:
                case Step.READ:
                    self._take(self._device.grab(self._ladder.stale_s))
                case Step.RESTART:
                    self._say(step)
                    self._stop()
                    self._device.start()
                case Step.RESET:
                    self._say(step)
                    self._stop()  # a reset while streaming can keep a later stop from returning
                    self._device.reset()
                case Step.WAIT:
                    self._closing.wait(POLL_S)
                case Step.FAIL:
                    self._failure = (
                        f"camera {self._name} is lost after {self._ladder.counts.restarts} restarts and "
                        f"{self._ladder.counts.resets} resets; {self._reason or 'it gives no frames'}; check its cable "
                        "and power, then open it anew"
                    )
        except HardwareError as error:
            if step is Step.RESTART or not self._reason:  # what keeps it from starting says most
                self._reason = str(error)
            if step is Step.READ:
                self._closing.wait(self._device.period_s)  # a device that refuses at once is not asked in a busy loop
            else:
                _log.warning("camera %s: to %s failed: %s", self._name, step.value, error)
                self._ladder.failed()

    def _stop(self) -> None:
        try:
            self._device.stop()
        except HardwareError as error:
            _log.warning("camera %s: %s", self._name, error)

    def _say(self, step: Step) -> None:
        self._number = -1
        _log.warning("camera %s gives no frames; next: %s", self._name, step.value)

    def _take(self, shot: Shot | None) -> None:
        if shot is None:
            return
        stamp_s = self._clock.now_s()
        gap = shot.number - self._number if 0 <= self._number < shot.number else 1
        self._number, self._reason = shot.number, ""
        self._frames, self._lost = self._frames + 1, self._lost + gap - 1
        shot.image.flags.writeable = False  # every reader gets the same memory
        self._newest = Frame(stamp_s, self._sequence + gap, shot.image), shot.depth
        self._stamps_s.append(stamp_s)
        self._ladder.saw_frame()
        with self._came:
            self._sequence += gap
            self._came.notify_all()


class StreamCamera:
    """What all cameras that are streams have in common (`hardware.Camera`)."""

    def __init__(self, name: str, device: Device, clock: Clock | None) -> None:
        """Raises HardwareError as `Stream`."""
        self._name = name
        self._stream = Stream(name, device, clock or MonotonicClock())

    @property
    def name(self) -> str:
        return self._name

    @property
    def health(self) -> Health:
        """How the stream is doing."""
        return self._stream.health

    @property
    def stale_s(self) -> float:
        """Age beyond which `read` gives no frame."""
        return self._stream.stale_s

    def wait(self, after: int, timeout_s: float) -> bool:
        """Whether a frame with a sequence above `after` is there, or came in time."""
        return self._stream.wait(after, timeout_s)

    def read(self) -> Frame:
        """The newest frame, stamped when it was received. Raises StaleError, HardwareError as `Stream.newest`."""
        return self._stream.newest()[0]

    def close(self) -> None:
        """Release the device; allowed twice."""
        self._stream.close()

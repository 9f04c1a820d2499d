"""Whatever OpenCV can open: USB cameras, video files, numbered pictures, MJPEG over HTTP."""

import logging
import socket
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from robot_rl.clock import Clock, MonotonicClock
from robot_rl.drivers.stream import Shot, StreamCamera
from robot_rl.errors import ConfigError, HardwareError

OPEN_MS, READ_MS = 3000, 1000
"""Bounds for network streams, which FFmpeg would otherwise wait for 30 s."""
CONNECT_S = 0.5
_log = logging.getLogger(__name__)


class OpenCvCamera(StreamCamera):
    """One camera, file or address."""

    def __init__(
        self,
        name: str,
        source: int | str,
        *,
        width: int = 0,
        height: int = 0,
        rate_hz: float = 30.0,
        fourcc: str = "",
        clock: Clock | None = None,
    ) -> None:
        """`source`: a device's number or path, a file, pictures as `pic_%04d.png`, or an http:// or rtsp:// address.

        `width`, `height` [pixels, 0: as it comes], `rate_hz` and `fourcc` (such as MJPG) are asked of devices, which
        may ignore them: `ignored` says so. Files and pictures are played at `rate_hz`; of an address it is the rate
        that is expected. Raises HardwareError at once where nothing is there.
        """
        if not 0 < rate_hz <= 1000:
            raise ConfigError(f"rate_hz of camera {name} is {rate_hz}; allowed: above 0, up to 1000")
        self._device = _Capture(source, (width, height), rate_hz, fourcc, clock or MonotonicClock())
        super().__init__(name, self._device, clock)

    @property
    def facts(self) -> dict[str, str]:
        """What the device says of itself, by name."""
        return self._device.facts

    @property
    def ignored(self) -> list[str]:
        """What was asked for and is not so, each with the value that is."""
        return self._device.ignored


class _Capture:
    """cv2.VideoCapture as a `Device`."""

    def __init__(self, source: int | str, size: tuple[int, int], rate_hz: float, fourcc: str, clock: Clock) -> None:
        self._cv2 = _sdk()
        self._source = int(source) if str(source).isdigit() else str(source)
        self._address = urlsplit(str(source)) if "://" in str(source) else None
        self._path = Path(f"/dev/video{source}") if isinstance(self._source, int) else Path(str(source))
        self._live = self._path.is_relative_to("/dev")
        self._size, self._fourcc, self._clock = size, fourcc, clock
        self.period_s = 1.0 / rate_hz
        self._next_s, self._number = 0.0, 0
        self._capture: Any = None
        self.facts, self.ignored = dict[str, str](), list[str]()

    def start(self) -> None:
        if not self.present():
            raise HardwareError(f"{self._what} is not there; {self._advice()}")
        cv2 = self._cv2
        bounds = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, READ_MS]
        if self._address:
            capture = cv2.VideoCapture(str(self._source), cv2.CAP_FFMPEG, bounds)
        elif self._live:
            capture = cv2.VideoCapture(self._source, cv2.CAP_V4L2)
        else:
            capture = cv2.VideoCapture(str(self._source))
        if not capture.isOpened():
            raise HardwareError(
                f"{self._what} is there but cannot be opened; another process may use it; {self._advice()}"
            )
        self._capture, self._number, self._next_s = capture, 0, self._clock.now_s()
        if self._live:
            self._ask()
        self._learn()

    def grab(self, timeout_s: float) -> Shot | None:
        """OpenCV knows no time-out for a read; the drivers below it give up after 1 s (network) to 10 s (V4L2)."""
        if self._capture is None:
            raise HardwareError(f"{self._what} is not open")
        there, image = self._capture.read()
        if not there:
            raise HardwareError(f"{self._what} gives no more frames")
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise HardwareError(f"{self._what} gives {image.dtype} {image.shape}; uint8 (H, W, 3) is understood")
        if not self._live and not self._address:
            self._clock.sleep_until(self._next_s)
            self._next_s = max(self._next_s, self._clock.now_s() - self.period_s) + self.period_s
        self._number += 1
        return Shot(self._number, np.ascontiguousarray(image[..., ::-1]))

    def stop(self) -> None:
        if self._capture is not None:
            self._capture.release()
        self._capture = None

    def present(self) -> bool:
        if not self._address:
            return any(self._path.parent.glob("*")) if "%" in self._path.name else self._path.exists()
        try:
            port = self._address.port or {"https": 443, "rtsp": 554}.get(self._address.scheme, 80)
            socket.create_connection((self._address.hostname or "", port), CONNECT_S).close()
        except OSError:
            return False
        return True

    def reset(self) -> None:
        raise HardwareError(f"{self._what} cannot be reset through OpenCV")

    @property
    def _what(self) -> str:
        if self._address:  # without the password that may be in it
            return f"video source {self._address._replace(netloc=self._address.netloc.rpartition('@')[2]).geturl()}"
        return f"camera {self._source}" if self._live else f"video source {self._source}"

    def _advice(self) -> str:
        if self._address:
            return "check that its server runs and the address is right"
        if not self._live:
            return "check the path"
        found = sorted(str(path) for path in Path("/dev").glob("video*"))
        return f"there are: {', '.join(found) or 'no /dev/video* at all'}; check cable and group `video`"

    def _ask(self) -> None:
        cv2, (width, height) = self._cv2, self._size
        if self._fourcc:  # first: it decides which sizes and rates there are
            self._capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*self._fourcc))
        for value, prop in ((width, cv2.CAP_PROP_FRAME_WIDTH), (height, cv2.CAP_PROP_FRAME_HEIGHT)):
            if value:
                self._capture.set(prop, value)
        self._capture.set(cv2.CAP_PROP_FPS, 1.0 / self.period_s)
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)

    def _learn(self) -> None:
        """Read back: `set` returns True for what a camera then ignores."""
        cv2, get = self._cv2, self._capture.get
        is_so = {
            "width": round(get(cv2.CAP_PROP_FRAME_WIDTH)),
            "height": round(get(cv2.CAP_PROP_FRAME_HEIGHT)),
            "rate_hz": round(get(cv2.CAP_PROP_FPS), 3),
            "fourcc": round(get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little").decode("latin-1").strip("\0 "),
        }
        asked = {"width": self._size[0], "height": self._size[1], "fourcc": self._fourcc}
        asked |= {"rate_hz": round(1.0 / self.period_s, 3)} if self._live else {}
        self.facts = {name: str(value) for name, value in is_so.items()} | {"backend": self._capture.getBackendName()}
        self.ignored = [f"{k} {v} was asked for, it is {is_so[k]}" for k, v in asked.items() if v and v != is_so[k]]
        for line in self.ignored:
            _log.warning("%s: %s", self._what, line)


def _sdk() -> Any:
    try:
        return import_module("cv2")
    except ImportError as error:
        raise ConfigError(f"this camera needs OpenCV ({error}): pip install 'robot_rl[opencv]'") from error

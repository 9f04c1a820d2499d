"""Intel RealSense cameras through librealsense: colour, and depth aligned to it.

A start without a camera blocks the whole interpreter for 15 s (librealsense 2.59): `can_resolve` is asked first.
"""

import logging
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.clock import Clock
from robot_rl.drivers.lens import Lens
from robot_rl.drivers.stream import Shot, StreamCamera
from robot_rl.errors import ConfigError, HardwareError
from robot_rl.hardware import Frame

ADVICE = "check cable, port and udev rules (docs/hardware-cameras.md)"
_log = logging.getLogger(__name__)


class RealSense(StreamCamera):
    """One camera. `depth()` belongs to the frame that was read last."""

    def __init__(
        self,
        name: str,
        *,
        serial: str = "",
        recording: Path | None = None,
        width: int = 640,
        height: int = 480,
        rate_hz: float = 30.0,
        with_depth: bool = False,
        clock: Clock | None = None,
    ) -> None:
        """`serial`: empty where only one camera is connected. `recording`: a .db3 file that is played as a device, with
        the size and rate it was recorded with.

        Raises HardwareError with the serials found when there is no such camera, or it cannot stream as asked.
        """
        if not 0 < rate_hz <= 300:
            raise ConfigError(f"rate_hz of camera {name} is {rate_hz}; allowed: above 0, up to 300")
        self._device = _Pipeline(serial, recording, (width, height), rate_hz, with_depth)
        self._depth: NDArray[np.uint16] | None = None
        super().__init__(name, self._device, clock)

    @property
    def serial(self) -> str:
        """As printed on the camera."""
        return self._device.serial

    @property
    def lens(self) -> Lens:
        """The factory's calibration of the colour image, to which depth is aligned."""
        return self._device.lens

    @property
    def depth_scale(self) -> float:
        """Metres in one unit of the device's depth; 0 without depth."""
        return self._device.depth_scale

    @property
    def facts(self) -> dict[str, str]:
        """What the device says of itself, by name."""
        return self._device.facts

    def read(self) -> Frame:
        """As `StreamCamera.read`; `depth` then gives what belongs to it."""
        frame, self._depth = self._stream.newest()
        return frame

    def depth(self) -> NDArray[np.float32]:
        """(H, W) metres along the optical axis at each pixel of the frame read last; 0 where there is no reading.

        Raises HardwareError without depth, or before the first `read`.
        """
        if self._depth is None:
            raise HardwareError(f"camera {self._name} has no depth to give: open it with depth, and read a frame first")
        return self._depth.astype(np.float32) * np.float32(self.depth_scale)


def serials() -> list[str]:
    """Serial numbers of the connected cameras. Raises ConfigError where the SDK is not installed."""
    return _serials(_sdk())


class _Pipeline:
    """librealsense's pipeline as a `Device`."""

    def __init__(
        self, serial: str, recording: Path | None, size: tuple[int, int], rate_hz: float, with_depth: bool
    ) -> None:
        self._rs = _sdk()
        self._wanted, self._recording, self._size, self._rate_hz = serial, recording, size, rate_hz
        self._with_depth = with_depth
        self._pipeline: Any = None
        self.serial, self.depth_scale, self.facts = serial, 0.0, dict[str, str]()
        self.period_s = 1.0 / rate_hz

    def start(self) -> None:
        if self._recording and not self._recording.is_file():
            raise HardwareError(f"no recording {self._recording}; give a .db3 file made with librealsense's recorder")
        try:
            self._start()
        except RuntimeError as error:
            raise HardwareError(f"{self._what} does not start: {error}; unplug it and plug it in again") from error

    def grab(self, timeout_s: float) -> Shot | None:
        if self._pipeline is None:
            raise HardwareError(f"{self._what} is not streaming")
        try:
            there, frames = self._pipeline.try_wait_for_frames(max(1, round(timeout_s * 1000)))
            if not there:
                return None
            frames = self._align.process(frames) if self._with_depth else frames
        except RuntimeError as error:
            raise HardwareError(f"{self._what} gives no frames: {error}") from error
        colour, depth = frames.get_color_frame(), frames.get_depth_frame() if self._with_depth else None
        if not colour or (self._with_depth and not depth):
            return None
        image = np.asanyarray(colour.get_data())
        image = image[..., ::-1] if self._swapped else image
        # Copies: the SDK takes its memory back.
        return Shot(colour.get_frame_number(), image.copy(), np.array(depth.get_data()) if depth else None)

    def stop(self) -> None:
        pipeline, self._pipeline = self._pipeline, None
        if pipeline is not None:
            try:
                pipeline.stop()
            except RuntimeError as error:
                raise HardwareError(f"{self._what} does not stop: {error}") from error

    def present(self) -> bool:
        return self._recording.is_file() if self._recording else self.serial in _serials(self._rs)

    def reset(self) -> None:
        for device in [] if self._recording else _devices(self._rs):
            if _info(self._rs, device, "serial_number") == self.serial:
                try:
                    device.hardware_reset()
                except RuntimeError as error:
                    raise HardwareError(f"{self._what} cannot be reset: {error}") from error
                return
        raise HardwareError(f"{self._what} is not there to be reset; found: {_listed(_serials(self._rs))}")

    @property
    def _what(self) -> str:
        return f"recording {self._recording}" if self._recording else f"RealSense {self.serial or '(any)'}"

    def _start(self) -> None:
        rs = self._rs
        config, pipeline = rs.config(), rs.pipeline(_context(rs))
        if self._recording:
            config.enable_device_from_file(str(self._recording), False)
        else:
            self._choose(config)
        if not config.can_resolve(rs.pipeline_wrapper(pipeline)):
            raise HardwareError(self._why_not())
        profile = pipeline.start(config)
        self._pipeline = pipeline
        try:
            self._learn(profile)
        except HardwareError:
            self.stop()
            raise

    def _choose(self, config: Any) -> None:
        rs, found = self._rs, _serials(self._rs)
        if not self._wanted and len(found) > 1:
            raise HardwareError(f"{len(found)} RealSense cameras: {_listed(found)}; say by its serial which one")
        if not found or (self._wanted and self._wanted not in found):
            raise HardwareError(f"no RealSense camera {self._wanted or 'at all'}; found: {_listed(found)}; {ADVICE}")
        self.serial = self._wanted or found[0]
        config.enable_device(self.serial)
        config.enable_stream(rs.stream.color, *self._size, rs.format.rgb8, round(self._rate_hz))
        if self._with_depth:
            config.enable_stream(rs.stream.depth, *self._size, rs.format.z16, round(self._rate_hz))

    def _why_not(self) -> str:
        if self._recording:
            return f"{self._what} holds no stream that can be played"
        asked = f"{self._size[0]}x{self._size[1]} at {self._rate_hz:g} Hz{' with depth' if self._with_depth else ''}"
        return (
            f"{self._what} cannot stream {asked}; choose another size or rate (640x480 at 30 Hz is common), "
            "and a USB 3 port and cable for more"
        )

    def _learn(self, profile: Any) -> None:
        """What the device says about itself; it does not change while it streams."""
        rs, device = self._rs, profile.get_device()
        streams = [s.as_video_stream_profile() for s in profile.get_streams() if s.is_video_stream_profile()]
        kinds = {stream.stream_type(): stream for stream in streams}
        needed = {rs.stream.color: "colour"} | ({rs.stream.depth: "depth"} if self._with_depth else {})
        missing = [word for kind, word in needed.items() if kind not in kinds]
        if missing:
            raise HardwareError(f"{self._what} has no {' and no '.join(missing)}")
        colour = kinds[rs.stream.color]
        if colour.format() not in (rs.format.rgb8, rs.format.bgr8):
            raise HardwareError(f"{self._what} gives colour as {colour.format()}; rgb8 and bgr8 are understood")
        self._swapped = colour.format() == rs.format.bgr8
        self._align = rs.align(rs.stream.color)
        self.period_s = 1.0 / colour.fps()
        self.lens = _lens(colour.get_intrinsics())
        self.depth_scale = float(device.first_depth_sensor().get_depth_scale()) if self._with_depth else 0.0
        self.serial = _info(rs, device, "serial_number")
        names = ("name", "serial_number", "firmware_version", "usb_type_descriptor")
        self.facts = {name: _info(rs, device, name) for name in names}
        if self.facts["usb_type_descriptor"].startswith("2"):
            _log.warning(
                "%s is connected by USB 2: few sizes and rates, and a long way to frames; %s", self._what, ADVICE
            )


def _lens(values: Any) -> Lens:
    return Lens(values.width, values.height, values.fx, values.fy, values.ppx, values.ppy, tuple(values.coeffs))


def _sdk() -> Any:
    try:
        return import_module("pyrealsense2")
    except ImportError as error:
        raise ConfigError(f"RealSense needs pyrealsense2 ({error}): pip install 'robot_rl[realsense]'") from error


@cache
def _context(rs: Any) -> Any:
    """One for the process: the end of the last one takes 0.1 s, in which its threads are joined."""
    return rs.context()


def _devices(rs: Any) -> list[Any]:
    found, listed = [], _context(rs).query_devices()
    for index in range(len(listed)):
        try:
            found.append(listed[index])
        except RuntimeError as error:
            _log.warning("a RealSense is connected but cannot be opened: %s; %s", error, ADVICE)
    return found


def _serials(rs: Any) -> list[str]:
    return sorted({_info(rs, device, "serial_number") for device in _devices(rs)} - {""})


def _info(rs: Any, device: Any, name: str) -> str:
    """Empty for what the device does not tell, as one does that is just coming or going."""
    kind = getattr(rs.camera_info, name)
    try:
        return str(device.get_info(kind)) if device.supports(kind) else ""
    except RuntimeError:
        return ""


def _listed(found: list[str]) -> str:
    return ", ".join(found) or "none"

"""RealSense recordings made without a camera: librealsense's software device through its recorder."""

import time
from pathlib import Path
from typing import Any

import numpy as np

SERIAL = "f0271828"
WIDTH, HEIGHT, RATE_HZ = 64, 48, 15
SHIFT_PX = 8
"""By so many columns the colour camera sees what the depth camera sees further to the right."""
RED = 200


def colour_of(number: int) -> tuple[int, int, int]:
    """RGB of the left half of frame `number`, which starts at 1."""
    return RED, number, 50


def depth_units_of(number: int) -> int:
    """Depth of the whole frame `number`, apart from a hole, in units of `scale`."""
    return 1000 + number


def record(path: Path, frames: int, *, bgr: bool = False, scale: float = 0.001, depth: bool = True) -> Path:
    """A recording of `frames` framesets, as long in the making as in the playing. The five upper rows have no depth."""
    import pyrealsense2 as rs

    device = rs.software_device()
    device.register_info(rs.camera_info.serial_number, SERIAL)
    device.register_info(rs.camera_info.name, "Software device")
    depth_sensor, colour_sensor = device.add_sensor("Stereo Module"), device.add_sensor("RGB Camera")
    form = rs.format.bgr8 if bgr else rs.format.rgb8
    depth_profile = depth_sensor.add_video_stream(_stream(rs, rs.stream.depth, 1, rs.format.z16, 2, 0))
    colour_profile = colour_sensor.add_video_stream(_stream(rs, rs.stream.color, 2, form, 3, SHIFT_PX))
    same = rs.extrinsics()
    same.rotation, same.translation = [1, 0, 0, 0, 1, 0, 0, 0, 1], [0, 0, 0]
    depth_profile.register_extrinsics_to(colour_profile, same)
    depth_sensor.add_read_only_option(rs.option.depth_units, scale)
    device.create_matcher(rs.matchers.default)
    recorder = rs.recorder(str(path), device)
    profiles = [depth_profile, colour_profile] if depth else [None, colour_profile]
    used = [(sensor, p) for sensor, p in zip(recorder.query_sensors(), profiles, strict=True) if p]
    queue = rs.frame_queue(2 * frames)
    for sensor, profile in used:
        sensor.open(profile)
        sensor.start(queue)
    kept = []  # the SDK does not own these pixels
    for number in range(1, frames + 1):
        time.sleep(1 / RATE_HZ)  # played back with the pauses it was recorded with
        colour, units = _pixels(number, bgr)
        kept += [colour, units]
        if depth:
            depth_sensor.on_video_frame(_frame(rs, depth_profile, units, 2, number, scale))
        colour_sensor.on_video_frame(_frame(rs, colour_profile, colour, 3, number, 0.0))
    for sensor, _ in used:
        sensor.stop()
        sensor.close()
    return path


def _pixels(number: int, bgr: bool) -> tuple[np.ndarray, np.ndarray]:
    colour = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    colour[:, : WIDTH // 2] = colour_of(number)
    units = np.full((HEIGHT, WIDTH), depth_units_of(number), np.uint16)
    units[:5] = 0
    return np.ascontiguousarray(colour[..., ::-1]) if bgr else colour, units


def _stream(rs: Any, kind: Any, uid: int, form: Any, bytes_per_pixel: int, shift_px: int) -> Any:
    lens = rs.intrinsics()
    lens.width, lens.height, lens.fx, lens.fy = WIDTH, HEIGHT, 60.0, 61.0
    lens.ppx, lens.ppy, lens.model, lens.coeffs = WIDTH / 2 - shift_px, HEIGHT / 2, rs.distortion.none, [0.0] * 5
    stream = rs.video_stream()
    stream.type, stream.index, stream.uid, stream.fmt, stream.bpp = kind, 0, uid, form, bytes_per_pixel
    stream.width, stream.height, stream.fps, stream.intrinsics = WIDTH, HEIGHT, RATE_HZ, lens
    return stream


def _frame(rs: Any, profile: Any, pixels: np.ndarray, bytes_per_pixel: int, number: int, scale: float) -> Any:
    frame = rs.software_video_frame()
    frame.pixels, frame.bpp, frame.stride = pixels, bytes_per_pixel, WIDTH * bytes_per_pixel
    frame.timestamp, frame.domain = (number - 1) * 1000.0 / RATE_HZ, rs.timestamp_domain.hardware_clock
    frame.frame_number, frame.profile = number, profile.as_video_stream_profile()
    if scale:
        frame.depth_units = scale
    return frame

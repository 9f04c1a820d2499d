"""One camera in a process of its own: pictures, depth and calibration as topics.

The driver mends the camera; when it gives up, this process ends with exit code 1 and whoever started it starts it anew.
"""

import array
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus
from numpy.typing import NDArray
from rclpy.context import Context
from rclpy.publisher import Publisher
from sensor_msgs.msg import CameraInfo, Image

from robot_rl.drivers.opencv_camera import OpenCvCamera
from robot_rl.drivers.realsense import RealSense
from robot_rl.errors import ConfigError, StaleError
from robot_rl.hardware import Frame
from robot_rl.ros import qos
from robot_rl.ros.convert import image_message, to_stamp
from robot_rl.ros.node import ERROR, OK, WARN, status
from robot_rl.ros.polled_node import PolledNode
from robot_rl.ros.run import run
from robot_rl.suggest import nearest

PARAMETERS = {
    "name": "camera",
    "driver": "opencv",
    "address": "",
    "width": 0,
    "height": 0,
    "rate_hz": 30.0,
    "depth": False,
    "fourcc": "",
    "frame_id": "",
}
"""`name`: of the camera, in front of its topics. `driver`: realsense or opencv. `address`: a RealSense's serial (empty:
the only one) or a .db3 recording; for opencv a device's number or path, a file or an http:// address. `width`, `height`
in pixels; 0: as it comes, or 640x480 of a RealSense. `frame_id`: that of the optical frame (z forward, x right, y
down); empty: NAME_color_optical_frame."""
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
DRIVERS = ("opencv", "realsense")
PROFILE = "FASTRTPS_DEFAULT_PROFILES_FILE"
SMALL_BYTES = 128_000
"""Larger pictures overflow the shared memory of Fast DDS's defaults."""
WAIT_S, STALE_WAIT_S = 0.2, 0.02
MM_PER_M = 1000.0


class CameraNode(PolledNode[RealSense | OpenCvCamera]):
    """Publishes each frame of one camera."""

    def __init__(self, context: Context | None = None) -> None:
        super().__init__("camera", PARAMETERS, context)
        self._depth: Publisher | None = None
        self._sequence, self._published, self._warned = 0, 0, False

    def open(self) -> None:
        settings = {name: self.get_parameter(name).value for name in PARAMETERS}
        camera = self.device = open_camera(settings)
        self._sequence, self._frame_id = 0, settings["frame_id"] or f"{camera.name}_color_optical_frame"
        self._image = self.offer(Image, f"{camera.name}/color/image_raw", qos.PICTURE)
        self._info = self.offer(CameraInfo, f"{camera.name}/color/camera_info", qos.PICTURE)
        depth = settings["depth"]
        self._depth = self.offer(Image, f"{camera.name}/depth/image_raw", qos.PICTURE) if depth else None

    def poll(self) -> None:
        """Publish the next frame if it comes soon. Raises HardwareError when none ever will."""
        camera = self.device
        assert camera is not None
        came = camera.wait(self._sequence, WAIT_S)
        try:
            frame = camera.read()
        except StaleError:  # the driver is at it
            self.paused.wait(STALE_WAIT_S)
            return
        if came:
            self._publish(frame)
            self._sequence = frame.sequence

    def health(self) -> list[DiagnosticStatus]:
        if self.device is None:
            return []
        health = self.device.health
        troubles = health.troubles
        late = not health.age_s <= self.device.stale_s
        said = health.failure or (f"no frame for {health.age_s:.1f} s" if late else "streams")
        numbers = {
            "rate_hz": round(health.rate_hz, 2),
            "age_s": round(health.age_s, 3),
            "published": self._published,
            "dropped": health.lost,
            "stale": troubles.stale,
            "restarts": troubles.restarts,
            "resets": troubles.resets,
            "failed_steps": troubles.failed,
        }
        level = ERROR if health.failure else WARN if late else OK
        facts = {f"device_{name}": value for name, value in self.device.facts.items()}
        return [status(self.device.name, level, said, **numbers, **facts)]

    def _publish(self, frame: Frame) -> None:
        stamp, (height, width, _) = to_stamp(self.get_clock(), frame.stamp_s), frame.image.shape
        if frame.image.nbytes > SMALL_BYTES and not self._warned:
            self._warn_of_size(frame.image.nbytes)
        self._image.publish(image_message(frame.image, stamp, self._frame_id))
        self._info.publish(self._calibration(stamp, width, height))
        if self._depth is not None and isinstance(self.device, RealSense):
            self._depth.publish(depth_message(self.device.depth(), stamp, self._frame_id))
        self._published += 1

    def _calibration(self, stamp: Time, width: int, height: int) -> CameraInfo:
        """Of the device's own; all zero, which is ROS's word for unknown, where it has none."""
        message = CameraInfo(width=width, height=height)
        message.header.stamp, message.header.frame_id = stamp, self._frame_id
        if isinstance(self.device, RealSense):
            lens = self.device.lens
            message.distortion_model, message.d = "plumb_bob", list(lens.distortion)
            message.k = [lens.fx, 0.0, lens.cx, 0.0, lens.fy, lens.cy, 0.0, 0.0, 1.0]
            message.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
            message.p = [lens.fx, 0.0, lens.cx, 0.0, 0.0, lens.fy, lens.cy, 0.0, 0.0, 0.0, 1.0, 0.0]
        return message

    def _warn_of_size(self, size: int) -> None:
        self._warned = True
        if not os.environ.get(PROFILE):
            self.get_logger().warning(
                f"pictures of {size} bytes and no {PROFILE}: readers will lose some; set it to "
                "launch/config/fastdds.xml"
            )


def open_camera(settings: Mapping[str, Any]) -> RealSense | OpenCvCamera:
    """The camera that PARAMETERS describe. Raises ConfigError, HardwareError."""
    name, driver, address = settings["name"], settings["driver"], settings["address"]
    if not NAME.fullmatch(name):
        raise ConfigError(f"a camera cannot be called {name!r}: letters, digits and _ in its name, such as wrist")
    if driver not in DRIVERS:
        raise ConfigError(f"no camera driver {driver!r}{nearest(driver, DRIVERS)}")
    asked = {key: settings[key] for key in ("width", "height") if settings[key]} | {"rate_hz": settings["rate_hz"]}
    if driver == "realsense":
        recorded = address.endswith(".db3")
        source = {"recording": Path(address)} if recorded else {"serial": address}
        return RealSense(name, **source, **asked, with_depth=settings["depth"])
    if settings["depth"] or not address:
        raise ConfigError("a camera through OpenCV needs an address, such as /dev/video0, and has no depth")
    return OpenCvCamera(name, address, **asked, fourcc=settings["fourcc"])


def depth_message(depth_m: NDArray[np.float32], stamp: Time, frame_id: str) -> Image:
    """(H, W) metres to `16UC1`: millimetres, 0 for no reading and for what is beyond 65.5 m (REP-118)."""
    depth_mm = np.round(depth_m * MM_PER_M)
    depth_mm[depth_mm > np.iinfo(np.uint16).max] = 0.0
    height, width = depth_mm.shape
    message = Image(height=height, width=width, encoding="16UC1", step=2 * width)
    message.header.stamp, message.header.frame_id = stamp, frame_id
    message.data = array.array("B", depth_mm.astype("<u2").tobytes())
    return message


def main() -> int:
    """The console script `camera_node`."""
    return run(CameraNode)


if __name__ == "__main__":
    raise SystemExit(main())

"""The pictures of one simulated camera on topics, drawn in a thread of their own."""

import math
import threading
import time
from collections.abc import Callable

from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image

from robot_rl.drivers.sim_camera import SceneCamera
from robot_rl.errors import HardwareError, RobotRLError, StaleError
from robot_rl.ros import qos
from robot_rl.ros.convert import image_message, to_stamp

FIRST_S = 10.0
"""Longest wait for the first picture: the first one also builds shaders."""


class Feed:
    """Publishes NAME/color/image_raw and NAME/color/camera_info while it is `on`."""

    def __init__(self, node: Node, camera: SceneCamera, hz: float, lost: Callable[[BaseException], None]) -> None:
        """`lost` is told, from another thread, why there will be no more pictures.

        Raises HardwareError when the first one does not come.
        """
        self._node, self._camera, self._period_s, self._lost = node, camera, 1.0 / hz, lost
        self.name, self.on = camera.name, threading.Event()
        self.sent = self.missed = 0
        """Pictures published; those that were due while the one before was being drawn."""
        self.trouble = ""
        """Why the last one that was due did not come; empty: it did"""
        self._frame_id = f"{camera.name}_color_optical_frame"
        self._images = node.create_publisher(Image, f"{camera.name}/color/image_raw", qos.PICTURE)
        self._infos = node.create_publisher(CameraInfo, f"{camera.name}/color/camera_info", qos.PICTURE)
        self._info = camera_info(camera)
        self._ended, self._first, self._failure = threading.Event(), threading.Event(), ""
        self._thread = threading.Thread(target=self._run, name=f"camera {camera.name}", daemon=True)
        self._thread.start()
        if not self._first.wait(FIRST_S) or self._failure:
            self.close()
            raise HardwareError(self._failure or f"camera {self.name} drew nothing within {FIRST_S:.0f} s")

    def close(self) -> None:
        """End the thread and leave the topics; allowed twice."""
        self._ended.set()
        self.on.set()
        self._thread.join(FIRST_S)
        for publisher in (self._images, self._infos):
            self._node.destroy_publisher(publisher)

    def _run(self) -> None:
        why: RobotRLError | None = HardwareError(f"camera {self.name} has ended by an error of its own; see the log")
        try:
            self._camera.read()
            self._first.set()
            self._keep_time()
            why = None
        except RobotRLError as error:
            why = error
        finally:
            if why:
                self._end_by(why)
            self._camera.close()

    def _end_by(self, why: RobotRLError) -> None:
        if self._first.is_set():
            self._lost(why)
        self._failure = str(why)
        self._first.set()

    def _keep_time(self) -> None:
        """Pictures on a fixed grid; those that are missed are left out."""
        due_s = time.monotonic()
        while not self._ended.is_set():
            if not self.on.is_set():
                self.on.wait()
                due_s = time.monotonic()
                continue
            try:
                self._publish()
                self.trouble = ""
            except StaleError as error:
                self.trouble = str(error)
            periods = max(1, math.ceil((time.monotonic() - due_s) / self._period_s))
            self.missed += periods - 1
            due_s += periods * self._period_s
            self._ended.wait(max(0.0, due_s - time.monotonic()))

    def _publish(self) -> None:
        frame = self._camera.read()
        stamp = to_stamp(self._node.get_clock(), frame.stamp_s)
        self._info.header.stamp = stamp
        self._images.publish(image_message(frame.image, stamp, self._frame_id))
        self._infos.publish(self._info)
        self.sent += 1


def camera_info(camera: SceneCamera) -> CameraInfo:
    """A pinhole that looks through the middle of its picture (REP-104; pixel centres at whole numbers)."""
    f, cx, cy = camera.focal_px, 0.5 * (camera.width - 1), 0.5 * (camera.height - 1)
    info = CameraInfo(height=camera.height, width=camera.width, distortion_model="plumb_bob", d=[0.0] * 5)
    info.header.frame_id = f"{camera.name}_color_optical_frame"
    info.k = [f, 0.0, cx, 0.0, f, cy, 0.0, 0.0, 1.0]
    info.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    info.p = [f, 0.0, cx, 0.0, 0.0, f, cy, 0.0, 0.0, 0.0, 1.0, 0.0]
    return info

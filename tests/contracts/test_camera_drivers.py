"""The contract of `Camera` for what is plugged in: recordings and loopback servers in the place of devices."""

from pathlib import Path

import pytest

from robot_rl.clock import Clock, MonotonicClock
from robot_rl.drivers.opencv_camera import OpenCvCamera
from robot_rl.drivers.realsense import RealSense
from robot_rl.hardware import Camera
from tests.contracts.camera import CameraContract
from tests.robot_rl.drivers.mjpeg import MjpegServer
from tests.robot_rl.drivers.recordings import record

pytest.importorskip("pyrealsense2")
pytestmark = pytest.mark.real_time


class TestRealSense(CameraContract):
    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _recorded(cls, tmp_path_factory: pytest.TempPathFactory) -> None:
        cls.recording: Path = record(tmp_path_factory.mktemp("recorded") / "camera.db3", 30)

    def open(self) -> tuple[Camera, Clock]:
        clock = MonotonicClock()
        return RealSense("wrist", recording=self.recording, with_depth=True, clock=clock), clock


class TestNetworkCamera(CameraContract):
    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _served(cls):
        cls.server = MjpegServer()
        yield
        cls.server.close()

    def open(self) -> tuple[Camera, Clock]:
        clock = MonotonicClock()
        return OpenCvCamera("front", self.server.address, rate_hz=10.0, clock=clock), clock

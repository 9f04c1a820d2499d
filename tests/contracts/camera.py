"""The conformance suite of `Camera`."""

import numpy as np
import pytest

from robot_rl.clock import Clock
from robot_rl.errors import HardwareError
from robot_rl.hardware import Camera
from tests.robot_rl.drivers.waiting import fresh


class CameraContract:
    """What `Camera` promises. `open` gives a camera that sees something, and its clock."""

    def open(self) -> tuple[Camera, Clock]:
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def _open(self):
        self.camera, self.clock = self.open()
        yield
        self.camera.close()

    def test_a_frame_is_rgb_bytes_with_a_stamp_that_is_not_in_the_future(self) -> None:
        frame = fresh(self.camera)
        assert frame.image.ndim == 3 and frame.image.shape[2] == 3 and frame.image.dtype == np.uint8
        assert frame.image.std() > 1
        assert frame.stamp_s <= self.clock.now_s()

    def test_later_frames_have_larger_stamps_and_sequences_and_memory_of_their_own(self) -> None:
        first = fresh(self.camera)
        kept = first.image.copy()
        self.clock.sleep_until(self.clock.now_s() + 0.2)
        second = fresh(self.camera)
        assert second.sequence > first.sequence and second.stamp_s > first.stamp_s
        assert np.array_equal(first.image, kept)

    def test_a_closed_camera_does_not_read_and_may_be_closed_twice(self) -> None:
        self.camera.close()
        self.camera.close()
        with pytest.raises(HardwareError):
            self.camera.read()

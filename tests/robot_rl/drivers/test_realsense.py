"""The driver on librealsense's real pipeline, with recordings in the place of a camera."""

import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from robot_rl.clock import MonotonicClock
from robot_rl.drivers.realsense import RealSense, _Pipeline, serials
from robot_rl.errors import ConfigError, HardwareError, StaleError
from tests.robot_rl.drivers import recordings
from tests.robot_rl.drivers.recordings import HEIGHT, RATE_HZ, SHIFT_PX, WIDTH, record
from tests.robot_rl.drivers.waiting import fresh, until

pytest.importorskip("pyrealsense2")
pytestmark = pytest.mark.real_time
FRAMES = 30


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("recorded") / "camera.db3", FRAMES, scale=0.0005)


@pytest.fixture
def camera(recording: Path) -> Iterator[RealSense]:
    camera = RealSense("wrist", recording=recording, with_depth=True)
    yield camera
    camera.close()


def number_in(image: np.ndarray) -> int:
    return int(image[0, 0, 1])


def test_a_frame_has_the_recorded_pixels_in_the_order_red_green_blue(camera: RealSense) -> None:
    frame = fresh(camera)
    assert frame.image.shape == (HEIGHT, WIDTH, 3) and frame.image.dtype == np.uint8
    assert tuple(frame.image[0, 0]) == recordings.colour_of(number_in(frame.image))
    assert not frame.image[:, WIDTH // 2 :].any()


def test_blue_green_red_recordings_are_turned_round(tmp_path: Path) -> None:
    camera = RealSense("wrist", recording=record(tmp_path / "bgr.db3", 10, bgr=True))
    frame = fresh(camera)
    camera.close()
    assert tuple(frame.image[0, 0]) == recordings.colour_of(number_in(frame.image))


def test_sequences_follow_the_numbers_of_the_device(camera: RealSense) -> None:
    first, seen = fresh(camera), 0
    offset = number_in(first.image) - first.sequence
    last = first.sequence
    for _ in range(5):
        frame = fresh(camera, last)
        last, seen = frame.sequence, seen + 1
        assert number_in(frame.image) - frame.sequence == offset
    assert seen == 5 and camera.health.frames >= 5


def test_stamps_are_times_of_receipt_on_the_monotonic_clock(camera: RealSense) -> None:
    before_s, first = time.monotonic(), fresh(camera)
    second = fresh(camera, first.sequence)
    assert first.stamp_s < second.stamp_s <= time.monotonic()
    assert second.stamp_s > before_s


def test_depth_is_that_of_the_frame_read_last_in_metres(camera: RealSense) -> None:
    assert camera.depth_scale == pytest.approx(0.0005)
    last = 0
    for _ in range(3):
        frame = fresh(camera, last)
        last, depth = frame.sequence, camera.depth()
        wanted = recordings.depth_units_of(number_in(frame.image)) * 0.0005
        assert depth.shape == (HEIGHT, WIDTH) and depth.dtype == np.float32
        assert depth[HEIGHT // 2, WIDTH // 4] == pytest.approx(wanted)


def test_depth_is_aligned_to_the_colour_image_and_zero_where_there_is_none(camera: RealSense) -> None:
    fresh(camera)
    depth = camera.depth()
    assert not depth[:5].any(), "the recorded hole"
    assert depth[6:, : WIDTH - SHIFT_PX].all()
    assert not depth[:, WIDTH - SHIFT_PX + 1 :].any(), "what only the colour camera sees, but for a pixel's width"


def test_the_calibration_and_the_serial_are_those_of_the_recorded_device(camera: RealSense) -> None:
    lens = camera.lens
    assert (lens.width, lens.height, lens.fx, lens.fy) == (WIDTH, HEIGHT, 60.0, 61.0)
    assert (lens.cx, lens.cy) == (WIDTH / 2 - SHIFT_PX, HEIGHT / 2)
    assert camera.serial == recordings.SERIAL and camera.facts["name"] == "Software device"


def test_a_camera_without_depth_says_so(recording: Path) -> None:
    camera = RealSense("wrist", recording=recording)
    fresh(camera)
    with pytest.raises(HardwareError, match="wrist has no depth"):
        camera.depth()
    camera.close()


def test_a_recording_without_depth_is_refused_when_depth_is_asked_for(tmp_path: Path) -> None:
    path = record(tmp_path / "flat.db3", 5, depth=False)
    with pytest.raises(HardwareError, match="has no depth"):
        RealSense("wrist", recording=path, with_depth=True)


def test_the_end_of_a_recording_is_an_unplugged_camera_stale_then_opened_again(tmp_path: Path) -> None:
    camera = RealSense("wrist", recording=record(tmp_path / "short.db3", 8))
    stale: list[StaleError] = []

    def silent() -> bool:
        try:
            camera.read()
        except StaleError as error:
            stale.append(error)
        return bool(stale)

    until(silent, "the end of the recording")
    before = camera.health.frames
    frame = fresh(camera, before)
    assert frame.sequence > before and camera.health.troubles.restarts >= 1 and camera.health.troubles.stale >= 1
    camera.close()


def test_a_recording_that_is_gone_ends_the_camera_with_its_name(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("robot_rl.drivers.restart.RETRY_S", 0.05)
    monkeypatch.setattr("robot_rl.drivers.restart.RETURN_S", 0.2)
    path = record(tmp_path / "short.db3", 5)
    camera = RealSense("wrist", recording=path)
    path.unlink()
    until(lambda: camera.health.failure, "the last step")
    assert "short.db3" in camera.health.failure and camera.health.troubles.failed >= 3
    with pytest.raises(HardwareError, match="is lost"):
        camera.read()
    camera.close()


def test_a_camera_can_be_opened_again_after_it_was_closed(recording: Path) -> None:
    for _ in range(3):
        camera = RealSense("wrist", recording=recording)
        assert fresh(camera).sequence >= 1
        camera.close()


@pytest.mark.skipif(bool(serials()), reason="a RealSense camera is connected")
def test_without_a_camera_the_error_comes_at_once_and_other_threads_run_on() -> None:
    ticks, ended = [0], threading.Event()

    def tick() -> None:
        while not ended.wait(0.001):
            ticks[0] += 1

    ticker = threading.Thread(target=tick)
    ticker.start()
    attempts = 30
    for _ in range(attempts):
        with pytest.raises(HardwareError, match=r"no RealSense camera 0123; found: none"):
            RealSense("wrist", serial="0123")
    ended.set()
    ticker.join()
    # A start that holds the interpreter lock allows one tick in its 15 s, whatever the load of the machine.
    assert ticks[0] > attempts / 2


@pytest.mark.parametrize(
    ("serial", "found", "told"),
    [
        ("9", ["7", "8"], "no RealSense camera 9; found: 7, 8"),
        ("", ["7", "8"], "2 RealSense cameras: 7, 8; say by its serial"),
        ("", [], "no RealSense camera at all; found: none"),
        ("7", ["7", "8"], "RealSense 7 cannot stream 640x480 at 30 Hz with depth"),
    ],
)
def test_a_camera_that_cannot_be_had_is_an_error_with_those_there_are(monkeypatch, serial, found, told) -> None:
    monkeypatch.setattr("robot_rl.drivers.realsense._serials", lambda rs: found)
    with pytest.raises(HardwareError, match=told):
        RealSense("wrist", serial=serial, with_depth=True)


def test_a_missing_recording_is_named(tmp_path: Path) -> None:
    with pytest.raises(HardwareError, match=r"no recording .*none\.db3"):
        RealSense("wrist", recording=tmp_path / "none.db3")


def test_a_file_that_is_no_recording_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.db3"
    path.write_text("not a database")
    with pytest.raises(HardwareError, match=r"notes\.db3"):
        RealSense("wrist", recording=path)


def test_without_the_sdk_the_error_names_what_to_install(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pyrealsense2", None)
    with pytest.raises(ConfigError, match="pip install"):
        RealSense("wrist", clock=MonotonicClock())


def test_the_rate_is_the_recorded_one(camera: RealSense) -> None:
    fresh(camera, fresh(camera).sequence + 5)
    assert 0 < camera.health.rate_hz < 3 * RATE_HZ


class Listed:
    """A device as the SDK lists it."""

    def __init__(self, serial: str, fault: str = "") -> None:
        self.serial, self.fault, self.resets = serial, fault, 0

    def supports(self, kind: object) -> bool:
        return True

    def get_info(self, kind: object) -> str:
        return self.serial

    def hardware_reset(self) -> None:
        self.resets += 1
        if self.fault:
            raise RuntimeError(self.fault)


def test_a_reset_is_that_of_the_device_with_the_serial_and_no_other(monkeypatch) -> None:
    ours, other = Listed("7"), Listed("8")
    monkeypatch.setattr("robot_rl.drivers.realsense._devices", lambda rs: [other, ours])
    pipeline = _Pipeline("7", None, (640, 480), 30.0, False)
    pipeline.reset()
    assert (ours.resets, other.resets, pipeline.present()) == (1, 0, True)


@pytest.mark.parametrize(
    ("found", "told"),
    [([Listed("8")], "7 is not there to be reset; found: 8"), ([Listed("7", "no power")], "cannot be reset: no power")],
)
def test_a_reset_that_cannot_be_done_says_why(monkeypatch, found, told) -> None:
    monkeypatch.setattr("robot_rl.drivers.realsense._devices", lambda rs: found)
    with pytest.raises(HardwareError, match=told):
        _Pipeline("7", None, (640, 480), 30.0, False).reset()


class Unreadable:
    """A list of one device that the SDK may not open."""

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> object:
        raise RuntimeError("RS2_USB_STATUS_ACCESS")

    def query_devices(self) -> "Unreadable":
        return self


def test_a_camera_that_may_not_be_opened_is_told_with_the_udev_rules(monkeypatch, caplog) -> None:
    monkeypatch.setattr("robot_rl.drivers.realsense._context", lambda rs: Unreadable())
    assert serials() == []
    assert "RS2_USB_STATUS_ACCESS" in caplog.text and "udev rules" in caplog.text

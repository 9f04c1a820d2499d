import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from robot_rl.drivers.opencv_camera import OpenCvCamera
from robot_rl.errors import ConfigError, HardwareError, StaleError
from robot_rl.processes import free_port
from tests.robot_rl.drivers.mjpeg import BLUE, HEIGHT, RED, WIDTH, MjpegServer, picture
from tests.robot_rl.drivers.waiting import fresh, until

cv2 = pytest.importorskip("cv2")
pytestmark = pytest.mark.real_time
EXPECTED_HZ = 10.0
"""Less than what the server gives, so that a busy machine makes nothing stale."""


@pytest.fixture
def server() -> Iterator[MjpegServer]:
    server = MjpegServer()
    yield server
    server.close()


def pictures(folder: Path, count: int) -> str:
    for number in range(count):
        cv2.imwrite(str(folder / f"img_{number:04d}.png"), picture(number)[..., ::-1])
    return str(folder / "img_%04d.png")


def test_a_network_stream_is_read_as_red_green_blue(server: MjpegServer) -> None:
    camera = OpenCvCamera("front", server.address, rate_hz=EXPECTED_HZ)
    image = fresh(camera).image
    camera.close()
    assert image.shape == (HEIGHT, WIDTH, 3) and image.dtype == np.uint8
    assert image[:, :24].reshape(-1, 3).mean(axis=0) == pytest.approx([RED, 90, BLUE], abs=6)


def test_only_the_newest_frame_of_a_stream_is_kept(server: MjpegServer) -> None:
    camera = OpenCvCamera("front", server.address, rate_hz=EXPECTED_HZ)
    first = fresh(camera)
    until(lambda: camera.health.frames > first.sequence + 5, "more frames")
    assert fresh(camera).sequence > first.sequence + 5
    camera.close()


def test_pictures_come_exactly_and_in_order(tmp_path: Path) -> None:
    camera = OpenCvCamera("front", pictures(tmp_path, 30), rate_hz=20.0)
    last = 0
    for _ in range(5):
        frame = fresh(camera, last)
        last = frame.sequence
        assert np.array_equal(frame.image, picture(last - 1))
    camera.close()


def test_a_video_file_is_played_at_the_rate_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 100.0, (WIDTH, HEIGHT))
    for number in range(40):
        writer.write(np.ascontiguousarray(picture(number)[..., ::-1]))
    writer.release()
    camera = OpenCvCamera("front", str(path), rate_hz=20.0)
    fresh(camera, 10)
    assert camera.health.rate_hz < 60.0, "neither as fast as it decodes nor at the rate it was written with"
    assert camera.facts["fourcc"] == "MJPG" and camera.facts["width"] == str(WIDTH)
    camera.close()


def test_the_end_of_a_file_is_stale_then_opened_again(tmp_path: Path) -> None:
    camera = OpenCvCamera("front", pictures(tmp_path, 4), rate_hz=20.0)
    stale: list[StaleError] = []

    def silent() -> bool:
        try:
            camera.read()
        except StaleError as error:
            stale.append(error)
        return bool(stale)

    until(silent, "the end of the pictures")
    assert fresh(camera, 4).sequence >= 5 and camera.health.troubles.restarts >= 1
    camera.close()


def test_a_server_that_comes_back_is_seen_again(server: MjpegServer) -> None:
    camera = OpenCvCamera("front", server.address, rate_hz=EXPECTED_HZ)
    before = fresh(camera).sequence
    server.close()
    until(lambda: camera.health.troubles.failed, "a restart that fails")
    again = MjpegServer(port=server.port)
    assert fresh(camera, before).sequence > before and camera.health.failure == ""
    camera.close()
    again.close()


def test_a_server_that_stays_away_ends_the_camera(server: MjpegServer, monkeypatch) -> None:
    monkeypatch.setattr("robot_rl.drivers.restart.RETRY_S", 0.05)
    monkeypatch.setattr("robot_rl.drivers.restart.RETURN_S", 0.2)
    camera = OpenCvCamera("front", server.address, rate_hz=30.0)
    server.close()
    until(lambda: camera.health.failure, "the last step")
    assert "front is lost after 2 restarts and 1 resets" in camera.health.failure
    with pytest.raises(HardwareError, match="is lost"):
        camera.read()
    camera.close()


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (97, "camera 97 is not there; there are: .*group `video`"),
        ("/dev/video97", "camera /dev/video97 is not there"),
        ("/nowhere/film.avi", "video source /nowhere/film.avi is not there; check the path"),
        ("/nowhere/img_%04d.png", "not there; check the path"),
        (f"http://127.0.0.1:{free_port()}/stream", "not there; check that its server runs"),
    ],
)
def test_what_is_not_there_is_an_error_that_says_so(source: int | str, told: str) -> None:
    with pytest.raises(HardwareError, match=told):
        OpenCvCamera("front", source)


def test_a_file_that_is_no_video_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.avi"
    path.write_text("not a film")
    with pytest.raises(HardwareError, match="cannot be opened"):
        OpenCvCamera("front", str(path))


def test_a_size_that_the_source_does_not_have_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    camera = OpenCvCamera("front", pictures(tmp_path, 30), width=640, height=HEIGHT, rate_hz=20.0)
    assert camera.ignored == [f"width 640 was asked for, it is {WIDTH}"]
    assert "width 640 was asked for" in caplog.text
    assert fresh(camera).image.shape == (HEIGHT, WIDTH, 3)
    camera.close()


@pytest.mark.parametrize("rate_hz", [0.0, -1.0, float("nan"), 5000.0])
def test_a_rate_that_cannot_be_is_refused(rate_hz: float) -> None:
    with pytest.raises(ConfigError, match="rate_hz"):
        OpenCvCamera("front", 0, rate_hz=rate_hz)


def test_without_opencv_the_error_names_what_to_install(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(ConfigError, match="pip install"):
        OpenCvCamera("front", 0)


class Obstinate:
    """A USB camera that takes every wish and fulfils none but that for its size."""

    def __init__(self, *_: object) -> None:
        self.values = {cv2.CAP_PROP_FPS: 15.0, cv2.CAP_PROP_FOURCC: float(cv2.VideoWriter.fourcc(*"YUYV"))}
        self.asked: list[int] = []
        self.image = picture(1)[..., ::-1]

    def isOpened(self) -> bool:
        return True

    def set(self, prop: int, value: float) -> bool:
        self.asked.append(prop)
        self.values.setdefault(prop, value)
        return True

    def get(self, prop: int) -> float:
        return self.values.get(prop, 0.0)

    def getBackendName(self) -> str:
        return "V4L2"

    def read(self) -> tuple[bool, np.ndarray]:
        return True, self.image

    def release(self) -> None:
        self.image = np.zeros(0)


def test_a_usb_camera_is_asked_for_its_format_first_and_what_it_ignores_is_said(monkeypatch, caplog) -> None:
    captures: list[Obstinate] = []
    monkeypatch.setattr(cv2, "VideoCapture", lambda *_: captures.append(Obstinate()) or captures[-1])
    camera = OpenCvCamera("front", "/dev/null", width=WIDTH, height=HEIGHT, rate_hz=30.0, fourcc="MJPG")
    assert np.array_equal(fresh(camera).image, picture(1))
    camera.close()
    assert captures[0].asked[0] == cv2.CAP_PROP_FOURCC
    assert camera.ignored == ["fourcc MJPG was asked for, it is YUYV", "rate_hz 30.0 was asked for, it is 15.0"]
    assert "rate_hz 30.0 was asked for" in caplog.text and camera.facts["backend"] == "V4L2"


@pytest.mark.parametrize("image", [np.zeros((4, 6), np.uint8), np.zeros((4, 6, 3), np.uint16), np.zeros((4, 6, 4))])
def test_frames_that_are_no_colour_pictures_are_refused_and_described(monkeypatch, image: np.ndarray) -> None:
    monkeypatch.setattr("robot_rl.drivers.stream.FIRST_FRAME_S", 0.2)
    capture = Obstinate()
    capture.image = image
    monkeypatch.setattr(cv2, "VideoCapture", lambda *_: capture)
    with pytest.raises(HardwareError, match=r"gives .* \(4, 6.*; uint8 \(H, W, 3\) is understood"):
        OpenCvCamera("front", "/dev/null")


def test_an_address_is_told_without_its_password() -> None:
    with pytest.raises(HardwareError) as told:
        OpenCvCamera("front", f"http://me:secret@127.0.0.1:{free_port()}/stream")
    assert "127.0.0.1" in str(told.value) and "secret" not in str(told.value)

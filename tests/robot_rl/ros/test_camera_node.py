"""The camera's process over real DDS, with a loopback server and recordings in the place of cameras."""

import os
import signal
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus
from sensor_msgs.msg import CameraInfo, Image

from robot_rl.errors import ConfigError, HardwareError
from robot_rl.ros import qos
from robot_rl.ros.camera_node import PARAMETERS, depth_message, open_camera
from tests.robot_rl.drivers import recordings
from tests.robot_rl.drivers.mjpeg import BLUE, HEIGHT, RED, WIDTH, MjpegServer, cv2
from tests.robot_rl.ros.graph import Process, until
from tests.robot_rl.ros.graph import parameters as command_line
from tests.robot_rl.ros.listening import Listener, listener

BOUND_S = 25.0


@pytest.fixture
def server() -> Iterator[MjpegServer]:
    server = MjpegServer()
    yield server
    server.close()


@pytest.fixture
def ear(domain: int) -> Iterator[Listener]:
    with listener(domain) as ear:
        yield ear


@pytest.fixture
def start(domain: int) -> Iterator[Callable[..., Process]]:
    started: list[Process] = []

    def start(environment: dict[str, str] | None = None, **parameters: object) -> Process:
        words = command_line(*(f"{key}:={value}" for key, value in parameters.items()))
        started.append(Process("-m", "robot_rl.ros.camera_node", *words, **(environment or {})))
        return started[-1]

    yield start
    for process in started:
        process.stop()


def pixels(message: Image, kind: type = np.uint8) -> np.ndarray:
    return np.frombuffer(message.data, kind).reshape(message.height, message.width, -1)


def stamp_s(message: Image) -> float:
    return message.header.stamp.sec + message.header.stamp.nanosec * 1e-9


def test_a_network_camera_is_published_with_its_colours_stamps_and_health(server, ear, start) -> None:
    images = ear.hear(Image, "front/color/image_raw", qos.STATE)  # all of them, unlike a policy, which wants the newest
    infos = ear.hear(CameraInfo, "front/color/camera_info", qos.LATEST)
    start(name="front", driver="opencv", address=server.address, rate_hz=10.0)
    assert until(lambda: len(images) > 40 and infos, BOUND_S)
    image = images[-1]
    assert (image.encoding, image.width, image.height, image.step) == ("rgb8", WIDTH, HEIGHT, 3 * WIDTH)
    assert image.header.frame_id == "front_color_optical_frame"
    assert pixels(image)[:, :24].reshape(-1, 3).mean(axis=0) == pytest.approx([RED, 90, BLUE], abs=6)
    stamps_s = [stamp_s(message) for message in images]
    assert stamps_s == sorted(set(stamps_s)) and stamps_s[-1] <= ear.get_clock().now().nanoseconds * 1e-9
    assert not any(infos[-1].k), "not calibrated"
    told = ear.number("front", "published")
    assert until(
        lambda: ear.number("front", "published") > max(0, told), BOUND_S
    )  # a fresh count, not one of up to a second ago
    published, heard = ear.number("front", "published"), len(images)
    assert until(lambda: ear.number("front", "published") > published + 60, BOUND_S)
    published, heard = ear.number("front", "published") - published, len(images) - heard
    assert heard > published - 20, "pictures come, apart from those under way while the counts were told"
    assert ear.health_of("front").level == DiagnosticStatus.OK and ear.number("front", "restarts") == 0


def test_a_recorded_realsense_is_published_with_depth_and_calibration(tmp_path, ear, start) -> None:
    path = recordings.record(tmp_path / "camera.db3", 30)
    images = ear.hear(Image, "wrist/color/image_raw", qos.LATEST)
    depths = ear.hear(Image, "wrist/depth/image_raw", qos.LATEST)
    infos = ear.hear(CameraInfo, "wrist/color/camera_info", qos.LATEST)
    start(name="wrist", driver="realsense", address=path, depth=True)
    assert until(lambda: len(depths) > 3 and images and infos, BOUND_S)
    by_stamp = {stamp_s(image): image for image in images}
    pairs = [(by_stamp[stamp_s(depth)], depth) for depth in depths if stamp_s(depth) in by_stamp]
    assert pairs
    for image, depth in pairs:
        number = int(pixels(image)[0, 0, 1])
        assert depth.encoding == "16UC1" and depth.header.frame_id == image.header.frame_id
        assert pixels(depth, np.uint16)[24, 5, 0] == recordings.depth_units_of(number)
    assert infos[0].k[0] == 60.0 and infos[0].distortion_model == "plumb_bob" and infos[0].width == recordings.WIDTH


def test_pictures_come_again_after_the_process_was_killed_and_started_anew(server, ear, start) -> None:
    images = ear.hear(Image, "front/color/image_raw", qos.LATEST)
    settings = {"name": "front", "driver": "opencv", "address": server.address, "rate_hz": 10.0}
    first = start(**settings)
    assert until(lambda: len(images) > 5, BOUND_S)
    first.tell(signal.SIGKILL)
    assert first.end()[0] == -signal.SIGKILL
    before = len(images)
    start(**settings)
    assert until(lambda: len(images) > before + 10, BOUND_S)
    stamps_s = [stamp_s(message) for message in images]
    assert stamps_s == sorted(stamps_s)


@pytest.mark.slow
def test_the_end_of_the_stream_is_told_mended_in_vain_and_ends_the_process(server, ear, start) -> None:
    images = ear.hear(Image, "front/color/image_raw", qos.LATEST)
    node = start(name="front", driver="opencv", address=server.address, rate_hz=20.0)
    assert until(lambda: images, BOUND_S)
    server.close()
    assert until(lambda: ear.number("front", "failed_steps") > 0, BOUND_S)
    assert ear.health_of("front").level == DiagnosticStatus.WARN
    code, output = node.end(40.0)
    assert code == 1 and output.count("camera front is lost after 2 restarts and 1 resets; ") == 1
    assert "is not there; check that its server runs" in output.splitlines()[-1]
    assert "Traceback" not in output


def test_a_server_that_comes_back_is_seen_without_a_new_process(server, ear, start) -> None:
    images = ear.hear(Image, "front/color/image_raw", qos.LATEST)
    start(name="front", driver="opencv", address=server.address, rate_hz=20.0)
    assert until(lambda: images, BOUND_S)
    server.close()
    assert until(lambda: ear.number("front", "restarts") > 0, BOUND_S)
    before, again = len(images), MjpegServer(port=server.port)
    assert until(lambda: len(images) > before + 5, BOUND_S)
    again.close()


@pytest.mark.parametrize(("profile", "lines"), [("", 1), (os.devnull, 0)])
def test_large_pictures_without_the_profile_are_warned_of_in_one_line(tmp_path, ear, start, profile, lines) -> None:
    images = ear.hear(Image, "front/color/image_raw")
    for number in range(100):
        cv2.imwrite(str(tmp_path / f"img_{number:03d}.png"), np.full((240, 320, 3), number, np.uint8))
    node = start(
        {"FASTRTPS_DEFAULT_PROFILES_FILE": profile},
        name="front",
        driver="opencv",
        address=tmp_path / "img_%03d.png",
        rate_hz=20.0,
        width=320,
        height=240,
    )
    assert until(lambda: len(images) > 2, BOUND_S)
    code, output = node.stop()
    assert code == 0 and output.count("pictures of 230400 bytes and no FASTRTPS_DEFAULT_PROFILES_FILE") == lines


def test_depth_is_told_in_millimetres_and_what_does_not_fit_is_no_reading() -> None:
    depth_m = np.array([[0.0, 0.0004, 0.0006], [1.2344, 65.535, 70.0]], np.float32)
    message = depth_message(depth_m, Time(), "optical")
    assert pixels(message, np.uint16)[..., 0].tolist() == [[0, 0, 1], [1234, 65535, 0]]


@pytest.mark.parametrize(
    ("settings", "kind", "said"),
    [
        ({"driver": "realsens"}, ConfigError, "no camera driver 'realsens'; did you mean realsense?"),
        ({"driver": "opencv"}, ConfigError, "needs an address"),
        ({"name": "left wrist"}, ConfigError, "cannot be called 'left wrist'"),
        ({"driver": "opencv", "address": "/nowhere.avi", "depth": True}, ConfigError, "has no depth"),
        (
            {"driver": "opencv", "address": "/nowhere.avi", "rate_hz": 0.0},
            ConfigError,
            r"rate_hz of camera camera is 0\.0",
        ),
        ({"driver": "realsense", "rate_hz": -1.0}, ConfigError, r"rate_hz of camera camera is -1\.0"),
        ({"driver": "realsense", "address": "0123"}, HardwareError, "no RealSense camera 0123; found: none"),
        ({"driver": "realsense", "address": "/nowhere.db3"}, HardwareError, "no recording /nowhere.db3"),
    ],
)
def test_parameters_that_no_camera_can_be_opened_with_say_why(settings, kind, said) -> None:
    with pytest.raises(kind, match=said):
        open_camera(PARAMETERS | settings)


@pytest.mark.parametrize(
    ("parameters", "code", "said"),
    [
        ({"driver": "realsens"}, 2, "no camera driver 'realsens'; did you mean realsense?"),
        ({"driver": "realsense", "address": "'0123'"}, 1, "no RealSense camera 0123; found: none"),
    ],
)
def test_a_camera_that_cannot_be_opened_ends_the_process_with_one_line_and_a_code(
    start, parameters, code, said
) -> None:
    found, output = start(**parameters).end()
    assert found == code and output.count(said) == 1 and "Traceback" not in output

"""When the calibration's node takes a sample, when it does not, and what it refuses."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml
from geometry_msgs.msg import PoseStamped
from rclpy.context import Context
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image

from controllers.models import home_q
from controllers.pose import Pose
from robot_rl.clock import MonotonicClock
from robot_rl.compose import load_config
from robot_rl.drivers.sim_camera import SceneCamera, snapshot
from robot_rl.errors import ConfigError
from robot_rl.ros import qos
from robot_rl.ros.calibration_node import CalibrationNode
from robot_rl.ros.calibration_settings import PARAMETERS, RANGES, checked, lens_of, open_samples
from robot_rl.ros.convert import image_message
from robot_rl.ros.node import ACTIVE, OPEN
from robot_rl.ros.sim_feed import camera_info
from robot_rl.sim_parts import build_parts
from robot_rl.tasks import make_task
from robot_rl.tasks.board import HALF_M
from sim2real.calibrate import RESULT
from sim2real.charuco import EXAMPLE, Board, Finder
from sim2real.pinhole import project, to_matrix, to_pose
from sim2real.samples import LINES, SampleFolder
from sim2real.views import distance
from tests.robot_rl.ros.graph import Process, graph, parameters, spun, until
from tests.robot_rl.ros.listening import Listener
from tests.sim2real.scene import BOARD, ON_THE_TOOL, PLAIN_LENS, arm, board_before_camera, picture

pytest.importorskip("cv2", reason="OpenCV is not installed: pip install 'robot_rl[opencv]'")
PERIOD_S = 0.02
GREY = np.full((480, 640), 128, np.uint8)


def info(k: float = PLAIN_LENS.fx, **more: object) -> CameraInfo:
    lens = PLAIN_LENS
    found = CameraInfo(width=lens.width, height=lens.height, distortion_model="plumb_bob", d=[0.0] * 5)
    found.k = [k, 0.0, lens.cx, 0.0, k, lens.cy, 0.0, 0.0, 1.0]
    for name, value in more.items():
        setattr(found, name, value)
    return found


class Cell(Listener):
    """Publishes where the tool is and what the camera sees; listens to diagnostics."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.info: CameraInfo | None = info()
        self.tool, self.seen, self.trembling = Pose.of([0.4, 0, 0.3]), GREY, 0.0
        self._pose = self.create_publisher(PoseStamped, "current_pose", qos.STATE)
        self._image = self.create_publisher(Image, "wrist/color/image_raw", qos.PICTURE)
        self._info = self.create_publisher(CameraInfo, "wrist/color/camera_info", qos.PICTURE)
        self._count = 0
        self.create_timer(PERIOD_S, self._publish)

    def stand(self, tool: Pose, seen: np.ndarray) -> None:
        self.tool, self.seen = tool, seen

    def _publish(self) -> None:
        self._count += 1
        stamp = self.get_clock().now().to_msg()
        pose = PoseStamped()
        pose.header.stamp, pose.header.frame_id = stamp, "base"
        x, y, z = self.tool.position_m.tolist()
        pose.pose.position.x, pose.pose.position.y, pose.pose.position.z = x + self.trembling * self._count, y, z
        w, i, j, k = self.tool.quat_wxyz.tolist()
        o = pose.pose.orientation
        o.x, o.y, o.z, o.w = i, j, k, w
        self._pose.publish(pose)
        if self.info:
            self.info.header.stamp = stamp
            self._info.publish(self.info)
        self._image.publish(image_message(np.repeat(self.seen[:, :, None], 3, axis=2), stamp, "wrist_optical"))


class Bench:
    """The node under test beside its cell."""

    def __init__(self, cell: Cell, node: CalibrationNode, out: Path) -> None:
        self.cell, self.node, self.out = cell, node, out

    def samples(self) -> int:
        return len(lines(self.out))

    def says(self, text: str) -> bool:
        """Whether its diagnostics come to say so."""
        return until(lambda: text in getattr(self.cell.health_of("calibration"), "message", ""), 10.0)


@contextlib.contextmanager
def bench(domain: int, out: Path, *given: str) -> Iterator[Bench]:
    words = parameters("camera:=wrist", f"out:={out}", "still_s:=0.2", *given)
    with graph(domain, *words) as context, spun(cell := Cell(context)):
        node = CalibrationNode(context)
        with spun(node) as spinner:
            spinner.do(node.begin, 20.0)
            yield Bench(cell, node, out)
            spinner.do(node.end, 20.0)


def looks() -> Iterator[tuple[Pose, np.ndarray]]:
    """Where the tool stands, and what the camera sees from there."""
    rng = np.random.default_rng(1)
    while True:
        with contextlib.suppress(ValueError):
            arm().solve(ON_THE_TOOL.tool(board_before_camera(rng)), home_q("panda"))
            yield arm().tcp(), picture(ON_THE_TOOL.seen(arm().tcp()))


def test_a_tool_that_stands_in_one_place_after_another_is_a_calibration_and_the_node_rests(
    domain: int, tmp_path: Path
) -> None:
    with bench(domain, tmp_path / "out", "poses:=7") as found:
        for count, (tool, seen) in zip(range(1, 8), looks(), strict=False):
            found.cell.stand(tool, seen)
            assert until(lambda n=count: found.samples() == n), found.node.trouble
        assert until((found.out / RESULT).exists) and until(lambda: found.node.label == OPEN)
        assert not found.node.failed and found.says("deviation")
        camera = _camera_of(found)
        assert distance(camera, ON_THE_TOOL.near).position_m < 1e-3


def _camera_of(found: Bench) -> Pose:
    camera = yaml.safe_load((found.out / RESULT).read_text())["camera"]
    assert camera["frame"] == "wrist_optical"
    return Pose.of(camera["position_m"], camera["quat_wxyz"])


def test_no_sample_without_rest_without_a_board_and_where_one_was_taken(domain: int, tmp_path: Path) -> None:
    (tool, seen), (other, from_there) = next(several := looks()), next(several)
    with bench(domain, tmp_path / "out") as found:
        found.cell.trembling = 1e-3
        found.cell.stand(tool, seen)
        assert found.says("the tool moves") and found.samples() == 0
        found.cell.trembling = 0.0
        assert until(lambda: found.samples() == 1)
        assert found.says("stands near an earlier sample")
        found.cell.stand(tool.moved(np.array([0.01, 0, 0]), np.zeros(3)), seen)
        found.cell.stand(other, GREY)
        assert found.says("0 corners of the board are seen, 12 are needed") and found.samples() == 1
        found.cell.stand(other, from_there)
        assert until(lambda: found.samples() == 2), "once the board is seen"
        assert found.cell.number("calibration", "samples") >= 1


def test_a_picture_from_before_the_rest_is_not_taken(domain: int, tmp_path: Path) -> None:
    tool, seen = next(looks())
    with bench(domain, tmp_path / "out", "still_s:=1.0") as found:
        found.cell.stand(tool, seen)
        assert until(lambda: found.node._image is not None)
        assert until(lambda: found.samples() == 1)
        rest_s = found.node._standstill.since_s
        first = SampleFolder(found.out).samples[0]
        now_ns = found.node.get_clock().now().nanoseconds
        age_s = time.monotonic() - rest_s
        assert (now_ns - first.stamp_ns) * 1e-9 <= age_s - 1.0 + 0.05


def test_what_is_in_the_folder_is_gone_on_with_unless_it_is_of_another_camera(domain: int, tmp_path: Path) -> None:
    several = looks()
    with bench(domain, tmp_path / "out") as found:
        found.cell.stand(*next(several))
        assert until(lambda: found.samples() == 1)
    tool, seen = next(several)
    with bench(domain, tmp_path / "out") as found:
        found.cell.stand(tool, seen)
        assert until(lambda: found.samples() == 2)
    with bench(domain, tmp_path / "out", "mounted:=world") as found:
        found.cell.stand(*next(several))
        assert until(lambda: found.node.failed)
        assert isinstance(found.node.trouble, ConfigError) and "mounted hand, this one is world" in str(
            found.node.trouble
        )
    assert found.samples() == 2


def test_a_camera_without_intrinsics_is_refused(domain: int, tmp_path: Path) -> None:
    with bench(domain, tmp_path / "out") as found:
        found.cell.info = info(0.0)
        assert until(lambda: found.node.failed)
        assert "does not say its intrinsics" in str(found.node.trouble) and found.samples() == 0


def test_a_camera_that_does_not_come_is_told_with_those_that_do(domain: int, tmp_path: Path) -> None:
    with bench(domain, tmp_path / "out", "camera:=wirst") as found:
        assert found.says("no picture on /wirst/color/image_raw for 5 s; there are: /wrist/color/image_raw")
        assert found.node.label == ACTIVE and not found.node.failed


def test_a_camera_that_sends_pictures_and_no_camera_info_is_told(domain: int, tmp_path: Path) -> None:
    with bench(domain, tmp_path / "out") as found:
        found.cell.info = None
        assert until(lambda: found.node._image is not None)
        found.node._info = None
        assert found.says("no camera_info on /wrist/color/camera_info for 5 s")
        assert found.node.label == ACTIVE and found.samples() == 0
        found.cell.info = info()
        found.cell.stand(*next(looks()))
        assert until(lambda: found.samples() == 1), found.node.trouble


def test_at_the_start_it_says_what_the_person_is_to_do_and_at_the_end_how_to_end(domain: int, tmp_path: Path) -> None:
    with graph(domain, *parameters("camera:=wrist")) as context, spun(cell := Cell(context)):
        words = ("camera:=wrist", f"out:={tmp_path / 'out'}", "still_s:=0.2", "poses:=6")
        process = Process("-m", "robot_rl.ros.calibration_node", *parameters(*words))
        try:
            for count, (tool, seen) in zip(range(1, 7), looks(), strict=False):
                cell.stand(tool, seen)
                assert until(lambda n=count: len(lines(tmp_path / "out")) == n, 20.0)
            assert until((tmp_path / "out" / RESULT).exists, 20.0)
        finally:
            code, output = process.stop()
    first, *_, last = [line for line in output.splitlines() if "[INFO]" in line]
    assert code == 0 and "move the arm so that wrist sees the board" in first and "docs/calibration.md" in first
    assert "written to" in last and "Ctrl-C" in last


def lines(out: Path) -> list[str]:
    """One for each sample in the folder"""
    return (out / LINES).read_text().splitlines() if (out / LINES).exists() else []


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("board:=8x6:0.03:0.022:DICT_5X5_10", "did you mean DICT_5X5_1"),
        ("board:=8x6:0.022:0.030:DICT_5X5_100", "a marker must be smaller"),
        ("posses:=15", "did you mean poses"),
    ],
)
def test_a_node_whose_settings_cannot_be_ends_with_one_line_before_anything_is_opened(
    domain: int, tmp_path: Path, word: str, said: str
) -> None:
    given = ("camera:=wrist", f"out:={tmp_path / 'out'}", word)
    code, output = Process("-m", "robot_rl.ros.calibration_node", *parameters(*given)).end(30.0)
    assert code == 2 and said in output and "Traceback" not in output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("camera", "a b", "no camera's name"),
        ("camera", "", "no camera's name"),
        ("out", "", "out is empty"),
        ("mounted", "head", "none of hand, world"),
        ("poses", 3, "poses=3 is out of range; allowed: 6 to 60"),
        ("poses", 61, "poses=61 is out of range"),
        ("corners", 36, "has 35; ask for fewer"),
        *((name, float("nan"), f"{name}=nan is out of range") for name in RANGES if name not in ("poses", "corners")),
    ],
)
def test_settings_that_cannot_be_are_refused(name: str, value: object, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        checked({**PARAMETERS, "camera": "wrist", "out": "x", name: value})


def test_a_folder_that_is_finished_is_refused(domain: int, tmp_path: Path) -> None:
    (tmp_path / RESULT).touch()
    code, output = Process("-m", "robot_rl.ros.calibration_node", *parameters("camera:=wrist", f"out:={tmp_path}")).end(
        30.0
    )
    assert code == 2 and "holds a calibration already" in output


def test_a_folder_that_cannot_be_had_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"out=.*file/folder"):
        open_samples(tmp_path / "file" / "folder")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"distortion_model": "equidistant"}, "allowed: plumb_bob"),
        ({"distortion_model": "rational_polynomial", "d": [0.1, 0.0, 0.0, 0.0, 0.0, 0.3, 0.0, 0.0]}, "0.3"),
    ],
)
def test_a_lens_that_is_not_modelled_is_refused(more: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        lens_of("wrist", info(**more))
    assert lens_of("wrist", info(d=[], distortion_model="")) == PLAIN_LENS


@pytest.mark.parametrize(("mounted", "name"), [("hand", "wrist"), ("world", "side")])
def test_a_simulated_camera_s_intrinsics_are_those_of_its_pictures(mounted: str, name: str) -> None:
    config = load_config(["task=board", f"task.params.mounted={mounted}"])
    physics = build_parts(config, make_task(config.task)).physics
    model, data, clock = physics.model, physics.data, MonotonicClock()
    camera = SceneCamera(model, name, 480, 640, lambda: snapshot(model, data, clock.now_s(), 0), clock)
    seen = Finder(Board.parse(EXAMPLE)).find(camera.read().image)
    lens = lens_of(name, camera_info(camera))
    camera.close()
    turned, number = np.diag([1.0, -1.0, -1.0]), model.camera(name).id
    eye = to_pose(data.cam_xmat[number].reshape(3, 3) @ turned, data.cam_xpos[number])
    body = to_pose(data.body("board").xmat.reshape(3, 3) @ turned, data.body("board").xpos)
    corner = Pose.of([-BOARD.columns * BOARD.square_m / 2, -BOARD.rows * BOARD.square_m / 2, -HALF_M])
    board = eye.inverse() @ body @ corner
    off = project(seen.points_m @ to_matrix(board).T + board.position_m, lens) - seen.pixels
    assert len(seen.ids) > 20 and np.sqrt((off**2).mean()) < 0.2
    assert np.abs(np.median(off, axis=0)).max() < 0.15, "half a pixel beside the centre would show"


def test_before_it_is_activated_it_says_that_it_waits(domain: int, tmp_path: Path) -> None:
    with graph(domain, *parameters("camera:=wrist", f"out:={tmp_path / 'out'}", "autostart:=false")) as context:
        node = CalibrationNode(context)
        with spun(cell := Cell(context)), spun(node) as spinner:
            spinner.do(lambda: node.trigger_configure() and None, 20.0)
            assert Bench(cell, node, tmp_path / "out").says("waits for a picture")
            assert spinner.error is None and node.label == OPEN


def test_a_picture_of_another_size_than_its_intrinsics_is_refused(domain: int, tmp_path: Path) -> None:
    with bench(domain, tmp_path / "out") as found:
        found.cell.info = info(width=1280, height=960)
        assert until(lambda: found.node.failed)
        assert "640 x 480 pixels with the intrinsics of 1280 x 960" in str(found.node.trouble)


def test_the_node_can_be_ended_while_it_waits(domain: int, tmp_path: Path) -> None:
    with graph(domain) as context, spun(Node("watch", context=context)) as watch:
        process = Process(
            "-m", "robot_rl.ros.calibration_node", *parameters("camera:=wrist", f"out:={tmp_path / 'out'}")
        )
        assert until(lambda: "calibration" in watch.node.get_node_names(), 20.0)
        assert until(lambda: watch.node.count_subscribers("wrist/color/image_raw") == 1, 20.0)
        code, output = process.stop()
    assert code == 0, output

import time
from itertools import count

import numpy as np
import pytest
from rclpy.node import Node
from sensor_msgs.msg import Image

from robot_rl.compose import load_config
from robot_rl.errors import HardwareError, SimulationError, StaleError
from robot_rl.hardware import Frame
from robot_rl.ros import qos
from robot_rl.ros.sim_feed import Feed
from robot_rl.ros.sim_node import CellThread
from robot_rl.sim_cell import SimCell
from tests.robot_rl.ros.graph import graph, spun, until


class FakeCamera:
    """Draws until it is told what is wrong."""

    name, height, width, focal_px = "side", 4, 6, 5.0

    def __init__(self) -> None:
        self.error: HardwareError | None = None
        self.closed = False
        self._numbers = count()

    def read(self) -> Frame:
        if self.error:
            raise self.error
        return Frame(time.monotonic(), next(self._numbers), np.zeros((4, 6, 3), np.uint8))

    def close(self) -> None:
        self.closed = True


def test_a_camera_that_cannot_draw_is_known_when_it_is_opened(domain: int) -> None:
    camera = FakeCamera()
    camera.error = HardwareError("no off-screen rendering here")
    with graph(domain) as context, spun(node := Node("sim", context=context)):
        with pytest.raises(HardwareError, match="no off-screen"):
            Feed(node, camera, 50.0, pytest.fail)  # type: ignore[arg-type]
        assert camera.closed and until(lambda: node.count_publishers("side/color/image_raw") == 0)


def test_pictures_pause_and_go_on_and_a_scene_that_stands_still_is_waited_for(domain: int) -> None:
    camera = FakeCamera()
    lost: list[BaseException] = []
    with graph(domain) as context, spun(node := Node("sim", context=context)):
        heard: list[Image] = []
        node.create_subscription(Image, "side/color/image_raw", heard.append, qos.LATEST)
        feed = Feed(node, camera, 50.0, lost.append)  # type: ignore[arg-type]
        assert feed.sent == 0, "nothing before it is on"
        feed.on.set()
        assert until(lambda: len(heard) > 2)
        camera.error = StaleError("the scene stands still")
        assert until(lambda: feed.trouble)
        camera.error = None
        assert until(lambda: not feed.trouble) and not lost
        camera.error = HardwareError("the context is lost")
        assert until(lambda: lost and camera.closed)
        assert str(lost[0]) == "the context is lost"
        feed.close()


def test_a_cell_that_breaks_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(cell: SimCell, stop: object) -> None:
        raise SimulationError("MuJoCo warned")

    monkeypatch.setattr(SimCell, "run", broken)
    lost: list[BaseException] = []
    thread = CellThread(load_config(["task=reach"]), lost.append)
    thread.start()
    assert until(lambda: lost) and str(lost[0]) == "MuJoCo warned"
    thread.close()
    assert not thread.path.parent.exists()
    thread.cell.close()


def test_a_cell_that_was_never_started_leaves_nothing_behind() -> None:
    thread = CellThread(load_config(["task=reach"]), pytest.fail)  # type: ignore[arg-type]
    thread.close()
    assert not thread.alive and not thread.path.parent.exists()

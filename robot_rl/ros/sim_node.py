"""`python -m robot_rl.ros.sim_node`: a simulated cell on the topics of a real one.

One MuJoCo world serves arm, gripper and cameras, so they share this process: the loop in one thread, each camera in
another. Who asks on the topics goes through the arm's door, as everywhere.
"""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import Point, PoseStamped, Quaternion
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.context import Context
from rclpy.publisher import Publisher
from rclpy.timer import Timer

from robot_rl.config import Config
from robot_rl.errors import ConfigError, HardwareError, RobotRLError
from robot_rl.ros import qos
from robot_rl.ros.arm_node import joint_names
from robot_rl.ros.arm_topics import ArmTopics
from robot_rl.ros.ask import Answerer
from robot_rl.ros.convert import BASE, to_stamp
from robot_rl.ros.gripper_topics import GripperTopics
from robot_rl.ros.node import OK, WARN, DeviceNode, config_from, config_parameters, status
from robot_rl.ros.port import CellPort, hold, serve_cell
from robot_rl.ros.run import run
from robot_rl.ros.sim_feed import Feed
from robot_rl.sim_cell import SimCell

SETTINGS = ("robot", "task", "safety", "seed")
OBJECTS_HZ = 100.0
END_S = 5.0
"""What the cell may take to brake, rest and end."""
LARGE, PROFILE = 128_000, "FASTRTPS_DEFAULT_PROFILES_FILE"
"""Bytes of a picture from which Fast DDS needs more shared memory than it takes by itself."""
SLOW = 0.95
"""Share of its rate below which the loop is said to be slow."""


class SimNode(DeviceNode):
    """A task's scene: the arm and the gripper with their topics, `scene/request`, the pictures of `robot.cameras`, and
    where the objects are."""

    def __init__(self, context: Context | None = None) -> None:
        own: dict[str, Any] = {"camera_hz": 30.0, "image_height": 0, "image_width": 0}  # 0: robot.image_size
        super().__init__("sim_node", config_parameters(SETTINGS) | own, context)
        self._thread: CellThread | None = None
        self._feeds: list[Feed] = []
        self._arm: ArmTopics | None = None
        self._gripper: GripperTopics | None = None
        self._port: CellPort | None = None
        self._scene: Answerer | None = None
        self._timer: Timer | None = None
        self._objects: dict[str, Publisher] = {}
        self._meters: dict[str, Meter] = {}

    def open(self) -> None:
        config = config_from(self)
        hz = self._number("camera_hz", 0.1, 240.0)
        height, width = (int(self._number(name, 0, 4096)) for name in ("image_height", "image_width"))
        height, width = height or config.robot.image_size, width or config.robot.image_size
        if 3 * height * width > LARGE and PROFILE not in os.environ:
            self.get_logger().warning(f"pictures of {height} x {width} get lost without {PROFILE}; see launch/config")
        thread = self._thread = CellThread(config, self.fail)
        for name in config.robot.cameras:
            self._feeds.append(Feed(self, thread.cell.camera(name, height, width), hz, self.fail))
        thread.start()  # after the first pictures: they take tenths of a second, for which the arm would be stopped
        self._arm = ArmTopics(self, thread.path, joint_names(config.robot.model))
        for name in thread.cell.objects()[1]:
            self._objects[name] = self.create_publisher(PoseStamped, f"objects/{name}", qos.STATE)

    def start(self) -> None:
        assert self._thread and self._arm
        self._arm.publishing = True
        if self._thread.cell.gripper:
            self._gripper = GripperTopics(self, self._thread.cell.gripper)
        self._port = serve_cell(self, self._thread.path)
        self._scene = Answerer(self, "scene", self._answer)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer = self.create_timer(1 / OBJECTS_HZ, self._publish_objects, clock=steady)
        for feed in self._feeds:
            feed.on.set()

    def pause(self) -> None:
        """Brake and hold, then hang up on everybody, which ends their leases."""
        for feed in self._feeds:
            feed.on.clear()
        if self._arm:
            self._arm.publishing = False
        try:
            if self._port and self._thread and self._thread.alive:
                hold(self._thread.path, "sim node")
        finally:
            self._hang_up()

    def _hang_up(self) -> None:
        if self._timer:
            self.destroy_timer(self._timer)
        for part in (self._port, self._scene, self._gripper):
            if part:
                part.close()
        self._timer = self._port = self._scene = self._gripper = None

    def release(self) -> None:
        self._hang_up()
        for part in (*self._feeds, self._arm):
            if part:
                part.close()
        for publisher in self._objects.values():
            self.destroy_publisher(publisher)
        self._feeds, self._arm, self._objects, self._meters = [], None, {}, {}
        thread, self._thread = self._thread, None
        if thread:
            thread.close()

    def health(self) -> list[DiagnosticStatus]:
        if not (self._thread and self._arm):
            return []
        found = [self._loop_health(self._thread.cell), self._arm.health()]
        if port := self._port:
            counts = {"clients": port.clients, "unreadable": port.unreadable, **port.counts}
            found.append(status("requests", OK, f"{port.clients} clients", **counts))
        if self._gripper:
            found.append(self._gripper.health())
        return found + [self._feed_health(feed) for feed in self._feeds]

    def _loop_health(self, cell: SimCell) -> DiagnosticStatus:
        rate_hz, wanted_hz = self._rate_hz("loop", cell.periods), self.get_parameter("robot.control_hz").value
        slow = not rate_hz >= SLOW * wanted_hz
        loop = cell.server.loop
        values = {"rate_hz": f"{rate_hz:.1f}", "overruns": loop.overruns, **cell.counts()}
        message = f"slower than its {wanted_hz:g} Hz: free the processor" if slow else "in real time"
        return status("loop", WARN if slow or loop.fault else OK, loop.fault or message, **values)

    def _feed_health(self, feed: Feed) -> DiagnosticStatus:
        rate_hz = self._rate_hz(feed.name, feed.sent)
        values = {"rate_hz": f"{rate_hz:.1f}", "sent": feed.sent, "missed": feed.missed}
        return status(f"camera {feed.name}", WARN if feed.trouble else OK, feed.trouble or "draws", **values)

    def _rate_hz(self, name: str, count: int) -> float:
        return self._meters.setdefault(name, Meter()).rate_hz(count)

    def _answer(self, client: str, body: dict[str, Any]) -> dict[str, Any]:
        """`{"reset": {"seed": 5}}`: the pose T_base_tcp where the tool starts."""
        reset = body.get("reset")
        seed = reset.get("seed") if isinstance(reset, dict) and set(body) == {"reset"} else None
        if type(seed) is not int:
            raise ConfigError(f"scene request {body} of {client}; what there is: {{'reset': {{'seed': 5}}}}")
        assert self._thread
        start = self._thread.cell.reset(seed)
        return {"position_m": start.position_m.tolist(), "quat_wxyz": start.quat_wxyz.tolist()}

    def _publish_objects(self) -> None:
        assert self._thread
        stamp_s, poses = self._thread.cell.objects()
        for name, pose in poses.items():
            message = PoseStamped()
            message.header.stamp, message.header.frame_id = to_stamp(self.get_clock(), stamp_s), BASE
            (x, y, z), (w, i, j, k) = pose.position_m.tolist(), pose.quat_wxyz.tolist()
            message.pose.position, message.pose.orientation = Point(x=x, y=y, z=z), Quaternion(x=i, y=j, z=k, w=w)
            self._objects[name].publish(message)

    def _number(self, name: str, least: float, most: float) -> float:
        value = self.get_parameter(name).value
        if not least <= value <= most:
            raise ConfigError(f"{name}={value} is out of range; allowed: {least:g} to {most:g}")
        return float(value)


class CellThread:
    """A cell that runs in a thread of its own from `start` on, with its socket in a folder of its own."""

    def __init__(self, config: Config, lost: Callable[[BaseException], None]) -> None:
        """`lost` is told, from that thread, why the cell has ended by itself. Raises ConfigError as `SimCell`."""
        self._folder = TemporaryDirectory(prefix="robot_rl_")
        self.path = Path(self._folder.name) / "arm"
        try:
            self.cell = SimCell(config, self.path)
        except ConfigError:
            self._folder.cleanup()
            raise
        self._stop, self._lost = threading.Event(), lost
        self._thread = threading.Thread(target=self._run, name="simulated cell", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def close(self) -> None:
        """Let the arm come to rest and end. Raises HardwareError when it does not."""
        self._stop.set()
        if self._thread.ident is None:
            self.cell.close()
        else:
            self._thread.join(END_S)
        self._folder.cleanup()
        if self.alive:
            raise HardwareError(f"the simulated cell did not end within {END_S} s; end this process")

    def _run(self) -> None:
        why: RobotRLError | None = HardwareError("the simulated cell has ended by an error of its own; see the log")
        try:
            self.cell.run(self._stop)
            why = None
        except RobotRLError as error:
            why = error
        finally:
            if why:
                self._lost(why)


class Meter:
    """How fast a count grows, from one look to the next."""

    def __init__(self) -> None:
        self._count, self._since_s = 0, time.monotonic()

    def rate_hz(self, count: int) -> float:
        now_s = time.monotonic()
        rate_hz = (count - self._count) / max(now_s - self._since_s, 1e-6)
        self._count, self._since_s = count, now_s
        return rate_hz


def main() -> int:
    """Exit code: 0 when told to end, 1 after a failure, 2 for settings that cannot be used."""
    return run(SimNode)


if __name__ == "__main__":
    raise SystemExit(main())

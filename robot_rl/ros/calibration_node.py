"""`python -m robot_rl.ros.calibration_node`: where a camera is on the arm or beside it, from pictures of a board.

A person moves the arm, this node never does. Whenever the tool stands still where it has not stood before, and the
board is seen, it takes a sample; with enough of them it solves, writes `calibration.yaml`, and is inactive again.
"""

import math
import threading
import time
from pathlib import Path

from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.context import Context
from rclpy.subscription import Subscription
from rclpy.timer import Timer
from sensor_msgs.msg import CameraInfo, Image

from controllers.pose import Pose
from robot_rl.errors import ConfigError
from robot_rl.ros import qos
from robot_rl.ros.calibration_settings import PARAMETERS, checked, lens_of, open_samples
from robot_rl.ros.convert import to_monotonic, to_picture, to_pose
from robot_rl.ros.node import OK, WARN, DeviceNode, status
from robot_rl.ros.run import run
from robot_rl.ros.text import Watched
from sim2real.calibrate import RESULT, calibrate, told
from sim2real.charuco import Finder
from sim2real.samples import SampleFolder, Setup
from sim2real.standstill import Nearness, Standstill, is_elsewhere
from sim2real.views import turned

LOOK_S = 0.02
"""Between two looks for a picture"""
PATIENCE_S, WATCH_S = 5.0, 0.5
"""Without a picture or a pose it is told which topics there are."""
ASKED = (
    "move the arm so that {camera} sees the board, tilted and turned to all sides, and let it stand for a second in "
    "each of {wanted} poses; this node moves nothing (docs/calibration.md)"
)
"""Of the person"""


class CalibrationNode(DeviceNode):
    """Takes samples and solves."""

    def __init__(self, context: Context | None = None) -> None:
        super().__init__("calibration", PARAMETERS, context)
        self._monotonic = Clock(clock_type=ClockType.STEADY_TIME)
        self._lock, self._paused, self._thread = threading.Lock(), threading.Event(), threading.Thread()
        self._subscriptions_held: list[Subscription] = []
        self._timer: Timer | None = None
        self._samples: SampleFolder | None = None
        self._image: Image | None = None
        self._info: CameraInfo | None = None
        self._said, self._corners, self._done = "waits for a picture", 0, False
        self._told_s, self._quiet_s = -math.inf, 0.0

    def open(self) -> None:
        given = {name: self.get_parameter(name).value for name in PARAMETERS}
        self._camera, self._mounted, self._board = checked(given)
        self._wanted, self._enough, self._still_s = given["poses"], given["corners"], given["still_s"]
        self._standstill = Standstill(Nearness(given["still_m"], math.radians(given["still_deg"])))
        self._apart = Nearness(given["apart_m"], math.radians(given["apart_deg"]))
        self._finder = Finder(self._board)
        self._samples = open_samples(Path(given["out"]).expanduser())
        if self._samples.torn:
            self.get_logger().warning(f"the last line in {self._samples.folder} was cut off in the middle: left out")
        if taken := len(self._samples.samples):
            self.get_logger().info(f"goes on with the {taken} samples in {self._samples.folder}")
        self._image_topic = self.resolve_topic_name(f"{self._camera}/color/image_raw")
        self._info_topic = self.resolve_topic_name(f"{self._camera}/color/camera_info")
        self._subscriptions_held = [
            self.create_subscription(PoseStamped, "current_pose", self._take_pose, qos.LATEST),
            self.create_subscription(CameraInfo, self._info_topic, self._take_info, qos.LATEST),
            self.create_subscription(Image, self._image_topic, self._take_image, qos.LATEST),
        ]

    def start(self) -> None:
        self._paused.clear()
        self._done, self._image, self._quiet_s = False, None, time.monotonic()
        self._since_s = self._quiet_s
        self.get_logger().info(ASKED.format(camera=self._camera, wanted=self._wanted))
        self._timer = self.create_timer(WATCH_S, self._watch, clock=self._monotonic)
        self._thread = threading.Thread(target=self._run, name="calibrate", daemon=True)
        self._thread.start()

    def pause(self) -> None:
        self._paused.set()
        if self._timer:
            self.destroy_timer(self._timer)
        self._timer = None
        if self._thread.is_alive():
            self._thread.join()

    def release(self) -> None:
        while self._subscriptions_held:
            self.destroy_subscription(self._subscriptions_held.pop())
        self._samples = self._image = self._info = None

    def health(self) -> list[DiagnosticStatus]:
        if self._samples is None:
            return []
        values = {"samples": len(self._samples.samples), "wanted": self._wanted, "corners": self._corners}
        return [status("calibration", WARN if self._lacking() else OK, self._lacking() or self._said, **values)]

    # The executor's thread

    def _take_pose(self, message: PoseStamped) -> None:
        stamp_s = to_monotonic(self.get_clock(), message.header.stamp)
        with self._lock:
            self._standstill.take(stamp_s, to_pose(message))

    def _take_info(self, message: CameraInfo) -> None:
        self._info = message

    def _take_image(self, message: Image) -> None:
        self._image, self._quiet_s = message, time.monotonic()

    def _watch(self) -> None:
        """Tell what does not come; inactive again once all is done."""
        if self._done:
            self.trigger_deactivate()
        elif lacking := self._lacking():
            self.get_logger().warning(lacking, throttle_duration_sec=PATIENCE_S)

    def _lacking(self) -> str:
        """What has not come for long, with the pictures that there are; empty: nothing lacks, or it does not look."""
        now_s = time.monotonic()
        if self._timer is None:
            return ""
        if now_s - self._quiet_s > PATIENCE_S:
            kinds = self.get_topic_names_and_types()
            there = [topic for topic, types in kinds if "sensor_msgs/msg/Image" in types]
            there = [topic for topic in there if self.count_publishers(topic)]
            return f"no picture on {self._image_topic} for {PATIENCE_S:.0f} s; there are: {', '.join(there) or 'none'}"
        if self._info is None and now_s - self._since_s > PATIENCE_S:
            return (
                f"no camera_info on {self._info_topic} for {PATIENCE_S:.0f} s; the lens must be known: let it be sent"
            )
        with self._lock:
            age_s = now_s - self._standstill.until_s
        if self._image and not age_s <= PATIENCE_S:
            return f"no pose on {self.resolve_topic_name('current_pose')}; see whether the arm's node runs"
        return ""

    # The thread that looks

    def _run(self) -> None:
        with Watched(self.fail):
            before: Image | None = None
            while not (self._paused.wait(LOOK_S) or self._done):
                if self._complete():
                    self._solve()
                elif self._image is not before and self._look(self._image):
                    before = self._image

    def _complete(self) -> bool:
        tools = self._tools()
        return len(tools) >= self._wanted and not turned(tools).missing

    def _look(self, image: Image | None) -> bool:
        """Whether this picture is done with. Raises ConfigError for a camera that cannot be calibrated."""
        if image is None or self._info is None:
            return False
        setup = self._setup(self._info, image)
        with self._lock:
            since_s, until_s, tool = self._standstill.since_s, self._standstill.until_s, self._standstill.tool
        stamp_s = to_monotonic(self.get_clock(), image.header.stamp)
        if not since_s + self._still_s <= stamp_s:
            self._said = "the tool moves"
            return True
        if not stamp_s <= until_s:
            return False
        if not is_elsewhere(tool, self._tools(), self._apart):
            self._said = "the tool stands near an earlier sample; move it on"
            return True
        self._try(setup, image, tool, since_s)
        return True

    def _try(self, setup: Setup, image: Image, tool: Pose, since_s: float) -> None:
        """A sample, if enough of the board is seen."""
        samples, picture = self._samples, to_picture(image)
        assert samples is not None
        seen = self._finder.find(picture)
        self._corners = len(seen.ids)
        if self._corners < self._enough or not seen.is_spread:
            self._said = f"{self._corners} corners of the board are seen, {self._enough} are needed in several rows"
            if self._told_s != since_s:
                self.get_logger().info(f"no sample: {self._said}")
            self._told_s = since_s
            return
        samples.use(setup)
        samples.add(tool, image.header.stamp.sec * 10**9 + image.header.stamp.nanosec, picture)
        self._said = self._progress()
        self.get_logger().info(self._said)

    def _progress(self) -> str:
        tools = self._tools()
        turning, left = turned(tools), max(0, self._wanted - len(tools))
        missing = [f"{left} poses"] if left else []
        missing += [f"rotation about the tool's {turning.missing}"] if turning.missing else []
        said = f"sample {len(tools)} of {self._wanted}, {self._corners} corners; {turning}"
        return f"{said}; still missing: {', '.join(missing) or 'nothing'}"

    def _solve(self) -> None:
        samples = self._samples
        assert samples is not None and samples.setup is not None
        found = calibrate(samples)
        self._said = told(samples.setup, found)
        self.get_logger().info(f"{self._said}; written to {samples.folder / RESULT}; all is done, Ctrl-C ends it")
        self._done = True

    def _tools(self) -> list[Pose]:
        return [sample.tool for sample in self._samples.samples] if self._samples else []

    def _setup(self, info: CameraInfo, image: Image) -> Setup:
        if (info.width, info.height) != (image.width, image.height):
            raise ConfigError(
                f"camera {self._camera} sends {image.width} x {image.height} pixels with the intrinsics of "
                f"{info.width} x {info.height}; let it publish both for one size"
            )
        return Setup(self._camera, image.header.frame_id, self._mounted, self._board, lens_of(self._camera, info))


def main() -> int:
    """The console script `calibration_node`."""
    return run(CalibrationNode)


if __name__ == "__main__":
    raise SystemExit(main())

"""A hand-held device as topics: `teleop/twist` (TwistStamped, each part in [-1, 1]) and `teleop/joy` (Joy).

Whoever moves the arm decides what the largest deflection means. While a person deflects the device its twist comes at
`rate_hz`; on release one zero comes, then nothing. Without the device nothing comes at all, and it is looked for.
"""

from pathlib import Path

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import TwistStamped
from rclpy.context import Context
from sensor_msgs.msg import Joy

from robot_rl.clock import MonotonicClock
from robot_rl.drivers.gamepad import Gamepad
from robot_rl.drivers.inputs import DEAD_BAND, Input
from robot_rl.drivers.spacemouse import SpaceMouse
from robot_rl.errors import ConfigError, HardwareError, StaleError
from robot_rl.ros import qos
from robot_rl.ros.convert import BASE, to_stamp
from robot_rl.ros.node import ERROR, OK, WARN, status
from robot_rl.ros.polled_node import PolledNode
from robot_rl.ros.run import run
from robot_rl.ros.text import one_line
from robot_rl.suggest import nearest

DEVICES: dict[str, type[SpaceMouse] | type[Gamepad]] = {"spacemouse": SpaceMouse, "gamepad": Gamepad}
LOOK_S = 1.0
"""Between two looks for a device that is gone."""


class TeleopNode(PolledNode[SpaceMouse | Gamepad]):
    """Publishes what a person asks for."""

    def __init__(self, context: Context | None = None) -> None:
        super().__init__(
            "teleop", {"device": "spacemouse", "path": "", "rate_hz": 100.0, "dead_band": DEAD_BAND}, context
        )
        self._monotonic, self._due_s = MonotonicClock(), 0.0
        self._gone, self._losses, self._moving, self._events = "", 0, False, 0

    def open(self) -> None:
        kind, rate_hz = self.get_parameter("device").value, self.get_parameter("rate_hz").value
        if kind not in DEVICES:
            raise ConfigError(f"no device {kind!r} to move an arm with{nearest(kind, DEVICES)}")
        if not 1.0 <= rate_hz <= 1000.0:
            raise ConfigError(f"rate_hz is {rate_hz}; allowed: 1 to 1000")
        self._period_s = 1.0 / rate_hz
        self._open_device()
        self._twist = self.offer(TwistStamped, "teleop/twist", qos.COMMAND)
        self._joy = self.offer(Joy, "teleop/joy", qos.STATE)

    def poll(self) -> None:
        """One period: read and tell, or look for the device."""
        if self.device is None:
            self.paused.wait(LOOK_S)
            self._look()
        else:
            self._read(self.device)
        self._due_s = max(self._due_s + self._period_s, self._monotonic.now_s())
        self.paused.wait(self._due_s - self._monotonic.now_s())

    def health(self) -> list[DiagnosticStatus]:
        level = ERROR if self._gone else OK if self.device else WARN
        kind = str(self.get_parameter("device").value)
        return [status(kind, level, self._gone or "is read", events=self._events, losses=self._losses)]

    def _read(self, device: SpaceMouse | Gamepad) -> None:
        try:
            said = device.read()
        except StaleError as error:
            self.get_logger().warning(one_line(error), throttle_duration_sec=LOOK_S)
        except HardwareError as error:
            self._lose(error)
        else:
            self._tell(said)

    def _tell(self, said: Input) -> None:
        moves = bool(said.twist.any())
        if moves or self._moving:
            self._twist.publish(self._twist_message(said))
        if moves or self._moving or said.events != self._events:
            self._joy.publish(self._joy_message(said))
        self._moving, self._events = moves, said.events

    def _open_device(self) -> None:
        path, kind = str(self.get_parameter("path").value), self.get_parameter("device").value
        dead_band = self.get_parameter("dead_band").value
        self.device = DEVICES[kind](Path(path) if path else None, dead_band=dead_band)
        self._gone, self._moving, self._events = "", False, 0

    def _lose(self, error: HardwareError) -> None:
        self.close_device()
        self._gone, self._losses = one_line(error), self._losses + 1
        self.get_logger().error(f"{self._gone}; it is looked for every {LOOK_S:.0f} s")

    def _look(self) -> None:
        try:
            self._open_device()
        except HardwareError as error:
            self._gone = one_line(error)
        else:
            self.get_logger().info("the device is back")

    def _stamp(self, said: Input) -> Time:
        """When it was asked for: a deflection that is held is asked for at each reading of it."""
        return to_stamp(self.get_clock(), self._monotonic.now_s() if said.twist.any() else said.stamp_s)

    def _twist_message(self, said: Input) -> TwistStamped:
        message = TwistStamped()
        message.header.stamp, message.header.frame_id = self._stamp(said), BASE
        linear, angular = message.twist.linear, message.twist.angular
        linear.x, linear.y, linear.z, angular.x, angular.y, angular.z = said.twist.tolist()
        return message

    def _joy_message(self, said: Input) -> Joy:
        message = Joy(axes=said.twist.tolist(), buttons=[int(down) for down in said.buttons])
        message.header.stamp, message.header.frame_id = self._stamp(said), BASE
        return message


def main() -> int:
    """The console script `teleop_node`."""
    return run(TeleopNode)


if __name__ == "__main__":
    raise SystemExit(main())

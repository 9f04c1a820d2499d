"""A node with a device that does what its parameters say: `python -m tests.robot_rl.ros.toy`."""

import sys

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.context import Context

from robot_rl.errors import ConfigError, HardwareError
from robot_rl.ros.node import OK, DeviceNode, status
from robot_rl.ros.run import run


class Toy(DeviceNode):
    """Notes every call, and raises where `breaks` says."""

    def __init__(self, context: Context | None = None) -> None:
        super().__init__("toy", {"rate_hz": 10.0, "breaks": "", "cameras": [], "gains": [1.0, 2.0]}, context)
        self.calls: list[str] = []

    def open(self) -> None:
        self._do("open")

    def start(self) -> None:
        self._do("start")
        if self.get_parameter("breaks").value in ("timer", "timer!"):
            self.create_timer(0.01, lambda: self._do("timer"))
        if self.get_parameter("breaks").value == "later":
            self.create_timer(0.1, lambda: self.fail(HardwareError("the toy is lost")))

    def pause(self) -> None:
        self._do("pause")

    def release(self) -> None:
        self._do("release")

    def health(self) -> list[DiagnosticStatus]:
        return [status("toy", OK, "well", calls=len(self.calls))]

    def _do(self, name: str) -> None:
        self.calls.append(name)
        sys.stdout.write(f"did {name}\n")
        sys.stdout.flush()
        breaks = self.get_parameter("breaks").value
        if breaks == name:
            raise HardwareError(f"cannot {name}")
        if breaks == f"{name}!":
            raise ValueError(f"a bug in {name}")
        if breaks == f"{name}?":
            raise ConfigError(f"{name}: bad setting")


if __name__ == "__main__":
    raise SystemExit(run(Toy))

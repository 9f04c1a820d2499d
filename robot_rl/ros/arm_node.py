"""`python -m robot_rl.ros.arm_node`: an arm's own process behind the topics that everybody knows.

The arm is driven by `python -m robot_rl.cell`, a child of this node, so that no message ever waits in its loop or its
loop in a message. Dies this node, then the child sees it, brakes, and ends; dies the child, then this node ends with
an error, and nobody starts it anew but a person.
"""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.context import Context

from controllers.models import arm_limits, arm_spec
from robot_rl.cell.spawn import spawn
from robot_rl.config import Config
from robot_rl.errors import ConfigError, HardwareError
from robot_rl.ros.arm_topics import ArmTopics
from robot_rl.ros.node import OK, DeviceNode, config_from, config_parameters, status
from robot_rl.ros.port import CellPort, hold, serve_cell
from robot_rl.ros.run import run
from robot_rl.sim_parts import STEP_MARGIN
from robot_rl.tasks import make_task
from robot_rl.tasks.base import Task
from robot_rl.validate import leaves

END_S = 8.0
"""What the arm's process may take to brake, rest and end."""
OWN: dict[str, Any] = {"cell": [], "address": ""}
"""Parameters beside those of the configuration: settings of the arm's process (`CellConfig`), `KEY=VALUE` each, and the
one of them that is an argument of every start, which a list in a file must not hide, nor be hidden by."""
READ_THERE = ("joint_states", "wrench")
"""Not published beside ros2_control: its driver reads them from topics, and must not believe an echo of its own."""


class ArmNode(DeviceNode):
    """Starts the arm's process, carries requests to it, and says how the arm is."""

    def __init__(self, context: Context | None = None) -> None:
        super().__init__("arm_node", config_parameters(("robot", "safety", "task")) | OWN, context)
        self._child: subprocess.Popen[bytes] | None = None
        self._folder: Path | None = None
        self._port: CellPort | None = None
        self._topics: ArmTopics | None = None

    def open(self) -> None:
        config = config_from(self)
        config.robot.namespace = config.robot.namespace or self.get_namespace().strip("/")
        names = joint_names(config.robot.model)
        self._folder = Path(tempfile.mkdtemp(prefix="robot_rl_"))
        path = self._folder / "arm"
        extra = [str(part) for part in self.get_parameter("cell").value]
        address = self.get_parameter("address").value
        extra += [f"address={address}"] if address else []
        self._child = spawn([f"socket={path}", *cell_settings(config), *extra])
        own = READ_THERE if config.robot.driver == "ros2_control" else ()
        self._topics = ArmTopics(self, path, names, self._why_ended, own)

    def start(self) -> None:
        assert self._folder and self._topics
        self._port = serve_cell(self, self._folder / "arm")
        self._topics.publishing = True

    def pause(self) -> None:
        """Brake and hold, then hang up on everybody, which ends their leases."""
        try:
            if self._port and self._folder and self._child and self._child.poll() is None:
                hold(self._folder / "arm", "arm node")
        finally:
            if self._topics:
                self._topics.publishing = False
            if self._port:
                self._port.close()
            self._port = None

    def release(self) -> None:
        if self._topics:
            self._topics.close()
        self._topics = None
        try:
            if self._child:
                end_child(self._child)
        finally:
            self._child = None
            if self._folder:
                shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _why_ended(self) -> str:
        """Empty while the arm's process runs."""
        code = self._child.poll() if self._child else None
        said = f"the arm's process has ended by itself (exit code {code}); see its standard error"
        return "" if code is None else said

    def health(self) -> list[DiagnosticStatus]:
        found = []
        if self._topics:
            found.append(self._topics.health())
        if self._port:
            port = self._port
            counts = {"clients": port.clients, "unreadable": port.unreadable, **port.counts}
            found.append(status("requests", OK, f"{port.clients} clients", **counts))
        return found


def cell_settings(config: Config) -> list[str]:
    """What `robot_rl.cell` must be told, `KEY=VALUE` each: the workspace and the step are the task's.

    Raises ConfigError for a task without an arm.
    """
    task: Task = make_task(config.task)
    box = task.workspace
    own = {
        "low_m": list(box.low_m),
        "high_m": list(box.high_m),
        "step_m": task.action.step_m * STEP_MARGIN,
        "step_rad": task.action.step_rad * STEP_MARGIN,
    }
    used = {name: value for name, value in leaves(config) if name.partition(".")[0] in ("robot", "safety", "task")}
    params = used.pop("task.params", {})
    used |= {f"task.params.{name}": value for name, value in params.items()}
    return [f"{name}={json.dumps(value)}" for name, value in (used | own).items()]


def joint_names(model: str) -> list[str]:
    """Names of an arm's joints, base to tip. Raises ConfigError for an arm that is not known."""
    try:
        joints = arm_spec(model).compile()
        return [joints.joint(i).name for i in range(len(arm_limits(model).q_min_rad))]
    except ValueError as error:
        raise ConfigError(f"robot.model={model}: {error}") from error


def end_child(child: "subprocess.Popen[bytes]") -> None:
    """Let it brake and end. Raises HardwareError when it had to be killed."""
    child.terminate()
    try:
        child.wait(END_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
        raise HardwareError(f"the arm's process did not end within {END_S} s and was killed; see to the arm") from None
    finally:
        for pipe in (child.stdin, child.stdout):
            if pipe:
                pipe.close()


def main() -> int:
    return run(ArmNode)


if __name__ == "__main__":
    raise SystemExit(main())

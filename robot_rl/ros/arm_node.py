"""`python -m robot_rl.ros.arm_node`: an arm's own process behind the topics that everybody knows.

The arm is driven by `python -m robot_rl.cell`, a child of this node, so that no message ever waits in its loop or its
loop in a message. Dies this node, then the child sees it, brakes, and ends; dies the child, then this node ends with
an error, and nobody starts it anew but a person.
"""

import contextlib
import dataclasses
import json
import math
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped, TwistStamped, WrenchStamped
from rclpy.context import Context
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from controllers.models import arm_limits, arm_spec
from controllers.records import ArmState
from robot_rl.cell.client import CellClient
from robot_rl.cell.remote import RemoteAuthority
from robot_rl.cell.spawn import spawn
from robot_rl.config import Config
from robot_rl.errors import ConfigError, HardwareError, StaleError
from robot_rl.operator import View
from robot_rl.ros import qos
from robot_rl.ros.convert import arm_messages, to_stamp
from robot_rl.ros.node import ERROR, OK, WARN, DeviceNode, config_from, config_parameters, status
from robot_rl.ros.port import CellPort, serve_cell
from robot_rl.ros.run import run
from robot_rl.tasks import make_task
from robot_rl.tasks.base import Task
from robot_rl.validate import leaves

STATE_HZ, VIEW_HZ = 100.0, 20.0
"""How often the arm's state is published, and its view looked at."""
VIEW_S = 1.0
"""Longest time without a view on `arm/state`."""
END_S = 8.0
"""What the arm's process may take to brake, rest and end."""
STEP_MARGIN = 1.2
"""The gate's step clip against the policy's largest step: room for the return of undriven axes."""


class ArmNode(DeviceNode):
    """Starts the arm's process, carries requests to it, and says how the arm is."""

    def __init__(self, context: Context | None = None) -> None:
        super().__init__("arm_node", config_parameters(("robot", "safety", "task")) | {"cell": []}, context)
        self._joints = self.create_publisher(JointState, "joint_states", qos.STATE)
        self._pose = self.create_publisher(PoseStamped, "current_pose", qos.STATE)
        self._twist = self.create_publisher(TwistStamped, "current_twist", qos.STATE)
        self._wrench = self.create_publisher(WrenchStamped, "wrench", qos.STATE)
        self._state = self.create_publisher(String, "arm/state", qos.LATCHED)
        self._child: subprocess.Popen[bytes] | None = None
        self._folder: Path | None = None
        self._port: CellPort | None = None
        self._watcher: Watcher | None = None

    def open(self) -> None:
        config = config_from(self)
        names = joint_names(config.robot.model)
        self._folder = Path(tempfile.mkdtemp(prefix="robot_rl_"))
        path = self._folder / "arm"
        extra = [str(part) for part in self.get_parameter("cell").value]
        self._child = spawn([f"socket={path}", *cell_settings(config), *extra])
        self._watcher = Watcher(self, path, self._child, names)

    def start(self) -> None:
        assert self._folder and self._watcher
        self._port = serve_cell(self, self._folder / "arm")
        self._watcher.publishing = True

    def pause(self) -> None:
        """Brake and hold, then hang up on everybody, which ends their leases."""
        if self._port and self._folder and self._child and self._child.poll() is None:
            with contextlib.closing(CellClient(self._folder / "arm")) as client:
                RemoteAuthority(client).hold("arm node", "it was deactivated")
        if self._watcher:
            self._watcher.publishing = False
        if self._port:
            self._port.close()
        self._port = None

    def release(self) -> None:
        if self._watcher:
            self._watcher.close()
        self._watcher = None
        try:
            if self._child:
                end_child(self._child)
        finally:
            self._child = None
            if self._folder:
                shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def publish(self, state: ArmState, names: list[str]) -> None:
        messages = arm_messages(state, names, to_stamp(self.get_clock(), state.stamp_s))
        for publisher, message in zip((self._joints, self._pose, self._twist, self._wrench), messages, strict=True):
            publisher.publish(message)

    def publish_view(self, view: View, fault: str) -> None:
        self._state.publish(String(data=json.dumps(dataclasses.asdict(view) | {"fault": fault})))

    def health(self) -> list[DiagnosticStatus]:
        found = []
        if self._watcher:
            found.append(self._watcher.health())
        if self._port:
            port = self._port
            counts = {"clients": port.clients, "unreadable": port.unreadable, **port.counts}
            found.append(status("requests", OK, f"{port.clients} clients", **counts))
        return found


class Watcher:
    """Reads the arm's process in a thread of its own and publishes what it says; notices when it ends."""

    def __init__(self, node: ArmNode, path: Path, child: "subprocess.Popen[bytes]", names: list[str]) -> None:
        self.publishing = False
        self._node, self._child, self._names = node, child, names
        self._client = CellClient(path)
        self._ended = threading.Event()
        self._view: View | None = None
        self._told_s = self._stamp_s = -math.inf
        self._missed, self._reason, self._states = 0, "", 0
        self._thread = threading.Thread(target=self._watch, name="watch the arm", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        self._thread.join(timeout=2.0)
        self._client.close()

    def health(self) -> DiagnosticStatus:
        if self._view is None:
            return status("arm", ERROR, self._reason or "it has not said yet how it is")
        view, states = self._view, self._states
        self._states = 0
        values = {"state": view.state, "holder": view.holder, "states_hz": states, "missed": self._missed}
        if self._reason:
            return status("arm", ERROR, self._reason, **values)
        return status("arm", WARN if view.faults else OK, "; ".join(view.faults) or view.why, **values)

    def _watch(self) -> None:
        period, deadline_s = 0, time.monotonic()
        while not self._ended.wait(max(0.0, deadline_s - time.monotonic())):
            if (code := self._child.poll()) is not None:
                self._node.fail(
                    HardwareError(f"the arm's process has ended by itself (exit code {code}); see its standard error")
                )
                return
            self._look(period)
            period += 1
            deadline_s = max(deadline_s + 1 / STATE_HZ, time.monotonic())

    def _look(self, period: int) -> None:
        try:
            if period % round(STATE_HZ / VIEW_HZ) == 0:
                self._tell_view()
            if self.publishing:
                self._tell_state()
            self._reason = ""
        except (HardwareError, StaleError) as error:
            self._missed += 1
            self._reason = str(error)

    def _tell_state(self) -> None:
        state = self._client.read()
        if state.stamp_s > self._stamp_s:  # each reading once
            self._stamp_s = state.stamp_s
            self._states += 1
            self._node.publish(state, self._names)

    def _tell_view(self) -> None:
        view, fault = RemoteAuthority(self._client).view(), self._client.fault()
        changed = self._view is None or view.revision != self._view.revision or view.faults != self._view.faults
        self._view = view
        now_s = time.monotonic()
        if changed or not now_s - self._told_s < VIEW_S:
            self._told_s = now_s
            self._node.publish_view(view, fault)


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

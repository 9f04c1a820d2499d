"""What everybody may know of an arm, on the standard topics: read through its door, whoever runs the loop behind it."""

import dataclasses
import json
import math
import threading
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped, TwistStamped, WrenchStamped
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from robot_rl.cell.client import CellClient
from robot_rl.cell.remote import RemoteAuthority
from robot_rl.errors import HardwareError
from robot_rl.operator import View
from robot_rl.ros import qos
from robot_rl.ros.convert import arm_messages, to_stamp
from robot_rl.ros.node import ERROR, OK, WARN, DeviceNode, status

STATE_HZ, VIEW_HZ = 100.0, 20.0
"""How often the arm's state is published, and its view looked at."""
READINGS = {
    "joint_states": JointState,
    "current_pose": PoseStamped,
    "current_twist": TwistStamped,
    "wrench": WrenchStamped,
}
"""Topics of what the arm measures, with their types"""
VIEW_S = 1.0
"""Longest time without a view on `arm/state`."""


class ArmTopics:
    """A thread that publishes `arm/state`, and the arm's readings while it is `publishing`."""

    def __init__(
        self,
        node: DeviceNode,
        path: Path,
        names: Sequence[str],
        ended: Callable[[], str] = lambda: "",
        left_out: Collection[str] = (),
    ) -> None:
        """`names` of the joints; `ended` says why nobody will answer any more, which the node fails with; `left_out`
        are the READINGS that the robot publishes itself."""
        self.publishing = False
        self._node, self._names, self._why = node, names, ended
        self._readings = {
            kind: node.create_publisher(kind, topic, qos.STATE)
            for topic, kind in READINGS.items()
            if topic not in left_out
        }
        self._state = node.create_publisher(String, "arm/state", qos.LATCHED)
        self._client, self._ended = CellClient(path), threading.Event()
        self._view: View | None = None
        self._told_s = self._stamp_s = -math.inf
        self._missed = self._states = 0
        self._reason = ""
        self._thread = threading.Thread(target=self._watch, name="watch the arm", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread and leave the topics."""
        self._ended.set()
        self._thread.join(timeout=2.0)
        self._client.close()
        for publisher in (*self._readings.values(), self._state):
            self._node.destroy_publisher(publisher)

    def health(self) -> DiagnosticStatus:
        """How the arm is, and how many states were published since the last call."""
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
            if why := self._why():
                self._node.fail(HardwareError(why))
                return
            self._look(period)
            period += 1
            deadline_s = max(deadline_s + 1 / STATE_HZ, time.monotonic())

    def _look(self, period: int) -> None:
        try:
            if period % round(STATE_HZ / VIEW_HZ) == 0:
                self._tell_view()
            if self.publishing:
                self._tell_readings()
            self._reason = ""
        except HardwareError as error:
            self._missed += 1
            self._reason = str(error)

    def _tell_readings(self) -> None:
        state = self._client.read()
        if not state.stamp_s > self._stamp_s:  # each reading once
            return
        self._stamp_s = state.stamp_s
        for message in arm_messages(state, self._names, to_stamp(self._node.get_clock(), state.stamp_s)):
            if publisher := self._readings.get(type(message)):
                publisher.publish(message)
        self._states += 1

    def _tell_view(self) -> None:
        view, fault = RemoteAuthority(self._client).view(), self._client.fault()
        changed = self._view is None or view.revision != self._view.revision or view.faults != self._view.faults
        self._view = view
        if changed or not time.monotonic() - self._told_s < VIEW_S:
            self._told_s = time.monotonic()
            self._state.publish(String(data=json.dumps(dataclasses.asdict(view) | {"fault": fault})))

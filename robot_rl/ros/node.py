"""The base of every node: a lifecycle around one device, which says in one line what is wrong."""

import threading
from collections.abc import Callable, Mapping

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.context import Context
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter

from robot_rl.errors import ConfigError, RobotRLError
from robot_rl.ros import qos
from robot_rl.ros.namesake import namesakes, refuse_namesake
from robot_rl.ros.parameters import OF_ROS, config_from, config_parameters, declare
from robot_rl.ros.text import Watched, one_line

__all__ = ["DeviceNode", "config_from", "config_parameters", "status"]

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR
HEALTH_S = 1.0
SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE
IDLE, OPEN, ACTIVE = "unconfigured", "inactive", "active"
"""Labels of the lifecycle's states that a node may be left in."""


def status(name: str, level: bytes, message: str, **values: object) -> DiagnosticStatus:
    """One line of diagnostics (REP-107), with numbers as key and value. The node puts its own name in front."""
    pairs = [KeyValue(key=key, value=str(value)) for key, value in values.items()]
    return DiagnosticStatus(name=name, level=level, message=message, values=pairs)


class DeviceNode(LifecycleNode):
    """A device that `configure` opens and `activate` starts. Everything here runs on the executor's thread.

    A subclass implements `open`, `start`, `pause`, `release` and `health`; each may raise RobotRLError. What fails is
    logged in one line, and the node stays where it was; from a pause or release that fails, it goes to the lifecycle's
    error state, and from there to `unconfigured`.
    """

    def __init__(self, name: str, parameters: Mapping[str, object], context: Context | None = None) -> None:
        """Declares exactly these parameters, with their defaults, and `autostart`.

        Raises ConfigError for a parameter that is not among them, one of another type, and for a name that another
        living node has.
        """
        super().__init__(name, context=context)
        self.trouble: BaseException | None = None
        """The last thing that went wrong, until the node is active again"""
        self.failed = False
        """It cannot go on: whoever runs it ends it."""
        self.over = threading.Event()
        """It has failed, or was shut down: nothing brings it back"""
        try:
            self.given = declare(self, {"autostart": True, **parameters})
            refuse_namesake(self)
        except ConfigError:
            self.destroy_node()
            raise
        self.add_on_set_parameters_callback(self._may_change)
        self._change = self._service_change_state.callback
        self._service_change_state.callback = self._guarded_change
        self._diagnostics = self.create_publisher(DiagnosticArray, "diagnostics", qos.STATE)
        self.create_timer(HEALTH_S, self._tell_health, clock=Clock(clock_type=ClockType.STEADY_TIME))

    # For subclasses

    def open(self) -> None:
        """Open the device and check what it is."""

    def start(self) -> None:
        """Let it work."""

    def pause(self) -> None:
        """The controlled stop."""

    def release(self) -> None:
        """Give the device back; also after an `open` that failed half-way, and twice."""

    def health(self) -> list[DiagnosticStatus]:
        """How the open device is."""
        return []

    def fail(self, error: BaseException) -> None:
        """The device is lost and this node cannot go on; from any thread. What comes after the first is not told."""
        if not self.failed:
            self._say(error)
        self._give_up()

    # For whoever runs it

    def begin(self) -> None:
        """Configure and activate, with `autostart`; where that fails, the node is over. Nothing, once it is over."""
        if self.get_parameter("autostart").value:
            for step in (self.trigger_configure, self.trigger_activate):
                if self.over.is_set():
                    return
                if step() is not SUCCESS:
                    self._give_up()
                    return

    def end(self) -> None:
        """Pause and release, wherever the lifecycle stands; a `begin` that comes later does nothing."""
        self.over.set()
        if self.label in (IDLE, OPEN, ACTIVE):
            self.trigger_shutdown()

    @property
    def label(self) -> str:
        """The lifecycle's present state."""
        return str(self._state_machine.current_state[1])

    # The lifecycle

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        done = self._step(self.open)
        if done is not SUCCESS:
            self._step(self.release)
        return done

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        done = self._step(self.start)
        if done is SUCCESS:
            self.trouble = None
        else:
            self._step(self.pause)
        return done

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._must(self.pause)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._must(self.release)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """From any state. A node that has failed passes through the error state, for all to see."""
        self.over.set()
        paused = self._step(self.pause) if state.label == ACTIVE else SUCCESS
        released = self._must(self.release)
        self.failed = self.failed or not (paused is SUCCESS and released is SUCCESS)
        return TransitionCallbackReturn.ERROR if self.failed else SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """To `unconfigured`, or to `finalized` when not even the release works or the node is over."""
        released = self._step(self.release)
        return FAILURE if self.failed else released

    def _step(self, act: Callable[[], None]) -> TransitionCallbackReturn:
        with Watched(self._say) as watched:  # rclpy would make the error state of it, and tell nobody
            act()
        if watched.error is None:
            return SUCCESS
        return FAILURE if isinstance(watched.error, RobotRLError) else TransitionCallbackReturn.ERROR

    def _must(self, act: Callable[[], None]) -> TransitionCallbackReturn:
        """A step back that fails is an error: the device is in no state that is known."""
        return SUCCESS if self._step(act) is SUCCESS else TransitionCallbackReturn.ERROR

    def _guarded_change(self, request: ChangeState.Request, response: ChangeState.Response) -> ChangeState.Response:
        """An id that is not allowed now ends the executor of rclpy 7.1 (ros2/rclpy #1209); here it is refused."""
        allowed = {entry[0]: entry[1] for entry in self._state_machine.available_transitions}
        if request.transition.label or request.transition.id in allowed:
            return self._change(request, response)
        self.get_logger().error(
            f"no transition {request.transition.id} from {self.label}; allowed: "
            + ", ".join(f"{number} ({label})" for number, label in allowed.items())
        )
        response.success = False
        return response

    def _may_change(self, parameters: list[Parameter]) -> SetParametersResult:
        """Settings are read when the node is configured: one that came later would be there and not hold."""
        names = [parameter.name for parameter in parameters if not parameter.name.startswith(OF_ROS)]
        if names and self.label != IDLE:
            why = f"{names[0]} cannot change while {self.get_name()} is {self.label}"
            return SetParametersResult(reason=f"{why}; set it in the parameter file, and start it anew")
        self.given |= frozenset(names)
        return SetParametersResult(successful=True)

    def _say(self, error: BaseException) -> None:
        self.trouble = error
        self.get_logger().error(one_line(error))

    def _give_up(self) -> None:
        self.failed = True
        self.over.set()

    # Diagnostics

    def _tell_health(self) -> None:
        own = self.get_fully_qualified_name()
        found = [self._own_status()]
        if self.label in (OPEN, ACTIVE):
            try:
                found += self.health()
            except RobotRLError as error:
                found.append(status("device", ERROR, one_line(error)))
        for part in found:
            part.name = f"{own}: {part.name}"
        message = DiagnosticArray(status=found)
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)

    def _own_status(self) -> DiagnosticStatus:
        if self.trouble is not None:
            return status("node", ERROR, one_line(self.trouble), state=self.label)
        if namesakes(self) > 0:
            return status("node", WARN, "another node of this name is here, or was killed lately", state=self.label)
        return status("node", OK if self.label == ACTIVE else WARN, self.label, state=self.label)

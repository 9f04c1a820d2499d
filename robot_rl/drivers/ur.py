"""Universal Robots e-Series: joint positions by `servoj`, through the library ur_rtde (RTDE, port 30004).

For the arm's own process only: this library holds the interpreter for seconds where the robot is not ready, and may
crash or hang. So the robot is looked at first, and nothing is asked of a program that does not run.
"""

import socket
from typing import Any, Literal

import numpy as np

from controllers.kinematics import ArmModel
from controllers.pose import Array, Pose, frozen, quat_conj, quat_from_rotvec, quat_rotate
from robot_rl.cell.motors import Reading
from robot_rl.clock import Clock
from robot_rl.drivers.payload import objections
from robot_rl.errors import ConfigError, HardwareError
from robot_rl.operator import Finding

PORT, CONNECT_S = 30004, 2.0
RATE_HZ = 500.0
STALE_S, LOST_S = 0.1, 1.0
"""Age of the newest state that is not believed, and with which the robot counts as gone."""
LOOKAHEAD_S, GAIN = 0.03, 2000.0
"""Of `servoj`: the values of the vendor's ROS 2 driver, which lag least."""
RUNNING, PLAYING = 7, 2
GONE = "see to its network and power, then start the arm's process again"
MODES = {
    -1: "no controller",
    0: "disconnected",
    1: "safety to be confirmed",
    2: "booting",
    3: "power off",
    4: "power on",
    5: "idle, brakes on",
    6: "backdrive",
}
SAFETY = {
    3: "protective stop",
    4: "recovery",
    5: "safeguard stop",
    6: "emergency stop of the cell",
    7: "emergency stop of the robot",
    8: "safety violation",
    9: "safety fault",
    10: "joints to be validated",
    11: "safety undefined",
    12: "automatic-mode safeguard stop",
    13: "three-position enabling stop",
}
"""Numbers of RTDE's `robot_mode` and `safety_mode`, without those in which the arm may move (RTDE guide)."""
AFTER = "put it right at the robot, then start the arm's process again: no program clears it"
UNTAKEN = f"the UR takes no `servoj`; {AFTER}"


class UrMotors:
    """One e-Series arm. The first stop is latched for as long as the process lives."""

    kind: Literal["position"] = "position"
    simulated = False

    def __init__(self, address: str, tool: ArmModel, flange: ArmModel, clock: Clock, control_hz: float) -> None:
        """`tool` and `flange` are this object's own models of the arm at those sites.

        Raises ConfigError without ur_rtde or for a rate the robot has not, HardwareError when it is not ready.
        """
        if not control_hz <= RATE_HZ:
            raise ConfigError(
                f"robot.control_hz={control_hz:g} is out of range; allowed with robot.driver=ur: 100 to {RATE_HZ:g}"
            )
        self._tool, self._flange, self._clock, self._period_s = tool, flange, clock, 1.0 / control_hz
        self._fault, self.lost, self._closed = "", "", False
        self._stamp, self._fresh_s = 0.0, clock.now_s()
        receive, control = _sdk()
        _reachable(address)
        try:
            self._receive = receive(address)
            self._await_state(address)
            if wrong := self._wrong():
                raise HardwareError(
                    f"the UR at {address} is not ready: {wrong}; start it at the pendant, then try again"
                )
            self._control = control(address)
        except RuntimeError as error:
            raise HardwareError(
                f"the UR at {address} does not take a program ({error}); set it to remote control, end other programs"
            ) from error

    def read(self) -> Reading:
        """Raises HardwareError when the state is older than `STALE_S`, with the robot's own fault where there was one,
        and when the robot is gone."""
        now_s, stamp = self._clock.now_s(), self._receive.getTimestamp()
        if stamp != self._stamp:
            self._stamp, self._fresh_s = stamp, now_s
        age_s = now_s - self._fresh_s
        if not (self._receive.isConnected() and self._control.isConnected() and age_s <= LOST_S):
            self.lost = self.lost or f"the UR is gone: {GONE}"
        if self.lost:
            raise HardwareError(self.lost)
        if not age_s <= STALE_S:
            raise HardwareError(self._fault or f"no state from the UR for {STALE_S} s: see to its network and power")
        if not self._fault or self._fault == UNTAKEN:  # which comes before the robot says why
            self._fault = self._stopped() or self._fault
        q_rad, dq_rad_s = np.array(self._receive.getActualQ()), np.array(self._receive.getActualQd())
        return Reading(q_rad, dq_rad_s, self._wrench(q_rad, dq_rad_s), fault=self._fault)

    def apply(self, values: Array) -> None:
        """Joint positions (6,) rad. Raises HardwareError from the first stop on."""
        if not (self._fault or self.lost):
            try:
                taken = self._control.servoJ(values.tolist(), 0.0, 0.0, self._period_s, LOOKAHEAD_S, GAIN)
                self._fault = "" if taken else UNTAKEN
            except RuntimeError as error:
                self.lost = (
                    f"the UR is gone ({error}): see to its network and power, then start the arm's process again"
                )
        if self._fault or self.lost:
            raise HardwareError(self._fault or self.lost)

    def objections(self, now_s: float) -> tuple[Finding, ...]:
        """Payload or tool point not set in the robot as the model has them."""
        self._tool.update(np.array(self._receive.getActualQ()), np.zeros(6))
        pose = np.array(self._receive.getActualTCPPose())
        told = Pose(frozen(pose[:3]), frozen(quat_from_rotvec(pose[3:])))
        return objections("ur", self._receive.getPayload(), told, self._tool.tcp(), now_s)

    def clear(self) -> None:
        """Nothing: after a stop the program on the robot is gone, and a fresh process begins anew."""

    def close(self) -> None:
        if self._closed or self.lost or not self._receive.isConnected():
            return
        self._closed = True
        if self._playing():
            self._control.servoStop()
            self._control.stopScript()
        self._control.disconnect()
        self._receive.disconnect()

    def _await_state(self, address: str) -> None:
        deadline_s = self._clock.now_s() + CONNECT_S
        while not self._receive.getTimestamp() > 0.0:
            if self._clock.now_s() > deadline_s:
                raise HardwareError(f"the UR at {address} sends no state within {CONNECT_S} s; restart its controller")
            self._clock.sleep_until(self._clock.now_s() + 0.01)

    def _wrong(self) -> str:
        """Why the arm may not move now; empty when it may."""
        safety, mode = self._receive.getSafetyMode(), self._receive.getRobotMode()
        if safety not in (1, 2):
            return SAFETY.get(safety, f"safety mode {safety}")
        return "" if mode == RUNNING else MODES.get(mode, f"robot mode {mode}")

    def _stopped(self) -> str:
        if wrong := self._wrong():
            return f"the UR has stopped: {wrong}; {AFTER}"
        return "" if self._playing() else f"the program on the UR has ended; {AFTER}"

    def _playing(self) -> bool:
        return bool(self._receive.getRuntimeState() == PLAYING)

    def _wrench(self, q_rad: Array, dq_rad_s: Array) -> Array:
        """(6,) N and Nm at the tool point, tool frame. An e-Series gives what acts on the flange, in base axes
        (Universal_Robots_ROS2_Driver, pull request 1287); the model turns and moves it."""
        for model in (self._tool, self._flange):
            model.update(q_rad, dq_rad_s)
        given = np.array(self._receive.getActualTCPForce())
        arm_m = self._flange.tcp_position_m() - self._tool.tcp_position_m()
        torque = given[3:] + np.cross(arm_m, given[:3])
        to_tool = quat_conj(self._tool.tcp_quat_wxyz())
        return np.concatenate((quat_rotate(to_tool, given[:3]), quat_rotate(to_tool, torque)))


def _sdk() -> tuple[Any, Any]:
    try:
        from rtde_control import RTDEControlInterface
        from rtde_receive import RTDEReceiveInterface
    except ImportError as error:
        raise ConfigError(f"robot.driver=ur needs ur_rtde ({error}); pip install robot_rl[ur]") from error
    return RTDEReceiveInterface, RTDEControlInterface


def _reachable(address: str) -> None:
    """Asked first, with a time-out: the library has none, and holds the interpreter while it waits."""
    try:
        socket.create_connection((address, PORT), CONNECT_S).close()
    except OSError as error:
        raise HardwareError(
            f"no UR answers at {address}, port {PORT} ({error}); see address, cable, and whether the controller is on"
        ) from error

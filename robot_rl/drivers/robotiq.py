"""Robotiq 2F grippers on a UR, over the socket of Robotiq's URCap: one line of ASCII each way.

Protocol: `SET NAME VALUE ...` is answered by `ack`, `GET NAME` by `NAME VALUE`; names and values are the registers of
the gripper (Robotiq 2F instruction manual, "Control": ACT, GTO, POS, SPE, FOR, STA, FLT, all 0 to 255).
"""

import socket

from robot_rl.clock import Clock
from robot_rl.drivers.polled_gripper import PolledGripper
from robot_rl.errors import ConfigError, HardwareError

PORT, TIMEOUT_S = 63352, 1.0
CLOSED = 255
SPEED, FORCE = 255, 100
"""Of 255: 150 mm/s and about 100 N of a 2F-85."""
ACTIVE = 3
FAULTS = {
    5: "action delayed, activation is needed first",
    7: "activation is needed first",
    8: "too hot",
    9: "no communication",
    10: "voltage too low",
    11: "automatic release is under way",
    12: "internal fault",
    13: "activation failed",
    14: "overcurrent",
    15: "automatic release is over",
}


class RobotiqFingers:
    """The gripper at the end of the socket."""

    def __init__(self, address: str, full_m: float, port: int = PORT) -> None:
        """`full_m` is the opening at position 0. Raises HardwareError for one that is not there or not activated."""
        if not 0.0 < full_m < 1.0:
            raise ConfigError(f"full_m={full_m} is out of range; allowed: above 0, below 1 m (0.085 for a 2F-85)")
        self._full_m, self._place, self._data = full_m, f"{address}:{port}", b""
        try:
            self._end = socket.create_connection((address, port), TIMEOUT_S)
        except OSError as error:
            raise HardwareError(
                f"no Robotiq gripper answers at {self._place} ({error}); install its URCap, and see to its cable"
            ) from error
        try:
            if (status := self._get("STA")) != ACTIVE:  # activating moves the fingers: that is a person's to start
                raise HardwareError(
                    f"the Robotiq gripper is not activated (status {status}); activate it at the pendant"
                )
        except HardwareError:
            self._end.close()
            raise

    def width_m(self) -> float:
        fault = self._get("FLT")
        if fault:
            raise HardwareError(f"the Robotiq gripper reports fault {fault}: {FAULTS.get(fault, 'unknown')}")
        position = self._get("POS")
        if not 0 <= position <= CLOSED:
            raise HardwareError(f"the Robotiq gripper reports position {position}, allowed 0 to {CLOSED}")
        return self._full_m * (1.0 - position / CLOSED)

    def move(self, closing: bool) -> None:
        order = f"SET POS {CLOSED if closing else 0} SPE {SPEED} FOR {FORCE} GTO 1"
        if (answer := self._ask(order)) != "ack":
            raise HardwareError(f"the Robotiq gripper answered {answer!r} to {order!r}, not 'ack'")

    def close(self) -> None:
        self._end.close()

    def _get(self, name: str) -> int:
        answer = self._ask(f"GET {name}")
        said, _, value = answer.partition(" ")
        if said != name or not value.isdecimal():
            raise HardwareError(f"the Robotiq gripper answered {answer!r} to 'GET {name}'")
        return int(value)

    def _ask(self, order: str) -> str:
        try:
            self._end.sendall(order.encode() + b"\n")
            while b"\n" not in self._data and self._data != b"ack":  # some versions end `ack` without a line's end
                more = self._end.recv(1024)
                if not more:
                    raise ConnectionResetError("it hung up")
                self._data += more
        except OSError as error:
            raise HardwareError(f"the Robotiq gripper at {self._place} is gone ({error}); see to its cable") from error
        line, _, self._data = self._data.partition(b"\n")
        return line.decode("ascii", "replace").strip()


def open_robotiq(address: str, clock: Clock, full_m: float = 0.085, port: int = PORT) -> PolledGripper:
    """The gripper of the UR at `address`. Raises HardwareError when it cannot be used."""
    return PolledGripper(RobotiqFingers(address, full_m, port), clock)

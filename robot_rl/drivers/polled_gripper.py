"""A gripper whose library or socket may wait: a thread of its own talks to it, so that nobody else does."""

import threading
from typing import Protocol

from robot_rl.clock import Clock
from robot_rl.errors import HardwareError, StaleError
from robot_rl.hardware import GripperState

POLL_S, STALE_S, JOIN_S = 0.02, 0.5, 5.0


class Fingers(Protocol):
    """What one kind of gripper does; calls may wait. They raise HardwareError."""

    def width_m(self) -> float:
        """Distance between the fingers, now."""
        ...

    def move(self, closing: bool) -> None:
        """Begin to close or to open, whatever it was doing."""
        ...

    def close(self) -> None:
        """Release the device, not the object."""
        ...


class PolledGripper:
    """`Gripper` over fingers that are slow to answer. The newest command counts."""

    def __init__(self, fingers: Fingers, clock: Clock) -> None:
        """Waits for the first reading. Raises HardwareError where there is none."""
        self._fingers, self._clock = fingers, clock
        self._wanted = self._sent = False
        self._trouble, self._closed = "", False
        self._state = GripperState(clock.now_s(), fingers.width_m(), False)
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gripper", daemon=True)
        self._thread.start()

    def read(self) -> GripperState:
        """Raises StaleError when the newest reading is too old, HardwareError for a gripper in trouble."""
        self._check()
        state, age_s = self._state, self._clock.now_s() - self._state.stamp_s
        if not age_s <= STALE_S:
            raise StaleError(f"the gripper's state is {age_s:.2f} s old, at most {STALE_S} s; see to its cable")
        return GripperState(state.stamp_s, state.width_m, self._wanted)

    def command(self, closing: bool) -> None:
        self._check()
        self._wanted = closing
        self._wake.set()

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._wake.set()
            self._thread.join(JOIN_S)

    def _check(self) -> None:
        if self._closed:
            raise HardwareError("the gripper is closed; open it anew to use it")
        if self._trouble:
            raise HardwareError(self._trouble)

    def _run(self) -> None:
        while not self._closed:
            try:
                if self._wanted is not self._sent:
                    wanted = self._wanted
                    self._fingers.move(wanted)
                    self._sent = wanted
                width_m = self._fingers.width_m()
                self._state, self._trouble = GripperState(self._clock.now_s(), width_m, self._sent), ""
            except HardwareError as error:
                self._trouble = str(error)
            self._wake.wait(POLL_S)
            self._wake.clear()
        self._fingers.close()

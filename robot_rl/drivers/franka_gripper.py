"""The Franka hand, through franky (libfranka)."""

from typing import Any

from robot_rl.clock import Clock
from robot_rl.drivers.polled_gripper import PolledGripper
from robot_rl.errors import ConfigError, HardwareError

SPEED_M_S, FORCE_N = 0.1, 40.0
"""The hand's own limits are 0.1 m/s and 70 N for long."""


class FrankaFingers:
    """The hand. Homing moves the fingers and is a person's to start, in Desk."""

    def __init__(self, address: str, sdk: Any = None) -> None:
        """`sdk` stands for the module `franky`. Raises ConfigError without it, HardwareError without a homed hand."""
        self._sdk = sdk or _sdk()
        self._motion: Any = None
        try:
            self._hand = self._sdk.Gripper(address)
            self._full_m = float(self._hand.max_width)
        except (self._sdk.Exception, RuntimeError) as error:
            raise HardwareError(f"the Franka hand at {address} cannot be used ({error}); see to it in Desk") from error
        if not self._full_m > 0.01:
            raise HardwareError(f"the Franka hand knows an opening of {self._full_m:.3f} m only; home it in Desk")

    def width_m(self) -> float:
        try:
            return float(self._hand.width)
        except (self._sdk.Exception, RuntimeError) as error:
            raise HardwareError(f"the Franka hand does not answer ({error}); see to it in Desk") from error

    def move(self, closing: bool) -> None:
        """Close on whatever is there, of any width, or open."""
        try:
            if self._motion is not None and not self._motion.wait(0.0):
                self._hand.stop()
            if closing:
                self._motion = self._hand.grasp_async(
                    0.0, SPEED_M_S, FORCE_N, epsilon_inner=self._full_m, epsilon_outer=self._full_m
                )
            else:
                self._motion = self._hand.open_async(SPEED_M_S)
        except (self._sdk.Exception, self._sdk.GripperException, RuntimeError) as error:
            raise HardwareError(f"the Franka hand refuses to move ({error}); see to it in Desk") from error

    def close(self) -> None:
        """The object stays held: the hand keeps its force."""


def open_franka_gripper(address: str, clock: Clock, sdk: Any = None) -> PolledGripper:
    """The hand of the Franka at `address`. Raises ConfigError without franky, HardwareError when it is not ready."""
    return PolledGripper(FrankaFingers(address, sdk), clock)


def _sdk() -> Any:
    try:
        import franky
    except ImportError as error:
        raise ConfigError(f"the Franka hand needs franky ({error}); pip install robot_rl[franka]") from error
    return franky

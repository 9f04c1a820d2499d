"""What a device must offer. Real, simulated and fake ones pass the same suite in tests/contracts/."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from controllers.records import ArmState, PoseCommand, Verdict


@dataclass(frozen=True, slots=True)
class GripperState:
    """One reading of a parallel gripper."""

    stamp_s: float
    width_m: float
    """Distance between the fingers."""
    closing: bool
    """What was last commanded."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One camera image."""

    stamp_s: float
    sequence: int
    """Increases with every new frame; an equal number is the same frame."""
    image: NDArray[np.uint8]
    """(H, W, 3) RGB"""


class Arm(Protocol):
    """An arm behind its gate. `command` is the only way to move it."""

    @property
    def fault(self) -> str:
        """The latched reason why it takes no command until a person has seen to it; empty when there is none."""
        ...

    def read(self) -> ArmState:
        """The newest state. Raises StaleError when it is too old, FaultError when it is not known."""
        ...

    def command(self, command: PoseCommand) -> Verdict:
        """Judge and pursue a target; never blocks."""
        ...

    def stop(self) -> None:
        """Brake within limits and hold. Always allowed."""
        ...

    def close(self) -> None:
        """Stop and release the device; allowed twice."""
        ...


class Gripper(Protocol):
    """A two-finger gripper that opens or closes."""

    def read(self) -> GripperState: ...

    def command(self, closing: bool) -> None:
        """Start closing or opening; never blocks, repeating it changes nothing."""
        ...

    def close(self) -> None:
        """Release the device (not the object); allowed twice."""
        ...


class Camera(Protocol):
    """A colour camera."""

    @property
    def name(self) -> str: ...

    def read(self) -> Frame:
        """The newest frame, never a queue. Raises StaleError when it is too old."""
        ...

    def close(self) -> None: ...

"""The devices of a drill: simulated ones that may go wrong, and what is noted of each control period."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from controllers.pose import Array
from controllers.records import ArmState, PoseCommand, Verdict
from robot_rl.drivers.sim import SimArm, SimCamera, SimGripper
from robot_rl.drivers.sim_world import SimWorld
from robot_rl.hardware import Frame, GripperState


@dataclass(frozen=True, slots=True)
class Tick:
    """One control period, as the physics has it: not what any encoder says."""

    time_s: float
    q_rad: Array
    dq_rad_s: Array
    tau_nm: Array
    """What the arm loop last sent to the motors"""
    tool_m: Array
    turn: Array
    """(4,) orientation of the tool, wxyz"""
    reference_m: Array
    push_n: Array
    """(3,) of all contacts on the arm, base frame, from the contact solver"""


class WatchedArm(SimArm):
    """An arm with a wire that may spoil commands, and encoders that may lie."""

    def __init__(self, world: SimWorld, joints: int) -> None:
        super().__init__(world, joints)
        self.sense: Callable[[ArmState], ArmState] = lambda state: state
        """From what is true to what the arm's own process reads"""
        self.report: Callable[[ArmState], ArmState] = lambda state: state
        """From that to what the actor gets"""
        self.wire: Callable[[PoseCommand], PoseCommand] = lambda command: command
        self.verdicts: list[Verdict] = []
        self.sent: list[PoseCommand] = []
        self._judging = False

    def read(self) -> ArmState:
        state = self.sense(super().read())
        return state if self._judging else self.report(state)

    def command(self, command: PoseCommand) -> Verdict:
        self.sent.append(command)
        self._judging = True
        try:
            self.verdicts.append(super().command(self.wire(command)))
        finally:
            self._judging = False
        return self.verdicts[-1]


class WatchedCamera(SimCamera):
    """A camera with the noise of a real sensor, which may go wrong."""

    def __init__(self, world: SimWorld, name: str, size: int, rng: np.random.Generator) -> None:
        super().__init__(world, name, size, size)
        self._rng = rng
        self.spoil: Callable[[Frame], Frame] = lambda frame: frame

    def read(self) -> Frame:
        frame = super().read()
        noisy = frame.image + self._rng.integers(-1, 2, frame.image.shape)
        return self.spoil(Frame(frame.stamp_s, frame.sequence, np.clip(noisy, 0, 255).astype(np.uint8)))


class JammedGripper:
    """A gripper that holds something and does not open until somebody takes it out."""

    def __init__(self, gripper: SimGripper) -> None:
        self._gripper = gripper
        self.jammed, self.opened = False, 0

    def read(self) -> GripperState:
        state = self._gripper.read()
        return GripperState(state.stamp_s, 0.03, state.closing) if self.jammed else state

    def command(self, closing: bool) -> None:
        self.opened += not closing
        self._gripper.command(closing or self.jammed)

    def close(self) -> None:
        self._gripper.close()

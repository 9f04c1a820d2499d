"""Moves the arm and the gripper of an environment, and keeps the authority informed meanwhile."""

import numpy as np

from controllers.pose import Pose, rotation_between_rad
from controllers.records import ArmState, PoseCommand, Verdict
from controllers.reference import MotionLimits
from controllers.trajectory import StraightMove
from robot_rl.clock import Clock
from robot_rl.errors import HardwareError, HeldError
from robot_rl.hardware import Arm, Gripper
from robot_rl.operator import Pilot, State
from robot_rl.specs import ActionSpec

GRIPPER_SETTLE_S = 0.4
"""What the fingers take to open or close."""
OPENING_TRIES, OPENING_SHORT_M = 3, 0.01
"""Tries to open the gripper, and how much narrower it may stay."""
ARRIVED_M, ARRIVED_RAD, ARRIVED_M_S, EXTRA_S = 0.003, 0.03, 0.02, 4.0
"""When a scripted move has arrived, and how much longer than planned it may take."""
SPEED = 0.6
"""Of scripted moves: share of the policy's largest step, per period."""
SPEED_UP_S, JERK_UP_S = 0.25, 0.1
"""Time in which a scripted move reaches its speed, and its acceleration."""


class Mover:
    """The only caller of `Arm.command`: one command per policy period, each with a number of its own."""

    def __init__(
        self, arm: Arm, gripper: Gripper | None, clock: Clock, pilot: Pilot, action: ActionSpec, period_s: float
    ) -> None:
        self._arm, self._gripper, self._clock, self._pilot = arm, gripper, clock, pilot
        self._period_s, self._limits = period_s, scripted_limits(action, period_s)
        self._sequence = 0

    def send(self, target: Pose) -> Verdict:
        """Ask for T_base_tcp, as what the pilot has entered."""
        self._sequence += 1
        pilot = self._pilot
        command = PoseCommand(target, self._sequence, 2 * self._period_s, pilot.fence, pilot.mode)
        return self._arm.command(command)

    def wait_until(self, deadline_s: float, mode: State) -> None:
        """Sleep, and let the authority know at every period that the actor is there. Raises HeldError."""
        while self._clock.now_s() + self._period_s < deadline_s - 1e-9:
            self._clock.sleep_until(self._clock.now_s() + self._period_s)
            self._pilot.enter(mode)
        self._clock.sleep_until(deadline_s)

    def open_gripper(self, wanted_m: float) -> None:
        """Until its fingers are so far apart. Raises HardwareError when they do not get there."""
        if not self._gripper:
            return
        for _ in range(OPENING_TRIES):
            self._gripper.command(closing=False)
            if self._gripper.read().width_m > wanted_m - OPENING_SHORT_M:
                return
            self.wait_until(self._clock.now_s() + GRIPPER_SETTLE_S, State.RESET)
        raise HardwareError(
            f"reset: the gripper is at {self._gripper.read().width_m:.3f} m after {OPENING_TRIES} tries to open it to "
            f"{wanted_m:.3f} m; take out what is in it, then go on"
        )

    def move_to(self, goal: Pose) -> None:
        """Straight to T_base_tcp, planned and then sent bit by bit through the gate, as any other motion.

        Raises HardwareError when it does not arrive, HeldError when it may not move.
        """
        move = StraightMove(self._arm.read().tcp, goal, self._limits)
        started_s = self._clock.now_s()
        while not _arrived(state := self._arm.read(), goal):
            time_s = self._clock.now_s() - started_s
            if time_s > move.duration_s + EXTRA_S:
                raise HardwareError(
                    f"reset: the tool is still {np.linalg.norm(goal.position_m - state.tcp.position_m):.3f} m "
                    f"from its start after {time_s:.1f} s, {EXTRA_S} s more than planned; free its way, or move "
                    "the start into the workspace"
                )
            self._pilot.enter(State.RESET)
            verdict = self.send(move.at(time_s + self._period_s))
            if verdict.refused:
                raise HeldError(f"reset: the gate refused a command: {verdict.why or verdict.reasons}")
            self._clock.sleep_until(self._clock.now_s() + self._period_s)


def scripted_limits(action: ActionSpec, period_s: float) -> MotionLimits:
    """Of a move that a policy with this action and period could make too."""
    per_s = SPEED / period_s
    speed, turn = per_s * action.step_m, per_s * action.step_rad
    up, jerk = 1 / SPEED_UP_S, 1 / (SPEED_UP_S * JERK_UP_S)
    return MotionLimits(speed, up * speed, jerk * speed, turn, up * turn, jerk * turn)


def _arrived(state: ArmState, goal: Pose) -> bool:
    near = float(np.linalg.norm(state.tcp.position_m - goal.position_m)) < ARRIVED_M
    slow = float(np.linalg.norm(state.linear_m_s)) < ARRIVED_M_S
    return near and slow and rotation_between_rad(state.tcp.quat_wxyz, goal.quat_wxyz) < ARRIVED_RAD

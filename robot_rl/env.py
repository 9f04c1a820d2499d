"""The robot as a Gymnasium environment: the same code over simulated, real and remote devices.

Observation: named state fields, relative to the tool's pose at reset, and camera images.
Action: a motion of the tool in its own frame, in [-1, 1]; with a gripper the last entry is
below -1/3 close, above 1/3 open, else stay.
"""

from collections.abc import Callable, Sequence
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from controllers.pose import Pose, frozen, quat_from_rotvec
from controllers.records import ArmState, Verdict
from robot_rl.clock import Clock
from robot_rl.errors import HardwareError, HeldError, NonFiniteError, StaleError
from robot_rl.fields import layout, robot_fields
from robot_rl.hardware import Arm, Camera, Gripper
from robot_rl.mover import GRIPPER_SETTLE_S, Mover
from robot_rl.operator import Pilot, State
from robot_rl.sight import Sight
from robot_rl.specs import AXES
from robot_rl.tasks.base import Reading, Scene
from robot_rl.types import Float32, Source

MAX_AGE_S = 0.1
"""Of the arm's reading behind an observation."""
MODES = {Source.POLICY: State.POLICY, Source.HUMAN: State.HUMAN, Source.SCRIPT: State.HUMAN}
"""As what the authority knows who acts. A scripted expert stands for a person."""


class RobotEnv(gymnasium.Env[dict[str, NDArray[Any]], Float32]):
    """One task on one robot."""

    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012 (gymnasium's own declaration)

    def __init__(
        self,
        arm: Arm,
        gripper: Gripper | None,
        cameras: Sequence[Camera],
        clock: Clock,
        pilot: Pilot,
        scene: Scene,
        policy_hz: float,
        max_steps: int,
        viewer: Camera | None = None,
        simulated: bool = False,
        on_close: Callable[[], None] = lambda: None,
    ) -> None:
        """`cameras` enter the observation; `viewer` is only what `render` shows; `on_close` is called at the end of
        each `close`."""
        self.scene, self.clock, self.pilot = scene, clock, pilot
        self.arm, self.gripper, self.simulated = arm, gripper, simulated
        self._cameras, self._viewer, self._on_close = tuple(cameras), viewer, on_close
        self._sights = tuple(Sight(camera, clock, still_lifes=simulated) for camera in self._cameras)
        self._source = Source.POLICY
        self._period_s, self._max_steps = 1.0 / policy_hz, max_steps
        task = scene.task
        self.layout = layout(task)
        self.action_spec = task.action
        self._driven = np.array([axis in task.action.axes for axis in AXES])
        self._mover = Mover(arm, gripper, clock, pilot, task.action, self._period_s)
        self._steps = self._max_steps
        self._reset_pose = task.home
        self.render_mode = "rgb_array" if viewer else None
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (self.action_spec.size,), np.float32)
        spaces: dict[str, gymnasium.Space[Any]] = {
            "state": gymnasium.spaces.Box(-np.inf, np.inf, (self.layout.state.size,), np.float32)
        }
        for sight in self._sights:
            spaces[sight.name] = gymnasium.spaces.Box(0, 255, sight.shape, np.uint8)
        self.observation_space: gymnasium.spaces.Dict[Any] = gymnasium.spaces.Dict(spaces)  # type: ignore[assignment]

    # Gymnasium

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """A new episode: the scene is laid out, the tool moves to its start through the gate.

        Raises HardwareError when it does not arrive, HeldError when it may not move.
        """
        super().reset(seed=seed)
        self._steps = self._max_steps
        self.pilot.pause("a reset follows")
        start = self.scene.reset(self.np_random)
        self.pilot.begin()
        self._mover.open_gripper(self.scene.task.opening_m)
        self._mover.move_to(start)
        self._reset_pose = self.arm.read().tcp
        self._steps = 0
        for sight in self._sights:
            sight.restart()
        self.reading = self._read()
        return self._observation(self.reading), {}

    def step(self, action: Float32) -> tuple[dict[str, NDArray[Any]], float, bool, bool, dict[str, Any]]:
        """Act for one policy period.

        Raises, before anything moves, NonFiniteError or ValueError for an action that is not one, HardwareError when
        no episode is under way, and HeldError when the arm may not move so. Raises StaleError or FaultError when what
        came of it is not known. When the arm stops itself, the episode has ended without success.
        """
        action = self._legal(action)
        self.pilot.enter(MODES[self._source])
        started_s, before = self.clock.now_s(), self.reading
        verdict = self._mover.send(self._target(before.arm.tcp, action))
        if "authority" in verdict.reasons:
            raise HeldError(verdict.why)
        changed = not verdict.refused and self._grip(action)
        settle_s = GRIPPER_SETTLE_S if changed else 0.0  # so that its outcome is in the next observation
        self._mover.wait_until(started_s + self._period_s + settle_s, MODES[self._source])
        try:
            self.reading = self._read()
            observation = self._observation(self.reading)
        except HardwareError as error:
            self.pilot.give_up(str(error))
            raise
        self._steps += 1
        stopped = self.arm.fault
        success = not stopped and self.scene.task.succeeded(self.reading)
        info = {
            "requested": action,
            "executed": self._executed(action, verdict, before.arm.tcp),
            "reasons": verdict.reasons,
            "gripper_changed": changed,
            "success": success,
            "duration_s": round(self.clock.now_s() - started_s, 6),
            "stopped": stopped,
        }
        terminated = bool(success or stopped)
        truncated = not terminated and self._steps >= self._max_steps
        if terminated:
            self._steps = self._max_steps
        return observation, float(success), terminated, truncated, info

    def turn_of(self, source: Source) -> None:
        """Who chooses the actions that follow."""
        self._source = source

    def measured(self) -> tuple[float, ArmState | None]:
        """When the last observation was made, and the arm's reading behind it."""
        return self.reading.arm.stamp_s, self.reading.arm

    def render(self) -> NDArray[np.uint8] | None:
        """The viewer's picture (H, W, 3), when there is one."""
        return self._viewer.read().image if self._viewer else None

    def close(self) -> None:
        """Stop the arm, give the lease back and release every device."""
        try:
            self.pilot.close()
            for device in (self.arm, self.gripper, self._viewer, *self._cameras):
                if device is not None:
                    device.close()
        finally:
            self._on_close()

    # Actions

    def _legal(self, action: Float32) -> Float32:
        given = np.asarray(action)
        if given.dtype.kind not in "fiu" or given.shape != self.action_space.shape:
            raise ValueError(
                f"action has type {given.dtype} and shape {given.shape}, expected numbers of shape "
                f"{self.action_space.shape}; nothing was moved"
            )
        with np.errstate(over="ignore"):
            action = given.astype(np.float32)
        if not np.isfinite(action).all():
            raise NonFiniteError(f"action is {action.tolist()}: every entry must be finite; nothing was moved")
        if self._steps >= self._max_steps:
            raise HardwareError("no episode is under way; call reset() first")
        action = np.clip(action, -1.0, 1.0)
        if self.layout.has_gripper:
            action[-1] = np.sign(action[-1]) * (abs(action[-1]) > 1 / 3)
        return action

    def _target(self, here: Pose, action: Float32) -> Pose:
        """T_base_tcp for an action taken at `here`; axes that are not driven return to their reset value."""
        motion = self.action_spec.to_motion(action)
        goal = self._reset_pose.inverse() @ here.moved(motion[:3], motion[3:])
        kept = np.where(self._driven, np.concatenate((goal.position_m, goal.rotvec_rad())), 0.0)
        return self._reset_pose @ Pose(frozen(kept[:3]), frozen(quat_from_rotvec(kept[3:])))

    def _grip(self, action: Float32) -> bool:
        """Pass on the gripper's part of an action, one of -1, 0, 1; True when it changes what the gripper is told."""
        if not self.gripper or not self.layout.has_gripper or action[-1] == 0:
            return False
        closing = bool(action[-1] < 0)
        changed = closing != self.reading.gripper.closing  # type: ignore[union-attr]
        self.gripper.command(closing)
        return changed

    def _executed(self, action: Float32, verdict: Verdict, before: Pose) -> Float32:
        """What the gate let through; where it slowed the arm or refused, what the arm has done."""
        if not verdict.reasons:
            return action
        slowed = verdict.refused or verdict.speed < 1.0
        done = before.inverse() @ (self.reading.arm.tcp if slowed else verdict.target)
        motion = np.concatenate((done.position_m, done.rotvec_rad()))
        executed = action.copy()
        executed[: len(self.action_spec.axes)] = np.clip(self.action_spec.from_motion(motion), -1.0, 1.0)
        executed[len(self.action_spec.axes) :] *= not verdict.refused  # then the gripper was told nothing
        return executed

    # Observations

    def _read(self) -> Reading:
        state = self.arm.read()
        age_s = self.clock.now_s() - state.stamp_s
        if not 0.0 <= age_s <= MAX_AGE_S:
            raise StaleError(
                f"the arm's reading is {age_s:.3f} s old; allowed: 0 to {MAX_AGE_S} s; nothing was kept of it"
            )
        return Reading(state, self.gripper.read() if self.gripper else None)

    def _observation(self, reading: Reading) -> dict[str, NDArray[Any]]:
        values = {**robot_fields(reading, self._reset_pose), **self.scene.task.observe(reading)}
        return {"state": self.layout.state.pack(values), **{sight.name: sight.look() for sight in self._sights}}

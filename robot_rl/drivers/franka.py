"""Franka arms: joint velocities re-targeted every 10 ms, through franky (libfranka).

A Python loop cannot give torques at 1 kHz, so franky's own C++ loop makes the 1 kHz signal (ruckig) and the robot's
internal joint controller the torques. Each velocity is held for `SILENCE_MS` and then brought to rest: a process that
hangs stops the arm, and one that dies takes the connection with it, upon which the robot brakes itself.
"""

import threading
from collections.abc import Iterator
from typing import Any, Literal

import mujoco
import numpy as np

from controllers.kinematics import ArmModel
from controllers.models import ArmLimits
from controllers.pose import Array, Pose, frozen
from robot_rl.cell.motors import Reading
from robot_rl.clock import Clock
from robot_rl.drivers.payload import objections
from robot_rl.errors import ConfigError, HardwareError
from robot_rl.operator import Finding

RETARGET_S, SILENCE_MS = 0.01, 100
FOLLOW_S = 0.05
"""Time constant with which the robot's desired joints are brought to the commanded ones."""
JUMP_RAD = 0.1
"""A command further than this from where the robot means to be is an error, not a motion."""
STILL_RAD = 1e-4
"""Commands that differ by less from the robot's desired joints ask for no motion."""
STALE_S, LOST_S, RECOVER_S = 0.1, 1.0, 10.0
"""Age of the newest state that is not believed, and with which the robot counts as gone; the longest recovery."""
TORQUE_NM, FORCE_N = 20.0, 40.0
"""From which the robot itself stops (reflex): beside, not instead of, the force limits of the arm's loop."""
GONE = "see to its network and power and to FCI in Desk, then start the arm's process again"


class FrankaMotors:
    """One Panda or Research 3. Errors are latched until a person clears them."""

    kind: Literal["position"] = "position"
    simulated = False

    def __init__(
        self,
        address: str,
        tool: ArmModel,
        limits: ArmLimits,
        clock: Clock,
        period_s: float,
        *,
        realtime_kernel: bool,
        sdk: Any = None,
    ) -> None:
        """`tool` is this object's own model of the arm; `sdk` stands for the module `franky`.

        Raises ConfigError without franky or on a kernel without real-time scheduling, HardwareError for a robot that
        cannot be reached or is not ready.
        """
        self._sdk = sdk or _sdk()
        self._tool, self._limits, self._clock = tool, limits, clock
        self._every = max(1, round(RETARGET_S / period_s))
        self._ticks, self._span_s = 0, self._every * period_s
        self._last: Array | None = None
        self._fault = self.lost = ""
        self._recovery: threading.Thread | None = None
        self._robot = self._connect(address, realtime_kernel)
        self._stamp_ms, self._fresh_s = -1, clock.now_s()
        self.read()
        if self._fault:
            raise HardwareError(self._fault)

    def read(self) -> Reading:
        """Raises HardwareError when the state is older than `STALE_S`, with the robot's own fault where there was one,
        while the robot recovers, and when it is gone.

        The robot's estimate is the reaction to what acts on the tool (libfranka issue 26), about its stiffness frame:
        its sign is turned, and the wrench is moved to the tool.
        """
        if self._recovering():
            raise HardwareError("the Franka recovers from its errors: wait, then arm anew")
        state = self._asked(lambda: self._robot.state)
        now_s, stamp_ms = self._clock.now_s(), state.time.to_msec()
        if stamp_ms != self._stamp_ms:
            self._stamp_ms, self._fresh_s = stamp_ms, now_s
        if not now_s - self._fresh_s <= LOST_S:
            self.lost = self.lost or f"the Franka is gone (no state for {LOST_S} s): {GONE}"
            raise HardwareError(self.lost)
        if not now_s - self._fresh_s <= STALE_S:
            silent = f"no state from the Franka for {STALE_S} s: see to its network and power"
            raise HardwareError(self._fault or silent)
        self._fault = self._fault or self._wrong(state)
        self._last = None if self._fault else self._last
        self._desired = np.array(state.q_d)
        return Reading(np.array(state.q), np.array(state.dq), _at_tool(state), fault=self._fault)

    def apply(self, values: Array) -> None:
        """Joint positions (7,) rad. Raises HardwareError from an error on, until it is cleared."""
        if self._fault or self.lost:
            raise HardwareError(self._fault or self.lost)
        self._ticks += 1
        if self._ticks % self._every == 0:
            self._retarget(values)

    def objections(self, now_s: float) -> tuple[Finding, ...]:
        """Payload or tool point not set in the robot as the model has them."""
        state, quat = self._asked(lambda: self._robot.state), np.zeros(4)
        told = np.array(state.O_T_EE.matrix)
        mujoco.mju_mat2Quat(quat, np.ascontiguousarray(told[:3, :3]).ravel())
        self._tool.update(np.array(state.q), np.zeros(7))
        pose = Pose(frozen(told[:3, 3]), frozen(quat))
        return objections("franka", state.m_total, pose, self._tool.tcp(), now_s)

    def clear(self) -> None:
        """Ask the robot to recover from its errors, in the background: it takes seconds."""
        if self._fault and not self.lost and not self._recovering():
            self._recovery = threading.Thread(target=self._recover, name="franka-recovery", daemon=True)
            self._began_s = self._clock.now_s()
            self._recovery.start()

    def close(self) -> None:
        if not self.lost and not self._recovering():
            self._asked(self._robot.stop)

    def _connect(self, address: str, realtime_kernel: bool) -> Any:
        sdk = self._sdk
        kernel = sdk.RealtimeConfig.Enforce if realtime_kernel else sdk.RealtimeConfig.Ignore
        try:
            return sdk.Robot(
                address,
                default_torque_threshold=TORQUE_NM,
                default_force_threshold=FORCE_N,
                realtime_config=kernel,
            )
        except sdk.RealtimeException as error:
            raise ConfigError(
                f"{error}: this kernel has no real-time scheduling; install a PREEMPT_RT kernel "
                "(docs/hardware-franka.md), or set realtime_kernel=false for development"
            ) from error
        except (sdk.Exception, RuntimeError) as error:
            raise HardwareError(f"the Franka at {address} cannot be used ({error}); {GONE}") from error

    def _retarget(self, values: Array) -> None:
        """A velocity that leads from the robot's desired joints to the commanded ones, and goes where these go."""
        off = values - self._desired
        if not np.abs(off).max() <= JUMP_RAD:
            self._fault = (
                f"a command {np.abs(off).max():.3f} rad from the robot's joints, at most {JUMP_RAD}; clear, arm anew"
            )
            raise HardwareError(self._fault)
        ahead = np.zeros_like(values) if self._last is None else (values - self._last) / self._span_s
        self._last = values.copy()
        if np.abs(off).max() <= STILL_RAD and not ahead.any():
            return  # at rest the last motion may run out
        most = self._limits.dq_max_rad_s
        speeds = np.minimum(np.maximum(ahead + off / FOLLOW_S, -most), most)
        motion = self._sdk.JointVelocityMotion(speeds, duration=self._sdk.Duration(SILENCE_MS))
        self._asked(lambda: self._robot.move(motion, asynchronous=True))

    def _wrong(self, state: Any) -> str:
        """Why the arm may not move, with the names of the robot's own flags; empty when it may."""
        flags = sorted({*_flags(state.current_errors), *_flags(self._ended(state))})
        modes = self._sdk.RobotMode
        if not flags and state.robot_mode in (modes.Idle, modes.Move):
            return ""
        said = ", ".join(flags) or "no error flag"
        return f"the Franka is in mode {state.robot_mode.name}: {said}; see to it, then clear and arm anew"

    def _ended(self, state: Any) -> Any:
        """Errors that ended the last motion; none while it is well."""
        try:
            self._robot.poll_motion()
        except (self._sdk.Exception, RuntimeError):
            return state.last_motion_errors
        return None

    def _asked(self, call: Any) -> Any:
        """What the robot answers. Raises HardwareError for an error of the library."""
        try:
            return call()
        except (self._sdk.NetworkException, RuntimeError) as error:  # the latter from the network library below
            self.lost = f"the Franka is gone ({error}): {GONE}"
            raise HardwareError(self.lost) from error
        except (self._sdk.Exception, self._sdk.InvalidMotionTypeException) as error:
            self._fault = self._fault or f"the Franka refuses ({error}); see to it, then clear and arm anew"
            raise HardwareError(self._fault) from error

    def _recovering(self) -> bool:
        """Raises HardwareError when it takes too long."""
        if self._recovery is None or not self._recovery.is_alive():
            return False
        if not self._clock.now_s() - self._began_s <= RECOVER_S:
            self.lost = f"the Franka has not recovered within {RECOVER_S} s; {GONE}"
            raise HardwareError(self.lost)
        return True

    def _recover(self) -> None:
        try:
            recovered, why = self._robot.recover_from_errors(), "it says no"
        except (self._sdk.Exception, RuntimeError) as error:
            recovered, why = False, str(error)
        self._fault = "" if recovered else f"the Franka does not recover ({why}); see to it, then clear and arm anew"


def _at_tool(state: Any) -> Array:
    """(6,) N and Nm that act on the tool, about its tool point, tool frame."""
    frame, reaction = np.array(state.EE_T_K.matrix), np.array(state.K_F_ext_hat_K)
    force, torque = -frame[:3, :3] @ reaction[:3], -frame[:3, :3] @ reaction[3:]
    return np.concatenate((force, torque + np.cross(frame[:3, 3], force)))


def _flags(errors: Any) -> Iterator[str]:
    """Names of the errors that are set."""
    return (name for name in dir(errors) if not name.startswith("_") and getattr(errors, name) is True)


def _sdk() -> Any:
    try:
        import franky
    except ImportError as error:
        raise ConfigError(f"robot.driver=franka needs franky ({error}); pip install robot_rl[franka]") from error
    return franky

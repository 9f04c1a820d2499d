"""The part of franky that the drivers use, scripted. Its names and arguments are compared with the real ones."""

import threading
from types import SimpleNamespace

import numpy as np

from controllers.models import home_q
from tests.robot_rl.drivers.poses import tool_matrix


class Exception_(Exception):
    """franky's own base."""


class NetworkException(Exception_):
    pass


class RealtimeException(Exception_):
    pass


class ControlException(Exception_):
    pass


class InvalidMotionTypeException(Exception):
    pass


class GripperException(Exception):
    pass


class Duration:
    def __init__(self, arg0: int = 0) -> None:
        self._msec = arg0

    def to_msec(self) -> int:
        return self._msec


class JointVelocityMotion:
    def __init__(self, target, duration: Duration, relative_dynamics_factor: float = 1.0) -> None:
        self.target, self.duration = np.array(target), duration


RealtimeConfig = SimpleNamespace(Enforce="enforce", Ignore="ignore")
RobotMode = SimpleNamespace(
    **{n: SimpleNamespace(name=n) for n in ("Other", "Idle", "Move", "Guiding", "Reflex", "UserStopped")}
)


class Robot:
    """A robot that does what it is told at once. `advance` lets time pass."""

    realtime = True
    reachable = True

    def __init__(
        self,
        fci_hostname: str,
        relative_dynamics_factor: float = 1.0,
        default_torque_threshold: float = 20.0,
        default_force_threshold: float = 30.0,
        controller_mode: object = None,
        realtime_config: object = RealtimeConfig.Enforce,
    ) -> None:
        if not self.reachable:
            raise NetworkException("libfranka: Connection to FCI refused.")
        if realtime_config == RealtimeConfig.Enforce and not self.realtime:
            raise RealtimeException("libfranka: Running kernel does not have realtime capabilities.")
        self.q = home_q("panda").copy()
        self.dq, self.force, self.mass_kg = np.zeros(7), np.zeros(6), 0.73
        self.stiffness_frame = np.eye(4)
        self.time_ms, self.mode, self.frozen, self.gone = 0, RobotMode.Idle, False, None
        self.errors, self.ended = SimpleNamespace(joint_reflex=False, power_limit_violation=False), SimpleNamespace()
        self.motions: list[JointVelocityMotion] = []
        self.recoveries, self.recovers, self.failed, self.stopped = 0, True, "", 0
        self.left_s = 0.0

    @property
    def state(self) -> SimpleNamespace:
        if self.gone:
            raise self.gone
        self.time_ms += 0 if self.frozen else 1
        return SimpleNamespace(
            q=self.q, dq=self.dq, q_d=self.q, K_F_ext_hat_K=self.force, time=Duration(self.time_ms),
            current_errors=self.errors, last_motion_errors=self.ended, robot_mode=self.mode, m_total=self.mass_kg,
            O_T_EE=SimpleNamespace(matrix=tool_matrix(self.q)), EE_T_K=SimpleNamespace(matrix=self.stiffness_frame),
        )  # fmt: skip

    def move(
        self, motion, asynchronous: bool = False, limit_rate: bool = False, cutoff_frequency: float = 100.0
    ) -> None:
        assert asynchronous
        self.motions.append(motion)
        self.dq, self.left_s = motion.target, motion.duration.to_msec() / 1e3

    def advance(self, seconds: float) -> None:
        self.q = self.q + self.dq * min(seconds, self.left_s)
        self.left_s -= seconds
        if self.left_s <= 0.0:
            self.dq = np.zeros(7)

    def poll_motion(self) -> bool:
        if self.failed:
            raise ControlException(self.failed)
        return bool(self.dq.any())

    def recover_from_errors(self) -> bool:
        self.recoveries += 1
        if self.recovers:
            self.mode, self.failed = RobotMode.Idle, ""
            self.errors.joint_reflex = self.errors.power_limit_violation = False
            self.ended = SimpleNamespace()
        return self.recovers

    def stop(self) -> None:
        self.stopped += 1


class BoolFuture:
    def __init__(self, done: threading.Event) -> None:
        self._done = done

    def wait(self, timeout: float | None = None) -> bool:
        return self._done.wait(timeout)


class Gripper:
    """A hand whose fingers jump."""

    max_width = 0.08

    def __init__(self, fci_hostname: str) -> None:
        self.width, self.said, self.broken = self.max_width, [], False

    def _go(self, width: float, said: str) -> BoolFuture:
        if self.broken:
            raise GripperException("broken")
        self.width, done = width, threading.Event()
        self.said.append(said)
        return BoolFuture(done)

    def grasp_async(
        self, width: float, speed: float, force: float, epsilon_inner: float = 0.005, epsilon_outer: float = 0.005
    ) -> BoolFuture:
        return self._go(width, "grasp")

    def open_async(self, speed: float) -> BoolFuture:
        return self._go(self.max_width, "open")

    def stop(self) -> bool:
        self.said.append("stop")
        return True


SDK = SimpleNamespace(
    Exception=Exception_, NetworkException=NetworkException, RealtimeException=RealtimeException,
    ControlException=ControlException, InvalidMotionTypeException=InvalidMotionTypeException,
    GripperException=GripperException, Duration=Duration, JointVelocityMotion=JointVelocityMotion,
    RealtimeConfig=RealtimeConfig, RobotMode=RobotMode, Robot=Robot, Gripper=Gripper, BoolFuture=BoolFuture,
)  # fmt: skip

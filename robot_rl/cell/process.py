"""The arm's process from settings to exit: an absolute-deadline loop on one thread."""

import gc
import logging
import math
import os
import select
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from omegaconf import MISSING, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from controllers.build import build_loop
from controllers.follower import JointFollower
from controllers.kinematics import ArmModel
from controllers.limits import WorkspaceBox
from controllers.models import arm_limits, arm_spec, home_q
from controllers.pose import frozen
from robot_rl.cell.open_motors import check_driver, open_motors
from robot_rl.cell.server import CellServer
from robot_rl.cell.trace import Trace
from robot_rl.cell.verbs import OWN_PARTS
from robot_rl.clock import Clock, MonotonicClock
from robot_rl.config import Config, RobotConfig, SafetyConfig, TaskConfig
from robot_rl.errors import ConfigError, HardwareError
from robot_rl.loop_settings import loop_settings
from robot_rl.operator import MOVING, State
from robot_rl.processes import TIED, signal_at_parents_end
from robot_rl.validate import validate

STILL_TICKS, REST_S = 25, 3.0
"""Periods at rest before the process ends, and the longest wait for them."""
CLOSE_S = 5
"""For letting go of real drives."""
TIDY_S = 10.0
"""Between two collections of garbage, and only while nothing moves."""


@dataclass
class CellConfig:
    """Settings of one arm process, each `KEY=VALUE` on its command line."""

    socket: str = MISSING
    """Path of the local socket; its folder must exist."""
    robot: RobotConfig = field(default_factory=RobotConfig)
    """`model` and `control_hz` are used; the rest is for whoever observes."""
    low_m: list[float] = field(default_factory=lambda: [0.15, -0.45, 0.02])
    """Workspace box, base frame."""
    high_m: list[float] = field(default_factory=lambda: [0.75, 0.45, 0.75])
    step_m: float = 0.036
    """Largest distance, per axis, of a target from the measured pose."""
    step_rad: float = 0.12
    safety: SafetyConfig = field(default_factory=SafetyConfig)
    task: TaskConfig = field(default_factory=TaskConfig)
    """Its force budget and the force at which the arm stops are used."""
    address: str = ""
    """Host name or IP address of the robot's controller; for `ros2_control` the name of the running controller."""
    joints: list[str] = field(default_factory=list)
    """ros2_control: names of the joints in its joint states, base to tip; empty: those of the model."""
    wrench_topic: str = ""
    """ros2_control: WrenchStamped in the tool frame; empty: contact is not felt, and nothing here stops at one."""
    realtime_kernel: bool = True
    """Franka: refuse to start on a kernel without real-time scheduling. `false` is for development, not for a robot
    that people work with."""
    priority: int = 0
    """Real-time priority of the loop (SCHED_FIFO), 1 to 99; 0: scheduled as any process."""
    trace: str = ""
    """File for what the loop did, period by period; empty: none."""
    trace_s: float = 60.0
    """How much of it is kept, from the start."""


def load(arguments: list[str]) -> CellConfig:
    """Raises ConfigError, always one line, for what is not a setting or out of range."""
    tree = OmegaConf.structured(CellConfig)
    try:
        for argument in arguments:
            tree = OmegaConf.merge(tree, OmegaConf.from_dotlist([argument]))
        argument = "settings"
        config = OmegaConf.to_object(tree)
    except (OmegaConfBaseException, yaml.YAMLError) as error:
        raise ConfigError(f"{argument}: {str(error).strip().partition(chr(10))[0]}") from error
    assert isinstance(config, CellConfig)
    check_driver(config)
    validate(Config(robot=config.robot, safety=config.safety, task=config.task))
    for name, most in (("step_m", 0.5), ("step_rad", math.pi), ("trace_s", 86400.0)):
        if not 0.0 < getattr(config, name) <= most:
            raise ConfigError(f"{name}={getattr(config, name)} is out of range; allowed: above 0, at most {most:g}")
    if not 0 <= config.priority <= 99:
        raise ConfigError(f"priority={config.priority} is out of range; allowed: 0 (none) to 99")
    if not len(config.low_m) == len(config.high_m) == 3:
        raise ConfigError(f"low_m={config.low_m}, high_m={config.high_m}: three numbers each are needed")
    return config


def build(config: CellConfig, clock: Clock) -> CellServer:
    """The process's one object. Raises ConfigError for a request that cannot be built, HardwareError for a robot that
    cannot be reached or is not ready."""
    name, hz = config.robot.model, config.robot.control_hz
    try:
        spec, limits, q_rad = arm_spec(name), arm_limits(name), home_q(name)
        box = WorkspaceBox(frozen(config.low_m), frozen(config.high_m))
    except ValueError as error:
        raise ConfigError(f"robot.model={name}, low_m={config.low_m}, high_m={config.high_m}: {error}") from error
    model = ArmModel(spec.compile(), len(q_rad))
    settings = loop_settings(config.safety, config.task, hz, box, config.step_m, config.step_rad)
    loop = build_loop(model, limits, settings, q_rad)
    motors = open_motors(config, spec, q_rad, clock)
    follower = None
    if motors.kind == "position":
        own, margin_rad = ArmModel(spec.compile(), model.joints), settings.joint_margin_rad
        follower = JointFollower(own, limits, settings.gains, margin_rad, q_rad, 1.0 / hz)
    fence = time.monotonic_ns() // 1000  # above every number of a process before this one
    try:
        return CellServer(Path(config.socket), motors, model, loop, clock, hz, fence, follower)
    except ConfigError:
        motors.close()
        raise


def run(config: CellConfig) -> None:
    """Serve until told to end, then brake and leave at rest. Raises ConfigError when it cannot start, HardwareError
    when the robot is not ready, and after a robot that is gone for good.

    SIGINT and SIGTERM ask for it; so does, in a child that is tied to its parent, the end of standard input.

    What is raised unexpectedly ends the process without a braked reference, and is raised on once the motors are
    closed: a UR is told to stop (`servoStop`), a Franka too (`stop`), behind ros2_control nothing more is sent and the
    controller holds the last position.
    """
    logging.basicConfig(level=logging.WARNING, handlers=[Unwaiting()], format="%(name)s: %(message)s")
    clock = MonotonicClock()
    server, end, lost = build(config, clock), End(), ""
    try:
        take_priority(config.priority)
        if config.trace:  # once the path is ours: not over the trace of a process that runs
            server.trace = Trace(Path(config.trace), math.ceil(config.trace_s * config.robot.control_hz))
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        gc.collect()
        gc.freeze()
        gc.disable()  # a full collection takes several periods
        keep_time(server, end, clock, 1.0 / config.robot.control_hz)
        lost = server.lost  # once they are closed, all motors are out of reach
    finally:
        if config.robot.driver != "sim":
            signal.alarm(CLOSE_S)  # kills: a vendor's library may hang, and hold the interpreter while it does
        server.close()
        signal.alarm(0)
        gc.unfreeze()
        gc.enable()
    if lost:
        raise HardwareError(lost)


def take_priority(priority: int) -> None:
    """Schedule this thread before all that have none. Raises ConfigError where this user may not."""
    if not priority:
        return
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
    except PermissionError as error:
        raise ConfigError(
            f"priority={priority} is not allowed to this user; set `rtprio` in /etc/security/limits.d and log in "
            "anew (docs/hardware-ur.md), or leave priority=0"
        ) from error


def keep_time(server: CellServer, end: "End", clock: Clock, period_s: float) -> None:
    """Periods on a fixed grid until the end; those that are missed are left out, never made up for in a burst.

    What a period raises passes through at once: whoever calls this must close the server, which is what stops the arm.
    """
    authority = server.guard.authority
    for part in OWN_PARTS:  # their time counts from here
        server.guard.supervisor.watch(part, part, period_s)
    deadline_s = tidied_s = clock.now_s()
    leave_s, still = math.inf, 0
    while not (still >= STILL_TICKS or clock.now_s() > leave_s):
        server.tick(deadline_s)
        if server.lost:
            end.because(server.lost)
        if end.asked():
            leave_s = min(leave_s, clock.now_s() + REST_S)
            still = still + 1 if server.at_rest and authority.state is State.STOPPED else 0
            if authority.state is not State.STOPPED:  # whatever a client has made of it
                authority.stop("arm process", end.why)
        elif authority.state not in MOVING and clock.now_s() - tidied_s > TIDY_S:
            gc.collect()
            tidied_s = clock.now_s()
        deadline_s += period_s * max(1, math.ceil((clock.now_s() - deadline_s) / period_s))
        clock.sleep_until(deadline_s)


class End:
    """Why this process should end; the first reason stands, later ones wait with it."""

    def __init__(self) -> None:
        self.why = ""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, _: self.because(f"told to end by {signal.Signals(number).name}"))
        self._parent = select.poll()
        if os.environ.pop(TIED, ""):
            self._parent.register(0, select.POLLIN)
            signal_at_parents_end(signal.SIGCONT)  # who stands still then wakes up, and sees it

    def asked(self) -> bool:
        """Looks at the parent too; never blocks."""
        if not self.why and self._parent.poll(0) and not os.read(0, 4096):
            self.because("the process that started it is gone")
        return bool(self.why)

    def because(self, why: str) -> None:
        """The first reason stands."""
        self.why = self.why or why


class Unwaiting(logging.Handler):
    """Lines to standard error, left out where nobody takes them: a full pipe must not hold up the arm."""

    def __init__(self) -> None:
        super().__init__()
        self._error = select.poll()
        self._error.register(2, select.POLLOUT)

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record).encode()[: select.PIPE_BUF - 1] + b"\n"
        if any(event & select.POLLOUT for _, event in self._error.poll(0)):
            os.write(2, line)

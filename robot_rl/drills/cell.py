"""A small simulated cell for drills. A watcher at the motors notes every control period, and the drills judge by that.

Faults go in where they would in a real cell: at the encoders, at the cameras, on the wire between actor and arm.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import mujoco
import numpy as np

from controllers.models import arm_limits, home_q
from controllers.pose import Array, Pose, frozen
from robot_rl.compose import load_config
from robot_rl.drills.drill import Outcome
from robot_rl.drills.tape import Tape
from robot_rl.drills.watched import Tick, WatchedArm, WatchedCamera
from robot_rl.drills.yard import Yard
from robot_rl.drivers.sim import SimGripper
from robot_rl.drivers.sim_world import SimWorld
from robot_rl.env import RobotEnv
from robot_rl.errors import HeldError, RobotRLError
from robot_rl.hardware import Gripper
from robot_rl.make import SimScene, make_env
from robot_rl.operator import Pilot, State
from robot_rl.tasks.base import Task
from robot_rl.types import Float32

HELD_S = 0.5
"""A tool is at rest so soon after the last command: its validity of 0.2 s, a stop from full speed (0.13 s), and what a
compliant arm takes to settle."""
VENDOR_WAITS, VENDOR_BRAKE_NMS_RAD = 20, 20.0
"""So many packets may be lost until a Franka stops (Franka Control Interface); here it brakes so strongly."""
NOBODY_S = 2.0
"""So long an actor waits for a person who does not come."""
FORWARD = np.array([1, 0, 0, 0, 0, 0], np.float32)
ASIDE = np.array([0, 1, 0, 0, 0, 0], np.float32)
BACK = -FORWARD
BY_ACTOR = "actor"


class WatchedScene(SimScene):
    """A person puts everything back at a reset, if there is a person; else everything stays as it is."""

    def __init__(self, cell: "Cell", task: Task, q_home_rad: Array) -> None:
        super().__init__(task, cell.world, q_home_rad)
        self._cell = cell

    def reset(self, rng: np.random.Generator) -> Pose:
        self._cell.waits_since_s = self._cell.now_s
        if not self._cell.person:
            return self._cell.arm.read().tcp
        self._cell.tape.cuts.append(len(self._cell.tape.ticks))
        return super().reset(rng)


class Cell:
    """The dry run's arm in a yard. Unlike in a dry run nothing clears or arms itself: a `person` does, if present."""

    def __init__(
        self,
        seed: int,
        *settings: str,
        task: Task | None = None,
        cameras: Sequence[str] = (),
        gripper: Callable[[SimGripper], Gripper] = lambda gripper: gripper,
        q_start_rad: Array | None = None,
    ) -> None:
        """`q_start_rad`: where the arm is at each reset, if not at the home of the task."""
        config = load_config(["task=reach", "task.max_steps=10000", *settings])
        task = task or Yard()
        made = make_env(config, task)
        assert isinstance(made.clock, SimWorld)
        self.world, self.rng, self.config = made.clock, np.random.default_rng(seed), config
        self.limits, self.period_s = arm_limits(config.robot.model), 1.0 / config.robot.control_hz
        n = self._n = len(self.limits.q_min_rad)
        q_home = self.world.data.qpos[:n].copy() if q_start_rad is None else q_start_rad
        self.arm = WatchedArm(self.world, n)
        self.cameras = [WatchedCamera(self.world, name, 64, self.rng) for name in cameras]
        self.tape = Tape(self.period_s, self.limits, config.safety, task.workspace)
        """What the watcher has noted"""
        self.person, self.waits_since_s = True, math.inf
        self.encoders: Callable[[Array, Array], tuple[Array, Array]] = lambda q, dq: (q, dq)
        """From true joint positions and speeds to what is read, in the arm's process"""
        self.tick_s: Callable[[float], float] = lambda now_s: now_s
        """From the time to what the arm loop is told of it"""
        self.stalled = False
        """The arm's process does not run: the vendor's controller repeats the last torques, then brakes by itself."""
        self._sent_nm, self._sent_s = np.zeros(n), 0.0
        self.env = RobotEnv(
            self.arm,
            gripper(SimGripper(self.world)) if task.action.gripper else None,
            self.cameras,
            self.world,
            Pilot(self.world.guard.authority, self.world, BY_ACTOR, simulated=False),
            WatchedScene(self, task, q_home),
            config.robot.policy_hz,
            config.task.max_steps,
        )
        self._seed = seed
        self._arm_bodies = (
            self.world.model.body_rootid == self.world.model.body_rootid[self.world.model.body("hand").id]
        )
        self._watch()

    # What a drill does

    @property
    def now_s(self) -> float:
        return self.world.now_s()

    def begin(self) -> None:
        """A new episode."""
        self._seed += 1
        self.env.reset(seed=self._seed)

    def drive(self, action: Float32 | Callable[[], Float32], steps: int) -> None:
        """So many policy steps of an action (6,), or of what a function chooses at each; the gripper stays."""
        for _ in range(steps):
            chosen = action() if callable(action) else action
            self.env.step(np.resize(np.append(chosen, np.float32(0.0)), self.env.action_spec.size))

    def to_and_fro(self, steps: int) -> None:
        """So many steps aside, and as many back."""
        self.drive(ASIDE, steps)
        self.drive(-ASIDE, steps)

    def wait(self, seconds: float) -> None:
        """Nobody says anything."""
        self.world.sleep_until(self.now_s + seconds)

    def bend(self, change: Callable[[Pose], Pose]) -> None:
        """Targets on the wire are changed from here on."""
        self.arm.wire = lambda command: replace(command, target=change(command.target))

    def view(self) -> str:
        """What the authority shows the operator."""
        view = self.world.guard.authority.view()
        return f"{view.state.value} by {view.by}: {view.why}"

    def alarms(self) -> str:
        """What the supervisor has told the operator."""
        return "; ".join(f"{alarm.cause}; {alarm.action}" for alarm in self.world.guard.alarms if alarm.raised)

    @property
    def state(self) -> State:
        return self.world.guard.authority.state

    def refusal(self) -> str:
        """What the gate has told the operator last."""
        refused = [verdict.why or ", ".join(verdict.reasons) for verdict in self.arm.verdicts if verdict.refused]
        return refused[-1] if refused else ""

    def attend(self) -> None:
        """A person looks after the cell whenever the world has moved on."""
        self.world.watcher = self._attend

    def reasons(self) -> list[str]:
        """Names of the limits that have acted so far."""
        return sorted({reason for verdict in self.arm.verdicts for reason in verdict.reasons})

    def goes_on(self) -> bool:
        """A person looks after the cell; then an episode runs as it should."""
        self.person = True
        if said(self.begin):
            return False
        since_s, steps = self.now_s, round(0.5 * self.config.robot.policy_hz)
        if said(self.to_and_fro, steps):
            return False
        return 0.03 < self.tape.way_m(since_s) < 0.15

    def outcome(
        self,
        checks: Mapping[str, bool],
        seen: str,
        message: str,
        since_s: float | None = None,
        detected_s: float | None = None,
        lost: int | None = None,
        until_s: float = math.inf,
        go_on: bool = True,
        reference: bool = True,
    ) -> Outcome:
        """Judge, then see whether it goes on; the devices are closed. The arm had to come to rest after `since_s`, and
        stay so until `until_s`; `reference` as in `breaches`."""
        held_s = None if since_s is None else self.tape.rest_s(since_s, until_s)
        restarted = self.goes_on() if go_on else None
        failed = [name for name, met in checks.items() if not met] + self.tape.breaches(reference)
        if since_s is not None and held_s is None:
            failed.append("never at rest")
        if restarted is False:
            failed.append("no episode afterwards")
        self.env.close()
        seen += f"; NOT MET: {', '.join(failed)}" if failed else ""
        return Outcome(not failed, seen, message, detected_s, held_s, lost, restarted)

    # Inside

    def _watch(self) -> None:
        world = self.world
        self._loop_tick, self._guard_tick = world.loop.tick, world.guard.tick
        world.loop.tick = self._tick  # type: ignore[method-assign]
        world.guard.tick = lambda: None if self.stalled else self._guard_tick()  # type: ignore[method-assign]
        self.attend()

    def _tick(self, q_rad: Array, dq_rad_s: Array, force_n: float, now_s: float) -> Array:
        world, n = self.world, self._n
        if not self.stalled:
            self._sent_nm = self._loop_tick(*self.encoders(q_rad.copy(), dq_rad_s.copy()), force_n, self.tick_s(now_s))
            self._sent_s = now_s
        tau = self._sent_nm
        if now_s - self._sent_s > (VENDOR_WAITS + 0.5) * self.period_s:
            largest = self.limits.tau_max_nm
            tau = np.clip(world.data.qfrc_bias[:n] - VENDOR_BRAKE_NMS_RAD * dq_rad_s, -largest, largest)
        site, turn = world.data.site("tcp"), np.zeros(4)
        mujoco.mju_mat2Quat(turn, site.xmat)
        reference_m = np.array(world.loop.motion.now.tcp.position_m)
        values = (q_rad, dq_rad_s, self._sent_nm, site.xpos, turn, reference_m, self._push_n())
        self.tape.ticks.append(Tick(now_s, *(frozen(value) for value in values)))
        return tau

    def _push_n(self) -> Array:
        model, data, total, force = self.world.model, self.world.data, np.zeros(3), np.zeros(6)
        on_arm = self._arm_bodies[model.geom_bodyid[data.contact.geom]]
        for index in np.flatnonzero(on_arm[:, 0] != on_arm[:, 1]):
            mujoco.mj_contactForce(model, data, index, force)
            sign = 1.0 if on_arm[index, 1] else -1.0  # on the second of the two
            total += sign * (data.contact.frame[index].reshape(3, 3).T @ force[:3])
        return total

    def _attend(self) -> None:
        """The person at the cell, who comes when an actor waits for one, looks, clears and arms."""
        authority = self.world.guard.authority
        if authority.state is State.RESET:
            self.waits_since_s = math.inf
        if not self.person and self.now_s - self.waits_since_s > NOBODY_S:
            self.waits_since_s = math.inf
            raise HeldError(f"nobody came in {NOBODY_S:g} s; the arm is {self.view()}")
        if not self.person or self.waits_since_s == math.inf:
            return
        view = authority.view()
        held = view.state is State.HOLD and view.by != BY_ACTOR
        if not (held or view.state in (State.STOPPED, State.DISARMED)) or view.holder:
            return
        taken = authority.take("person").view
        if view.state is State.STOPPED:
            authority.clear(taken.fence, taken.revision, "person")
        elif held:
            authority.disarm(taken.fence, taken.revision)
        else:
            authority.arm(taken.fence, taken.revision, "person")
        authority.release(taken.fence)


def said(call: Callable[..., object], *args: object) -> str:
    """The text of the error that a call ends with, and its kind; empty when it ends well."""
    try:
        call(*args)
    except (RobotRLError, ValueError, TypeError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def home(model: str = "panda") -> Array:
    """(n,) joint angles of an arm in rad, to be changed."""
    return np.array(home_q(model))

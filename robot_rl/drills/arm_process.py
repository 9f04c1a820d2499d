"""Drills with the arm's own process: what it does when its actor stands still, and what others see when it dies."""

import subprocess
import time
from pathlib import Path

import numpy as np

from controllers.records import PoseCommand, Verdict
from robot_rl.cell.client import CellClient
from robot_rl.cell.remote import RemoteArm, RemoteAuthority
from robot_rl.cell.spawn import spawn
from robot_rl.cell.trace import read_trace
from robot_rl.clock import MonotonicClock
from robot_rl.drills.drill import Outcome, drill
from robot_rl.errors import HardwareError
from robot_rl.operator import Pilot, State

VALID_S, STEP_M, STEPS, STALL_S = 0.2, 0.03, 6, 1.0
STILL_M_S = 0.005
"""Slower than this the reference counts as at rest"""
REST_S = 0.5
"""A stop from full speed takes less: 0.2 s for a Panda"""


class Actor:
    """A client that drives an arm in another process to and fro."""

    def __init__(self, folder: Path) -> None:
        self._trace, path = folder / "trace.npy", folder / "arm"
        self.process: subprocess.Popen[bytes] = spawn([f"socket={path}", f"trace={self._trace}", "trace_s=60"])
        client, clock = CellClient(path), MonotonicClock()
        self.arm, self.authority = RemoteArm(client, "actor"), RemoteAuthority(client)
        self.pilot = Pilot(self.authority, clock, "actor", simulated=True)
        self._sequence = 0

    def begin(self) -> None:
        self.pilot.begin()
        self.pilot.enter(State.POLICY)

    def send(self, metres: float = STEP_M) -> Verdict:
        self._sequence += 1
        target = self.arm.read().tcp.moved(np.array([0.0, metres, 0.0]), np.zeros(3))
        return self.arm.command(PoseCommand(target, self._sequence, VALID_S, self.pilot.fence, self.pilot.mode))

    def drive(self) -> None:
        """At 10 Hz, so that the arm is under way at the end."""
        for _ in range(STEPS):
            self.pilot.enter(State.POLICY)
            self.send()
            time.sleep(0.1)
        self.send()

    def rows(self) -> np.ndarray:
        """What the arm's process noted of each period, on the machine's steady clock."""
        return read_trace(self._trace)

    def end(self) -> None:
        self.arm.close()
        self.process.terminate()
        self.process.wait(10.0)
        for pipe in (self.process.stdin, self.process.stdout):
            pipe.close()  # type: ignore[union-attr]


@drill(21)
def actor_stands_still(folder: Path, seed: int) -> Outcome:
    """As a garbage collection or a GPU does to it; nobody else is there."""
    actor = Actor(folder)
    actor.begin()
    actor.drive()
    since_s = time.monotonic()
    time.sleep(STALL_S)
    message = actor.authority.view().why
    rows = actor.rows()
    rows = rows[rows["time_s"] >= since_s]
    ends_s = rows["arrived_s"][0] + rows["valid_for_s"][0]
    after = rows[rows["time_s"] >= ends_s]
    speed = np.abs(rows["reference_m_s"]).max(axis=1)
    still = rows["time_s"][speed < STILL_M_S]
    held_s = float(still[0] - since_s) if len(still) else float("inf")
    way_m = float(np.linalg.norm(rows["tool_m"][-1] - rows["tool_m"][0]))
    actor.begin()
    again = not actor.send().refused
    actor.end()
    checks = {
        "under way before": bool(speed[0] > 0.05),
        "braking from the end of the validity on": bool((after["braking"] == 1).all() and len(after) > 10),
        "at rest in time": held_s < VALID_S + REST_S,
        "stays there": bool((speed[rows["time_s"] > since_s + VALID_S + REST_S] < STILL_M_S).all()),
        "goes on afterwards": again,
    }
    failed = [name for name, met in checks.items() if not met]
    seen = f"from {1e3 * speed[0]:.0f} mm/s; tool went on {1e3 * way_m:.0f} mm{_not_met(failed)}"
    return Outcome(not failed, seen, message, float(ends_s - since_s), held_s, restarted=again)


@drill(25)
def arm_process_killed(folder: Path, seed: int) -> Outcome:
    """SIGKILL under way. What a robot does then is its vendor's; this is what our side does."""
    actor = Actor(folder)
    actor.begin()
    actor.drive()
    actor.process.kill()
    actor.process.wait()
    killed_s, message = time.monotonic(), ""
    try:
        actor.send()
    except HardwareError as error:
        message = str(error)
    told_s = time.monotonic() - killed_s
    old_fence = actor.pilot.fence
    actor.end()
    another = Actor(folder)
    view = another.authority.view()
    another.pilot.fence, another.pilot.mode = old_fence, State.POLICY
    late = another.send()
    time.sleep(0.3)
    moved_m = float(np.ptp(another.rows()["tool_m"], axis=0).max())
    another.begin()
    again = not another.send().refused
    another.end()
    checks = {
        "told": bool(message) and told_s < 1.0,
        "started disarmed": view.state is State.DISARMED,
        "an old lease is refused": late.refused,
        "stands still": moved_m < 1e-3,
        "goes on when armed": again,
    }
    failed = [name for name, met in checks.items() if not met]
    seen = f"another process on the same path: {view.state}, moved {1e3 * moved_m:.2f} mm{_not_met(failed)}"
    return Outcome(not failed, seen, message, told_s, restarted=again)


def _not_met(failed: list[str]) -> str:
    return f"; NOT MET: {', '.join(failed)}" if failed else ""

"""Drills of group C: processes that are killed or frozen."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from robot_rl.compose import load_config
from robot_rl.data.demos import DemoStore
from robot_rl.data.log import scan
from robot_rl.drills.drill import Outcome, drill
from robot_rl.drills.ends import new_learner
from robot_rl.drills.records import prints
from robot_rl.drills.runs import SMALL, Run, until
from robot_rl.drills.tracked import TrackedCell
from robot_rl.make import task_layout
from robot_rl.operator import State
from robot_rl.processes import free_port

WITHOUT_S, FROZEN_S = 4.0, 12.0
"""How long the learner is away. Frozen, it outlasts the deadline of a call."""
COLLECTED_HZ = 2.0
"""At least so many frames a second of practice at 10 Hz, resets included, on a machine that is busy"""
VALID_S = 0.1
AHEAD_M = np.array([0.036, 0.0, 0.0])
"""So far that the arm is still on its way when the command runs out"""


@drill(22)
def learner_killed(folder: Path, seed: int) -> Outcome:
    """SIGKILL to `robot-rl learner`; another one goes on in its folder."""
    pair = Pair(folder, seed)
    pair.learner.process.kill()
    pair.learner.process.wait()
    meanwhile = pair.collected(WITHOUT_S)
    pair.learner = Run("learner", folder / "learner", *pair.settings, "resume=true")
    return pair.compare(meanwhile, WITHOUT_S)


@drill(23)
def learner_frozen(folder: Path, seed: int) -> Outcome:
    """SIGSTOP to `robot-rl learner`, for longer than a call may take."""
    pair = Pair(folder, seed)
    pair.learner.process.send_signal(signal.SIGSTOP)
    meanwhile = pair.collected(FROZEN_S)
    pair.learner.process.send_signal(signal.SIGCONT)
    return pair.compare(meanwhile, FROZEN_S)


class Pair:
    """A learner and an actor in real time, at work."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.settings = (
            f"link.address=127.0.0.1:{free_port()}",
            "robot.realtime=true",
            "learner.max_lag=0",
            "learner.env_steps=100000",
            "human.corrections=false",
            f"seed={seed}",
        )
        self.learner = Run("learner", folder / "learner", *self.settings)
        self.actor = Run("actor", folder / "actor", *self.settings)
        self.begun = until(lambda: any(not frame.demo_set for frame in self.learner.frames("received")))

    def collected(self, seconds: float) -> int:
        """Frames that the actor brings to its disk in this time."""
        before = len(self.actor.frames("practice"))
        time.sleep(seconds)
        return len(self.actor.frames("practice")) - before

    def compare(self, meanwhile: int, seconds: float) -> Outcome:
        """The learner is back: does it get everything once?"""
        there = len(self.actor.frames("practice"))
        caught_up = until(lambda: len(self.learner.frames("received")) >= there)
        steps = self.learner.frames("received")
        for run in (self.actor, self.learner):
            run.process.send_signal(signal.SIGINT)
        codes = self.actor.end(), self.learner.end()
        sent, received = prints(self.actor.frames("practice")), prints(self.learner.frames("received"))
        same = received == sent[: len(received)] and len(received) >= len(steps) >= there
        passed = self.begun and caught_up and same and meanwhile >= COLLECTED_HZ * seconds and codes == (130, 130)
        seen = (
            f"{meanwhile} frames collected in {seconds:g} s without learner; afterwards {len(received)} of {len(sent)} "
            f"frames there, each once and the same: {same}; ended with {codes}"
        )
        return Outcome(passed, seen, self.actor.line("learner"), lost=0 if same else None, restarted=caught_up)


@drill(24)
def actor_killed(folder: Path, seed: int) -> Outcome:
    """SIGKILL to who commands an arm at speed; then to `robot-rl demos record` during an episode."""
    held = _hand_gone(seed)
    settings = ("robot.realtime=true", f"seed={seed}")
    run = Run("demos record", folder / "run", *settings)
    until(lambda: any(frame.step >= 2 for frame in run.frames("demos")))
    run.process.kill()
    run.process.wait()
    store = DemoStore(folder / "run" / "demos")
    rows, frames = store.rows, run.frames("demos")
    partial = [row for row in rows if not row.complete]
    as_demo = any(row.usable for row in partial)
    learner = new_learner(seed, task_layout(load_config(list(SMALL))), start_steps=10**9)
    for frame in frames:
        learner.insert(frame)
    kept = len(learner.practice) == sum(frame.transition is not None for frame in frames)
    again = Run("demos record", folder / "run", *settings, "resume=true")
    code = again.end()
    found = scan(folder / "run" / "demos")
    whole = [frame.sequence for frame in again.frames("demos")] == list(range(found.frames))
    lost = sum(cut.lost_frames for cut in found.cut)
    seen = (
        f"{held.seen}; episode of {partial[0].steps if partial else 0} steps cut short, taken for a demo: {as_demo}, "
        f"in replay: {kept}; recording went on without gaps: {code == 0 and whole}"
    )
    passed = held.passed and len(partial) == 1 and not as_demo and kept and code == 0 and whole and lost == 0
    return Outcome(passed, seen, held.message, held.detected_s, held.held_s, lost, code == 0)


HAND = "import time\nfor k in range(1000):\n    print(k, flush=True)\n    time.sleep(0.05)"
"""What stands for an actor: a process that asks for a step every 0.05 s"""


def _hand_gone(seed: int) -> Outcome:
    """The arm, in real time, in this process; who commands it is another one, and is killed at full speed."""
    cell = TrackedCell(seed, "robot.realtime=true")
    cell.env.reset(seed=seed)
    hand = subprocess.Popen([sys.executable, "-c", HAND], stdout=subprocess.PIPE)
    assert hand.stdout
    asks = hand.stdout.fileno()
    os.set_blocking(asks, False)
    asked, killed_s, sent_s, speed = 0, 0.0, 0.0, 0.0
    while not killed_s or cell.now_s() < killed_s + 1.0:
        if _asked(asks):
            asked, sent_s = asked + 1, cell.now_s()
            cell.env.pilot.enter(State.POLICY)
            cell.send(AHEAD_M, cell.env.pilot.fence, "policy", VALID_S)
        cell.wait(5 * cell.period_s)
        if asked >= 10 and not killed_s and cell.now_s() > sent_s + 0.02:
            killed_s, speed = cell.now_s(), cell.speed_m_s
            hand.kill()
            hand.wait()
    held_s, allowed_s = cell.at_rest_after_s(killed_s), VALID_S + cell.braking_s(speed)
    passed = held_s is not None and held_s <= allowed_s and speed > 0.05
    seen = f"arm at {1e3 * speed:.0f} mm/s to rest, allowed {allowed_s:.3f} s"
    return Outcome(passed, seen, cell.authority.view().why, held_s=held_s)


def _asked(asks: int) -> bool:
    """Has the hand asked for a step since the last look?"""
    try:
        return bool(os.read(asks, 4096))
    except BlockingIOError:
        return False

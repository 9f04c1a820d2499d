"""Drills of group F: what is learnt from, and what becomes of the weights when it is not sound."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from robot_rl.clock import ManualClock
from robot_rl.data.demos import DemoStore
from robot_rl.data.log import EpisodeLog
from robot_rl.drills.drill import Outcome, drill, refusal
from robot_rl.drills.ends import new_learner
from robot_rl.drills.records import ACTION, STATE, STEPS, made_up
from robot_rl.drills.runs import Run
from robot_rl.drills.tracked import TrackedCell
from robot_rl.learn.policy_file import policy_to_bytes
from robot_rl.learn.rlpd import RlpdAgent
from robot_rl.learn.soundness import WINDOW
from robot_rl.learner import Learner
from robot_rl.training import NOTES, Training
from robot_rl.types import Float32, Frame


@drill(55)
def nan_record(folder: Path, seed: int) -> Outcome:
    """Each number of a record in turn is NaN or infinite; a picture is of numbers that are none."""
    learner, frames = new_learner(seed, start_steps=10**9), [made_up(k, seed, image_size=4) for k in range(6)]
    with EpisodeLog(folder / "log") as log:
        for frame in frames[:-1]:
            learner.insert(frame)
            log.append(frame)
        before, wrong, said = learner.practice.digest(), [], []
        for name, bad in _spoilt(frames[-1]).items():
            for taker in (log.append, learner.insert) if name != "image" else (log.append,):
                said.append(refusal(taker, bad))
                if "frame 5" not in said[-1]:
                    wrong.append(f"{name} ({said[-1] or 'taken'})")
        log.commit()
        unchanged = learner.practice.digest() == before and log.durable("actor") == 4
        learner.insert(frames[-1])
        log.append(frames[-1])
    seen = (
        f"{len(said)} tries, not refused by name: {'; '.join(wrong) or 'none'}; log and replay unchanged: {unchanged}"
    )
    return Outcome(not wrong and unchanged, seen, said[0], lost=0, restarted=len(learner.practice) == 5)


def _spoilt(frame: Frame) -> dict[str, Frame]:
    transition = frame.transition
    assert transition
    state, action = frame.state.copy(), transition.executed.copy()
    state[3], action[1] = np.nan, np.inf
    image: Any = {"wrist": np.full((4, 4, 3), np.nan, np.float32)}
    return {
        "reward": replace(frame, transition=replace(transition, reward=float("nan"))),
        "infinite reward": replace(frame, transition=replace(transition, reward=float("inf"))),
        "state": replace(frame, state=state),
        "action": replace(frame, transition=replace(transition, executed=action)),
        "image": replace(frame, images=image),
    }


@drill(56)
def not_finite(folder: Path, seed: int) -> Outcome:
    """Rewards so large that the loss of a batch with one of them overflows."""
    training = _training(folder, seed)
    learner, wrong, updates = training.learner, 0, 0
    for k in range(160):
        frame = made_up(k, seed)
        if k >= 80 and frame.transition:
            frame = replace(frame, transition=replace(frame.transition, reward=1e30))
        before, skipped, steps = _weights(learner), learner.agent.skipped, learner.gradient_steps
        training.take(frame)
        if learner.agent.skipped > skipped:
            wrong += not np.array_equal(before, _weights(learner))
        updates += learner.gradient_steps > steps
    notes = sorted((folder / NOTES).glob("*.json"))
    paused = updates < learner.env_steps and not learner.gradient_steps > steps
    sound = bool(np.isfinite(_weights(learner)).all())
    seen = (
        f"{learner.agent.skipped} steps left out, {len(notes)} written down, weights changed in {wrong} of them; "
        f"paused after learning from {updates} of {learner.env_steps} steps: {paused}; weights finite: {sound}"
    )
    passed = wrong == 0 and learner.agent.skipped >= 3 and len(notes) >= 3 and paused and sound
    return Outcome(passed, seen, learner.trouble)


def _training(folder: Path, seed: int, **settings: Any) -> Training:
    learner = new_learner(seed, start_steps=10, head_start=10, actor_every=1, utd=1, checkpoint_every=0, **settings)
    return Training(learner, False, folder / "checkpoints", lambda: None, ManualClock())


def _weights(learner: Learner) -> Float32:
    """Of the critics and their targets, in one row."""
    tensors = learner.state().tensors
    return np.concatenate([tensors[f"critics.{name}"].ravel() for name in ("weights", "target")])


@drill(57)
def values_run_away(folder: Path, seed: int) -> Outcome:
    """After a thousand good updates the critics' weights grow by two per cent with each one."""
    training = _training(folder, seed)
    learner, agent, rng = training.learner, training.learner.agent, np.random.default_rng(seed)
    assert isinstance(agent, RlpdAgent)
    states = rng.normal(size=(64, STATE)).astype(np.float32)
    actions = rng.uniform(-1, 1, (64, ACTION)).astype(np.float32)

    def size() -> float:
        """Mean |Q| in states and actions that the learner does not know."""
        values = agent.values(states, actions)
        assert values is not None
        return float(np.abs(values).mean())

    explained, begun = 1.0 / (1.0 - learner.config.discount), WINDOW + 20
    sound: set[bytes] = set()
    largest, k, version, given = 0.0, 0, 0, b""
    while learner.gradient_steps < begun + 800 and not (learner.trouble and k % 100 == 0):
        training.take(made_up(k, seed))
        k += 1
        if learner.gradient_steps > begun and not learner.trouble:
            agent.critics.mlp.weights.mul_(1.02)
        largest = max(largest, size()) if learner.gradient_steps > begun else largest
        if size() <= explained and not learner.trouble:
            sound.add(policy_to_bytes(learner.policy()))
        if learner.version - version >= learner.config.publish_every * learner.config.utd:  # as the learner's process
            given, version = policy_to_bytes(learner.policy()), learner.version
    now, back = size(), given in sound and given == policy_to_bytes(learner.policy())
    after = learner.gradient_steps - begun
    seen = (
        f"mean |Q| grew to {largest:.3g} within {after} updates, rewards explain {explained:.3g}; afterwards "
        f"{now:.3g}, learning paused: {bool(learner.trouble)}; the policy given out is a sound one: {back}"
    )
    return Outcome(bool(learner.trouble) and back and now <= explained, seen, learner.trouble)


@drill(60)
def nothing_shown(folder: Path, seed: int) -> Outcome:
    """Demonstrations without motion, without success, without a whole episode; the first also to `robot-rl dry-run`."""
    messages = []
    for name, action, success, count in (("still", 0.0, True, 30), ("failed", 0.5, False, 30), ("none", 0.5, True, 1)):
        with EpisodeLog(folder / name) as log:
            for k in range(count):
                log.append(_shown(k, seed, action, success))
            log.commit()
        messages.append(refusal(lambda path: DemoStore(path).kept(), folder / name))
    run = Run("dry-run", folder / "run", f"demos={folder / 'still'}", "human.corrections=false")
    code, message = run.end(), run.line("robot-rl:").replace(f"{folder}/", "")
    counted = [f"of {n} episodes" in said for n, said in zip((3, 3, 1, 3), (*messages, message), strict=True)]
    seen = f"{sum(counted)} of 4 refused with counts; dry-run ended with code {code} and recorded nothing: "
    recorded = (folder / "run" / "practice").exists()
    return Outcome(all(counted) and code == 2 and not recorded, f"{seen}{not recorded}", message)


def _shown(k: int, seed: int, action: float, success: bool) -> Frame:
    """As `made_up`, with one action throughout, and this outcome, on the task of a small run."""
    frame = made_up(k, seed)
    frame = replace(frame, state=frame.state[:6])
    if frame.transition is None:
        return frame
    row, ends = np.full(3, action, np.float32), frame.step == STEPS
    made = replace(frame.transition, requested=row, executed=row, success=ends and success)
    made = replace(made, reward=float(ends and success), terminated=ends and success, truncated=ends and not success)
    return replace(frame, transition=made)


@drill(61)
def time_limit(folder: Path, seed: int) -> Outcome:
    """An arm that stands still until the episode's time is over; then a success, for comparison."""
    cell = TrackedCell(seed, "task.max_steps=5")
    cell.env.reset(seed=seed)
    still: Float32 = np.zeros(cell.env.action_spec.size, np.float32)
    outcomes = [cell.env.step(still)[2:4] for _ in range(5)]
    ran_out = outcomes[-1] == (False, True) and not any(a or b for a, b in outcomes[:-1])
    masks = {}
    for name, cut in (("truncated", True), ("terminated", False)):
        learner = new_learner(seed, start_steps=10**9)
        for k in range(STEPS + 1):
            frame = made_up(k, seed)
            if frame.transition and frame.step == STEPS:
                frame = replace(frame, transition=replace(frame.transition, terminated=not cut, truncated=cut))
            learner.insert(frame)
        masks[name] = float(next(learner.practice.transitions()).mask[0, -1])
    seen = f"environment truncated at its limit only: {ran_out}; share of the value beyond that counts: {masks}"
    return Outcome(ran_out and masks == {"truncated": 1.0, "terminated": 0.0}, seen)

"""A learner whose progress survives: its log of frames, and checkpoints that point into it."""

import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from robot_rl.clock import Clock, MonotonicClock
from robot_rl.curve import Curve
from robot_rl.data.checkpoint import Checkpoint, load_newest, save_checkpoint
from robot_rl.learner import Learner
from robot_rl.types import Frame

log = logging.getLogger(__name__)


class Training:
    """Takes the frames of a log, one after the other, and saves what came of them now and then.

    After a crash `restore` inserts the frames before the newest checkpoint and learns again from those after it:
    the same frames give the same weights, so nothing is lost that the log has.
    """

    def __init__(
        self, learner: Learner, has_success: bool, folder: Path, commit: Callable[[], None], clock: Clock | None = None
    ) -> None:
        """`commit` returns once every frame taken is durable: a checkpoint never points beyond the log."""
        self.learner, self.curve = learner, Curve(learner, has_success)
        self._folder, self._commit = folder, commit
        self._clock = clock or MonotonicClock()
        self._started_s = self._clock.now_s()
        self.taken = 0
        """Frames of the log so far"""
        self.last: Frame | None = None
        """The newest of them"""

    def take(self, frame: Frame) -> None:
        """Learn from one frame; every `checkpoint_every` steps a checkpoint follows."""
        before = self.learner.env_steps
        self.learner.take(frame)
        self.taken, self.last = self.taken + 1, frame
        self.curve.take(frame, self._clock.now_s() - self._started_s)
        steps, every = self.learner.env_steps, self.learner.config.checkpoint_every
        if every and steps > before and steps % every == 0:
            self.save()

    def save(self) -> None:
        """Write a checkpoint."""
        self._commit()
        learnt = self.learner.state()
        facts: dict[str, Any] = {
            "taken": self.taken,
            "wall_s": self._clock.now_s() - self._started_s,
            "rows": self.curve.rows,
            "learner": learnt.facts,
        }
        save_checkpoint(self._folder, self.taken, Checkpoint(learnt.tensors, facts))

    def restore(self, frames: Iterable[Frame], available: int, on_frame: Callable[[], None] = lambda: None) -> None:
        """Go on after the `available` frames of a log; checkpoints that know of more are passed over."""
        ahead: list[str] = []

        def refuse(facts: Mapping[str, Any]) -> str:
            if facts["taken"] <= available:
                return ""
            ahead.append(f"it has learnt from {facts['taken']} frames, the log has {available}")
            return ahead[-1]

        loaded = load_newest(self._folder, refuse)
        for reason in loaded.refused if loaded else ahead:
            log.warning("%s", reason)
        point = loaded.checkpoint.facts["taken"] if loaded else 0
        for frame in frames:
            if self.taken == point and loaded:
                self._load(loaded.checkpoint)
            if self.taken < point:
                self.learner.insert(frame)
                self.curve.collect(frame)
                self.taken, self.last = self.taken + 1, frame
            else:
                self.take(frame)
            on_frame()
        if self.taken == point and loaded:
            self._load(loaded.checkpoint)
        if ahead:  # lest a checkpoint of frames that are gone fits a log that has grown again
            self.save()

    def figures(self) -> dict[str, Any]:
        """What it took so far."""
        rows, learner = self.curve.rows, self.learner
        steps = sum(row["length"] for row in rows)
        helped = sum(row.get("intervention_share", 0.0) * row["length"] for row in rows)
        return {
            "env_steps": learner.env_steps,
            "gradient_steps": learner.gradient_steps,
            "intervention_share": helped / steps if steps else None,
            "skipped_updates": learner.agent.skipped,
        }

    def _load(self, checkpoint: Checkpoint) -> None:
        facts = checkpoint.facts
        self.learner.load(Checkpoint(checkpoint.tensors, facts["learner"]))
        self.curve.rows = facts["rows"]
        self._started_s = self._clock.now_s() - facts["wall_s"]

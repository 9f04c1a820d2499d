"""A learner whose progress survives: its log of frames, and checkpoints that point into it."""

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from robot_rl.clock import Clock, MonotonicClock
from robot_rl.curve import Curve
from robot_rl.data.checkpoint import Checkpoint, load_newest, save_checkpoint
from robot_rl.data.files import make_folder, write_durably
from robot_rl.errors import DataError, StorageError
from robot_rl.learner import Learner
from robot_rl.types import Frame

log = logging.getLogger(__name__)
NOTES = "unsound"
"""Folder beside the checkpoints, with a file for every update that was not sound"""


class Training:
    """Takes the frames of a log, one after the other, and saves what came of them now and then.

    After a crash `restore` inserts the frames before the newest checkpoint and learns again from those after it:
    the same frames give the same weights, so nothing is lost that the log has.
    """

    def __init__(
        self,
        learner: Learner,
        has_success: bool,
        folder: Path,
        commit: Callable[[], None],
        clock: Clock | None = None,
        started_s: float | None = None,
    ) -> None:
        """`commit` returns once every frame taken is durable: a checkpoint never points beyond the log. `started_s` of
        the run by the clock; None: now."""
        self.learner, self.curve = learner, Curve(learner, has_success)
        self._folder, self._commit = folder, commit
        self._clock = clock or MonotonicClock()
        self._started_s = self._clock.now_s() if started_s is None else started_s
        self.taken = 0
        """Frames of the log so far"""
        self.last: Frame | None = None
        """The newest of them"""
        self._names = hashlib.sha256()
        """Of their actors and sequences, in order"""

    def take(self, frame: Frame) -> None:
        """Learn from one frame; every `checkpoint_every` steps a checkpoint follows."""
        before, skipped, trouble = self.learner.env_steps, self.learner.agent.skipped, self.learner.trouble
        self.learner.take(frame)
        self._count(frame)
        if self.learner.agent.skipped > skipped or self.learner.trouble != trouble:
            self._note(frame)
        self.curve.take(frame, self._clock.now_s() - self._started_s)
        steps, every = self.learner.env_steps, self.learner.config.checkpoint_every
        if every and steps > before and steps % every == 0:
            try:
                self.save()
            except StorageError as error:
                log.warning("no checkpoint at %d steps, training goes on: %s", steps, error)

    def _note(self, frame: Frame) -> None:
        """Say what was not sound, and write down where: the log up to this frame does it again, step by step."""
        learner = self.learner
        facts = {
            "after_frame": _name(frame).decode().strip(),
            "taken": self.taken,
            "gradient_steps": learner.gradient_steps,
            "steps_left_out": learner.agent.skipped,
            "trouble": learner.trouble,
        }
        said = learner.trouble or "a step was left out: its loss or gradient was not finite"
        then = "learning pauses until it is started again; collecting goes on" if learner.trouble else "it goes on"
        log.warning("after frame %s: %s; %s", facts["after_frame"], said, then)
        folder = self._folder.with_name(NOTES)
        try:
            make_folder(folder)
            write_durably(folder / f"{self.taken:06d}.json", json.dumps(facts, indent=1).encode())
        except StorageError as error:
            log.warning("not written down: %s", error)

    def save(self) -> None:
        """Write a checkpoint."""
        self._commit()
        learnt = self.learner.state()
        facts: dict[str, Any] = {
            "taken": self.taken,
            "names": self._names.hexdigest(),
            "wall_s": self._clock.now_s() - self._started_s,
            "rows": self.curve.rows,
            "learner": learnt.facts,
        }
        save_checkpoint(self._folder, self.taken, Checkpoint(learnt.tensors, facts))

    def restore(self, frames: Callable[[], Iterable[Frame]], on_frame: Callable[[], None] = lambda: None) -> None:
        """Go on after the frames of a log, which are read twice.

        A checkpoint that was not made from the beginning of this log, or is damaged, is passed over and said.
        """
        loaded = self._newest(_prefixes(frames()))
        point = loaded.facts["taken"] if loaded else 0
        for frame in frames():
            if self.taken < point:
                self.learner.insert(frame)
                self.curve.collect(frame)
                self._count(frame)
                if loaded and self.taken == point:
                    self._load(loaded)
            else:
                self.take(frame)
            on_frame()

    def _newest(self, prefixes: Mapping[int, str]) -> Checkpoint | None:
        """The newest checkpoint that belongs to a log."""

        foreign: list[str] = []

        def refuse(facts: Mapping[str, Any]) -> str:
            taken = facts["taken"]
            if prefixes.get(taken) == facts["names"]:
                return ""
            foreign.append(f"it was made from {taken} frames, the log of {len(prefixes) - 1} does not begin with them")
            return foreign[-1]

        try:
            loaded = load_newest(self._folder, refuse)
        except DataError as error:
            log.warning("%s; learning again from the log", error)
            return None
        for reason in loaded.refused if loaded else foreign:
            log.warning("%s", reason)
        return loaded.checkpoint if loaded else None

    def _count(self, frame: Frame) -> None:
        self.taken, self.last = self.taken + 1, frame
        self._names.update(_name(frame))

    def figures(self) -> dict[str, Any]:
        """What it took so far; the time is that of all calls, each up to the checkpoint from which the next went on."""
        rows, learner = self.curve.rows, self.learner
        steps = sum(row["length"] for row in rows)
        helped = sum(row.get("intervention_share", 0.0) * row["length"] for row in rows)
        return {
            "env_steps": learner.env_steps,
            "gradient_steps": learner.gradient_steps,
            "intervention_share": helped / steps if steps else None,
            "skipped_updates": learner.agent.skipped,
            "wall_s": self._clock.now_s() - self._started_s,
        }

    def _load(self, checkpoint: Checkpoint) -> None:
        facts = checkpoint.facts
        self.learner.load(Checkpoint(checkpoint.tensors, facts["learner"]))
        self.curve.rows = facts["rows"]
        self._started_s = self._clock.now_s() - facts["wall_s"]


def _name(frame: Frame) -> bytes:
    return f"{frame.actor} {frame.sequence} {frame.episode} {frame.step}\n".encode()


def _prefixes(frames: Iterable[Frame]) -> dict[int, str]:
    """For each number of frames at the log's beginning, the hash of their names."""
    names = hashlib.sha256()
    found = {0: names.hexdigest()}
    for count, frame in enumerate(frames, 1):
        names.update(_name(frame))
        found[count] = names.hexdigest()
    return found

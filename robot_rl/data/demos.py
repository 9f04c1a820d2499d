"""Demonstrations: the episodes of a log, with what a person said of them. Frames never change; labels are added."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from robot_rl.data.facts import Facts
from robot_rl.data.folder import plain_tree
from robot_rl.data.log import EpisodeLog, read_frames, read_labels, scan
from robot_rl.data.quality import Measure, measures, odd_length
from robot_rl.errors import ConfigError, DataError
from robot_rl.types import Episode, Frame, Label, Mark, Source

COMMIT_S = 60.0
"""Longest wait for the disk"""


@dataclass(frozen=True)
class Row:
    """One recorded episode in short."""

    number: int
    """Its place in the log"""
    actor: str
    episode: int
    """As the actor counts"""
    steps: int
    duration_s: float
    complete: bool
    """False: a crash or a stop cut it short"""
    recorded_success: bool
    sources: Mapping[Source, float]
    """Share of the steps by who chose the action"""
    moves: bool
    """Some action is not zero"""
    shape: tuple[object, ...]
    """Sizes of state, action and pictures"""
    measures: tuple[Measure, ...]
    marks: tuple[Label, ...] = ()
    """In force, oldest first"""

    @property
    def kept(self) -> bool:
        """Not discarded."""
        return _last(self.marks, Mark.KEEP, Mark.DISCARD) is not Mark.DISCARD

    @property
    def success(self) -> bool:
        """As recorded, or as somebody said later."""
        said = _last(self.marks, Mark.SUCCESS, Mark.FAILURE)
        return self.recorded_success if said is None else said is Mark.SUCCESS

    @property
    def usable(self) -> bool:
        """To be learnt from."""
        return self.complete and self.kept and self.success

    @property
    def flags(self) -> tuple[str, ...]:
        """Names of the measures beyond their limits"""
        return tuple(m.name for m in self.measures if m.flagged)


class DemoStore:
    """The episodes of one folder. Numbers count them in the order of the log and stay the same for ever."""

    def __init__(self, folder: str | Path) -> None:
        """Read everything once. Raises DataError for a folder that is no log of ours, or holds links."""
        self.folder = plain_tree(Path(folder))
        found = scan(self.folder)
        self.cut = tuple(map(str, found.cut))
        """What could not be read, and why"""
        self.written_facts = dict(found.segments[0].facts)
        self.facts = Facts.read(self.written_facts, str(self.folder))
        self._recorded = _rows(self._recorded_episodes())
        self._labels = list(read_labels(self.folder))

    def __len__(self) -> int:
        return len(self._recorded)

    @property
    def rows(self) -> list[Row]:
        """All episodes, with the marks so far."""
        stacks = _marks_in_force(self._labels)
        return [replace(row, marks=tuple(stacks.get((row.actor, row.episode), ()))) for row in self._recorded]

    def row(self, number: int) -> Row:
        """Raises ConfigError when there is no such episode."""
        if not 0 <= number < len(self):
            raise ConfigError(f"episode={number}: {self.folder} has the episodes 0 to {len(self) - 1}")
        return self.rows[number]

    def get(self, number: int) -> Episode:
        """The episode as it was labelled. Raises ConfigError when there is no such one."""
        row = self.row(number)
        return relabelled(next(e for n, e in self._recorded_episodes() if n == number), row.success)

    def kept(self) -> Iterator[Episode]:
        """The episodes to learn from, all of them successful, as they were labelled.

        Raises DataError, at once, when there are none, none of them moves, or they do not fit each other.
        """
        rows = self.rows
        usable = [row for row in rows if row.usable]
        _check(self.folder, rows, usable)
        numbers = {row.number for row in usable}
        return (relabelled(e, True) for n, e in self._recorded_episodes() if n in numbers)

    def check_fits(self, state_names: Sequence[str], action_names: Sequence[str]) -> None:
        """Raises DataError when an environment with these vectors cannot use the set: by names, or else by sizes."""
        sizes = self._recorded[0].shape if self._recorded else ((), ())
        for kind, wanted, known, shape in (
            ("state", state_names, self.facts.state_names, sizes[0]),
            ("action", action_names, self.facts.action_names, sizes[1]),
        ):
            if (known and known != tuple(wanted)) or (shape and shape != (len(wanted),)):
                raise DataError(
                    f"{self.folder} has another {kind} than the task: {', '.join(known) or shape}; the task has "
                    f"{', '.join(wanted)}; give the task and robot it was recorded with"
                )

    def mark(self, number: int, mark: Mark, note: str = "") -> Row:
        """Say something of an episode; durable on return.

        Raises ConfigError when there is no such episode or nothing to undo, DataError while another process writes
        this log, StorageError when the disk does not take it.
        """
        row = self.row(number)
        if mark is Mark.UNDO and not row.marks:
            raise ConfigError(f"episode {number} of {self.folder} has no mark to undo")
        label = Label(row.actor, row.episode, mark, note)
        with EpisodeLog(self.folder, facts=self.written_facts) as log:
            log.label(label)
            log.commit(COMMIT_S)
        self._labels.append(label)
        return self.row(number)

    def complete(self, numbers: Collection[int]) -> Iterator[tuple[Episode, Sequence[Label]]]:
        """Those of `numbers` that reached their end, as recorded, with their marks."""
        rows = self.rows
        return ((e, rows[n].marks) for n, e in self._recorded_episodes() if n in numbers and e.complete)

    def episodes(self) -> Iterator[Episode]:
        """All of them, also those cut short, as recorded."""
        return (episode for _, episode in self._recorded_episodes())

    def _recorded_episodes(self) -> Iterator[tuple[int, Episode]]:
        return grouped(read_frames(self.folder))


def grouped(frames: Iterable[Frame]) -> Iterator[tuple[int, Episode]]:
    """Episodes with their numbers in the order in which they end. Actors may take turns; the cut-off ones come last."""
    running: dict[tuple[str, int], tuple[int, list[Frame]]] = {}
    count = 0
    for frame in frames:
        name = frame.actor, frame.episode
        if frame.step == 0:
            if name in running:
                number, so_far = running[name]
                yield number, Episode(so_far)
            running[name] = count, []
            count += 1
        if name in running:
            number, so_far = running[name]
            so_far.append(frame)
            if frame.ends:
                yield number, Episode(running.pop(name)[1])
    yield from ((number, Episode(so_far)) for number, so_far in running.values())


def relabelled(episode: Episode, success: bool) -> Episode:
    """The same with another outcome: a success ends the task with reward 1; a failure only stopped there, without."""
    if not len(episode) or episode.success is success:
        return episode
    last = episode.transitions[-1]
    outcome = replace(last, success=success, reward=float(success), terminated=success, truncated=not success)
    return Episode([*episode.frames[:-1], replace(episode.frames[-1], transition=outcome)])


def _rows(episodes: Iterable[tuple[int, Episode]]) -> list[Row]:
    rows = sorted((_row(number, episode) for number, episode in episodes), key=lambda row: row.number)
    lengths = [row.steps for row in rows if row.complete]
    return [replace(row, measures=(*row.measures, odd_length(row.steps, lengths))) for row in rows]


def _row(number: int, episode: Episode) -> Row:
    first, steps = episode.frames[0], len(episode)
    pictures = {camera: image.shape for camera, image in first.images.items()}
    return Row(
        number=number,
        actor=first.actor,
        episode=first.episode,
        steps=steps,
        duration_s=episode.duration_s,
        complete=episode.complete,
        recorded_success=steps > 0 and episode.success,
        sources={source: float(np.mean(episode.sources == source)) for source in Source} if steps else {},
        moves=steps > 0 and bool(episode.actions.any()),
        shape=(first.state.shape, episode.actions.shape[1:] if steps else (), pictures),
        measures=measures(episode) if steps else (),
    )


def _marks_in_force(labels: Iterable[Label]) -> dict[tuple[str, int], list[Label]]:
    """By actor and episode, oldest first."""
    stacks: dict[tuple[str, int], list[Label]] = {}
    for label in labels:
        stack = stacks.setdefault((label.actor, label.episode), [])
        if label.mark is not Mark.UNDO:
            stack.append(label)
        elif stack:
            stack.pop()
    return stacks


def _last(marks: Sequence[Label], *kinds: Mark) -> Mark | None:
    return next((label.mark for label in reversed(marks) if label.mark in kinds), None)


def _check(folder: Path, rows: Sequence[Row], usable: Sequence[Row]) -> None:
    """Raises DataError when there is nothing to learn from, with the counts."""
    counts = (
        f"{folder}: of {len(rows)} episodes {sum(not row.complete for row in rows)} were cut short, "
        f"{sum(not row.kept for row in rows)} are discarded, {sum(not row.success for row in rows)} did not succeed"
    )
    if not usable:
        raise DataError(f"{counts}; none is left to learn from, so record some, or relabel")
    if not any(row.moves for row in usable):
        raise DataError(f"{counts}; in the {len(usable)} that are left every action is zero: nothing was shown")
    odd = [row for row in usable if row.shape != usable[0].shape]
    if odd:
        raise DataError(
            f"{folder}: episode {odd[0].number} has other state, action or picture sizes than episode "
            f"{usable[0].number} ({odd[0].shape} and {usable[0].shape}); split them"
        )

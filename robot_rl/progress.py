"""How far a long command is: a live bar on a terminal, a plain line now and then in a log file."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Column

from robot_rl.clock import Clock, MonotonicClock

LINE_EVERY_S = 5.0
"""Time between two lines where there is no terminal."""
SHARES = ("success", "help")
"""Figures in [0, 1], shown in per cent."""


class Progress:
    """Shows phase, bar, time elapsed and left, and a few live figures, all on stderr.

    Use as a context manager: `phase` starts a bar, `advance` moves it. Figures given to `advance` stay until
    given again or until the next phase.
    `quiet` shows nothing.
    """

    def __init__(
        self,
        total_env_steps: int,
        quiet: bool = False,
        console: Console | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._total_env_steps = total_env_steps
        self._quiet = quiet
        self._console = console or Console(stderr=True)
        self._clock = clock or MonotonicClock()
        self._bar = _bar(self._console) if self._console.is_terminal and not quiet else None
        self._name = ""
        self._begin("", 0)

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()
        if self._bar:
            self._bar.stop()

    def phase(self, name: str, total: int | None = None, done: int = 0) -> None:
        """Start a phase of `total` steps (default: the run's environment steps), `done` of them by an earlier run; the
        phase before is over."""
        self._end()
        self._begin(name, self._total_env_steps if total is None else total, done)
        if self._bar:
            self._bar.add_task(name, total=self._total, completed=done, figures="")

    def advance(self, n: int = 1, **figures: float) -> None:
        """`n` more steps are done; `figures` are shown beside the bar."""
        self._done += n
        self._figures |= figures
        if self._bar and self._bar.task_ids:
            self._bar.update(self._bar.task_ids[-1], completed=self._done, figures=self._figures_text())
        elif self._clock.now_s() - self._line_s >= LINE_EVERY_S:
            self._line()

    def _begin(self, name: str, total: int, done: int = 0) -> None:
        self._name, self._total, self._done, self._before = name, total, done, done
        self._figures: dict[str, float] = {}
        self._start_s = self._line_s = self._clock.now_s()

    def _end(self) -> None:
        """The last state of a phase always gets its line."""
        if self._name and not self._bar:
            self._line()

    def _line(self) -> None:
        self._line_s = self._clock.now_s()
        if self._quiet:
            return
        elapsed_s = self._line_s - self._start_s
        here = self._done - self._before
        left_s = elapsed_s * max(0, self._total - self._done) / here if here else None
        left = f", {_clock_text(left_s)} left" if left_s else ""
        count = f"{self._done}/{self._total}"
        text = f"{self._name}  {count}  {_clock_text(elapsed_s)} elapsed{left}  {self._figures_text()}"
        self._console.print(text.rstrip(), markup=False, highlight=False, soft_wrap=True)

    def _figures_text(self) -> str:
        elapsed_s, here = self._clock.now_s() - self._start_s, self._done - self._before
        parts = [f"{name} {_figure(name, value)}" for name, value in self._figures.items()]
        if elapsed_s > 0 and here:
            parts.append(f"{here / elapsed_s:.3g}/s")
        return "  ".join(parts)


def _bar(console: Console) -> Bar:
    """Where it is narrow the bar shrinks, never a number."""
    whole = Column(no_wrap=True)
    return Bar(
        TextColumn("{task.description}", style="bold"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(table_column=whole),
        TimeElapsedColumn(table_column=whole.copy()),
        TimeRemainingColumn(compact=True, table_column=whole.copy()),
        TextColumn("{task.fields[figures]}", style="dim"),
        console=console,
    )


def _figure(name: str, value: float) -> str:
    return f"{value:.0%}" if name in SHARES else f"{value:.3g}"


def _clock_text(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"

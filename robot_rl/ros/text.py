"""Errors as one line of a log."""

import traceback
from collections.abc import Callable
from types import TracebackType

from robot_rl.errors import RobotRLError


def one_line(error: BaseException) -> str:
    """What was wrong; for what nobody raised on purpose, also where."""
    text = " ".join(str(error).split())
    if isinstance(error, RobotRLError):
        return text
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {text} ({where.filename}:{where.lineno})"


class Watched:
    """A block whose errors are told and kept, for whoever decides what becomes of them."""

    def __init__(self, tell: Callable[[Exception], None]) -> None:
        self._tell = tell
        self.error: Exception | None = None

    def __enter__(self) -> "Watched":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        self.error = error
        self._tell(error)
        return True

"""Errors as text for one line of a log."""

import traceback

from robot_rl.errors import RobotRLError


def one_line(error: BaseException) -> str:
    """What was wrong; for what nobody raised on purpose, also where."""
    text = " ".join(str(error).split())
    if isinstance(error, RobotRLError):
        return text
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {text} ({where.filename}:{where.lineno})"

"""What the numbers of a set of demonstrations mean, as it is written beside them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from robot_rl.errors import DataError

SCHEMA = 1
"""Of what we add to foreign formats"""
MAX_HZ = 1e4


@dataclass(frozen=True, slots=True)
class Facts:
    """True of every episode of a set."""

    task: str = ""
    robot: str = ""
    hz: float = 10.0
    """Policy steps per second"""
    state_names: tuple[str, ...] = ()
    """Empty: unknown"""
    action_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises ValueError for a rate that cannot be."""
        if not 0 < self.hz <= MAX_HZ:
            raise ValueError(f"{self.hz} policy steps per second; expected more than 0, at most {MAX_HZ:g}")

    def written(self) -> dict[str, str]:
        """As a log and other formats keep them."""
        names = {"state_names": list(self.state_names), "action_names": list(self.action_names)}
        texts = {"task": self.task, "robot": self.robot, "policy_hz": repr(self.hz)}
        return texts | {key: json.dumps(value) for key, value in names.items()}

    @classmethod
    def read(cls, written: Mapping[str, str], where: str) -> Self:
        """What `written` gave; entries that are missing are unknown.

        Raises DataError, beginning with `where`, for entries of another kind.
        """
        try:
            hz = float(written.get("policy_hz", cls().hz))
            names = [tuple(map(str, json.loads(written.get(key, "[]")))) for key in ("state_names", "action_names")]
            return cls(str(written.get("task", "")), str(written.get("robot", "")), hz, *names)
        except (TypeError, ValueError, AttributeError) as error:
            raise DataError(f"{where} does not say what its numbers mean ({error})") from error

    def stamped(self) -> str:
        """As JSON with our schema, to go into a foreign format."""
        return json.dumps({"schema": SCHEMA, "facts": self.written()})

    @classmethod
    def read_stamped(cls, text: str, where: str) -> Self:
        """What `stamped` gave. Raises DataError, beginning with `where`, also for a schema newer than ours."""
        try:
            values: Any = json.loads(text)
            schema, written = values["schema"], values["facts"]
        except (TypeError, ValueError, KeyError) as error:
            raise DataError(f"{where}: what robot_rl wrote there is damaged ({error!r}); export it again") from error
        if schema != SCHEMA:
            raise DataError(f"{where} has schema {schema!r}, this version reads {SCHEMA}; update robot_rl")
        return cls.read(written, where)

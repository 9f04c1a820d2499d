"""Where the settings of an actor differ from its learner's."""

import json
from typing import Any

MOST, LONGEST = 5, 60
"""Settings that are named, and characters of a value"""


def difference(theirs: str, ours: str) -> str:
    """`learner.utd is 2 at the actor, 4 at the learner; ...` for two texts of JSON objects; empty where they say the
    same or are none."""
    actor, learner = _settings(theirs), _settings(ours)
    if actor is None or learner is None:
        return ""
    names = [name for name in sorted(actor | learner) if actor.get(name) != learner.get(name)]
    said = [f"{n} is {_short(actor.get(n))} at the actor, {_short(learner.get(n))} at the learner" for n in names]
    return "; ".join(said[:MOST] + [f"and {len(said) - MOST} more"] * (len(said) > MOST))


def _settings(text: str) -> dict[str, Any] | None:
    try:
        settings = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return settings if isinstance(settings, dict) else None


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."

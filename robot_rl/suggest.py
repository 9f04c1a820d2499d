"""`did you mean` for error messages."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean X? (known: ...)` to end an error message with."""
    known = sorted(known)
    match = get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"; did you mean {match[0]}?" if match else ""
    return f"{hint} (known: {', '.join(known)})" if len(known) <= 20 else hint

"""Numbers and outcomes as words."""

from typing import Any

RELIABLE = 0.9
"""A lower end of the 95% interval from which a policy is called reliable."""


def verdict(report: dict[str, Any]) -> str:
    """The run in one or two sentences; a `verdict` in the report goes first."""
    if report.get("verdict"):
        return str(report["verdict"])
    rate = report.get("success_rate")
    if rate is None:
        mean = report.get("return_mean")
        if mean is None:
            return "Not scored yet."
        return f"Mean return {number(mean)} over {count(report.get('episodes'))} episodes."
    return f"{_warning(report)}{_reliability(rate, report)}{_pace(report)}."


def _warning(report: dict[str, Any]) -> str:
    if report.get("limit_breaches"):
        return "A safety limit was breached: do not use this policy before that is understood. "
    if report.get("mujoco_warnings"):
        return "The physics engine gave warnings: do not trust these figures before they are understood. "
    return ""


def _reliability(rate: float, report: dict[str, Any]) -> str:
    low = (report.get("success_ci95") or [0.0])[0] or 0.0
    word = "Reliable" if low >= RELIABLE else "Usable, not yet reliable" if rate >= 0.5 else "Not learnt"
    return f"{word}: succeeds in {percent(rate)} of attempts"


def _pace(report: dict[str, Any]) -> str:
    own, expert = report.get("cycle_time_s"), report.get("expert_cycle_time_s")
    if not own or not expert:
        return ""
    ratio = expert / own
    if 0.95 < ratio < 1.05:
        return ", as fast as the expert"
    return (
        f", {ratio:.1f} times as fast as the expert" if ratio > 1 else f", {1 / ratio:.1f} times slower than the expert"
    )


def percent(share: float | None) -> str:
    """0.973 -> `97%`; only a perfect share reads 100%, only none reads 0%."""
    if share is None:
        return "–"
    rounded = round(100 * share)
    if rounded in (0, 100) and share not in (0, 1):
        return f"{100 * share:.1f}%"
    return f"{rounded}%"


def duration(seconds: float | None) -> str:
    """5.72 -> `5.7 s`, 754 -> `12 min 34 s`, 7500 -> `2 h 5 min`."""
    if seconds is None:
        return "–"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def count(amount: float | None) -> str:
    """12345 -> `12 345`, with a thin space."""
    return "–" if amount is None else f"{amount:,.0f}".replace(",", "\u2009")


def number(value: Any) -> str:
    """A cell of a table."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return ", ".join(number(item) for item in value) or "none"
    return str(value)


def flatten(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested keys joined with dots, in order."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat

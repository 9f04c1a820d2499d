"""What an arm did from a signal on, from its process's trace, with this file's own arithmetic."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from robot_rl.operator import State

PERIOD_S, VALID_S = 0.002, 0.2
STILL_S = 1.0
"""How long the arm's process stands still"""
KINDS = ("actor killed", "actor stopped", "arm process stopped")


@dataclass(frozen=True)
class Moment:
    """One signal."""

    kind: str
    at_s: float
    until_s: float
    sent: dict[int, float]
    """The actor's own note of when it sent each command"""


def judge(kind: str, moments: Sequence[Moment], rows: Any) -> dict[str, Any]:
    """Figures of one kind of moment."""
    stops = [judge_one(moment, rows) for moment in moments]
    moving = [stop for stop in stops if stop["moving"]]
    if not moving:
        raise SystemExit(f"{kind}: the arm moved at none of {len(stops)} moments; the machine is too busy to measure")

    def column(name: str) -> np.ndarray:
        return np.array([stop[name] for stop in moving], float)

    return {
        "kind": kind,
        "moments": len(stops),
        "moving": len(moving),
        "speed_m_s": float(np.median(column("speed_m_s"))),
        "ms_from_signal": spread(1e3 * column("from_signal_s")),
        "periods_from_end": spread(column("from_end_s") / PERIOD_S),
        "periods_from_end_by_actor": spread(column("from_sent_end_s") / PERIOD_S),
        "periods_too_late": int(column("too_late").sum()),
        "resumed": int(column("resumed").sum()),
        "obeyed": int(column("obeyed").sum()),
        "way_mm": spread(1e3 * column("way_m")),
        "tool_way_mm": spread(1e3 * column("tool_way_m")),
        "lag_mm": spread(1e3 * column("lag_m")),
        "reference_beyond_um": float(1e6 * column("beyond_m").max()),
        "tool_beyond_mm": float(1e3 * column("tool_beyond_m").max()),
        "not_at_rest": int((~(column("left_m_s") <= 1e-6)).sum()),
        "not_latched": int(column("not_latched").sum()) if kind == KINDS[2] else 0,
    }


def judge_one(moment: Moment, rows: Any) -> dict[str, Any]:
    """What the arm did from this signal on.

    `too_late` counts periods that began after permission had ended and still did not brake: with none, braking began
    within one period as they ran. When the arm's process stood still, permission ends with the standing still.
    """
    times = rows["time_s"]
    first, stop = (int(np.searchsorted(times, t)) for t in (moment.at_s, moment.until_s))
    window = rows[:stop]
    if moment.kind == KINDS[2]:
        first += int(np.argmax(np.diff(times[first - 1 : stop])))  # the first after the longest gap
        end_s = float(times[first])
    else:
        end_s = float(window["arrived_s"][-1] + window["valid_for_s"][-1])
    braking = window["braking"][first:] == 1
    start = first + int(np.argmax(braking)) if braking.any() else stop - 1
    late = (window["time_s"] >= end_s) & (window["braking"] == 0) & (np.arange(stop) >= first)
    last = int(window["sequence"][-1])
    sent_end_s = moment.sent[last] + VALID_S if moment.kind != KINDS[2] else end_s
    return {
        "moving": bool(window["braking"][first - 1] == 0),
        "speed_m_s": float(np.abs(window["reference_m_s"][start - 1]).max()),
        "from_signal_s": float(times[start] - (moment.at_s if moment.kind != KINDS[2] else end_s)),
        "from_end_s": float(times[start] - end_s),
        "from_sent_end_s": float(times[start] - sent_end_s),
        "too_late": int(late.sum()),
        "resumed": int((window["braking"][start:] == 0).sum()),
        "obeyed": int((np.diff(window["arrived_s"][max(first, start) - 1 :]) != 0).sum()),
        "not_latched": int(window["state"][-1] != list(State).index(State.STOPPED)),
        **judge_way(window, start),
    }


def judge_way(window: Any, start: int) -> dict[str, float]:
    """The way from the last period without braking, `start` - 1, against that of the quickest stop.

    The tool trails a reference that turns round faster than the bounded force can accelerate the arm: it may go as far
    as the reference and what it trails behind at that moment, and beyond that by the clip, which is what it overshoots.
    """
    rate, place, tool = window["reference_m_s"], window["reference_m"], window["tool_m"]
    slope = (rate[start - 1] - rate[start - 2]) / PERIOD_S
    limits = window["acceleration_m_s2"][start], window["jerk_m_s3"][start]
    seconds, metres = quickest_stop(rate[start - 1], slope, *limits)
    way = np.abs(place[start:] - place[start - 1]).max(axis=0)
    tool_way = np.linalg.norm(tool[start:] - tool[start], axis=1).max()
    lag = np.linalg.norm(place[start - 1] - tool[start])  # the tool as measured after that period
    rested = rate[start + 1 + int(np.ceil(seconds / PERIOD_S)) :]
    return {
        "way_m": float(np.linalg.norm(way)),
        "beyond_m": float((way - metres).max()),
        "tool_way_m": float(tool_way),
        "lag_m": float(lag),
        "tool_beyond_m": float(tool_way - np.linalg.norm(metres) - lag),
        "left_m_s": float(np.abs(rested).max()) if len(rested) else float("nan"),
    }


def quickest_stop(
    rate: np.ndarray, slope: np.ndarray, acceleration: np.ndarray, jerk: np.ndarray
) -> tuple[float, np.ndarray]:
    """Longest time in s, and way in m per axis, to stop within the limits in force from speed `rate` and acceleration
    `slope`, the mean of the last period. First the acceleration is taken back, at worst one that speeds up; then a
    symmetric S, of triangle or trapezium in acceleration (Biagiotti and Melchiorri 2008, section 3.4)."""
    back_s = np.minimum(np.abs(slope) + jerk * PERIOD_S / 2, acceleration) / jerk
    peak = np.abs(rate) + jerk * back_s**2 / 2
    full = peak * jerk >= acceleration**2
    brake_s = np.where(full, peak / acceleration + acceleration / jerk, 2 * np.sqrt(peak / jerk))
    return float((back_s + brake_s).max()), peak * (back_s + brake_s / 2)


def late(rows: Any, stalls: Sequence[Moment]) -> dict[str, Any]:
    """How late the periods began, in ms, apart from those in which the arm's process was made to stand still."""
    times = rows["time_s"]
    meant = np.zeros(len(times), bool)
    for stall in stalls:
        meant |= (times >= stall.at_s) & (times <= stall.at_s + STILL_S + 0.05)
    late_ms = 1e3 * (times - rows["deadline_s"])[~meant]
    ran = round((times[-1] - times[0] - STILL_S * len(stalls)) / PERIOD_S)
    return {
        "periods": len(late_ms),
        "share_of_grid": len(times) / ran,
        "median_ms": float(np.median(late_ms)),
        "p99_ms": float(np.percentile(late_ms, 99)),
        "worst_ms": float(late_ms.max()),
    }


def spread(values: np.ndarray) -> dict[str, float]:
    return {"median": float(np.median(values)), "worst": float(values.max())}

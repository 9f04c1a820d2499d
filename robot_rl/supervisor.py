"""Is every part alive, in time and well? Heartbeats go in; alarms, and what to do about them, come out.

Pure: it reads a clock and nothing else. What it asks for is carried out by whoever asks it: `Do.HOLD` and `Do.STOP`
through the authority, `Do.PAUSE` by the recorder. Not a certified safety function.
"""

import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum, auto

from robot_rl.clock import Clock
from robot_rl.errors import ConfigError

WINDOW = 21
"""Heartbeats over which a rate is taken."""
VALIDITY_S = 0.2
"""Of a command, by default."""


class Do(IntEnum):
    """What an alarm asks for, from mild to strict."""

    GO_ON = auto()
    """Tell the operator, change nothing."""
    PAUSE = auto()
    """Start no further episode until it is over."""
    HOLD = auto()
    """Brake and hold for as long as it lasts; going on afterwards is the operator's choice."""
    STOP = auto()
    """Latched stop: a person clears it and arms anew."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that may go wrong with parts of one kind. Every measure is bad when large."""

    kind: str
    measure: str
    """Key of `MEASURES`."""
    limit: float
    """The alarm is raised as soon as the measure is not within 0 .. `limit`."""
    calm: float
    """It is over once the measure has stayed within 0 .. `calm` for `calm_s`."""
    do: Do
    action: str
    """What happens and what a person can do, one line."""
    calm_s: float = 1.0

    def __post_init__(self) -> None:
        if self.measure not in MEASURES or not 0.0 <= self.calm <= self.limit:
            raise ConfigError(
                f"rule for {self.kind}: measure {self.measure!r}, limit {self.limit}, calm {self.calm}; "
                f"one of {sorted(MEASURES)} and 0 <= calm <= limit are needed"
            )


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm that has been raised, or is over."""

    stamp_s: float
    part: str
    raised: bool
    do: Do
    cause: str
    """One line: what was measured, what is allowed."""
    action: str


@dataclass(frozen=True, slots=True)
class Health:
    """One part, for display."""

    part: str
    age_s: float
    """Since its last heartbeat."""
    rate_hz: float
    """Over the last heartbeats; 0 before there are two."""
    overruns: int
    """Heartbeats that came more than half a period late."""
    trouble: str


class _Part:
    """What is known of one part."""

    def __init__(self, kind: str, period_s: float, now_s: float) -> None:
        self.kind, self.period_s = kind, period_s
        self.stamps = deque([now_s], maxlen=WINDOW)
        self.sequence: int | None = None
        self.longest_s = 0.0
        self.overruns = 0
        self.trouble = ""

    def silence_s(self, now_s: float) -> float:
        """The longest silence since the last judgement, the present one included. Negative when time went back."""
        age_s = now_s - self.stamps[-1]
        return max(age_s, self.longest_s) if age_s >= 0.0 else age_s

    def slowness(self, now_s: float) -> float:
        """Mean interval over the nominal one; 0 before there are enough of them."""
        mean_s = (self.stamps[-1] - self.stamps[0]) / (WINDOW - 1)
        return mean_s / self.period_s if len(self.stamps) == WINDOW else 0.0

    def rate_hz(self) -> float:
        span_s = self.stamps[-1] - self.stamps[0]
        return (len(self.stamps) - 1) / span_s if span_s > 0.0 else 0.0

    def beat(self, now_s: float) -> None:
        gap_s = now_s - self.stamps[-1]
        self.longest_s = max(self.longest_s, gap_s)
        self.overruns += gap_s > 1.5 * self.period_s
        self.stamps.append(now_s)


MEASURES: Mapping[str, tuple[Callable[[_Part, float], float], str]] = {
    "silence_s": (_Part.silence_s, "silent for {value:.3f} s (at most {limit:.3f} s)"),
    "slowness": (_Part.slowness, "{value:.1f} times slower than its nominal rate (at most {limit:.1f} times)"),
    "trouble": (lambda part, now_s: float(bool(part.trouble)), "{trouble}"),
}
"""How each is measured, and how it is said."""

RULES = (
    Rule("arm", "silence_s", 0.1, 0.05, Do.STOP, "stopped, its state is unknown: look at the arm, clear, arm anew"),
    Rule("arm", "trouble", 0.0, 0.0, Do.STOP, "stopped: find the cause at the arm, clear, arm anew"),
    Rule("clock", "silence_s", 0.5, 0.25, Do.HOLD, "holding, the arm's process stood still: free the machine of load"),
    Rule("camera", "silence_s", 0.2, 0.1, Do.HOLD, "holding: check the camera's cable, then go on"),
    Rule("camera", "slowness", 2.0, 1.5, Do.GO_ON, "going on: check USB bandwidth and exposure"),
    Rule("camera", "trouble", 0.0, 0.0, Do.HOLD, "holding: put the camera right, then go on"),
    Rule("actor", "silence_s", 2 * VALIDITY_S, VALIDITY_S, Do.HOLD, "holding: free the machine of load, then go on"),
    Rule("actor", "trouble", 0.0, 0.0, Do.HOLD, "holding: see the actor's log, then go on"),
    Rule("learner", "silence_s", 2.0, 1.0, Do.GO_ON, "collecting without learner, nothing is lost: start it again"),
    Rule("learner", "trouble", 0.0, 0.0, Do.GO_ON, "collecting without learner, nothing is lost: see its log"),
    Rule("disk", "silence_s", 5.0, 2.5, Do.PAUSE, "no new episode: see whether the disk still takes data"),
    Rule("disk", "trouble", 0.0, 0.0, Do.PAUSE, "no new episode: make room on the disk"),
)


class Supervisor:
    """Watches parts by the rules of their kind. An alarm comes once when it is raised and once when it is over."""

    def __init__(self, clock: Clock, period_s: float, rules: Sequence[Rule] = RULES) -> None:
        """`judge` will be called every `period_s`; that it is, is watched as the part `clock`."""
        self._clock, self._rules = clock, tuple(rules)
        self._parts: dict[str, _Part] = {}
        self._raised: dict[tuple[str, Rule], Alarm] = {}
        self._calm_since_s: dict[tuple[str, Rule], float] = {}
        self.watch("clock", "clock", period_s)

    def watch(self, part: str, kind: str, period_s: float) -> None:
        """Expect a heartbeat every `period_s` from now on. For when a part has started, and again when it restarts.

        Raises ConfigError for a kind without rules, or a period that is none.
        """
        kinds = sorted({rule.kind for rule in self._rules})
        if kind not in kinds or not (period_s > 0.0 and math.isfinite(period_s)):
            raise ConfigError(f"part {part!r}: kind {kind!r} (known: {kinds}), period {period_s} s (above 0)")
        self._parts[part] = _Part(kind, period_s, self._clock.now_s())

    def beat(self, part: str, sequence: int | None = None) -> None:
        """It has done its work once. With a `sequence` that has not grown (a camera's frozen frame) it has not.

        A part that is not watched is ignored, here and in `trouble`: names may come from other processes.
        """
        known = self._parts.get(part)
        if known is None or (sequence is not None and known.sequence is not None and not sequence > known.sequence):
            return
        known.sequence = sequence
        known.beat(self._clock.now_s())

    def trouble(self, part: str, text: str) -> None:
        """What a part says is wrong with it; empty when nothing is."""
        if part in self._parts:
            self._parts[part].trouble = " ".join(text.split())

    def judge(self) -> tuple[Alarm, ...]:
        """Alarms raised and alarms over since the last judgement, strictest first. Call it at every control period."""
        now_s, news = self._clock.now_s(), []
        for name, part in self._parts.items():
            news += [self._apply(rule, name, now_s) for rule in self._rules if rule.kind == part.kind]
        self.beat("clock")
        for part in self._parts.values():
            part.longest_s = 0.0
        return _strictest_first(alarm for alarm in news if alarm)

    def alarms(self) -> tuple[Alarm, ...]:
        """Those that are raised now, strictest first."""
        return _strictest_first(self._raised.values())

    def health(self) -> tuple[Health, ...]:
        """Every part, in the order in which they were first watched."""
        now_s = self._clock.now_s()
        return tuple(
            Health(name, now_s - part.stamps[-1], part.rate_hz(), part.overruns, part.trouble)
            for name, part in self._parts.items()
        )

    def _apply(self, rule: Rule, name: str, now_s: float) -> Alarm | None:
        """The news about one rule for one part, if any."""
        part, key = self._parts[name], (name, rule)
        measure, words = MEASURES[rule.measure]
        value = measure(part, now_s)
        if key not in self._raised:
            if 0.0 <= value <= rule.limit:
                return None
            cause = f"{name}: {words.format(value=value, limit=rule.limit, trouble=part.trouble)}"
            self._raised[key] = Alarm(now_s, name, True, rule.do, cause, rule.action)
            return self._raised[key]
        if not 0.0 <= value <= rule.calm:
            self._calm_since_s.pop(key, None)
            return None
        if not now_s - self._calm_since_s.setdefault(key, now_s) >= rule.calm_s:
            return None
        del self._calm_since_s[key]
        over = self._raised.pop(key)
        action = "the stop stays: clear, arm anew" if rule.do is Do.STOP else "it may go on"
        return replace(over, stamp_s=now_s, raised=False, cause=f"over: {over.cause}", action=action)


def _strictest_first(alarms: Iterable[Alarm]) -> tuple[Alarm, ...]:
    return tuple(sorted(alarms, key=lambda alarm: -alarm.do))

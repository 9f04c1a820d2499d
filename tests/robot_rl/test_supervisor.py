"""Heartbeats in, alarms out."""

import math
from dataclasses import FrozenInstanceError, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_rl.clock import ManualClock
from robot_rl.errors import ConfigError
from robot_rl.supervisor import RULES, Alarm, Do, Rule, Supervisor

PERIOD_S = 1 / 64
"""Of judging. Times here are sums of powers of two, so that a limit is met exactly."""
KINDS = ("arm", "camera", "actor", "learner", "disk")
PERIODS_S = {"arm": 1 / 64, "camera": 1 / 32, "actor": 1 / 8, "learner": 1 / 2, "disk": 1.0}


class Watch:
    """A supervisor that is asked every period, and parts that beat while they are well."""

    def __init__(self, rules: tuple[Rule, ...] = RULES, kinds: tuple[str, ...] = KINDS) -> None:
        self.clock = ManualClock(50.0)
        self.supervisor = Supervisor(self.clock, PERIOD_S, rules)
        for kind in kinds:
            self.supervisor.watch(kind, kind, PERIODS_S[kind])
        self.kinds = kinds
        self.ticks = 0

    def run(self, seconds: float, silent: tuple[str, ...] = ()) -> list[Alarm]:
        """Alarms, in order."""
        news: list[Alarm] = []
        for _ in range(round(seconds / PERIOD_S)):
            self.ticks += 1
            self.clock.sleep_until(self.clock.now_s() + PERIOD_S)
            for kind in self.kinds:
                if kind not in silent and self.ticks % round(PERIODS_S[kind] / PERIOD_S) == 0:
                    self.supervisor.beat(kind)
            news += self.supervisor.judge()
        return news


def one(news: list[Alarm] | tuple[Alarm, ...]) -> Alarm:
    assert len(news) == 1, news
    return news[0]


def test_a_cell_that_is_well_is_silent_for_a_minute() -> None:
    watch = Watch()
    assert watch.run(60.0) == []
    assert watch.supervisor.alarms() == ()
    assert [health.overruns for health in watch.supervisor.health()] == [0] * 6


SILENCE = {
    "arm": (0.1, Do.STOP),
    "camera": (0.2, Do.HOLD),
    "actor": (0.4, Do.HOLD),
    "learner": (2.0, Do.GO_ON),
    "disk": (5.0, Do.PAUSE),
    "clock": (0.5, Do.HOLD),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_silent_part_is_noticed_at_its_limit_and_asks_for_what_the_plan_says(kind: str) -> None:
    limit_s, do = SILENCE[kind]
    watch = Watch()
    watch.run(20.0)
    beat_s = watch.clock.now_s()
    alarm = one(watch.run(limit_s + 3 * PERIOD_S, silent=(kind,)))
    assert limit_s < alarm.stamp_s - beat_s <= limit_s + PERIOD_S
    assert (alarm.part, alarm.raised, alarm.do) == (kind, True, do)
    assert alarm.cause == f"{kind}: silent for {alarm.stamp_s - beat_s:.3f} s (at most {limit_s:.3f} s)"
    assert alarm.action and "\n" not in alarm.action
    assert watch.supervisor.alarms() == (alarm,)


@pytest.mark.parametrize(
    ("kind", "do"),
    [("arm", Do.STOP), ("camera", Do.HOLD), ("actor", Do.HOLD), ("learner", Do.GO_ON), ("disk", Do.PAUSE)],
)
def test_a_part_that_says_it_is_in_trouble_is_believed_at_once(kind: str, do: Do) -> None:
    watch = Watch()
    watch.supervisor.trouble(kind, "no room left\non device ")
    alarm = one(watch.run(PERIOD_S))
    assert (alarm.do, alarm.cause) == (do, f"{kind}: no room left on device")
    watch.supervisor.trouble(kind, "")
    over = one(watch.run(2.0))
    assert (over.raised, over.do, over.cause) == (False, do, f"over: {alarm.cause}")
    assert over.action == ("the stop stays: clear, arm anew" if do is Do.STOP else "it may go on")
    assert over.stamp_s - alarm.stamp_s == 1.0 + PERIOD_S
    assert watch.supervisor.alarms() == ()


def test_the_rules_are_those_of_the_plan() -> None:
    assert {rule.kind: (rule.limit, rule.do) for rule in RULES if rule.measure == "silence_s"} == SILENCE
    assert {rule.limit / rule.calm for rule in RULES if rule.measure == "silence_s"} == {2.0}
    slow = next(rule for rule in RULES if rule.measure == "slowness")
    assert (slow.limit, slow.calm) == (2.0, 1.5)
    assert Do.GO_ON < Do.PAUSE < Do.HOLD < Do.STOP


def test_an_alarm_is_over_only_after_a_calm_second() -> None:
    watch = Watch(kinds=("camera",))
    watch.run(1.0)
    raised = one(watch.run(0.25, silent=("camera",)))
    assert watch.run(1.0) == []
    over = one(watch.run(0.25))
    assert not over.raised and over.stamp_s - raised.stamp_s > 1.0
    watch.run(0.25, silent=("camera",))
    assert len(watch.supervisor.alarms()) == 1, "it is raised anew"


def test_an_alarm_is_over_though_nobody_looked_at_the_very_second() -> None:
    watch = Watch(kinds=())
    watch.supervisor.watch("learner", "learner", 1.0)
    watch.supervisor.trouble("learner", "out of memory")
    assert one(watch.run(PERIOD_S)).raised
    watch.supervisor.trouble("learner", "")
    assert watch.run(PERIOD_S) == []
    watch.clock.sleep_until(watch.clock.now_s() + 1.375)
    assert [alarm.raised for alarm in watch.supervisor.judge() if alarm.part == "learner"] == [False]


def test_a_time_that_went_back_is_no_calm() -> None:
    watch = Watch(kinds=("camera",))
    watch.run(1.0)
    assert one(watch.run(0.25, silent=("camera",))).raised
    watch.supervisor.beat("camera")
    watch.clock._now_s -= 0.5
    watch.run(0.5 - PERIOD_S, silent=("camera",))
    assert [alarm.part for alarm in watch.run(1.0)] == ["clock"], "the camera's calm second begins with its last beat"
    assert one(watch.run(2 * PERIOD_S)).part == "camera"


def test_a_silence_between_calm_and_limit_keeps_an_alarm_up() -> None:
    rule = Rule("camera", "silence_s", 0.25, 0.125, Do.HOLD, "hold", calm_s=0.5)
    watch = Watch((rule, *RULES[:3]), kinds=("camera",))
    watch.run(0.5)
    assert one(watch.run(0.28125, silent=("camera",))).raised
    for _ in range(10):
        assert watch.run(0.1875, silent=("camera",)) == []
        watch.supervisor.beat("camera")
    assert watch.run(0.5 - 2 * PERIOD_S) == []
    assert one(watch.run(4 * PERIOD_S)).raised is False


@given(st.lists(st.booleans(), min_size=1, max_size=400))
def test_no_pattern_of_heartbeats_makes_an_alarm_chatter(beats: list[bool]) -> None:
    watch = Watch(kinds=("camera",))
    news: list[Alarm] = []
    for beat in beats:
        news += watch.run(PERIOD_S * 2, silent=() if beat else ("camera",))
    for cause in ("silent", "slower"):
        mine = [alarm for alarm in news if cause in alarm.cause]
        assert [alarm.raised for alarm in mine] == [k % 2 == 0 for k in range(len(mine))]
        assert all(later.stamp_s - sooner.stamp_s > 1.0 for sooner, later in zip(mine[::2], mine[1::2], strict=False))


def test_a_frozen_picture_is_no_heartbeat() -> None:
    watch = Watch(kinds=())
    watch.supervisor.watch("wrist", "camera", 1 / 64)
    news: list[Alarm] = []
    for k in range(40):
        watch.supervisor.beat("wrist", sequence=min(k, 10))
        news += watch.run(PERIOD_S)
    assert one(news).do is Do.HOLD and "wrist: silent for" in one(news).cause
    watch.supervisor.beat("wrist", sequence=9)
    assert watch.supervisor.health()[1].age_s > 0.2, "nor is an older one"
    watch.supervisor.beat("wrist", sequence=11)
    assert watch.supervisor.health()[1].age_s == 0.0


def test_a_camera_at_a_third_of_its_rate_is_told_of_and_the_arm_goes_on() -> None:
    watch = Watch(kinds=())
    watch.supervisor.watch("side", "camera", 1 / 32)
    for k in range(20):
        assert watch.run(6 * PERIOD_S) == [], "one late picture after the start says nothing yet"
        watch.supervisor.beat("side", k)
    alarm = one(watch.run(PERIOD_S))
    assert alarm.do is Do.GO_ON
    assert alarm.cause == "side: 3.0 times slower than its nominal rate (at most 2.0 times)"
    health = watch.supervisor.health()[1]
    assert health.rate_hz == pytest.approx(64 / 6) and health.overruns == 20 and health.trouble == ""


def test_the_rate_is_that_of_the_last_twenty_intervals() -> None:
    watch = Watch(kinds=())
    watch.supervisor.watch("arm", "arm", 1 / 64)
    assert watch.supervisor.health()[1].rate_hz == 0.0
    for _ in range(30):
        watch.run(2 * PERIOD_S)
        watch.supervisor.beat("arm")
    for _ in range(19):
        watch.run(PERIOD_S)
        watch.supervisor.beat("arm")
    assert watch.supervisor.health()[1].rate_hz == pytest.approx(20 / (21 * PERIOD_S))


def test_beats_up_to_half_a_period_late_are_no_overruns() -> None:
    clock = ManualClock()
    supervisor = Supervisor(clock, 1.0)
    supervisor.watch("actor", "actor", 0.25)
    for interval_s, overruns in ((0.25, 0), (0.375, 0), (0.376, 1), (1.0, 2)):
        clock.sleep_until(clock.now_s() + interval_s)
        supervisor.beat("actor")
        assert supervisor.health()[1].overruns == overruns


def test_an_overrun_between_two_judgements_is_seen_though_the_beats_are_back() -> None:
    watch = Watch(kinds=("actor",))
    watch.run(1.0)
    watch.clock.sleep_until(watch.clock.now_s() + 0.4375)
    watch.supervisor.beat("actor")
    news = watch.run(PERIOD_S)
    assert one(news).part == "actor" and "silent for 0.438 s" in one(news).cause


def test_a_late_beat_is_seen_in_the_very_moment_in_which_it_comes() -> None:
    watch = Watch(kinds=("actor",))
    watch.run(1.0)
    watch.clock.sleep_until(watch.clock.now_s() + 0.4375)
    watch.supervisor.beat("actor")
    assert one(watch.supervisor.judge()).part == "actor"
    assert watch.run(0.5) == [], "once told, it is told"


def test_before_there_are_enough_beats_nothing_is_said_of_a_rate() -> None:
    rule = Rule("camera", "slowness", 0.5, 0.5, Do.GO_ON, "-")
    watch = Watch((rule, *RULES[:3]), kinds=("camera",))
    assert watch.run(20 / 32 - PERIOD_S) == []
    assert "1.0 times slower" in one(watch.run(2 * PERIOD_S)).cause


def test_a_supervisor_that_was_asleep_says_so_and_stops_the_arm_it_did_not_see() -> None:
    watch = Watch(kinds=("arm",))
    watch.run(1.0)
    watch.clock.sleep_until(watch.clock.now_s() + 3.0)
    news = watch.supervisor.judge()
    assert [(alarm.part, alarm.do) for alarm in news] == [("arm", Do.STOP), ("clock", Do.HOLD)]
    assert "clock: silent for 3.000 s" in news[1].cause
    assert watch.supervisor.alarms() == news
    assert {alarm.part for alarm in watch.run(2.0)} == {"arm", "clock"}


@pytest.mark.parametrize("step_s", [-0.5, math.nan])
def test_time_that_goes_back_or_is_no_number_makes_nothing_look_fresh(step_s: float) -> None:
    watch = Watch()
    watch.run(1.0)
    watch.clock._now_s += step_s
    news = watch.supervisor.judge()
    assert {alarm.part for alarm in news} == {"clock", *KINDS}
    assert news[0].do is Do.STOP and all(alarm.raised for alarm in news)


def test_beats_in_a_time_that_went_back_give_no_rate() -> None:
    clock = ManualClock(5.0)
    supervisor = Supervisor(clock, 1.0)
    supervisor.watch("arm", "arm", 1.0)
    clock._now_s = 4.0
    supervisor.beat("arm")
    assert supervisor.health()[1].rate_hz == 0.0
    assert {alarm.part for alarm in supervisor.judge()} == {"clock"}


def test_a_part_that_starts_again_starts_with_a_clean_sheet() -> None:
    watch = Watch(kinds=())
    watch.supervisor.watch("wrist", "camera", 1 / 32)
    watch.supervisor.beat("wrist", 1000)
    watch.supervisor.trouble("wrist", "unplugged")
    watch.supervisor.watch("wrist", "camera", 1 / 32)
    watch.supervisor.beat("wrist", 0)
    assert watch.supervisor.judge() == ()


def test_a_kind_may_come_as_text() -> None:
    watch = Watch(kinds=())
    watch.supervisor.watch("franka", b"arm".decode(), 1 / 64)
    assert one(watch.run(0.125)).part == "franka"


def test_names_that_nobody_watches_are_ignored() -> None:
    watch = Watch(kinds=())
    watch.supervisor.beat("nobody")
    watch.supervisor.trouble("nobody", "bad")
    assert watch.supervisor.judge() == ()
    assert [health.part for health in watch.supervisor.health()] == ["clock"]


@pytest.mark.parametrize(
    ("kind", "period_s"), [("toaster", 1.0), ("arm", 0.0), ("arm", -1.0), ("arm", math.nan), ("arm", math.inf)]
)
def test_a_part_that_cannot_be_watched_is_refused(kind: str, period_s: float) -> None:
    with pytest.raises(ConfigError, match=f"kind '{kind}' .*'actor', 'arm', 'camera'.*period {period_s} s"):
        Watch().supervisor.watch("x", kind, period_s)


@pytest.mark.parametrize(
    "change", [{"measure": "mood"}, {"calm": 0.11}, {"calm": -0.1}, {"limit": math.nan}, {"limit": 0.04}]
)
def test_a_rule_that_makes_no_sense_is_refused(change: dict) -> None:
    with pytest.raises(ConfigError, match="0 <= calm <= limit are needed"):
        replace(RULES[0], **change)


def test_what_is_told_to_others_cannot_be_edited_by_them() -> None:
    watch = Watch()
    watch.supervisor.trouble("arm", "bad")
    for record in (one(watch.supervisor.judge()), watch.supervisor.health()[0], RULES[0]):
        with pytest.raises(FrozenInstanceError):
            setattr(record, next(iter(record.__slots__)), "edited")


def test_the_strictest_alarm_comes_first() -> None:
    watch = Watch()
    for kind in ("learner", "disk", "camera", "arm"):
        watch.supervisor.trouble(kind, "bad")
    order = [Do.STOP, Do.HOLD, Do.PAUSE, Do.GO_ON]
    assert [alarm.do for alarm in watch.supervisor.judge()] == order
    assert [alarm.do for alarm in watch.supervisor.alarms()] == order

from hypothesis import given
from hypothesis import strategies as st

from robot_rl.clock import ManualClock
from robot_rl.drivers import restart
from robot_rl.drivers.restart import Counts, Ladder, Step

PERIOD_S = 0.1


def nobody() -> bool:
    return False


def somebody() -> bool:
    return True


def later(clock: ManualClock, by_s: float) -> None:
    clock.sleep_until(clock.now_s() + by_s)


def silent_ladder() -> tuple[Ladder, ManualClock]:
    """One whose device has given a frame, and gives no more."""
    clock = ManualClock()
    ladder = Ladder(clock, PERIOD_S)
    ladder.saw_frame()
    return ladder, clock


def next_trouble(ladder: Ladder, clock: ManualClock, present=somebody) -> Step:
    for _ in range(1000):
        step = ladder.next_step(present)
        if step not in (Step.READ, Step.WAIT):
            return step
        later(clock, 0.05)
    raise AssertionError("the ladder stands still")


def test_silence_climbs_one_step_after_the_other_and_each_is_counted() -> None:
    ladder, clock = silent_ladder()
    steps = [next_trouble(ladder, clock) for _ in range(6)]
    assert steps == [Step.RESTART, Step.RESTART, Step.RESET, Step.RESTART, Step.RESTART, Step.FAIL]
    assert ladder.counts == Counts(stale=1, restarts=4, resets=1, failed=0)


def test_three_periods_of_silence_are_stale_and_fifteen_are_a_restart() -> None:
    ladder, clock = silent_ladder()
    later(clock, 0.29)
    assert ladder.next_step(nobody) is Step.READ and ladder.counts.stale == 0
    later(clock, 0.02)
    assert ladder.next_step(nobody) is Step.READ and ladder.counts.stale == 1
    later(clock, 1.1)
    assert ladder.next_step(nobody) is Step.READ
    later(clock, 0.1)
    assert ladder.next_step(nobody) is Step.RESTART and ladder.counts.stale == 1


def test_frames_after_a_silence_make_the_next_silence_another_one() -> None:
    ladder, clock = silent_ladder()
    for _ in range(3):
        later(clock, 0.5)
        assert ladder.next_step(nobody) is Step.READ
        ladder.saw_frame()
    assert ladder.counts == Counts(stale=3)


def test_a_stream_may_settle_after_each_start() -> None:
    clock = ManualClock()
    ladder = Ladder(clock, PERIOD_S)
    later(clock, restart.SETTLE_S - 0.01)
    assert ladder.next_step(nobody) is Step.READ and ladder.counts == Counts()
    later(clock, 0.02)
    assert ladder.next_step(nobody) is Step.RESTART
    later(clock, restart.SETTLE_S - 0.01)
    assert ladder.next_step(nobody) is Step.READ


def test_a_start_that_fails_is_tried_again_after_a_pause() -> None:
    ladder, clock = silent_ladder()
    assert next_trouble(ladder, clock) is Step.RESTART
    ladder.failed()
    later(clock, restart.RETRY_S - 0.01)
    assert ladder.next_step(nobody) is Step.READ
    later(clock, 0.02)
    assert ladder.next_step(nobody) is Step.RESTART and ladder.counts.failed == 1


def climb_to_reset(ladder: Ladder, clock: ManualClock) -> None:
    while next_trouble(ladder, clock) is not Step.RESET:
        pass


def test_a_device_that_was_reset_is_not_believed_to_be_back_before_it_can_have_gone() -> None:
    ladder, clock = silent_ladder()
    climb_to_reset(ladder, clock)
    later(clock, restart.PAUSE_S - 0.01)
    assert ladder.next_step(somebody) is Step.WAIT
    later(clock, 0.02)
    assert ladder.next_step(somebody) is Step.RESTART


def test_a_device_that_does_not_come_back_is_waited_for_ten_seconds() -> None:
    ladder, clock = silent_ladder()
    climb_to_reset(ladder, clock)
    later(clock, restart.RETURN_S - 0.01)
    assert ladder.next_step(nobody) is Step.WAIT
    later(clock, 0.02)
    assert ladder.next_step(nobody) is Step.FAIL
    assert ladder.next_step(somebody) is Step.FAIL


def test_a_device_that_could_not_be_reset_but_is_there_is_started_at_once() -> None:
    ladder, clock = silent_ladder()
    climb_to_reset(ladder, clock)
    ladder.failed()
    assert ladder.next_step(somebody) is Step.RESTART


def test_health_forgets_old_troubles_but_keeps_their_count() -> None:
    ladder, clock = silent_ladder()
    for _ in range(5):
        assert next_trouble(ladder, clock) is Step.RESTART
        for _ in range(round(restart.HEALTHY_S / PERIOD_S) + 1):
            ladder.saw_frame()
            later(clock, PERIOD_S)
            assert ladder.next_step(nobody) is Step.READ
    assert ladder.counts.restarts == 5 and ladder.counts.resets == 0


def test_single_frames_between_silences_are_no_health() -> None:
    ladder, clock = silent_ladder()
    for _ in range(5):
        next_trouble(ladder, clock)
        ladder.saw_frame()
    assert next_trouble(ladder, clock) is Step.FAIL


@given(st.lists(st.tuples(st.floats(0.0, 0.25), st.booleans()), max_size=60))
def test_a_device_on_time_is_only_read(gaps) -> None:
    ladder, clock = silent_ladder()
    for gap_s, asked in gaps:
        later(clock, gap_s)
        if asked:
            assert ladder.next_step(nobody) is Step.READ
        ladder.saw_frame()
    assert ladder.counts == Counts()


@given(st.lists(st.tuples(st.floats(0.05, 3.0), st.booleans(), st.booleans()), min_size=60, max_size=60))
def test_without_frames_every_way_ends_and_no_step_is_tried_more_often_than_allowed(events) -> None:
    ladder, clock = silent_ladder()
    steps = []
    for gap_s, works, present in events:
        step = ladder.next_step(lambda here=present: here)
        if step in (Step.RESTART, Step.RESET) and not works:
            ladder.failed()
        steps.append(step)
        later(clock, gap_s)
    assert steps.count(Step.RESET) <= restart.RESETS
    assert steps.count(Step.RESTART) <= restart.RESTARTS * (1 + restart.RESETS)
    longest_s = 5 * (restart.SETTLE_S + restart.RETRY_S + 3.0) + restart.RETURN_S
    assert steps[-1] is Step.FAIL or clock.now_s() < longest_s


def test_health_allows_another_reset() -> None:
    ladder, clock = silent_ladder()
    for _ in range(2):
        climb_to_reset(ladder, clock)
        next_trouble(ladder, clock)
        for _ in range(round(restart.HEALTHY_S / PERIOD_S) + 1):
            ladder.saw_frame()
            later(clock, PERIOD_S)
    assert ladder.counts.resets == 2


def test_what_was_given_up_stays_so() -> None:
    ladder, clock = silent_ladder()
    while next_trouble(ladder, clock) is not Step.FAIL:
        pass
    ladder.saw_frame()
    assert ladder.next_step(somebody) is Step.FAIL

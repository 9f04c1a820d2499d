import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from robot_rl.clock import ManualClock
from robot_rl.drivers.restart import PAUSE_S, Counts
from robot_rl.drivers.stream import Shot, Stream
from robot_rl.errors import HardwareError, StaleError

PERIOD_S = 0.1


class Scripted:
    """A device whose grabs give what the script says: a frame's number, a text to fail with, None for silence.

    Time is what grabbing and looking for the device take. At the script's end it waits to be let go.
    """

    period_s = PERIOD_S

    def __init__(self, script: list[int | str | None], clock: ManualClock) -> None:
        self._script, self._clock = iter(script), clock
        self.starts, self.stops, self.resets = 0, 0, 0
        self.refuses_start, self.refuses_reset, self.there = False, True, True
        self.at_end, self.go_on = threading.Event(), threading.Event()

    def start(self) -> None:
        self.starts += 1
        if self.refuses_start:
            raise HardwareError("nothing to start")

    def grab(self, timeout_s: float) -> Shot | None:
        said = next(self._script, "end")
        if said == "end":
            self.at_end.set()
            self.go_on.wait(60)
            said = None
        self._pass(timeout_s if said is None else PERIOD_S)
        if isinstance(said, str):
            raise HardwareError(said)
        return None if said is None else Shot(said, np.full((2, 3, 3), said % 256, np.uint8))

    def stop(self) -> None:
        self.stops += 1

    def present(self) -> bool:
        self._pass(2.0)
        return self.there

    def reset(self) -> None:
        self.resets += 1
        if self.refuses_reset:
            raise HardwareError("no reset here")
        self._pass(PAUSE_S)

    def _pass(self, by_s: float) -> None:
        self._clock.sleep_until(self._clock.now_s() + by_s)


class Opened:
    """A stream of a script, and its device; closed at the end of a test."""

    def __init__(self) -> None:
        self.streams: list[tuple[Stream, Scripted]] = []

    def __call__(self, script: list[int | str | None], **traits: bool) -> tuple[Stream, Scripted, ManualClock]:
        clock = ManualClock()
        device = Scripted(script, clock)
        device.refuses_reset = traits.get("refuses_reset", True)
        stream = Stream("wrist", device, clock)
        device.refuses_start = traits.get("refuses_start", False)
        device.there = traits.get("there", True)
        self.streams.append((stream, device))
        return stream, device, clock

    def close(self) -> None:
        for stream, device in self.streams:
            device.go_on.set()
            stream.close()


@pytest.fixture
def opened() -> Iterator[Opened]:
    opened = Opened()
    yield opened
    opened.close()


def until_lost(stream: Stream, device: Scripted) -> str:
    """The reason why the stream has ended, once it has."""
    device.go_on.set()
    for _ in range(1000):
        if stream.failure:
            return stream.failure
        time.sleep(0.01)
    raise AssertionError("the stream does not end")


def test_only_the_newest_frame_is_kept_and_lost_ones_are_counted(opened: Opened) -> None:
    stream, device, clock = opened([5, 6, 9])
    device.at_end.wait(10)
    frame, depth = stream.newest()
    assert frame.image[0, 0, 0] == 9 and frame.sequence == 5 and frame.stamp_s == clock.now_s() and depth is None
    assert stream.health.frames == 3 and stream.health.lost == 2
    assert not frame.image.flags.writeable


def test_numbers_that_start_anew_do_not_lower_the_sequence(opened: Opened) -> None:
    stream, device, _ = opened([7, 8, 1, 2])
    device.at_end.wait(10)
    assert stream.newest()[0].sequence == 4 and stream.health.lost == 0


def test_a_frame_older_than_three_periods_is_refused_with_its_age(opened: Opened) -> None:
    stream, device, clock = opened([1])
    device.at_end.wait(10)
    clock.sleep_until(clock.now_s() + 2.9 * PERIOD_S)
    assert stream.newest()[0].sequence == 1
    clock.sleep_until(clock.now_s() + 0.2 * PERIOD_S)
    with pytest.raises(StaleError, match=r"wrist.*0\.31 s old, allowed 0\.30 s"):
        stream.newest()


def test_a_restart_brings_frames_back_and_is_counted(opened: Opened) -> None:
    stream, device, _ = opened([1, *[None] * 6, 1])
    device.at_end.wait(10)
    assert stream.newest()[0].sequence == 2
    assert (device.starts, device.stops) == (2, 1)
    assert stream.health.troubles == Counts(stale=1, restarts=1) and stream.health.failure == ""


def test_a_reset_brings_the_device_back(opened: Opened) -> None:
    stream, device, _ = opened([1, *[None] * 30, 1], refuses_reset=False)
    device.at_end.wait(10)
    assert stream.newest()[0].sequence == 2
    assert device.resets == 1 and stream.health.troubles == Counts(stale=1, restarts=3, resets=1)


def test_after_the_last_step_the_stream_says_what_was_tried_and_why_it_failed(opened: Opened) -> None:
    stream, device, _ = opened([1], refuses_start=True)
    assert "wrist is lost after 4 restarts and 1 resets; nothing to start;" in until_lost(stream, device)
    with pytest.raises(HardwareError, match="is lost"):
        stream.newest()
    assert stream.health.troubles.failed == 5


def test_a_device_that_stays_away_after_its_reset_is_given_up(opened: Opened) -> None:
    stream, device, _ = opened([1], there=False)
    until_lost(stream, device)
    assert stream.health.troubles == Counts(stale=1, restarts=2, resets=1, failed=1)


def test_a_device_that_is_not_there_is_an_error_at_once() -> None:
    clock = ManualClock()
    device = Scripted([], clock)
    device.refuses_start = True
    with pytest.raises(HardwareError, match="nothing to start"):
        Stream("wrist", device, clock)
    assert device.starts == 1


def test_a_device_that_never_gives_a_frame_is_an_error_with_its_reason() -> None:
    clock = ManualClock()
    with pytest.raises(HardwareError, match=r"wrist is lost.*the plug is loose"):
        Stream("wrist", Scripted(["the plug is loose", *[None] * 1000], clock), clock)


def test_a_step_that_does_not_return_is_a_failure_too(opened: Opened) -> None:
    stream, device, clock = opened([1])
    device.at_end.wait(10)
    never = threading.Event()
    device.start = lambda: never.wait(60)  # type: ignore[method-assign]
    device.go_on.set()
    for _ in range(1000):
        if stream.health.troubles.restarts:
            break
        time.sleep(0.01)
    assert stream.failure == ""
    clock.sleep_until(clock.now_s() + 60)
    assert "has not returned for 60 s; end this process" in stream.failure
    never.set()


def test_a_closed_stream_stops_its_device_once_and_is_not_read(opened: Opened) -> None:
    stream, device, _ = opened([1])
    device.at_end.wait(10)
    device.go_on.set()
    stream.close()
    stream.close()
    assert device.stops == 1
    with pytest.raises(HardwareError, match="closed"):
        stream.newest()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_bug_in_a_driver_ends_the_stream_and_is_not_silent(opened: Opened) -> None:
    stream, device, _ = opened([1])
    device.at_end.wait(10)

    def broken(timeout_s: float) -> Shot:
        raise ValueError("a bug")

    device.grab = broken  # type: ignore[method-assign]
    assert "its reader ended by an error" in until_lost(stream, device)
    assert device.stops == 1


def test_a_silent_stream_has_no_rate(opened: Opened) -> None:
    stream, device, clock = opened([1, 2, 3, 4])
    device.at_end.wait(10)
    assert stream.health.rate_hz == pytest.approx(1 / PERIOD_S)
    clock.sleep_until(clock.now_s() + 1.0)
    assert stream.health.rate_hz == 0.0 and stream.health.age_s == pytest.approx(1.0)


def test_waiting_ends_with_a_later_frame_or_with_the_time(opened: Opened) -> None:
    stream, device, _ = opened([1, 2])
    device.at_end.wait(10)
    assert stream.wait(1, 10.0)
    assert not stream.wait(2, 0.01)

"""At the level of event bytes, through a pseudo-terminal that ends as a device does."""

import os
import pty
import tty
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_rl.clock import ManualClock
from robot_rl.drivers import gamepad
from robot_rl.drivers.gamepad import (
    AXIS,
    BUTTON,
    EVENT,
    INIT,
    LEFT_TRIGGER,
    LEFT_X,
    LEFT_Y,
    RIGHT_TRIGGER,
    RIGHT_X,
    RIGHT_Y,
    Gamepad,
    Pad,
    parse,
)
from robot_rl.errors import HardwareError


def event(kind: int, number: int, value: int) -> bytes:
    return EVENT.pack(123456, value, kind, number)


def opening(centre: int = 0) -> bytes:
    """What the kernel says when the file is opened."""
    axes = [event(AXIS | INIT, number, centre if number == LEFT_X else 0) for number in range(8)]
    return b"".join([event(BUTTON | INIT, number, 0) for number in range(11)] + axes)


class Bench:
    """A device file that the test writes events to."""

    def __init__(self) -> None:
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.path, self.clock = Path(os.ttyname(self._slave)), ManualClock(100.0)

    def send(self, *events: bytes) -> None:
        os.write(self._master, b"".join(events))

    def unplug(self) -> None:
        if self._master >= 0:
            os.close(self._master)
            os.close(self._slave)
        self._master = -1


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.unplug()


@pytest.fixture
def pad(bench: Bench) -> Iterator[Gamepad]:
    bench.send(opening())
    pad = Gamepad(bench.path, clock=bench.clock)
    yield pad
    pad.close()


@given(st.binary(min_size=8, max_size=8))
def test_any_event_leaves_a_sound_state(raw: bytes) -> None:
    after = parse(raw, Pad())
    assert len(after.axes) == gamepad.AXES and len(after.buttons) == gamepad.BUTTONS
    assert all(-1.0 <= value <= 1.0 for value in after.axes)


@given(st.integers(0, 255), st.integers(-(2**15), 2**15 - 1))
def test_an_axis_event_moves_its_axis_and_nothing_else(number: int, value: int) -> None:
    before = Pad()
    after = parse(event(AXIS, number, value), before)
    assert after.buttons == before.buttons
    if number < gamepad.AXES:
        assert after.axes[number] == pytest.approx(value / 32767, abs=1e-4)
        assert after.axes[:number] == before.axes[:number] and after.axes[number + 1 :] == before.axes[number + 1 :]
    else:
        assert after == before


@pytest.mark.parametrize(
    ("events", "twist"),
    [
        ([event(AXIS, LEFT_Y, -32767)], [1, 0, 0, 0, 0, 0]),
        ([event(AXIS, LEFT_X, -32767)], [0, 1, 0, 0, 0, 0]),
        ([event(AXIS, RIGHT_TRIGGER, 32767)], [0, 0, 1, 0, 0, 0]),
        ([event(AXIS, LEFT_TRIGGER, 32767)], [0, 0, -1, 0, 0, 0]),
        ([event(BUTTON, gamepad.RIGHT_SHOULDER, 1)], [0, 0, 0, 1, 0, 0]),
        ([event(AXIS, RIGHT_Y, -32767)], [0, 0, 0, 0, 1, 0]),
        ([event(AXIS, RIGHT_X, -32767)], [0, 0, 0, 0, 0, 1]),
        ([event(AXIS, LEFT_X, -32768), event(AXIS, LEFT_X, 0)], [0, 0, 0, 0, 0, 0]),
    ],
)
def test_sticks_triggers_and_shoulders_are_the_six_directions(bench: Bench, pad: Gamepad, events, twist) -> None:
    bench.send(*events)
    assert pad.read().twist == pytest.approx(np.array(twist, float), abs=1e-9)


def test_triggers_that_have_not_moved_yet_ask_for_nothing(bench: Bench, pad: Gamepad) -> None:
    assert not pad.read().twist.any()
    bench.send(event(AXIS, RIGHT_TRIGGER, 32767), event(AXIS, RIGHT_TRIGGER, -32767))
    assert not pad.read().twist.any()


def test_a_stick_that_rests_beside_its_middle_is_centred_when_opened(bench: Bench) -> None:
    bench.send(opening(centre=5000))
    pad = Gamepad(bench.path, clock=bench.clock)
    assert not pad.read().twist.any()
    bench.send(event(AXIS, LEFT_X, -32767))
    assert pad.read().twist[1] == pytest.approx(1.0)
    pad.close()


def test_a_stick_that_is_held_while_opening_is_refused(bench: Bench) -> None:
    bench.send(opening(centre=20000))
    with pytest.raises(HardwareError, match=r"axis 0 reads \+0\.61 at rest.*let go"):
        Gamepad(bench.path, clock=bench.clock)


def test_events_are_counted_and_stamped_when_they_are_received(bench: Bench, pad: Gamepad) -> None:
    before = pad.read().events
    bench.clock.sleep_until(101.0)
    bench.send(event(BUTTON, 0, 1), event(BUTTON, 0, 0), event(BUTTON, 1, 1))
    said = pad.read()
    assert (said.events - before, said.stamp_s, said.buttons[:2]) == (3, 101.0, (False, True))


def test_an_event_that_comes_in_two_parts_is_one(bench: Bench, pad: Gamepad) -> None:
    whole = event(AXIS, LEFT_Y, -32767)
    bench.send(whole[:3])
    assert not pad.read().twist.any()
    bench.send(whole[3:])
    assert pad.read().twist[0] == pytest.approx(1.0)


def test_a_gamepad_that_is_unplugged_is_an_error_at_the_next_read(bench: Bench, pad: Gamepad) -> None:
    bench.send(event(AXIS, LEFT_Y, -32767))
    pad.read()
    bench.unplug()
    for _ in range(2):
        with pytest.raises(HardwareError, match=r"gone|closed"):
            pad.read()


def test_no_gamepad_and_several_are_errors_with_advice(tmp_path: Path, monkeypatch) -> None:
    with pytest.raises(HardwareError, match=r"js9 cannot be opened.*group `input`"):
        Gamepad(tmp_path / "js9")
    monkeypatch.setattr(gamepad, "find", list)
    with pytest.raises(HardwareError, match="0 gamepads found; check its cable"):
        Gamepad()
    monkeypatch.setattr(gamepad, "find", lambda: [Path("/dev/input/js0"), Path("/dev/input/js1")])
    with pytest.raises(HardwareError, match="2 gamepads found: /dev/input/js0, /dev/input/js1; say which one"):
        Gamepad()

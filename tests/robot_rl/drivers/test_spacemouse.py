"""At the level of report bytes, through a pipe that keeps reports apart as hidraw does."""

import os
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_rl.clock import ManualClock
from robot_rl.drivers import spacemouse
from robot_rl.drivers.inputs import DEAD_BAND
from robot_rl.drivers.spacemouse import Puck, SpaceMouse, parse
from robot_rl.errors import ConfigError, HardwareError, StaleError

SHORTS = st.integers(-(2**15), 2**15 - 1)
THREE = st.tuples(SHORTS, SHORTS, SHORTS)


def translation(right: int, back: int, down: int) -> bytes:
    return b"\x01" + struct.pack("<3h", right, back, down)


def rotation(right: int, back: int, down: int) -> bytes:
    return b"\x02" + struct.pack("<3h", right, back, down)


class Bench:
    """A device file that the test writes reports to."""

    def __init__(self) -> None:
        self.out, self._in = os.pipe2(os.O_DIRECT)
        self.path, self.clock = Path(f"/proc/self/fd/{self.out}"), ManualClock(100.0)
        self.mouse = SpaceMouse(self.path, clock=self.clock)

    def send(self, *reports: bytes) -> None:
        for report in reports:
            os.write(self._in, report)

    def unplug(self) -> None:
        if self._in >= 0:
            os.close(self._in)
            os.close(self.out)
        self._in = -1


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.mouse.close()
    bench.unplug()


@given(THREE, THREE)
def test_the_two_reports_of_older_devices_are_one_reading(moved, turned) -> None:
    puck = parse(rotation(*turned), parse(translation(*moved), Puck()) or Puck())
    assert puck is not None and puck.axes == (*moved, *turned)


@given(THREE, THREE)
def test_the_long_report_of_newer_devices_is_the_same_reading(moved, turned) -> None:
    puck = parse(b"\x01" + struct.pack("<6h", *moved, *turned), Puck())
    assert puck is not None and puck.axes == (*moved, *turned)


@given(st.integers(0, 2**16 - 1))
def test_a_mask_of_buttons_is_told_bit_by_bit(mask: int) -> None:
    puck = parse(b"\x03" + mask.to_bytes(2, "little"), Puck())
    assert puck is not None and sum(down << bit for bit, down in enumerate(puck.buttons)) == mask


@given(st.binary(max_size=64))
def test_any_bytes_are_a_reading_or_nothing(report: bytes) -> None:
    puck = parse(report, Puck())
    assert puck is None or (len(puck.axes) == 6 and len(puck.buttons) == spacemouse.BUTTONS)
    assert (puck is not None) == (len(report) >= {b"\x01": 7, b"\x02": 7, b"\x03": 2}.get(report[:1], 65))


@given(THREE, THREE)
def test_the_twist_stays_within_one_whatever_is_reported(moved, turned) -> None:
    bench = Bench()
    bench.send(translation(*moved), rotation(*turned))
    twist = bench.mouse.read().twist
    assert np.isfinite(twist).all() and (np.abs(twist) <= 1.0).all()
    bench.mouse.close()
    bench.unplug()


@pytest.mark.parametrize(
    ("report", "axis", "sign"),
    [
        (translation(0, -350, 0), 0, 1),
        (translation(-350, 0, 0), 1, 1),
        (translation(0, 0, -350), 2, 1),
        (rotation(0, -350, 0), 3, 1),
        (rotation(-350, 0, 0), 4, 1),
        (rotation(0, 0, -350), 5, 1),
        (rotation(0, 0, 350), 5, -1),
    ],
)
def test_forward_left_and_up_are_positive(bench: Bench, report: bytes, axis: int, sign: int) -> None:
    bench.send(report)
    assert bench.mouse.read().twist == pytest.approx(np.eye(6)[axis] * sign)


def test_a_small_deflection_is_none_and_beyond_it_grows_without_a_jump(bench: Bench) -> None:
    edge = round(DEAD_BAND * spacemouse.FULL)
    bench.send(translation(0, -edge, 0))
    assert not bench.mouse.read().twist.any()
    bench.send(translation(0, -edge - 1, 0))
    assert 0 < bench.mouse.read().twist[0] < 0.01


def test_each_report_is_an_event_with_the_time_of_its_receipt(bench: Bench) -> None:
    assert bench.mouse.read().events == 0
    bench.clock.sleep_until(101.0)
    bench.send(translation(0, 0, 0), rotation(0, 0, 0))
    bench.send(b"\x17\x64")  # the battery's
    bench.mouse.read()
    bench.clock.sleep_until(102.0)
    said = bench.mouse.read()
    assert (said.events, said.stamp_s) == (2, 101.0)


def test_buttons_are_held_until_they_are_released(bench: Bench) -> None:
    bench.send(b"\x03\x02\x00")
    assert bench.mouse.read().buttons[:3] == (False, True, False)
    assert bench.mouse.read().buttons[1]
    bench.send(b"\x03\x00\x00")
    assert not any(bench.mouse.read().buttons)


def test_drift_is_taken_out_on_request(bench: Bench) -> None:
    bench.send(translation(50, 0, 0))
    assert bench.mouse.read().twist[1] < 0
    bench.mouse.take_rest()
    assert not bench.mouse.read().twist.any()
    bench.send(translation(350, 0, 0))
    assert bench.mouse.read().twist[1] == pytest.approx(-1.0)


def test_a_held_device_is_not_taken_for_a_drifted_one(bench: Bench) -> None:
    bench.send(translation(200, 0, 0))
    with pytest.raises(HardwareError, match=r"axis 1 reads -0\.57 at rest"):
        bench.mouse.take_rest()


def test_a_device_that_falls_silent_while_deflected_is_not_believed(bench: Bench) -> None:
    bench.send(translation(200, 0, 0))
    assert bench.mouse.read().twist.any()
    bench.clock.sleep_until(100.6)
    with pytest.raises(StaleError, match=r"silent for 0\.6 s"):
        bench.mouse.read()
    bench.send(translation(0, 0, 0))
    assert not bench.mouse.read().twist.any()
    bench.clock.sleep_until(1000.0)
    assert not bench.mouse.read().twist.any(), "a released device is quiet by its nature"


def test_a_device_that_is_unplugged_is_an_error_at_the_next_read(bench: Bench) -> None:
    bench.send(translation(200, 0, 0))
    bench.mouse.read()
    bench.unplug()
    for _ in range(2):
        with pytest.raises(HardwareError, match=r"gone|closed"):
            bench.mouse.read()


def test_no_device_and_an_unreadable_one_are_errors_with_advice(tmp_path: Path, monkeypatch) -> None:
    with pytest.raises(HardwareError, match=r"hidraw9 cannot be opened.*udev"):
        SpaceMouse(tmp_path / "hidraw9")
    monkeypatch.setattr(spacemouse, "find", list)
    with pytest.raises(HardwareError, match="0 3D mice found; check its cable"):
        SpaceMouse()
    monkeypatch.setattr(spacemouse, "find", lambda: [Path("/dev/hidraw1"), Path("/dev/hidraw2")])
    with pytest.raises(HardwareError, match="2 3D mice found: /dev/hidraw1, /dev/hidraw2; say which one"):
        SpaceMouse()


@pytest.mark.parametrize(
    ("hid_id", "ours"),
    [
        ("0003:0000256F:0000C635", True),
        ("0003:0000046D:0000C626", True),
        ("0003:0000046D:0000C077", False),
        ("0003:00001234:0000C635", False),
    ],
)
def test_a_3d_mouse_is_known_by_its_vendor_and_product(tmp_path: Path, hid_id: str, ours: bool) -> None:
    (tmp_path / "device").mkdir()
    (tmp_path / "device" / "uevent").write_text(f"DRIVER=hid-generic\nHID_ID={hid_id}\n")
    assert spacemouse._is_ours(tmp_path) is ours


@pytest.mark.parametrize("dead_band", [-0.1, 0.6, float("nan")])
def test_a_dead_band_that_leaves_no_room_is_refused(bench: Bench, dead_band: float) -> None:
    with pytest.raises(ConfigError, match="dead-band"):
        SpaceMouse(bench.path, dead_band=dead_band)

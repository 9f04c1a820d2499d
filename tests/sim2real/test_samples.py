"""A folder of samples survives what ends a process, and keeps what belongs together."""

import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot_rl.errors import ConfigError, DataError, StorageError
from sim2real.charuco import Board
from sim2real.samples import LINES, SampleFolder, Setup, load_picture
from tests.sim2real.scene import BOARD, LENS, euler

SETUP = Setup("wrist", "wrist_color_optical_frame", "hand", BOARD, LENS)
PICTURE = np.arange(48, dtype=np.uint8).reshape(6, 8)


def filled(folder: Path, count: int = 3) -> SampleFolder:
    samples = SampleFolder(folder)
    samples.use(SETUP)
    for i in range(count):
        samples.add(euler((0.1 * i, 0.0, 0.3), (0.1, 0.2, 0.3)), 10**18 + i, PICTURE + i)
    return samples


def test_samples_are_read_back_as_they_were_added(tmp_path: Path) -> None:
    written, read = filled(tmp_path / "new" / "folder"), SampleFolder(tmp_path / "new" / "folder")
    assert read.setup == SETUP and not read.torn and len(read.samples) == 3
    for mine, theirs in zip(written.samples, read.samples, strict=True):
        assert (mine.stamp_ns, mine.picture) == (theirs.stamp_ns, theirs.picture)
        assert np.array_equal(mine.tool.position_m, theirs.tool.position_m)
        assert np.allclose(mine.tool.quat_wxyz, theirs.tool.quat_wxyz, atol=1e-15)
    assert np.array_equal(load_picture(read.samples[2].picture), PICTURE + 2)
    line = json.loads((tmp_path / "new" / "folder" / LINES).read_text().splitlines()[0])
    assert (line["camera"], line["board"], line["lens"]["fx"]) == ("wrist", str(BOARD), LENS.fx)


def test_a_coloured_picture_is_kept_as_8_bit_grey(tmp_path: Path) -> None:
    samples = filled(tmp_path, 0)
    grey = samples.add(euler((0, 0, 0), (0, 0, 0)), 1, np.repeat(PICTURE[:, :, None], 3, axis=2)).picture
    assert np.array_equal(load_picture(grey), PICTURE)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_file_cut_anywhere_loses_at_most_the_line_that_was_cut_and_goes_on(data: st.DataObject) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        filled(folder)
        whole = (folder / LINES).read_bytes()
        cut = data.draw(st.integers(0, len(whole)))
        (folder / LINES).write_bytes(whole[:cut])
        read = SampleFolder(folder)
        entire = whole[cut : cut + 1] == b"\n"  # only the line's end was lost
        assert len(read.samples) == whole[:cut].count(b"\n") + entire
        assert read.torn == (not entire and cut > 0 and whole[cut - 1 : cut] != b"\n")
        read.use(SETUP)
        read.add(euler((0, 0, 0), (0, 0, 0)), 7, PICTURE)
        again = SampleFolder(folder)
        assert not again.torn and [s.stamp_ns for s in again.samples] == [s.stamp_ns for s in read.samples]


@settings(max_examples=20, deadline=None)
@given(kept=st.sets(st.integers(0, 3)))
def test_after_lines_were_taken_out_each_sample_still_has_its_own_picture(kept: set[int]) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        filled(folder, 4)
        lines = (folder / LINES).read_bytes().splitlines(keepends=True)
        (folder / LINES).write_bytes(b"".join(line for i, line in enumerate(lines) if i in kept))
        read = SampleFolder(folder)
        read.use(SETUP)
        read.add(euler((0, 0, 0), (0, 0, 0)), 10**18 + 4, PICTURE + 4)
        for sample in SampleFolder(folder).samples:
            assert np.array_equal(load_picture(sample.picture), PICTURE + (sample.stamp_ns - 10**18))


def test_a_last_line_that_an_editor_left_without_its_end_is_a_sample_and_the_next_one_is_a_line_of_its_own(
    tmp_path: Path,
) -> None:
    filled(tmp_path)
    (tmp_path / LINES).write_bytes((tmp_path / LINES).read_bytes().rstrip(b"\n"))
    read = SampleFolder(tmp_path)
    assert not read.torn and len(read.samples) == 3
    read.use(SETUP)
    read.add(euler((0, 0, 0), (0, 0, 0)), 7, PICTURE)
    assert [sample.stamp_ns for sample in SampleFolder(tmp_path).samples] == [10**18, 10**18 + 1, 10**18 + 2, 7]


def test_two_that_opened_one_empty_folder_lose_each_other_no_sample(tmp_path: Path) -> None:
    one, other = SampleFolder(tmp_path), SampleFolder(tmp_path)
    one.use(SETUP)
    other.use(replace(SETUP, camera="side"))
    sample = one.add(euler((0, 0, 0), (0, 0, 0)), 1, PICTURE)
    with pytest.raises(DataError, match=r"0 when it was last looked at: somebody else writes there; give"):
        other.add(euler((0, 0, 0), (0, 0, 0)), 2, PICTURE + 1)
    assert np.array_equal(load_picture(sample.picture), PICTURE)
    assert [found.stamp_ns for found in SampleFolder(tmp_path).samples] == [1]


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (replace(SETUP, camera="side"), "camera wrist, this one is side"),
        (replace(SETUP, mounted="world"), "mounted hand, this one is world"),
        (replace(SETUP, board=Board.parse("8x6:0.031:0.022:DICT_5X5_100")), "board"),
        (replace(SETUP, lens=replace(LENS, fx=601.0)), "lens"),
    ],
)
def test_a_folder_of_another_setup_is_refused_with_the_difference(tmp_path: Path, other: Setup, said: str) -> None:
    filled(tmp_path)
    with pytest.raises(ConfigError, match="holds 3 samples of another setup") as error:
        SampleFolder(tmp_path).use(other)
    assert said in str(error.value) and "give another folder" in str(error.value)


@pytest.mark.parametrize(
    "line",
    [
        b"{}",
        b"[]",
        b"4",
        b"not json",
        b"\xff\xfe",
        b'{"picture": 4}',
        json.dumps(
            {"T_base_tcp": {"position_m": [0, 0, float("nan")], "quat_wxyz": [1, 0, 0, 0]}, "lens": {}}
        ).encode(),
    ],
)
def test_a_line_that_is_no_sample_is_named(tmp_path: Path, line: bytes) -> None:
    filled(tmp_path)
    file = tmp_path / LINES
    first, *others = file.read_bytes().splitlines()
    file.write_bytes(b"\n".join([first, line, *others, b""]))
    with pytest.raises(DataError, match="line 2 is no sample"):
        SampleFolder(tmp_path)


@pytest.mark.parametrize(
    ("entry", "name", "value"),
    [
        ("lens", "fx", 0.0),
        ("lens", "fy", float("nan")),
        ("lens", "cx", "321"),
        ("lens", "width", None),
        ("lens", "distortion", [0.0, 0.1]),
        ("lens", "distortion", [0.0, 0.1, 0.0, 0.0, float("inf")]),
        ("T_base_tcp", "quat_wxyz", [0.0, 0.0, 0.0, 0.0]),
        ("T_base_tcp", "position_m", ["a", 0.0, 0.0]),
    ],
)
def test_a_number_that_was_edited_into_none_is_named_with_its_line(
    tmp_path: Path, entry: str, name: str, value: object
) -> None:
    filled(tmp_path)
    lines = [json.loads(line) for line in (tmp_path / LINES).read_text().splitlines()]
    lines[1][entry][name] = value
    (tmp_path / LINES).write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(DataError, match=r"line 2 is no sample"):
        SampleFolder(tmp_path)


def test_a_line_without_its_picture_and_one_of_another_camera_are_named(tmp_path: Path) -> None:
    filled(tmp_path)
    (tmp_path / "0002.png").rename(tmp_path / "kept.png")
    with pytest.raises(DataError, match=r"line 2: there is no .*0002\.png"):
        SampleFolder(tmp_path)
    (tmp_path / "kept.png").rename(tmp_path / "0002.png")
    file = tmp_path / LINES
    file.write_text(file.read_text().replace('"wrist"', '"side"', 1))
    with pytest.raises(DataError, match="line 2 is of another camera"):
        SampleFolder(tmp_path)


def test_a_picture_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "0001.png").write_bytes(b"\x89PNG")
    with pytest.raises(DataError, match=r"0001\.png cannot be read as a picture"):
        load_picture(tmp_path / "0001.png")


def test_a_folder_that_cannot_be_had_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="file"):
        SampleFolder(tmp_path / "file" / "folder")

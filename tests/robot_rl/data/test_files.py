"""A file has its old content or its new one, and shows when it has neither."""

import errno
import os
from pathlib import Path

import pytest

from robot_rl.data.files import BLANK, is_sealed, make_folder, seal, write_durably
from robot_rl.errors import StorageError


def test_a_file_is_written_and_replaced(tmp_path: Path) -> None:
    for content in (b"old", b"newer", b""):
        write_durably(tmp_path / "file", content)
        assert (tmp_path / "file").read_bytes() == content
    assert os.listdir(tmp_path) == ["file"]


def test_what_a_killed_writer_left_is_cleaned_by_the_next(tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(b"half of someth")
    write_durably(tmp_path / "file", b"whole")
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"file": b"whole"}


def test_a_link_is_replaced_never_written_through(tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(b"mine")
    for name in ("file", "file.part"):
        (tmp_path / name).symlink_to(tmp_path / "mine")
    write_durably(tmp_path / "file", b"new")
    assert (tmp_path / "mine").read_bytes() == b"mine" and not (tmp_path / "file").is_symlink()


@pytest.mark.parametrize("call", ["fsync", "rename"])
def test_a_full_disk_leaves_the_old_content_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    write_durably(tmp_path / "file", b"old")
    monkeypatch.setattr(*{"fsync": (os, "fsync"), "rename": (Path, "replace")}[call], full)
    with pytest.raises(StorageError, match=r"cannot write .*/file \(No space left on device\); make room"):
        write_durably(tmp_path / "file", b"new")
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"file": b"old"}


def test_folders_are_made_with_all_above_them(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b" / "c")
    make_folder(tmp_path / "a" / "b" / "c")
    assert (tmp_path / "a" / "b" / "c").is_dir()
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot write"):
        make_folder(tmp_path / "file" / "a")


def test_a_seal_shows_every_changed_bit() -> None:
    content = seal(b'{"checksum": "%s", "more": [1, 2]}' % BLANK.encode())
    checksum = content[14:78].decode()
    assert is_sealed(content, checksum) and not is_sealed(content + b" ", checksum)
    for bit in range(8 * len(content)):
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        assert not is_sealed(bytes(changed), bytes(changed)[14:78].decode(errors="replace"))


@pytest.mark.parametrize("checksum", [None, 3, "", "é" * 64, "\ud800", "0" * 64])
def test_what_is_no_checksum_seals_nothing(checksum: object) -> None:
    assert not is_sealed(b"content", checksum)

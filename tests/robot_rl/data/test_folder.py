import io
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from robot_rl.data.folder import appearing, plain_file, plain_tree
from robot_rl.errors import DataError


def test_a_folder_appears_only_when_the_block_ends_well(tmp_path: Path) -> None:
    with appearing(tmp_path / "a" / "new") as part:
        (part / "file").write_text("content")
        assert not (tmp_path / "a" / "new").exists()
    assert (tmp_path / "a" / "new" / "file").read_text() == "content"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["new"]


def test_a_block_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(KeyError), appearing(tmp_path / "new") as part:
        (part / "file").write_text("half")
        raise KeyError
    assert not list(tmp_path.iterdir())


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_writes_is_not(tmp_path: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    for name in (f"new.part-{gone.pid}", "new.part-1", "new.part-x", f"newer.part-{gone.pid}"):
        (tmp_path / name).mkdir()
    with appearing(tmp_path / "new"):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "new",
        "new.part-1",
        "new.part-x",
        f"newer.part-{gone.pid}",
    ]


def test_what_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for name in ("old", "dangling"):
        with pytest.raises(DataError, match="there already"), appearing(tmp_path / name):
            pass
    with pytest.raises(DataError, match="cannot make"), appearing(Path("/proc/none/new")):
        pass


def archive(path: Path, kind: str) -> Path:
    """With a member that would land outside."""
    if kind == "zip archive":
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("../../escaped", "text")
    else:
        with tarfile.open(path, "w:gz" if kind == "gzip archive" else "w") as file:
            file.addfile(tarfile.TarInfo("../../escaped"), io.BytesIO())
    return path


@pytest.mark.parametrize("kind", ["zip archive", "tar archive", "gzip archive"])
def test_archives_are_named_and_never_unpacked(tmp_path: Path, kind: str) -> None:
    path = archive(tmp_path / "demos.mcap", kind)
    with pytest.raises(DataError, match=f"{kind}, not a MCAP log"):
        plain_file(path, "MCAP log")
    with pytest.raises(DataError, match=f"no folder but a {kind}"):
        plain_tree(path)
    assert not (tmp_path.parent.parent / "escaped").exists()


def test_links_are_refused_wherever_they_lie(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "deep").mkdir()
    assert plain_tree(tmp_path / "real")
    with pytest.raises(DataError):
        plain_tree(tmp_path / "link")
    (tmp_path / "real" / "deep" / "file").symlink_to("/etc/passwd")
    with pytest.raises(DataError, match="link"):
        plain_tree(tmp_path / "real")
    with pytest.raises(DataError, match="symbolic link"):
        plain_file(tmp_path / "real" / "deep" / "file", "MCAP log")

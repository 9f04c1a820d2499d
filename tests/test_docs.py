"""What the documents promise is tried."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from robot_rl.arguments import ARGUMENTS
from robot_rl.bringup import parts
from robot_rl.cli import VERBS, _verb
from robot_rl.compose import load_config
from robot_rl.jobs.up import given
from tests.launch.record import record

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def commands(tool: str) -> list[list[str]]:
    """The words after `tool` of every line in the documents that begins with it."""
    blocks = [block for page in PAGES for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL)]
    lines = [line.split("#")[0].split() for block in blocks for line in block.splitlines()]
    return [words[1:] for words in lines if words[:1] == [tool]]


def with_record(settings: dict[str, str]) -> dict[str, str]:
    """The same, once there is a record where they look for one."""
    if folder := settings.get("demos"):
        record(Path(folder))
    return settings


COMMANDS = commands("robot-rl")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_in_the_docs_is_understood(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    verb, settings = _verb(command)
    assert verb in VERBS
    if verb == "up":
        assert parts(settings[0], with_record(given(settings[1:])))
    else:
        load_config([word for word in settings if not word.endswith("=NAME")])


@pytest.mark.parametrize("command", commands("ros2"), ids=" ".join)
def test_every_ros2_launch_in_the_docs_is_understood(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command[:2] == ["launch", "robot_rl"] and (ROOT / "launch" / command[2]).exists()
    assert parts(command[2].removesuffix(".launch.py"), with_record(given(command[3:])))


@pytest.mark.parametrize("command", commands("colcon"), ids=" ".join)
def test_every_colcon_command_in_the_docs_is_understood(command: list[str]) -> None:
    pytest.importorskip("colcon_core", reason="colcon is not installed: pip install 'robot_rl[dev]'")
    helped = subprocess.run(
        [Path(sys.executable).with_name("colcon"), command[0], "--help"], capture_output=True, text=True, timeout=60
    )
    assert helped.returncode == 0, helped.stderr
    assert {word for word in command if word.startswith("-")} <= set(re.findall(r"--[\w-]+", helped.stdout))


def test_the_arguments_in_the_docs_are_those_of_the_launch_files() -> None:
    rows = re.findall(r"^\| `(.*?)` \| ([a-z, ]+) \|", (ROOT / "docs" / "ros.md").read_text(), re.MULTILINE)
    shown = {
        (kind, name)
        for names, kinds in rows
        for name in names.split("`, `")
        for kind in (ARGUMENTS if kinds == "all" else kinds.split(", "))
    }
    assert shown == {(kind, argument.name) for kind, arguments in ARGUMENTS.items() for argument in arguments}


def test_the_docs_show_every_verb() -> None:
    shown = {_verb(command)[0] for command in COMMANDS}
    assert shown == set(VERBS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_named_files_exist(page: Path) -> None:
    text = page.read_text()
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert link.startswith("http") or (page.parent / link).exists(), link
    for name in re.findall(r"`((?:robot_rl|controllers|examples|benchmarks|docs)/[\w/]+\.\w+)`", text):
        assert (ROOT / name).exists(), name


@pytest.mark.real_time
@pytest.mark.timeout(900)
@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.name)
def test_every_example_runs(example: Path) -> None:
    result = subprocess.run([sys.executable, str(example)], cwd=ROOT, capture_output=True, text=True, timeout=800)
    sys.stderr.write(result.stderr)
    assert result.returncode == 0

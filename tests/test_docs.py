"""What the documents promise is tried."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from robot_rl.cli import VERBS, _verb
from robot_rl.compose import load_config

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMANDS = [
    line.split("#")[0].split()[1:]
    for page in PAGES
    for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL)
    for line in block.splitlines()
    if line.startswith("robot-rl ")
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_in_the_docs_is_understood(command: list[str]) -> None:
    verb, settings = _verb(command)
    assert verb in VERBS
    load_config([word for word in settings if not word.endswith("=NAME")])


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


@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.name)
def test_every_example_runs(example: Path) -> None:
    result = subprocess.run([sys.executable, str(example)], cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert result.returncode == 0, result.stderr

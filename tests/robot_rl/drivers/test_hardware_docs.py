"""What the pages on hardware tell a person to type."""

import re
import shlex
from pathlib import Path

import pytest

from robot_rl.cell.open_motors import DRIVERS
from robot_rl.cell.process import load

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "docs" / f"hardware-{name}.md" for name in DRIVERS if name != "sim"]
LINES = [
    line
    for page in PAGES
    for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL)
    for line in block.splitlines()
]
CELLS = [line for line in LINES if "-m robot_rl.cell" in line]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_driver_has_a_page_that_starts_it(page: Path) -> None:
    driver = page.stem.removeprefix("hardware-")
    assert f"robot.driver={driver} " in page.read_text()


@pytest.mark.parametrize("line", CELLS)
def test_every_arm_process_of_the_pages_has_settings_that_are_understood_and_slow(line: str) -> None:
    config = load(shlex.split(line, comments=True)[3:])
    assert config.address and config.safety.max_speed_m_s <= 0.03


@pytest.mark.parametrize("line", [line for line in LINES if "examples/" in line])
def test_every_script_of_the_pages_is_there(line: str) -> None:
    assert (ROOT / shlex.split(line)[1]).is_file()


@pytest.mark.parametrize("line", LINES)
def test_no_page_gives_rights_to_the_interpreter(line: str) -> None:
    assert "setcap" not in line

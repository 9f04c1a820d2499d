"""Rules that hold for the whole source tree."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

import robot_rl

ROOT = Path(__file__).parents[1]
PACKAGES = ("robot_rl", "controllers", "sim2real", "web_ui")
FOLDERS = (*PACKAGES, "launch", "tests", "benchmarks", "docs", "examples")
MAX_LINES = 400
BANNED_CALLS = {
    "print",
    "time.time",
    "torch.save",
    "torch.load",
    "pickle.load",
    "pickle.loads",
    "eval",
    "exec",
}
BANNED_IMPORTS = {"pickle", "dill", "cloudpickle"}
BROAD = {"Exception", "BaseException"}
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")

SOURCES = sorted(f for package in PACKAGES for f in (ROOT / package).rglob("*.py"))
ALL_FILES = sorted({*SOURCES, *(f for d in FOLDERS for f in (ROOT / d).rglob("*.py"))} - {Path(__file__)})


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def dotted(node: ast.AST) -> str:
    """`a.b.c` for nested attribute access, else an empty string at the break."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def offences(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and dotted(node.func) in BANNED_CALLS:
            yield f"line {node.lineno}: {dotted(node.func)}()"
        if isinstance(node, ast.ExceptHandler):
            caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            if any(c is None or dotted(c) in BROAD for c in caught):
                yield f"line {node.lineno}: broad except"
        if isinstance(node, ast.Import) and BANNED_IMPORTS & {a.name.split(".")[0] for a in node.names}:
            yield f"line {node.lineno}: import of {node.names[0].name}"
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in BANNED_IMPORTS:
            yield f"line {node.lineno}: import from {node.module}"


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_room_of_the_house_is_there(folder: str) -> None:
    assert any((ROOT / folder).iterdir()), f"{folder}/ is empty, so git would drop it"


def test_launch_does_not_shadow_the_launch_library_of_ros() -> None:
    assert not list((ROOT / "launch").rglob("__init__.py"))


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_source_does_nothing_that_is_banned(path: Path) -> None:
    assert not list(offences(ast.parse(path.read_text(encoding="utf-8"))))


@pytest.mark.parametrize("path", ALL_FILES, ids=name_of)
def test_files_are_finished_and_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not UNFINISHED.findall(text)
    assert len(text.splitlines()) <= MAX_LINES


@pytest.mark.parametrize(
    "source",
    [
        "print(1)",
        "import pickle",
        "from pickle import loads",
        "time.time()",
        "torch.save(x, f)",
        "try:\n f()\nexcept:\n pass",
        "try:\n f()\nexcept (OSError, Exception):\n pass",
    ],
)
def test_the_scan_finds_what_it_looks_for(source: str) -> None:
    assert list(offences(ast.parse(source)))


def test_the_version_is_written_the_same_everywhere() -> None:
    assert ElementTree.parse(ROOT / "package.xml").findtext("version") == robot_rl.__version__


def test_ros_stays_out_of_the_hard_dependencies() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert not [d for d in project["dependencies"] if d.startswith(("ros-", "rclpy", "launch"))]


def test_python_requires_is_where_colcon_can_read_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert "requires-python" not in project
    assert "requires-python" in project["dynamic"]
    assert "python_requires" in (ROOT / "setup.py").read_text(encoding="utf-8")
    assert "python_requires" not in (ROOT / "setup.cfg").read_text(encoding="utf-8")


def test_the_constraints_name_every_hard_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pinned = {line.split("==")[0].lower() for line in (ROOT / "constraints.txt").read_text().splitlines()}
    wanted = {re.split(r"[<>=\[]", d)[0].lower() for d in project["dependencies"]}
    assert wanted <= pinned


def test_every_module_has_its_place_in_the_import_contract() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    placed = set(re.findall(r"robot_rl\.(\w+)", str(settings["tool"]["importlinter"]["contracts"][0]["layers"])))
    modules = {f.stem for f in (ROOT / "robot_rl").iterdir() if f.suffix == ".py" or (f / "__init__.py").exists()}
    assert modules - {"__init__"} <= placed

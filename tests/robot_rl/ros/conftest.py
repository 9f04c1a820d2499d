"""Real DDS on this machine only; every test in a domain of its own. Skipped, and said so, where rclpy is missing."""

import importlib.util
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.robot_rl.ros.domains import taken

HERE = importlib.util.find_spec("rclpy") is not None
ROOT = Path(__file__).parents[3]
PROFILE = ROOT / "launch" / "config" / "fastdds.xml"
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
if PROFILE.exists():
    os.environ["FASTRTPS_DEFAULT_PROFILES_FILE"] = str(PROFILE)

if HERE:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "module 'sre_", DeprecationWarning)
        import lark  # noqa: F401 (rclpy imports it late, and it imports what Python 3.11 calls old)


class Skipped(pytest.Module):
    """A test file that is not even imported."""

    def collect(self):
        pytest.skip("rclpy is not installed: pip install robot_rl[ros], or ROS 2 from apt", allow_module_level=True)


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    return None if HERE else Skipped.from_parent(parent, path=module_path)


def _domain() -> Iterator[int]:
    with taken() as number, pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROS_DOMAIN_ID", str(number))
        patch.setenv("PYTHONPATH", str(ROOT))
        yield number


@pytest.fixture
def domain() -> Iterator[int]:
    """A number that no other test uses now; child processes inherit it."""
    yield from _domain()


@pytest.fixture(scope="class")
def class_domain() -> Iterator[int]:
    """One for all tests of a class."""
    yield from _domain()

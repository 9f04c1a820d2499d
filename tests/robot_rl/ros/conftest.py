"""Real DDS on this machine only; every test in a domain of its own."""

import os
import warnings
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed: pip install robot_rl[ros], or ROS 2 from apt")

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "module 'sre_", DeprecationWarning)
    import lark  # noqa: F401 (rclpy imports it late, and it imports what Python 3.11 calls old)

PROFILE = Path(__file__).parents[3] / "launch" / "config" / "fastdds.xml"
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
if PROFILE.exists():
    os.environ["FASTRTPS_DEFAULT_PROFILES_FILE"] = str(PROFILE)
DOMAINS = count(os.getpid())


@pytest.fixture
def domain(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A number that no other test uses now; child processes inherit it."""
    number = 1 + next(DOMAINS) % 100
    monkeypatch.setenv("ROS_DOMAIN_ID", str(number))
    yield number

"""What the tests of bring-up share."""

from pathlib import Path

import pytest

from tests.launch.record import record
from tests.launch.test_bringup import FULL


@pytest.fixture(autouse=True, scope="session")
def _record(tmp_path_factory: pytest.TempPathFactory) -> None:
    """There is one where a replay looks for it."""
    FULL["replay"]["demos"] = str(record(Path(tmp_path_factory.mktemp("demos"))))

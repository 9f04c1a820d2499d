"""Before NumPy and MuJoCo are imported: one thread each, and pictures without a screen.

And tests in real time: see `tests/stalls.py`.
"""

import os
import warnings

import pytest
from _pytest.runner import runtestprotocol

from tests.stalls import STALLED, TRIES, Watch

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MUJOCO_GL", "egl")
REPEATED = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[REPEATED] = []


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Carry out a test in real time, again where it failed while the machine stood still."""
    if not item.get_closest_marker("real_time"):
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for left in reversed(range(TRIES)):
        with Watch() as watch:
            reports = runtestprotocol(item, log=False, nextitem=nextitem)
        stalled = watch.stood_still or any(STALLED in report.capstderr + report.caplog for report in reports)
        if not (left and stalled and any(report.failed for report in reports)):
            break
        item.config.stash[REPEATED].append(f"{item.nodeid}: the machine stood still for {watch.longest_s:.2f} s")
        # What a failed attempt has left open, as any failure does, must not be said of another test.
        item.config.addinivalue_line("filterwarnings", "ignore::ResourceWarning")
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash[REPEATED]:
        terminalreporter.write_line(f"REPEATED {line}")


@pytest.hookimpl(tryfirst=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    if config.stash[REPEATED]:
        warnings.simplefilter("ignore", ResourceWarning)

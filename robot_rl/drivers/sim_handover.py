"""Jobs for the thread that steps a simulation, handed over by others and done between two periods."""

from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from robot_rl.errors import HardwareError, RobotRLError, StaleError

WAIT_S = 1.0
"""Longest wait for a job: 500 periods of a 500 Hz loop."""
ENDED = "the simulated cell has ended; start it anew"
T = TypeVar("T")


class Handover:
    """A queue of short jobs. One thread calls `work` and `end`, any other `do`."""

    def __init__(self, wait_s: float = WAIT_S) -> None:
        self._wait_s, self._ended = wait_s, False
        self._jobs: SimpleQueue[tuple[Callable[[], Any], Future[Any]]] = SimpleQueue()

    def do(self, job: Callable[[], T]) -> T:
        """What the job gives. Raises what it raises, StaleError when nobody came to it (it is then left out),
        HardwareError after the end."""
        if self._ended:
            raise HardwareError(ENDED)
        future: Future[T] = Future()
        self._jobs.put((job, future))
        try:
            return future.result(self._wait_s)
        except CancelledError:
            raise HardwareError(ENDED) from None
        except TimeoutError:
            if not future.cancel():  # it is being done
                return future.result()
            raise StaleError(f"the simulated cell did nothing for {self._wait_s} s; see whether it runs") from None

    def work(self) -> None:
        """Do what waits now. A RobotRLError is for its sender; any other error is a mistake and raised here."""
        for _ in range(self._jobs.qsize()):
            job, future = self._jobs.get_nowait()
            if future.set_running_or_notify_cancel():
                _carry_out(job, future)

    def end(self) -> None:
        """Refuse what waits and what comes; allowed twice."""
        self._ended = True
        while True:
            try:
                self._jobs.get_nowait()[1].cancel()
            except Empty:
                return


def _carry_out(job: Callable[[], Any], future: "Future[Any]") -> None:
    try:
        future.set_result(job())
    except RobotRLError as error:
        future.set_exception(error)
    finally:
        if not future.done():
            future.set_exception(HardwareError("a mistake in what was asked ends the simulated cell; see its log"))

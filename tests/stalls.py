"""Whether this machine stood still: an arm in real time stops then, as it should, and no test of it can go on.

A test marked `real_time` that fails is carried out again, with fixtures of its own, when the machine or an arm's
process stood still meanwhile, and only then: what is wrong with the product fails on a machine that runs too.
"""

import os
import threading
import time

LONG_S = 0.06
"""Well below the 0.1 s after which an arm is stopped, and above what a thread waits for its turn"""
LOOK_S = 0.01
TRIES = 4
STALLED = "it stood still for"
"""What an arm's process says that did not get its turn on a machine that ran"""


class Watch:
    """One thread on each processor that notes how late it wakes, while the block lasts."""

    def __init__(self) -> None:
        self.longest_s = 0.0
        """The longest time for which one of them was not woken"""
        self._over = False

    def __enter__(self) -> "Watch":
        processors = sorted(os.sched_getaffinity(0))
        self._threads = [threading.Thread(target=self._look, args=(number,), daemon=True) for number in processors]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        for thread in self._threads:
            thread.join()

    @property
    def stood_still(self) -> bool:
        return self.longest_s > LONG_S

    def _look(self, processor: int) -> None:
        os.sched_setaffinity(threading.get_native_id(), {processor})
        before_s = time.monotonic()
        while not self._over:
            time.sleep(LOOK_S)
            now_s = time.monotonic()
            self.longest_s = max(self.longest_s, now_s - before_s - LOOK_S)
            before_s = now_s

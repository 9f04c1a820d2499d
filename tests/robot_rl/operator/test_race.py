"""Many clients, one lease, any order of messages."""

from itertools import combinations

import pytest

from robot_rl.clock import ManualClock
from robot_rl.operator import Authority, State
from tests.robot_rl.operator.race import LEASE_S, race


@pytest.mark.parametrize("clients", [2, 3, 5, 8, 16])
def test_there_are_never_two_holders_in_any_of_many_interleavings(clients: int) -> None:
    races = [race(seed, clients, steps=150) for seed in range(60)]
    for count, least in (("grants", 60), ("stale fences refused", 6000), ("commands admitted", 60)):
        assert sum(one[count] for one in races) > least, count


class Life:
    """A client that takes the lease, arms, starts, commands and gives back, one call at a time."""

    def __init__(self, authority: Authority, name: str) -> None:
        self.authority, self.name, self.fence, self.passed = authority, name, -1, False

    def step(self, k: int) -> None:
        seen = self.authority.view().revision
        if k == 0:
            answer = self.authority.take(self.name)
            self.fence = answer.view.fence if not answer.refused else -1
        elif k == 1:
            self.authority.arm(self.fence, seen, self.name)
        elif k == 2:
            self.authority.policy(self.fence, seen)
        elif k == 3:
            self.passed = not self.authority.admits(self.fence, State.POLICY)
        else:
            self.authority.release(self.fence)


@pytest.mark.parametrize("sleep_before", [None, *range(10)])
def test_of_two_clients_only_the_holder_commands_in_every_order_of_their_calls(sleep_before: int | None) -> None:
    for first in combinations(range(10), 5):
        clock = ManualClock()
        authority = Authority(clock, lambda event: None, hardware=False)
        lives, done = (Life(authority, "a"), Life(authority, "b")), [0, 0]
        for turn in range(10):
            if turn == sleep_before:
                clock.sleep_until(clock.now_s() + LEASE_S)
            who = 0 if turn in first else 1
            lives[who].step(done[who])
            done[who] += 1
            if done[who] == 4 and lives[who].passed:
                assert authority.view().holder == lives[who].name
                assert authority.admits(lives[1 - who].fence, State.POLICY)

"""Many clients, one lease, any order of messages."""

from collections import Counter
from itertools import combinations

import pytest

from robot_rl.clock import ManualClock
from robot_rl.operator import Answer, Authority, State
from robot_rl.operator.lease import Lease
from tests.robot_rl.operator.race import HAPPENS, LEASE_S, race


@pytest.mark.parametrize("clients", [2, 3, 5, 8, 16])
def test_there_are_never_two_holders_in_any_of_many_interleavings(clients: int) -> None:
    counts = sum((race(seed, clients, steps=150) for seed in range(60)), Counter())
    assert not [name for name in HAPPENS if counts[name] < 5], counts


def grant_under_the_old_number(lease: Lease, client: str, now_s: float) -> None:
    lease.holder, lease.heard_s = client, now_s


def take_from_anybody(authority: Authority, client: str) -> Answer:
    return authority._grant(client, authority.tick())


def end_without_braking(authority: Authority, why: str) -> None:
    authority._tell(authority._state, authority._lease.end(), why)


def renew_without_looking_at_the_time(authority: Authority, fence: int) -> Answer:
    now_s = authority._clock.now_s()
    if refusal := authority._lease.refusal(fence):
        return authority._refused(refusal, now_s)
    authority._lease.renew(now_s)
    return authority._granted(now_s)


def any_number_below(lease: Lease, fence: int) -> str:
    return "" if lease.holder and fence <= lease.fence else "no right"


FAULTS = {
    "a number comes twice": (Lease, "grant", grant_under_the_old_number),
    "an old number is a right": (Lease, "refusal", any_number_below),
    "a free lease is a right": (Lease, "refusal", lambda lease, fence: "" if fence == lease.fence else "no right"),
    "nothing runs out": (Lease, "ran_out", lambda lease, now_s: False),
    "it runs out late": (Lease, "ran_out", lambda lease, now_s: bool(lease.holder) and lease.left_s(now_s) < -0.1),
    "it runs out early": (Lease, "ran_out", lambda lease, now_s: bool(lease.holder) and lease.left_s(now_s) < 0.1),
    "a renewal is forgotten": (Lease, "renew", lambda lease, now_s: None),
    "the next takes what another holds": (Authority, "take", take_from_anybody),
    "motion outlives its lease": (Authority, "_end_lease", end_without_braking),
    "what ran out can be renewed": (Authority, "renew", renew_without_looking_at_the_time),
    "a lost hand is not noticed": (Authority, "_touched", lambda authority, number: None),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_broken_lease_is_found_out_by_the_race(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*FAULTS[fault])
    with pytest.raises(AssertionError):
        for seed in range(500):
            race(seed, clients=3, steps=150)


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

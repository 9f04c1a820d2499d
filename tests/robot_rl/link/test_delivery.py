"""Whatever the network does, the inbox ends up with every frame once, in order."""

import random
import threading
import time
from typing import Any

import pytest

from benchmarks.faults import Proxy, Unreliable
from robot_rl.config import LinkConfig
from robot_rl.errors import StorageError
from robot_rl.link import client
from robot_rl.link.client import Courier
from robot_rl.types import Frame
from tests.robot_rl.link.ends import HASH, PATIENCE_S, Shelf, Store, courier, learner, make_frame, plain, refusal


def delivered(link: Courier, sequence: int) -> bool:
    return link.wait(lambda: link.status.watermark >= sequence, PATIENCE_S)


def shelf_of(count: int, actor: str = "ann", image_size: int = 0) -> Shelf:
    return Shelf([make_frame(i, actor, image_size) for i in range(count)])


def expected(shelf: Shelf) -> list[Any]:
    return [plain(f) for f in shelf.frames]


def test_frames_arrive_once_and_in_order_with_the_learner_s_progress() -> None:
    shelf, store = shelf_of(250), Store()
    store.steps = 42
    with learner(store) as (_, port), courier(shelf, port) as link:
        assert delivered(link, 249)
        shelf.frames.append(make_frame(250))
        assert delivered(link, 250)
        assert (link.status.env_steps, link.status.gradient_steps, link.status.trouble) == (42, 420, "")
    assert store.of("ann") == expected(shelf)


def test_two_actors_feed_one_learner() -> None:
    shelf, store = Shelf([make_frame(i, actor, 8) for i in range(60) for actor in ("ann", "bob")]), Store()
    with learner(store) as (_, port), courier(shelf, port) as ann, courier(shelf, port, actor="bob") as bob:
        assert delivered(ann, 59) and delivered(bob, 59)
    for actor in ("ann", "bob"):
        assert store.of(actor) == [plain(f) for f in shelf.frames if f.actor == actor]


def test_closing_delivers_what_is_durable() -> None:
    shelf, store = shelf_of(350), Store()
    with learner(store) as (_, port), courier(shelf, port) as link:
        assert link.close(PATIENCE_S)
        assert not link.status.connected
    assert store.of("ann") == expected(shelf)


def test_closing_delivers_what_became_durable_while_the_courier_looked() -> None:
    class Late(Shelf):
        def after(self, actor: str, sequence: int, max_bytes: int) -> list[Frame]:
            found = super().after(actor, sequence, max_bytes)
            if not self.frames:
                self.frames = shelf_of(3).frames
                closer.start()
                assert link._closing.wait(PATIENCE_S)
            return found

    store, answers = Store(), list[bool]()
    closer = threading.Thread(target=lambda: answers.append(link.close(PATIENCE_S)))
    with learner(store) as (_, port), courier(Late(), port) as link:
        assert link.wait(lambda: not link.status.connected and link.status.watermark >= 0, PATIENCE_S)
        closer.join()
    assert answers == [True]
    assert store.of("ann") == expected(shelf_of(3))


def test_closing_without_a_learner_ends_in_time() -> None:
    with courier(shelf_of(3), 1) as link:
        assert not link.close(0.1)


@pytest.mark.parametrize("seed", range(3))
def test_lost_doubled_late_and_delayed_messages_leave_no_trace(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "FIRST_PAUSE_S", 0.005)
    shelf, store, bad = shelf_of(240, image_size=4), Store(), Unreliable(seed, 0.2)
    shelf.group = 6
    with learner(store) as (_, port), courier(shelf, port, interceptors=(bad,)) as link:
        assert delivered(link, 239)
    assert store.of("ann") == expected(shelf)
    assert all(bad.counts.values())


@pytest.mark.parametrize("lost", [0, 130], ids=["nothing lost", "unsynced lost"])
def test_a_learner_that_restarts_gets_the_rest(lost: int) -> None:
    shelf, store, rng = shelf_of(500, image_size=4), Store(), random.Random(lost)
    with learner(store) as (_, port):
        link = Courier(LinkConfig(f"127.0.0.1:{port}", "ann"), HASH, shelf, bytes)
        link.start()
        assert link.wait(lambda: link.status.watermark >= 99, PATIENCE_S)
    for _ in range(4):
        del store.frames[len(store.frames) - min(rng.randint(0, lost), len(store.frames)) :]
        stop_at = len(store.frames) + 60
        with learner(store, port):
            assert link.wait(lambda at=stop_at: link.status.watermark >= min(at, 499), PATIENCE_S)  # type: ignore[misc]
    with learner(store, port):
        assert link.wait(lambda: len(store.frames) == 500 and link.status.connected, PATIENCE_S)
        assert link.close(PATIENCE_S)
    assert store.of("ann") == expected(shelf)


def test_an_actor_that_restarts_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("robot_rl.link.sessions.SILENCE_S", 0.2)
    shelf, store = shelf_of(100), Store()
    with learner(store) as (_, port):
        for count in (100, 230):
            shelf.frames = shelf_of(count).frames
            with courier(shelf, port) as link:
                assert delivered(link, count - 1)
    assert store.of("ann") == expected(shelf)


def test_a_partition_delays_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("robot_rl.link.calls.CALL_S", 0.3)
    shelf, store = shelf_of(50), Store()
    with learner(store) as (_, port):
        proxy = Proxy(port)
        with courier(shelf, proxy.port) as link:
            assert delivered(link, 49)
            proxy.part()
            shelf.frames = shelf_of(300).frames
            assert link.wait(lambda: not link.status.connected, PATIENCE_S)
            assert "deadline" in link.status.trouble
            proxy.heal()
            assert delivered(link, 299)
        proxy.close()
    assert store.of("ann") == expected(shelf)


def test_cut_connections_are_made_again() -> None:
    shelf, store = shelf_of(0), Store()
    with learner(store) as (_, port):
        proxy = Proxy(port)
        with courier(shelf, proxy.port) as link:
            for count in (20, 40, 60):
                shelf.frames = shelf_of(count).frames
                proxy.cut()
                assert delivered(link, count - 1)
        proxy.close()
    assert store.of("ann") == expected(shelf)


def test_a_byte_changed_on_the_way_is_noticed_and_nothing_of_it_is_taken() -> None:
    shelf, store, seen = shelf_of(0), Store(), []
    with learner(store) as (_, port):
        proxy = Proxy(port)
        with courier(shelf, proxy.port) as link:
            link.agree(PATIENCE_S)
            proxy.flip()
            shelf.frames = shelf_of(40, image_size=64).frames
            assert link.wait(lambda: bool(seen.append(link.status.trouble)) or link.status.watermark == 39, PATIENCE_S)
        proxy.close()
    assert any("was sent with" in trouble for trouble in seen)
    assert store.of("ann") == expected(shelf)


def test_a_full_disk_at_the_learner_is_shown_and_heals() -> None:
    shelf, store, full = shelf_of(30), Store(), threading.Event()
    full.set()

    def refuse() -> None:
        if full.is_set():
            raise StorageError("the disk has 0 MB left")

    store.before = refuse
    with learner(store) as (_, port), courier(shelf, port) as link:
        text = "takes no frames for now: the disk has 0 MB left"
        assert link.wait(lambda: text in link.status.trouble, PATIENCE_S)
        assert link.status.connected
        full.clear()
        assert delivered(link, 29)
        assert link.wait(lambda: link.status.trouble == "", PATIENCE_S)
    assert store.of("ann") == expected(shelf)


def test_an_inbox_slower_than_the_deadline_gets_each_frame_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("robot_rl.link.calls.CALL_S", 0.2)
    shelf, store = shelf_of(150), Store()
    store.before = lambda: time.sleep(0.5)
    with learner(store) as (_, port), courier(shelf, port) as link:
        assert delivered(link, 149)
    assert store.of("ann") == expected(shelf)


def test_a_bad_frame_is_refused_by_name_and_those_before_it_are_kept() -> None:
    shelf, store = shelf_of(110), Store()
    shelf.frames[105].state[0] = float("nan")
    with learner(store) as (_, port), courier(shelf, port) as link:
        assert link.wait(lambda: r"frame 105 of actor 'ann': state[0] is nan" in link.status.trouble, PATIENCE_S)
    assert store.of("ann") == expected(shelf)[:100]


def test_a_frame_over_the_cap_is_refused_here_with_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MAX_FRAME_BYTES", 10_000)
    with learner(Store()) as (_, port), courier(shelf_of(1, image_size=64), port) as link:
        text = refusal(link)
    assert "frame 0 of actor 'ann' has 12" in text and "bytes, the link carries 10000 at most; lower robot" in text


def test_a_log_with_a_hole_is_not_sent() -> None:
    shelf = shelf_of(10)
    del shelf.frames[0]
    with learner(Store()) as (_, port), courier(shelf, port) as link:
        assert "the log has no frame 0 of actor 'ann'" in refusal(link)


def test_batches_are_bounded_however_much_waits() -> None:
    store, shelf, largest = Store(), shelf_of(60, image_size=128), []
    accept = store.accept

    def measure(frames: list[Frame]) -> None:
        largest.append(sum(f.images["wrist"].nbytes for f in frames))
        accept(frames)

    store.accept = measure  # type: ignore[method-assign, assignment]
    with learner(store) as (_, port), courier(shelf, port) as link:
        assert delivered(link, 59)
    assert shelf.largest_request_bytes == client.PIECE_BYTES
    assert len(largest) > 1 and max(largest) <= client.PIECE_BYTES

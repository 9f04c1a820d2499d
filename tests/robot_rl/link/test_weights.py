"""The newest good weights reach every actor; bad ones change nothing."""

import pytest

from benchmarks.faults import Unreliable
from robot_rl.errors import LinkError
from robot_rl.link import link_pb2 as pb
from robot_rl.link import protocol, server
from robot_rl.link.download import Download
from robot_rl.link.protocol import PIECE_BYTES
from robot_rl.link.server import LearnerServer
from tests.robot_rl.link.ends import PATIENCE_S, Shelf, Store, courier, learner, refuse_nonsense


def test_nothing_is_there_before_the_learner_publishes() -> None:
    with learner(Store()) as (_, port), courier(Shelf(), port) as link:
        link.agree(PATIENCE_S)
        assert link.latest is None and link.status.weights_version == -1


@pytest.mark.parametrize("size", [1, PIECE_BYTES, 3 * PIECE_BYTES + 7])
def test_weights_of_any_size_arrive_whole(size: int) -> None:
    blob = (b"W" + bytes(range(256)) * (size // 256 + 1))[:size]
    with learner(Store()) as (home, port), courier(Shelf(), port) as link:
        home.publish(5, blob)
        assert link.wait(lambda: link.latest is not None, PATIENCE_S)
        assert link.latest == (5, blob) and link.status.weights_version == 5


def test_the_newest_version_wins() -> None:
    with learner(Store()) as (home, port), courier(Shelf(), port) as link:
        for version in range(30):
            home.publish(version, b"W%d" % version)
        assert link.wait(lambda: link.latest == (29, b"W29"), PATIENCE_S)


def test_versions_do_not_mix_while_one_is_on_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "PIECE_BYTES", 3)
    seen = []
    with learner(Store()) as (home, port), courier(Shelf(), port, interceptors=(_Republish(home),)) as link:
        home.publish(0, b"W" * 50)
        link.wait(lambda: bool(seen.append(link.latest)) or link.status.weights_version >= 100, PATIENCE_S)
    arrived = {latest for latest in seen if latest}
    assert len(arrived) > 1 and all(blob == b"W" * (50 + version % 7) for version, blob in arrived)


class _Republish(Unreliable):
    """Publishes a new version before every call."""

    def __init__(self, home: LearnerServer) -> None:
        super().__init__(seed=0, rate=0.01)
        self._home, self._version = home, 0

    def intercept_unary_unary(self, send, details, request):  # type: ignore[no-untyped-def]
        self._version += 1
        self._home.publish(self._version, b"W" * (50 + self._version % 7))
        return super().intercept_unary_unary(send, details, request)


def test_refused_weights_leave_the_old_ones_in_use_and_are_shown() -> None:
    with learner(Store()) as (home, port), courier(Shelf(), port) as link:
        home.publish(1, b"W good")
        assert link.wait(lambda: link.latest is not None, PATIENCE_S)
        home.publish(2, b"nan")
        assert link.wait(lambda: bool(link.status.trouble), PATIENCE_S)
        assert link.status.trouble == (
            "weights 2 from the learner were refused (b'nan' are no weights); version 1 stays in use"
        )
        assert link.latest == (1, b"W good") and link.status.connected
        home.publish(3, b"W better")
        assert link.wait(lambda: link.latest == (3, b"W better") and not link.status.trouble, PATIENCE_S)


def test_a_new_learner_s_weights_count_even_under_a_version_that_is_known() -> None:
    store = Store()
    with learner(store) as (home, port):
        home.publish(4, b"W old")
        with courier(Shelf(), port) as link:
            assert link.wait(lambda: link.latest == (4, b"W old"), PATIENCE_S)
            home.stop()
            with learner(store, port) as (new, _):
                new.publish(4, b"W new")
                assert link.wait(lambda: link.latest == (4, b"W new"), PATIENCE_S)


def test_cut_and_changed_weights_never_reach_the_check() -> None:
    checked: list[bytes] = []
    good = pb.WeightsReply(version=1, size_bytes=3, sha256=bytes(32), piece=b"Wab")
    for change in ({}, {"size_bytes": 9, "piece": b""}, {"size_bytes": protocol.MAX_WEIGHTS_BYTES + 1}):
        reply = pb.WeightsReply.FromString(good.SerializeToString())
        for name, value in change.items():
            setattr(reply, name, value)
        with pytest.raises(LinkError, match=r"weights 1 .*(cut or changed|too large)"):
            Download(lambda blob: checked.append(blob)).add(reply)
    assert not checked


def test_pieces_of_two_versions_make_no_blob() -> None:
    download = Download(refuse_nonsense)
    assert not download.add(pb.WeightsReply(version=1, size_bytes=4, sha256=b"x", piece=b"W1"))
    with pytest.raises(LinkError, match="changed on the way"):
        download.add(pb.WeightsReply(version=2, size_bytes=4, sha256=b"y", piece=b"W2"))


def test_weights_over_the_limit_are_refused_by_the_learner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MAX_WEIGHTS_BYTES", 10)
    with learner(Store()) as (home, _), pytest.raises(LinkError, match="weights 1 have 11 bytes; the link carries 10"):
        home.publish(1, bytes(11))

"""The learner's end of the link."""

import hashlib
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import grpc
from google.protobuf.message import Message

import robot_rl
from robot_rl.clock import Clock, MonotonicClock
from robot_rl.config import LinkConfig
from robot_rl.errors import DataError, LinkError, NonFiniteError, StorageError
from robot_rl.link import link_pb2 as pb
from robot_rl.link.agreement import difference
from robot_rl.link.codec import NAME, decode
from robot_rl.link.protocol import (
    AUTHORIZATION,
    CHANNEL_OPTIONS,
    CRC,
    MAX_WEIGHTS_BYTES,
    PIECE_BYTES,
    PROTOCOL,
    SERVICE,
    Refused,
    checksum,
    unpack,
)
from robot_rl.link.security import learner_access
from robot_rl.link.sessions import Refusal, Session, Sessions, Weights
from robot_rl.types import Frame

WORKERS = 16
"""Calls served at once: two for each of eight actors, one under way and one that waits for it"""
OPTIONS = (
    *CHANNEL_OPTIONS,
    ("grpc.so_reuseport", 0),  # a second learner must not share the port
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 2000),
)
R = TypeVar("R", bound=Message)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the learner is."""

    env_steps: int = 0
    """Learnt from, of all actors"""
    gradient_steps: int = 0
    waiting: int = 0
    """Frames taken, of all actors, and not yet learnt from"""


class Inbox(Protocol):
    """Where frames go. Every method may be called by several threads at once, for one actor by one at a time."""

    def watermark(self, actor: str) -> int:
        """Highest sequence of this actor that is durable here; -1: none."""
        ...

    def accept(self, frames: Sequence[Frame]) -> None:
        """Take up to `MESSAGE_FRAMES` frames that follow the watermark of their actor; they are durable on return.

        Returns or raises within a few seconds. Whatever it raises, the watermark says what was taken; the actor sends
        the rest again. Raises LinkError or StorageError when they cannot be taken now, DataError or NonFiniteError
        when they never can.
        """
        ...

    def progress(self) -> Progress: ...


class LearnerServer:
    """Takes frames from actors once each, in order, and gives them the newest weights."""

    def __init__(self, config: LinkConfig, agreement: str, inbox: Inbox, clock: Clock | None = None) -> None:
        """Raises ConfigError when the address needs a token and TLS, or their files are of no use."""
        self._config, self._agreement, self._inbox = config, agreement, inbox
        self._access = learner_access(config)
        self._sessions = Sessions(clock or MonotonicClock())
        self._id = secrets.token_hex(8)
        self._weights = Weights()
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="link")
        self._server = grpc.server(self._pool, options=OPTIONS, maximum_concurrent_rpcs=2 * WORKERS)
        self._server.add_generic_rpc_handlers((self._handlers(),))

    def start(self) -> int:
        """Listen; returns the port. Raises LinkError when the address cannot be had."""
        address, tls = self._config.address, self._access.tls
        try:
            port = self._server.add_secure_port(address, tls) if tls else self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise LinkError(
                f"cannot listen at link.address={address}; another learner may be there already, or the address is "
                "not one of this machine"
            ) from error
        self._server.start()
        return port

    def stop(self) -> None:
        """No call is accepted any more; returns when those under way have ended, so that the inbox may be closed."""
        self._server.stop(grace=1.0).wait()
        self._pool.shutdown()

    def publish(self, version: int, blob: bytes) -> None:
        """Give these weights to every actor from now on. Never waits. Raises LinkError when they are too large."""
        if len(blob) > MAX_WEIGHTS_BYTES:
            raise LinkError(f"weights {version} have {len(blob)} bytes; the link carries {MAX_WEIGHTS_BYTES} at most")
        self._weights = Weights(version, blob, hashlib.sha256(blob).digest())

    def _handlers(self) -> grpc.GenericRpcHandler:
        methods = {
            "Hello": self._handler(pb.HelloRequest, self._hello),
            "Append": self._handler(pb.AppendRequest, self._append),
            "Weights": self._handler(pb.WeightsRequest, self._fetch),
        }
        return grpc.method_handlers_generic_handler(SERVICE, methods)

    def _handler(self, kind: type[R], answer: Callable[[R], Message]) -> grpc.RpcMethodHandler:
        """Token and checksum first, then the answer, then its checksum."""

        def handle(data: bytes, context: grpc.ServicerContext) -> Any:
            metadata = dict(context.invocation_metadata())
            if not self._access.admits(metadata.get(AUTHORIZATION)):
                context.abort(grpc.StatusCode.UNAUTHENTICATED, "the token is missing or wrong; check link.token_file")
            try:
                reply = answer(unpack(kind, data, metadata.get(CRC))).SerializeToString()
            except Refused as error:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
            except LinkError as error:
                context.abort(grpc.StatusCode.DATA_LOSS, str(error))
            except Refusal as refusal:
                context.abort(refusal.code, str(refusal))
            context.set_trailing_metadata(((CRC, checksum(reply)),))
            return reply

        return grpc.unary_unary_rpc_method_handler(handle)

    def _hello(self, request: pb.HelloRequest) -> pb.HelloReply:
        self._require("protocol", request.protocol, PROTOCOL, "install one version of robot_rl on both", request)
        self._require_agreement(request)
        if not NAME.fullmatch(request.actor):
            text = f"link.actor={request.actor!r} is no name: use up to 64 letters, digits, '-', '_' and '.'"
            raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, text)
        self._sessions.admit(request.actor, request.courier)
        watermark = self._inbox.watermark(request.actor)
        return pb.HelloReply(learner=self._id, package_version=robot_rl.__version__, watermark=watermark)

    def _require(self, name: str, theirs: object, ours: object, remedy: str, request: pb.HelloRequest) -> None:
        if theirs != ours:
            raise Refusal(
                grpc.StatusCode.FAILED_PRECONDITION,
                f"{name} differs: actor {request.actor!r} (robot_rl {request.package_version}) has {theirs!r:.60}, the "
                f"learner (robot_rl {robot_rl.__version__}) has {ours!r:.60}; {remedy}",
            )

    def _require_agreement(self, request: pb.HelloRequest) -> None:
        if differing := difference(request.agreement, self._agreement):
            text = f"the settings differ: {differing}; start both with the same settings"
            raise Refusal(grpc.StatusCode.FAILED_PRECONDITION, text)
        self._require("agreement", request.agreement, self._agreement, "start both with the same settings", request)

    def _append(self, request: pb.AppendRequest) -> pb.AppendReply:
        with self._sessions.turn(request.actor, request.courier):
            held = self._take(request.actor, request.frames)
            progress = self._inbox.progress()
            return pb.AppendReply(
                watermark=self._inbox.watermark(request.actor),
                env_steps=progress.env_steps,
                gradient_steps=progress.gradient_steps,
                waiting=progress.waiting,
                weights_version=self._weights.version,
                held=held,
            )

    def _take(self, actor: str, messages: Sequence[pb.Frame]) -> str:
        """Hand new frames to the inbox. Returns why not, when they may be sent again."""
        watermark = self._inbox.watermark(actor)
        new = [m for m in messages if m.sequence > watermark]
        if not new:
            return ""
        if [m.sequence for m in new] != list(range(watermark + 1, watermark + 1 + len(new))):
            return f"frames {new[0].sequence} to {new[-1].sequence} do not follow {watermark}, the last one here"
        try:
            self._inbox.accept([decode(m, actor) for m in new])
        except (LinkError, StorageError) as error:
            return str(error)
        except (DataError, NonFiniteError) as error:
            raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, str(error)) from error
        return ""

    def _fetch(self, request: pb.WeightsRequest) -> pb.WeightsReply:
        with self._sessions.turn(request.actor, request.courier) as session:
            return self._piece(session, request.offset)

    def _piece(self, session: Session, offset: int) -> pb.WeightsReply:
        if offset == 0:
            session.weights = self._weights
        w = session.weights
        if not 0 <= offset <= len(w.blob):
            raise Refusal(grpc.StatusCode.ABORTED, f"weights {w.version} have {len(w.blob)} bytes, none at {offset}")
        piece = w.blob[offset : offset + PIECE_BYTES]
        return pb.WeightsReply(version=w.version, size_bytes=len(w.blob), sha256=w.sha256, piece=piece)

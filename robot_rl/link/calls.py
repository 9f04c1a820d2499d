"""The learner's calls as seen from an actor: typed, with deadline, checksum and token."""

from collections.abc import Sequence

import grpc
from google.protobuf.message import Message

from robot_rl.config import LinkConfig
from robot_rl.errors import LinkError
from robot_rl.link import link_pb2 as pb
from robot_rl.link.protocol import (
    AUTHORIZATION,
    CALL_S,
    CHANNEL_OPTIONS,
    CRC,
    SERVICE,
    M,
    Refused,
    checksum,
    unpack,
)
from robot_rl.link.security import Access

OPTIONS = (
    *CHANNEL_OPTIONS,
    ("grpc.enable_http_proxy", 0),  # a robot's network is not the web
    ("grpc.use_local_subchannel_pool", 1),  # a new channel is a new connection
    ("grpc.enable_retries", 0),  # the courier resends
)
NO = (
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.UNIMPLEMENTED,
)
NOT_NOW = (grpc.StatusCode.ABORTED, grpc.StatusCode.ALREADY_EXISTS, grpc.StatusCode.DATA_LOSS)


class Calls:
    """One connection, opened anew with `reconnect`."""

    def __init__(
        self, config: LinkConfig, access: Access, interceptors: Sequence[grpc.UnaryUnaryClientInterceptor] = ()
    ) -> None:
        self._address, self._access, self._interceptors = config.address, access, interceptors
        self._channel = self._open()

    def hello(self, request: pb.HelloRequest) -> pb.HelloReply:
        return self._call("Hello", request, pb.HelloReply)

    def append(self, request: pb.AppendRequest) -> pb.AppendReply:
        return self._call("Append", request, pb.AppendReply)

    def weights(self, request: pb.WeightsRequest) -> pb.WeightsReply:
        return self._call("Weights", request, pb.WeightsReply)

    def reconnect(self) -> None:
        """After a failure: whatever was wrong with the old connection is gone with it."""
        self.close()
        self._channel = self._open()

    def close(self) -> None:
        """Ends a call that is under way; allowed twice and from any thread."""
        self._channel.close()

    def _open(self) -> grpc.Channel:
        if self._access.tls:
            channel = grpc.secure_channel(self._address, self._access.tls, OPTIONS)
        else:
            channel = grpc.insecure_channel(self._address, OPTIONS)
        return grpc.intercept_channel(channel, *self._interceptors)

    def _call(self, name: str, request: Message, kind: type[M]) -> M:
        """Raises Refused when the learner says no, LinkError when it does not answer."""
        data = request.SerializeToString()
        metadata = [(CRC, checksum(data))]
        if self._access.token:
            metadata.append((AUTHORIZATION, self._access.authorization))
        try:
            method = self._channel.unary_unary(f"/{SERVICE}/{name}")
            reply, call = method.with_call(data, timeout=CALL_S, metadata=metadata)
        except grpc.RpcError as error:
            raise self._explain(error.code(), error.details()) from error
        except ValueError as error:  # what grpc raises for a channel that `close` has closed
            raise LinkError("the link is closed") from error
        if reply is None:  # grpc 1.71, when `close` comes at the wrong moment
            raise LinkError("the link was closed during a call")
        return unpack(kind, reply, dict(call.trailing_metadata() or ()).get(CRC))

    def _explain(self, code: grpc.StatusCode, details: str) -> LinkError:
        if code in (*NO, *NOT_NOW):
            return (Refused if code in NO else LinkError)(f"the learner at {self._address} refuses: {details}")
        return LinkError(f"no answer from the learner at {self._address} ({code.name.lower()}: {details})")

"""The actor's end of the link: a thread that carries durable frames to the learner and brings back its weights."""

import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import grpc

import robot_rl
from robot_rl.config import LinkConfig
from robot_rl.errors import LinkError, RobotRLError
from robot_rl.link import link_pb2 as pb
from robot_rl.link.calls import Calls
from robot_rl.link.codec import encode
from robot_rl.link.download import Download
from robot_rl.link.protocol import MAX_FRAME_BYTES, MESSAGE_FRAMES, PIECE_BYTES, PROTOCOL, Refused
from robot_rl.link.security import actor_access
from robot_rl.types import Frame

POLL_S = 0.1
"""Between two looks for new frames and weights"""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0
"""After a failure: doubled each time. After a refusal the longest at once."""

END_S = 2.0
"""For the thread to notice that its call was broken off"""


GIVE_UP = 3
"""Failures in a row with which `close` takes the learner for gone"""


class Outbox(Protocol):
    """Where frames come from."""

    def after(self, actor: str, sequence: int, max_bytes: int) -> list[Frame]:
        """Durable frames of this actor that follow `sequence`, in order: at least one if there is one, then more up to
        about `max_bytes`."""
        ...


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """How the link is doing, as of the last call."""

    connected: bool = False
    watermark: int = -1
    """Highest sequence that is durable at the learner"""
    env_steps: int = 0
    """Learnt from, of all actors"""
    gradient_steps: int = 0
    waiting: int = 0
    """Frames at the learner, of all actors, that it has not learnt from yet"""
    weights_version: int = -1
    """Of the newest weights accepted here"""
    trouble: str = ""
    """What is wrong now; empty: nothing"""


class Held(LinkError):
    """The learner answers, but takes no frames for now."""


class Courier:
    """Never stands between the control loop and its period: `status` and `latest` only read an attribute.

    Frames are sent in order from the learner's watermark on, and again after any failure; the learner drops what it
    has. Only what is durable here is sent, so neither side can know of a frame that the other might lose. Memory is
    bounded: what the outbox gives at once, one message under way, one download.
    """

    def __init__(
        self,
        config: LinkConfig,
        agreement: str,
        outbox: Outbox,
        check: Callable[[bytes], Any],
        interceptors: Sequence[grpc.UnaryUnaryClientInterceptor] = (),
    ) -> None:
        """`agreement` says, as JSON, which settings both must have in common. `check` makes of a blob of weights what
        acts; it raises RobotRLError or ValueError for one of no use.

        Raises ConfigError when the address needs a token and TLS, or their files are of no use.
        """
        self._config, self._agreement, self._outbox = config, agreement, outbox
        self._calls = Calls(config, actor_access(config), interceptors)
        self._download = Download(check)
        self._id, self._learner = secrets.token_hex(8), ""
        """Of this courier, and of the learner that greeted it last"""
        self._ready: list[Frame] = []
        """From the outbox, not sent yet"""
        self._status = LinkStatus()
        self._latest: tuple[int, Any] | None = None
        self._greeted = self._refused = self._delivered = False
        self._misses = 0
        """Failures while closing"""
        self._changed = threading.Condition()
        self._closing, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)

    @property
    def status(self) -> LinkStatus:
        return self._status

    @property
    def latest(self) -> tuple[int, Any] | None:
        """Version of the newest weights that passed, and what `check` made of them."""
        return self._latest

    def start(self) -> None:
        self._thread.start()

    def wait(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Sleep until the condition holds, looked at after every call; False when it took too long."""
        with self._changed:
            return self._changed.wait_for(condition, timeout_s)

    def agree(self, timeout_s: float) -> bool:
        """True once connected, False when no learner answers in time. Raises LinkError when it refuses this actor."""
        self.wait(lambda: self._status.connected or self._refused, timeout_s)
        if self._refused:
            raise LinkError(self._status.trouble)
        return self._status.connected

    def close(self, timeout_s: float = 5.0) -> bool:
        """Try to deliver what is durable, then end. False when something is left: the log keeps it for next time."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        self._stop.set()
        self._calls.close()
        if self._thread.is_alive():
            self._thread.join(END_S)
        return self._delivered

    def _run(self) -> None:
        pause_s = 0.0
        try:
            while not (self._delivered or self._misses > GIVE_UP or self._stop.wait(pause_s)):
                pause_s = self._turn_or_pause(pause_s)
        finally:
            self._calls.close()
            self._show(connected=False, trouble=self._status.trouble or "the courier has stopped")

    def _turn_or_pause(self, pause_s: float) -> float:
        """One turn. Returns how long to pause before the next."""
        closing = self._closing.is_set()  # what becomes durable during the turn is for the next
        try:
            busy = self._turn()
        except Held as error:
            self._show(trouble=str(error))
        except RobotRLError as error:
            self._refused = isinstance(error, Refused)
            self._show(connected=False, trouble=str(error))
            self._greeted = False
            self._misses += closing
            self._calls.reconnect()
        else:
            self._delivered = closing and not busy
            return 0.0 if busy else POLL_S
        return LONGEST_PAUSE_S if self._refused else min(max(2 * pause_s, FIRST_PAUSE_S), LONGEST_PAUSE_S)

    def _turn(self) -> bool:
        """Send a batch and fetch a piece of weights. Returns whether there may be more of either."""
        if not self._greeted:
            self._greet()
        frames = self._batch()
        reply = self._calls.append(pb.AppendRequest(actor=self._config.actor, courier=self._id, frames=frames))
        self._refused = False
        self._show(
            connected=True,
            watermark=reply.watermark,
            env_steps=reply.env_steps,
            gradient_steps=reply.gradient_steps,
            waiting=reply.waiting,
            trouble=self._download.trouble,
        )
        more = not self._closing.is_set() and self._fetch(reply.weights_version)
        if reply.held:
            raise Held(f"the learner takes no frames for now: {reply.held}")
        if frames and reply.watermark < frames[-1].sequence:
            raise LinkError(f"frames up to {frames[-1].sequence} were sent, the learner has up to {reply.watermark}")
        return bool(frames) or more

    def _greet(self) -> None:
        reply = self._calls.hello(
            pb.HelloRequest(
                protocol=PROTOCOL,
                package_version=robot_rl.__version__,
                agreement=self._agreement,
                actor=self._config.actor,
                courier=self._id,
            )
        )
        actor, watermark = self._config.actor, reply.watermark
        if watermark >= 0 and not self._outbox.after(actor, watermark - 1, 1):
            raise Refused(
                f"the learner has frame {watermark} of actor {actor!r}, which is not in the log here: it comes from "
                "another log; give this actor another link.actor, or go on with its own folder"
            )
        self._download.start(of_another_learner=reply.learner != self._learner)
        self._show(watermark=watermark)
        self._learner, self._greeted = reply.learner, True

    def _batch(self) -> list[pb.Frame]:
        """The next frames as messages: `PIECE_BYTES` or `MESSAGE_FRAMES` of them, whichever comes first."""
        actor, wanted = self._config.actor, self._status.watermark + 1
        if not self._ready or self._ready[0].sequence != wanted:
            self._ready = self._outbox.after(actor, wanted - 1, PIECE_BYTES)
        if self._ready and self._ready[0].sequence != wanted:
            raise Refused(f"the log has no frame {wanted} of actor {actor!r}, which the learner needs next")
        messages: list[pb.Frame] = []
        size = 0
        for frame in self._ready[:MESSAGE_FRAMES]:
            message = encode(frame)
            size += message.ByteSize()
            if size > PIECE_BYTES and messages:
                break
            messages.append(message)
        if len(messages) == 1 and messages[0].ByteSize() > MAX_FRAME_BYTES:
            raise Refused(
                f"frame {wanted} of actor {actor!r} has {size} bytes, the link carries {MAX_FRAME_BYTES} at most; "
                "lower robot.image_size or use fewer robot.cameras"
            )
        self._ready = self._ready[len(messages) :]
        return messages

    def _fetch(self, version: int) -> bool:
        """One piece of the learner's newest weights, if they are new here. Returns whether there are more."""
        if version in (-1, self._download.done):
            return False
        request = pb.WeightsRequest(actor=self._config.actor, courier=self._id, offset=self._download.offset)
        complete = self._download.add(self._calls.weights(request))
        if self._download.accepted:
            self._latest = self._download.accepted
        self._show(weights_version=self._latest[0] if self._latest else -1, trouble=self._download.trouble)
        return not complete

    def _show(self, **changes: Any) -> None:
        self._status = replace(self._status, **changes)
        with self._changed:
            self._changed.notify_all()

"""Drills of group C: what passes between actor and learner, and what must not."""

import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from robot_rl.clock import MonotonicClock
from robot_rl.config import LinkConfig
from robot_rl.drills.drill import Outcome, drill, refusal
from robot_rl.drills.ends import HASH, LAYOUT, ActorEnd, LearnerEnd, difference, new_learner
from robot_rl.drills.records import STATE, made_up
from robot_rl.drills.runs import until
from robot_rl.learn.policy import Policy
from robot_rl.learn.policy_file import policy_to_bytes
from robot_rl.link import link_pb2 as pb
from robot_rl.link.calls import Calls
from robot_rl.link.protocol import MAX_MESSAGE_BYTES, PROTOCOL, SERVICE
from robot_rl.link.security import Access
from robot_rl.types import Frame
from sim2real.network import FaultyCalls, FaultyLink
from sim2real.script import Fault, Script

FRAMES, IMAGE = 300, 32
MIB = 1 << 20


def _append(actor: ActorEnd, seed: int, numbers: Sequence[int], image_size: int, every_s: float = 0.0) -> None:
    for k in numbers:
        actor.log.append(made_up(k, seed, image_size=image_size))
        time.sleep(every_s)


@drill(27)
def bad_messages(folder: Path, seed: int) -> Outcome:
    """A fifth of all calls is lost, doubled, or comes again after newer ones."""
    learner = LearnerEnd(folder / "received", seed)
    faults = [Fault(kind, value=0.2) for kind in ("lost_call", "doubled_call", "replayed_call")]
    calls = FaultyCalls(Script(faults, MonotonicClock(), seed))
    actor = ActorEnd(folder / "practice", learner.port, (calls,))
    _append(actor, seed, range(FRAMES), 0)
    arrived = learner.has(FRAMES - 1)
    actor.stop()
    learner.stop()
    wrong = difference(learner, FRAMES, seed)
    counts = ", ".join(f"{count} {kind.removesuffix('_call')}" for kind, count in calls.counts.items())
    seen = f"{FRAMES} frames; calls: {counts}; learner's log and replay the same: {not wrong} {wrong}"
    passed = arrived and not wrong and all(calls.counts.values())
    return Outcome(passed, seen.strip(), lost=0 if not wrong else None)


@drill(28)
def parted(folder: Path, seed: int) -> Outcome:
    """Nothing passes for 1 s, later for 10 s, while the actor goes on at 20 frames a second."""
    learner = LearnerEnd(folder / "received", seed)
    script = Script([Fault("partition", 1.0, 1.0), Fault("partition", 4.0, 10.0)], MonotonicClock(), seed)
    link = FaultyLink(learner.port, script)
    actor = ActorEnd(folder / "practice", link.port)
    detected_s, message, sent, collected = None, "", 0, 0
    while script.now_s() < 15.0:
        _append(actor, seed, [sent], IMAGE, 0.05)
        sent += 1
        fault = script.active("partition")
        collected += fault is not None
        trouble = actor.courier.status.trouble
        if fault and trouble and not message:
            detected_s, message = script.now_s() - fault.at_s, trouble
    arrived = learner.has(sent - 1)
    actor.stop()
    link.close()
    learner.stop()
    wrong = difference(learner, sent, seed, IMAGE)
    seen = (
        f"{sent} frames, {collected} of them while parted; all there once and the same afterwards: {not wrong} {wrong}"
    )
    passed = arrived and not wrong and collected > 100
    return Outcome(passed, seen.strip(), message, detected_s, lost=0 if not wrong else None, restarted=arrived)


@drill(29)
def changed_byte(folder: Path, seed: int) -> Outcome:
    """One byte of frames under way is changed, five times."""
    learner = LearnerEnd(folder / "received", seed)
    script = Script([Fault("flipped_byte", 0.4 * k, 0.4) for k in range(5)], MonotonicClock(), seed)
    link = FaultyLink(learner.port, script)
    actor = ActorEnd(folder / "practice", link.port)
    troubles: list[str] = []
    for k in range(FRAMES):
        _append(actor, seed, [k], 64, 0.01)
        trouble = actor.courier.status.trouble
        troubles += [trouble] * (bool(trouble) and trouble not in troubles)
    arrived = learner.has(FRAMES - 1)
    actor.stop()
    link.close()
    learner.stop()
    wrong = difference(learner, FRAMES, seed, 64)
    message = next((text for text in troubles if "CRC" in text), troubles[0] if troubles else "")
    seen = f"{link.flipped} bytes changed; all {FRAMES} frames there once and the same: {not wrong} {wrong}"
    passed = arrived and not wrong and link.flipped > 2 and bool(message)
    return Outcome(passed, seen.strip(), message, lost=0 if not wrong else None, restarted=arrived)


@drill(30)
def other_side(folder: Path, seed: int) -> Outcome:
    """An actor with other settings, and one that speaks another protocol."""
    learner = LearnerEnd(folder / "received", seed)
    actor = ActorEnd(folder / "practice", learner.port, agreement="fedcba9876543210")
    _append(actor, seed, range(10), 0)
    before_s = time.monotonic()
    first = refusal(lambda: actor.courier.agree(10.0))
    detected_s = time.monotonic() - before_s
    calls = Calls(LinkConfig(f"127.0.0.1:{learner.port}"), Access())
    hello = pb.HelloRequest(protocol=PROTOCOL + 1, agreement=HASH, actor="actor", courier="c", package_version="9")
    second = refusal(lambda: calls.hello(hello))
    calls.close()
    actor.courier.close(0.0)
    actor.log.close()
    learner.stop()
    taken = learner.log.durable("actor") + 1
    both = HASH in first and "fedcba9876543210" in first
    versions = f"has {PROTOCOL + 1}" in second and f"has {PROTOCOL};" in second
    seen = f"settings refused with both values: {both}; protocol: {versions}; frames taken: {taken}"
    return Outcome(both and versions and taken == 0, seen, first, detected_s, lost=taken)


@drill(31)
def enormous_message(folder: Path, seed: int) -> Outcome:
    """A message that says it has 1 GiB, one that says 2^32 - 1 bytes, and one a little too large to be sent."""
    learner = LearnerEnd(folder / "received", seed)
    before = _memory_mib()
    answers = [_claim(learner.port, size) for size in (1 << 30, (1 << 32) - 1)]
    grown = _largest_mib() - before
    calls = Calls(LinkConfig(f"127.0.0.1:{learner.port}"), Access())
    large = refusal(lambda: calls.append(pb.AppendRequest(actor="a" * (MAX_MESSAGE_BYTES + 1))))
    calls.close()
    actor = ActorEnd(folder / "practice", learner.port)
    _append(actor, seed, range(20), 0)
    arrived = learner.has(19)
    actor.stop()
    learner.stop()
    told = all("larger than max" in answer for answer in answers)
    seen = (
        f"refused by the learner: {told}, by the sender: {bool(large)}; memory grew by {grown:.0f} MiB; others served"
    )
    passed = told and bool(large) and grown < 64 and arrived
    return Outcome(passed, seen + f": {arrived}", large, restarted=arrived)


def _memory_mib() -> float:
    """What this process has now; from here on `_largest_mib` counts."""
    Path("/proc/self/clear_refs").write_text("5")  # proc(5): resets the peak
    return _largest_mib()


def _largest_mib() -> float:
    """The most memory this process has had since `_memory_mib`."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def _claim(port: int, size: int) -> str:
    """A call, written by hand in HTTP/2 (RFC 9113), whose message says that it has `size` bytes; what comes back."""
    head = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", f"/{SERVICE}/Append"),
        (":authority", "learner"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ]
    # Literal header fields without indexing (RFC 7541, 6.2.2).
    fields = b"".join(b"\0" + bytes([len(k)]) + k.encode() + bytes([len(v)]) + v.encode() for k, v in head)
    body = b"\0" + struct.pack(">I", size) + bytes(1000)
    said = b""
    with socket.create_connection(("127.0.0.1", port), timeout=5.0) as end:
        end.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _h2(4, 0, 0, b"") + _h2(1, 4, 1, fields) + _h2(0, 0, 1, body))
        try:
            while b"larger than max" not in said and (data := end.recv(65536)):
                said += data
        except TimeoutError:
            return "no answer"
    return said.decode(errors="replace")


def _h2(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """One frame of HTTP/2."""
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


@drill(32)
def slow_learner(folder: Path, seed: int) -> Outcome:
    """A learner that takes a second for each message, while 100 MB of frames come in; then one that keeps up."""
    learner = LearnerEnd(folder / "received", seed)
    take, wait_s = learner.inbox.accept, [1.0]

    def accept(frames: Sequence[Frame]) -> None:
        time.sleep(wait_s[0])
        take(frames)

    learner.inbox.accept = accept  # type: ignore[method-assign]
    actor = ActorEnd(folder / "practice", learner.port)
    count, size, longest_s = 400, 288, 0.0
    until(lambda: actor.courier.status.connected)
    before = _memory_mib()
    for k in range(count):
        frame = made_up(k, seed, image_size=size)
        begun_s = time.monotonic()
        actor.log.append(frame)
        longest_s = max(longest_s, time.monotonic() - begun_s)
        if k % 10 == 9:
            actor.log.commit(20.0)
    grown, behind = _largest_mib() - before, count - 1 - learner.log.durable("actor")
    trouble, wait_s[0] = actor.log.trouble, 0.0
    arrived = learner.has(count - 1)
    actor.stop()
    learner.stop()
    wrong = difference(learner, count, seed, size)
    given = count * size * size * 3 / MIB
    seen = (
        f"{given:.0f} MiB recorded, learner {behind} of {count} frames behind, memory grew by {grown:.0f} MiB; longest "
        f"append {1e3 * longest_s:.1f} ms; all there once and the same afterwards: {not wrong} {wrong}"
    )
    passed = arrived and not wrong and not trouble and behind > count // 2 and grown < 0.6 * given
    return Outcome(passed, seen.strip(), trouble, lost=0 if not wrong else None, restarted=arrived)


@drill(33)
def bad_weights(folder: Path, seed: int) -> Outcome:
    """Weights that are cut, not finite, of another shape or for another task, between two that are good."""
    learner = LearnerEnd(folder / "received", seed)
    actor = ActorEnd(folder / "practice", learner.port)
    good = new_learner(seed).policy()
    bad = {
        "cut": policy_to_bytes(good)[:-100],
        "not finite": policy_to_bytes(_spoilt(good)),
        "of another shape": policy_to_bytes(_cut_short(good)),
        "for another task": policy_to_bytes(new_learner(seed, replace(LAYOUT, action_names=("grip",))).policy()),
    }
    state = np.random.default_rng(seed).normal(size=STATE).astype(np.float32)
    versions, wrong, said = iter(range(1, 20)), [], {}

    def publish(blob: bytes) -> bool:
        version = next(versions)
        learner.server.publish(version, blob)
        refused = f"weights {version} "
        return until(lambda: refused in actor.courier.status.trouble or _version(actor) == version, 10.0)

    publish(policy_to_bytes(good))
    for name, blob in bad.items():
        in_use = _version(actor)
        seen_by_actor = publish(blob)
        said[name] = actor.courier.status.trouble
        same = actor.courier.latest is not None and np.array_equal(actor.courier.latest[1].act(state), good.act(state))
        if not (seen_by_actor and said[name] and same and _version(actor) == in_use):
            wrong.append(name)
    again = publish(policy_to_bytes(good)) and _version(actor) == 2 + len(bad)
    actor.stop()
    learner.stop()
    seen = f"{len(bad)} kinds of bad weights, not refused: {wrong or 'none'}; good ones taken up again: {again}"
    return Outcome(not wrong and again, seen, said["not finite"], restarted=again)


def _version(actor: ActorEnd) -> int:
    latest: tuple[int, Any] | None = actor.courier.latest
    return latest[0] if latest else -1


def _spoilt(policy: Policy) -> Policy:
    spoilt = policy.copy(policy.meta)
    spoilt.actor[0][0][0, 0] = np.nan
    return spoilt


def _cut_short(policy: Policy) -> Policy:
    """With a last layer that gives fewer numbers than its header says of the one before."""
    weight, bias = policy.actor[-1]
    return replace(policy, actor=[*policy.actor[:-1], (weight[:-1], bias)])

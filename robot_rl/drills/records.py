"""Frames made up for drills, and a fingerprint by which to know them again."""

import hashlib
from collections.abc import Iterable

import numpy as np

from robot_rl.link.codec import encode
from robot_rl.types import Frame, Source, Transition

STATE, ACTION, STEPS = 12, 4, 9
"""Entries of state and action, and steps of an episode"""


def made_up(sequence: int, seed: int, actor: str = "actor", image_size: int = 0) -> Frame:
    """Random but for its place in its episode; the same for the same arguments."""
    rng = np.random.default_rng([seed, sequence])
    episode, step = divmod(sequence, STEPS + 1)
    action = rng.uniform(-1, 1, ACTION).astype(np.float32)
    ends = step == STEPS
    transition = Transition(action, action, Source.POLICY, float(ends), ends, False, ends, 0.1) if step else None
    images = {"wrist": rng.integers(1, 255, (image_size, image_size, 3), np.uint8)} if image_size else {}
    state = rng.normal(size=STATE).astype(np.float32)
    return Frame(actor, sequence, episode, step, 0, 0.1 * sequence, state, transition, images)


def prints(frames: Iterable[Frame]) -> list[str]:
    """SHA-256 of everything in each frame."""
    return [hashlib.sha256(encode(frame).SerializeToString(deterministic=True)).hexdigest() for frame in frames]

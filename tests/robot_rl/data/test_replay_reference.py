"""Replay against a list of full transitions: segments, several actors, wrap-around, ends and corrections."""

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from robot_rl.data.replay import BatchSampler, Block, ReplayBuffer
from robot_rl.data.samplers import SAMPLERS
from robot_rl.types import Frame, Source
from tests.robot_rl.data.replay_parts import ACTION, CAMERA, STATE, Recorder

Row = tuple[bytes, ...]


class Naive:
    """Every transition in full, and the list of all frames that a ring of this size had to store."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.stored: list[Frame] = []
        self.added: list[tuple[int, Row]] = []
        """Number of the frame before, and the transition"""

    def add(self, before: Frame, after: Frame) -> None:
        own = [i for i, frame in enumerate(self.stored) if frame.actor == before.actor]
        if not own or self.stored[own[-1]] is not before or len(self.stored) - own[-1] >= self.capacity:
            own = [len(self.stored)]
            self.stored.append(before)
        self.stored.append(after)
        self.added.append((own[-1], full(before, after)))

    def transitions(self) -> list[Row]:
        return [row for before, row in self.added if before >= len(self.stored) - self.capacity]


def full(before: Frame, after: Frame) -> Row:
    t = after.transition
    assert t is not None
    numbers = (before.state, t.requested, t.reward, not t.terminated, after.state, t.gripper_changed)
    cameras = sorted(before.images)
    images = [frame.images[camera] for frame in (before, after) for camera in cameras]
    return *(np.asarray(n, np.float32).tobytes() for n in numbers), *(image.tobytes() for image in images)


def rows(block: Block, places: slice = slice(None)) -> list[Row]:
    """Of the first batch."""
    arrays = [array[0, places] for array in block.arrays()]
    return [tuple(array[i].tobytes() for array in arrays) for i in range(len(arrays[0]))]


def content(buffer: ReplayBuffer) -> list[Row]:
    return [row for block in buffer.transitions() for row in rows(block)]


steps = st.tuples(
    st.sampled_from("abc"),  # who acts
    st.sampled_from(["", "", "", "", "terminated", "truncated"]),
    st.booleans(),  # a person corrects
)


@settings(max_examples=400, deadline=None)
@given(
    plan=st.lists(steps, max_size=100),
    capacity=st.integers(2, 30),
    demo_capacity=st.integers(2, 12),
    sampler=st.sampled_from(sorted(SAMPLERS)),
)
def test_content_and_samples_are_those_of_the_naive_reference(
    plan: list[tuple[str, str, bool]], capacity: int, demo_capacity: int, sampler: str
) -> None:
    online = ReplayBuffer(capacity, STATE, ACTION, 0, images=CAMERA, sampler=sampler)
    demos = ReplayBuffer(demo_capacity, STATE, ACTION, 1, images=CAMERA, sampler=sampler)
    naive, naive_demos = Naive(capacity), Naive(demo_capacity)
    batches = BatchSampler(online, demos, 8, 0.5)
    recorders = {actor: Recorder(actor, CAMERA) for actor in "abc"}
    last = {actor: recorder.frame() for actor, recorder in recorders.items()}
    for actor, ends, corrected in plan:
        before, recorder = last[actor], recorders[actor]
        after = last[actor] = recorder.frame(ends=ends, source=Source.HUMAN if corrected else Source.POLICY)
        for buffer, reference in ((online, naive), (demos, naive_demos))[: 1 + corrected]:
            buffer.add(before, after)
            reference.add(before, after)
        if after.ends:
            last[actor] = recorder.frame()
        block = batches.sample(1)
        assert set(rows(block, slice(0, block.online))) <= set(naive.transitions())
        assert set(rows(block, slice(block.online, None))) <= set(naive_demos.transitions())
    for buffer, reference in ((online, naive), (demos, naive_demos)):
        assert Counter(content(buffer)) == Counter(reference.transitions())
        assert len(buffer) == len(reference.transitions())
        if len(reference.stored) <= buffer.capacity:
            assert content(buffer) == reference.transitions()
        assert not reference.added or reference.added[-1][1] in content(buffer)

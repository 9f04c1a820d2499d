"""Writers that are killed at random moments, and what is read after each. Run by `test_log_kill.py`.

Usage: python -m tests.robot_rl.data.killed_writers FOLDER KILLS
"""

import os
import random
import signal
import struct
import sys
import time
from pathlib import Path

from robot_rl.data.log import EpisodeLog, read_frames, scan
from tests.robot_rl.data.log_parts import exact, make_frame

NUMBER = struct.Struct("<q")


def work(folder: Path, told: int) -> None:
    """Append for ever; tell what is durable."""
    with EpisodeLog(folder, reserve_bytes=0, sync_s=0.005) as log:
        last = log.recovered.actors.get("actor")
        sequence = last.sequence + 1 if last else 0
        while True:
            log.append(make_frame("actor", sequence, steps=30))
            os.write(told, NUMBER.pack(log.durable("actor")))
            sequence += 1


def killed(folder: Path, after_s: float) -> int:
    """Last sequence that a writer, killed that long after its first frame, called durable."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        work(folder, write)
    os.close(write)
    data = os.read(read, NUMBER.size)
    deadline = time.monotonic() + after_s
    while time.monotonic() < deadline:
        data = os.read(read, 1 << 16)[-NUMBER.size :] or data
    os.kill(child, signal.SIGKILL)
    while more := os.read(read, 1 << 16):
        data = more[-NUMBER.size :]
    os.waitpid(child, 0)
    os.close(read)
    return int(NUMBER.unpack(data)[0])


def main(folder: Path, kills: int) -> None:
    rng = random.Random(0)
    for number in range(kills):
        told = killed(folder, rng.uniform(0.0, 0.1))
        if not list(folder.glob("*.mcap")):
            assert told == -1
            continue
        found = scan(folder)
        recovered = found.actors["actor"].sequence if found.frames else -1
        assert recovered >= told, f"kill {number}: {told} was called durable, {recovered} is there"
        assert not any(cut.lost_frames for cut in found.cut), found.cut
    frames = list(read_frames(folder))
    assert [exact(f) for f in frames] == [exact(make_frame("actor", n, steps=30)) for n in range(len(frames))]
    torn = sum(bool(cut.lost_bytes) for cut in found.cut)
    sys.stdout.write(f"{kills} kills, {len(found.segments)} segments, {len(frames)} frames, {torn} torn ends\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))

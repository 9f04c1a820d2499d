"""Drills of group G: what is on the disk, when the disk, the power or a file given to us fails."""

import os
import resource
import shutil
import signal
import time
import zipfile
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from robot_rl import curate
from robot_rl.clock import ManualClock
from robot_rl.data.checkpoint import Checkpoint, load_newest, save_checkpoint
from robot_rl.data.demos import DemoStore
from robot_rl.data.log import EpisodeLog, read_frames, scan
from robot_rl.drills.drill import Outcome, drill, refusal
from robot_rl.drills.records import made_up, prints
from robot_rl.drills.runs import Run, until
from robot_rl.errors import StorageError
from sim2real.faults import Fault, FaultyDisk, Script

FRAMES, GROUP, PLACES = 60, 5, 40
"""Of a log that is damaged: frames, frames of a commit, and places where it is damaged"""


@drill(62)
def disk_full(folder: Path, seed: int) -> Outcome:
    """Each call that changes the disk fails in turn, full or broken; then a checkpoint meets its file size limit."""
    calls = _record(folder / "well", seed, ())[1]
    wrong, messages, appends_s = [], [], []
    for kind in ("disk_full", "disk_error"):
        for number in range(calls):
            home = folder / f"{kind}-{number}"
            said, _, longest_s = _record(home, seed, (Fault(kind, 0.0, 1.0, number),))
            messages.append(said)
            appends_s.append(longest_s)
            if not said or prints(read_frames(home)) != prints(made_up(k, seed) for k in range(2 * GROUP)):
                wrong.append(home.name)
    kept, refused = _full_checkpoints(folder / "checkpoints", seed)
    seen = (
        f"{2 * calls} calls failed, each a pause, then all was written{_but(wrong)}; longest append meanwhile "
        f"{1e3 * max(appends_s):.1f} ms; {refused} of 5 checkpoints refused, the older one kept each time: {kept}"
    )
    return Outcome(not wrong and kept and max(appends_s) < 0.05, seen, messages[0], lost=0 if not wrong else None)


def _record(home: Path, seed: int, faults: tuple[Fault, ...]) -> tuple[str, int, float]:
    """Two commits through a disk that fails for a while: what the log said, calls made, longest append in s."""
    clock, longest_s, said = ManualClock(), 0.0, ""
    disk = FaultyDisk(Script(faults, clock))
    with EpisodeLog(home, reserve_bytes=1 << 20, sync_s=0.005, disk=disk) as log:
        for k in range(2 * GROUP):
            before_s = time.monotonic()
            log.append(made_up(k, seed))
            longest_s = max(longest_s, time.monotonic() - before_s)
            if k % GROUP == GROUP - 1:
                until(lambda: bool(log.trouble) or log.durable("actor") == k, 5.0)  # noqa: B023 (used at once)
                said = said or log.trouble
                if log.trouble:
                    clock.sleep_until(1.0)
                log.commit()
        calls = len(disk.calls)  # closing writes an index, which nobody needs
    return said, calls, longest_s


def _checkpoint(seed: int, number: int) -> Checkpoint:
    tensors = {"weights": np.random.default_rng([seed, number]).normal(size=20_000)}
    return Checkpoint(tensors, {"number": number, "rows": list(range(2000))})


def _full_checkpoints(home: Path, seed: int) -> tuple[bool, int]:
    """Is the old checkpoint there after each that did not fit? And how many did not."""
    save_checkpoint(home, 1, _checkpoint(seed, 1))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    kept, refused = True, 0
    for limit in (0, 100, 4096, 50_000, 150_000):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        try:
            save_checkpoint(home, 2, _checkpoint(seed, 2))
        except StorageError:
            refused += 1
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        kept &= _number(home) == 1
    return kept and refused == 5, refused


def _number(home: Path) -> int:
    """Of the newest checkpoint that can be used, bit for bit; 0 when there is none."""
    loaded = load_newest(home)
    if loaded is None or loaded.checkpoint.facts["number"] != loaded.number:
        return 0
    return loaded.number


@drill(63)
def cut_file(folder: Path, seed: int) -> Outcome:
    """The file of a set of demonstrations ends at any byte, the first and the last among them."""
    data, ends = _log(folder / "whole", seed)
    whole, rng = prints(made_up(k, seed) for k in range(FRAMES)), np.random.default_rng(seed)
    wrong, told = [], ""
    for at in sorted({0, 1, len(data) - 1, *rng.integers(len(data), size=PLACES).tolist()}):
        home = _with(folder / "cut", data[:at])
        expected = max((count for size, count in ends if size <= at), default=0)
        cuts = scan(home).cut
        told = str(cuts[0]) if expected and cuts else told
        if prints(read_frames(home)) != whole[:expected] or not cuts:
            wrong.append(at)
    seen = f"{PLACES + 3} cuts: every one seen, and exactly the commits before it kept{_but(wrong)}"
    return Outcome(not wrong, seen, _short(told, folder), lost=0 if not wrong else None)


@drill(64)
def flipped_bit(folder: Path, seed: int) -> Outcome:
    """One bit anywhere in a log, which demonstrations are too, and in each file of a checkpoint."""
    data, ends = _log(folder / "whole", seed)
    whole, rng = prints(made_up(k, seed) for k in range(FRAMES)), np.random.default_rng(seed)
    wrong, told = [], ""
    for _ in range(PLACES):
        at, bit = int(rng.integers(len(data))), int(rng.integers(8))
        home = _with(folder / "flip", _flipped(data, at, bit))
        expected = max((count for size, count in ends if size <= at), default=0)
        cuts = DemoStore(home).cut
        told = cuts[0] if cuts else told
        sealed = at < ends[-1][0]
        if prints(read_frames(home)) != whole[: expected if sealed else FRAMES] or not cuts:
            wrong.append(f"log, byte {at}")
    home = folder / "checkpoints"
    for number in (1, 2):
        save_checkpoint(home, number, _checkpoint(seed, number))
    for path in sorted((home / "000002").iterdir()):
        content = path.read_bytes()
        for _ in range(PLACES // 4):
            at = int(rng.integers(len(content)))
            path.write_bytes(_flipped(content, at, int(rng.integers(8))))
            if _number(home) != 1:
                wrong.append(f"{path.name}, byte {at}")
        path.write_bytes(content)
    seen = f"{PLACES} bits of a log, {3 * (PLACES // 4)} of a checkpoint: each seen, all before it kept{_but(wrong)}"
    return Outcome(not wrong and _number(home) == 2, seen, _short(told, folder))


def _log(home: Path, seed: int) -> tuple[bytes, list[tuple[int, int]]]:
    """A closed log file: its bytes; after every commit its length and the frames so far."""
    ends = []
    with EpisodeLog(home, sync_s=3600.0) as log:
        for k in range(FRAMES):
            log.append(made_up(k, seed))
            if k % GROUP == GROUP - 1:
                log.commit()
                ends.append(((home / "0000.mcap").stat().st_size, k + 1))
    return (home / "0000.mcap").read_bytes(), ends


def _with(home: Path, data: bytes) -> Path:
    """A log of this one file."""
    home.mkdir(exist_ok=True)
    (home / "0000.mcap").write_bytes(data)
    return home


def _flipped(data: bytes, at: int, bit: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]


def _but(wrong: Sequence[object]) -> str:
    """The exceptions in words."""
    return f", but not {len(wrong)}: {', '.join(map(str, wrong[:3]))}" if wrong else ""


def _short(message: str, folder: Path) -> str:
    return message.replace(f"{folder}/", "")


@drill(65)
def killed_checkpoint(folder: Path, seed: int) -> Outcome:
    """A process that is killed before its k-th step on the disk, for every k there is."""
    save_checkpoint(folder / "home", 1, _checkpoint(seed, 1))
    found: list[int] = []
    while True:
        home = folder / f"killed-{len(found)}"
        shutil.copytree(folder / "home", home)
        if not _killed(lambda: save_checkpoint(home, 2, _checkpoint(seed, 2), keep=1), len(found)):  # noqa: B023
            break
        found.append(_number(home))
        save_checkpoint(home, 3, _checkpoint(seed, 3))  # what is left disturbs nobody
        if _number(home) != 3:
            found[-1] = 0
    steps = len(found)
    passed = steps > 5 and 0 not in found and all(a <= b for a, b in pairwise(found)) and _number(home) == 2
    seen = f"{steps} kills, one before each step: {found.count(1)} left the old one, {found.count(2)} the new, "
    return Outcome(passed, f"{seen}{found.count(0)} none; the next save went well each time", restarted=passed)


def _killed(act: Callable[[], object], at: int) -> bool:
    """`act` in a child that is killed before its step number `at`; False when it has fewer."""
    child = os.fork()
    if not child:
        left = [at]
        for name in ("mkdir", "replace", "fsync", "unlink", "rmdir"):
            setattr(os, name, _counted(getattr(os, name), left))
        act()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def _counted(call: Callable[..., object], left: list[int]) -> Callable[..., object]:
    def counted(*args: object, **kwargs: object) -> object:
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1
        return call(*args, **kwargs)

    return counted


@drill(66)
def two_learners(folder: Path, seed: int) -> Outcome:
    """A second `robot-rl learner` on the folder in which one is at work."""
    address = "link.address=127.0.0.1:0"
    first = Run("learner", folder / "run", address, f"seed={seed}")
    ready = until(lambda: (folder / "run" / "received" / ".lock").exists() and bool(first.said))
    second = Run("learner", folder / "run", address, f"seed={seed}", "resume=true")
    code = second.end()
    message = second.line("in use")
    named = f"process {first.process.pid} on " in message
    alive = first.process.poll() is None
    first.process.send_signal(signal.SIGINT)
    ended = first.end()
    seen = f"second ended with code {code}, named process and host: {named}; first went on: {alive}, ended with {ended}"
    return Outcome(ready and code == 2 and named and alive and ended == 130, seen, _short(message, folder))


@drill(67)
def foreign_demos(folder: Path, seed: int) -> Outcome:
    """A pickle that would run a command, an archive with a path that leads out, a link: under every way in."""
    mark = folder / "it-ran"
    command = f"cposix\nsystem\n(S'touch {mark}'\ntR.".encode()
    pickles = [folder / name for name in ("demos.pkl", "as-log/0000.mcap", "as-demos.hdf5")]
    for path, start in zip(pickles, (b"", b"", b"\x80\x02"), strict=True):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(start + command)
    with zipfile.ZipFile(folder / "demos.zip", "w") as archive:
        archive.writestr("../../outside.txt", "out")
    _log(folder / "good", seed)
    (folder / "linked").mkdir()
    (folder / "linked" / "0000.mcap").symlink_to(folder / "good" / "0000.mcap")
    (folder / "link").symlink_to(folder / "good")
    given = [*pickles, folder / "as-log", folder / "demos.zip", folder / "linked", folder / "link"]
    ways: list[Callable[[Path], object]] = [DemoStore]
    for form in ("serl", "robomimic", "lerobot"):
        ways.append(lambda path, form=form: curate.import_set(str(path), str(folder / "imported"), form))  # type: ignore[misc]
    messages = [refusal(way, path) for way in ways for path in given]
    open_ways = [k for k, message in enumerate(messages) if not message]
    outside = (folder.parent / "outside.txt").exists() or (folder.parent.parent / "outside.txt").exists()
    seen = (
        f"{len(messages)} tries, {len(open_ways)} not refused; a command ran: {mark.exists()}; wrote outside: {outside}"
    )
    passed = not (open_ways or mark.exists() or outside or (folder / "imported").exists())
    return Outcome(passed, seen, _short(messages[0], folder))


@drill(68)
def moved_folder(folder: Path, seed: int) -> Outcome:
    """The folder of `robot-rl demos record` is moved away while it records, and comes back."""
    run = Run("demos record", folder / "run", "robot.realtime=true", "human.demos=4", f"seed={seed}")
    begun = until(lambda: len(run.frames("demos")) > 5)
    before_s = time.monotonic()
    (folder / "run").rename(folder / "away")
    paused = until(lambda: bool(run.line("collecting pauses")))
    told_s = time.monotonic() - before_s
    (folder / "away").rename(folder / "run")
    code = run.end()
    frames = run.frames("demos")
    lost = len(frames) - len({frame.sequence for frame in frames}) + len(scan(folder / "run" / "demos").cut)
    whole = [frame.sequence for frame in frames] == list(range(len(frames)))
    went_on = bool(run.line("collecting goes on"))
    seen = f"paused between two episodes: {paused}, went on: {went_on}, ended with code {code}; {len(frames)} frames"
    passed = begun and paused and went_on and code == 0 and whole and lost == 0
    message = _short(run.line("collecting pauses"), folder)
    return Outcome(passed, seen, message, told_s, lost=lost, restarted=went_on and code == 0)

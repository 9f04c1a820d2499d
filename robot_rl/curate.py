"""What the verbs `robot-rl demos ...` do with recorded demonstrations; each returns what to tell the user."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from robot_rl.data import log
from robot_rl.data.demos import DemoStore, Row
from robot_rl.data.facts import Facts
from robot_rl.data.folder import appearing
from robot_rl.data.formats.lerobot import write_lerobot
from robot_rl.data.formats.lerobot_read import read_lerobot
from robot_rl.data.formats.robomimic import read_robomimic, write_robomimic
from robot_rl.data.formats.serl import read_serl
from robot_rl.data.sets import draw, write_set
from robot_rl.data.sets import merge as merge_sets
from robot_rl.data.sets import split as split_set
from robot_rl.errors import ConfigError, DataError
from robot_rl.suggest import nearest
from robot_rl.types import Episode, Mark, Source

ROBOMIMIC_FILE = "demos.hdf5"
"""Name of what an export for robomimic leaves in its folder"""

Read = Callable[[Path], tuple[Facts, Iterator[Episode]]]
Write = Callable[[Iterable[Episode], Facts, Path], None]

READERS: Mapping[str, Read] = {"lerobot": read_lerobot, "robomimic": read_robomimic, "serl": read_serl}
WRITERS: Mapping[str, Write] = {
    "lerobot": write_lerobot,
    "robomimic": lambda episodes, facts, folder: write_robomimic(episodes, facts, folder / ROBOMIMIC_FILE),
}


def listing(demos: str) -> str:
    """A line per episode: length, outcome, who acted, quality flags."""
    store = _open(demos, "list")
    rows = store.rows
    lines = [f"{'#':>4} {'steps':>6} {'time':>7}  {'outcome':10} {'policy':>6} {'human':>6} {'script':>6}  flags"]
    lines += [_line(row) for row in rows]
    return "\n".join([_headline(store), *lines, _counts(rows), *_cuts(store)])


def show(demos: str, episode: int) -> str:
    """All measures of one episode, each with its limit, and what was said of it."""
    store = _open(demos, "show")
    row = store.row(episode)
    lines = [_headline(store), f"episode {row.number}, recorded by {row.actor} as its episode {row.episode}"]
    lines += [f"{row.steps} steps, {row.duration_s:.1f} s, {_outcome(row)}"]
    lines += [f"  {'!' if measure.flagged else ' '} {measure}" for measure in row.measures]
    lines += [f"  said: {label.mark}{f' ({label.note})' if label.note else ''}" for label in row.marks]
    return "\n".join(lines)


def export(demos: str, out: str, form: str) -> str:
    """Write the episodes to learn from as a new data set of another project's format."""
    write = WRITERS[_known(form, WRITERS)]
    store, folder = _open(demos, "export"), _target(out, "export")
    usable = [row for row in store.rows if row.usable]
    episodes = store.kept()
    with appearing(folder) as part:
        write(episodes, store.facts, part)
    left_out = len(store) - len(usable)
    steps = sum(row.steps for row in usable)
    said = f"{len(usable)} episodes, {steps} steps in {folder} for {form}; {left_out} left out ({_counts(store.rows)})"
    return "\n".join([said, *_cuts(store)])


def import_set(demos: str, out: str, form: str) -> str:
    """Read a data set of another project into a new set of ours."""
    read = READERS[_known(form, READERS)]
    if not demos:
        raise ConfigError(f"demos import needs demos=PATH, the {form} data to read")
    folder = _target(out, "import")
    facts, episodes = read(Path(demos))
    write_set(((episode, ()) for episode in episodes), facts, {form: demos}, folder)
    store = DemoStore(folder)
    return f"{_headline(store)}\n{_counts(store.rows)}"


def repair(demos: str, out: str) -> str:
    """Write what is good in a damaged log as a new one, and read that back."""
    if not demos:
        raise ConfigError("demos repair needs demos=FOLDER, a log to read as far as it is good")
    folder = _target(out, "repair")
    with appearing(folder) as part:
        before = log.repair(demos, part)
        if not before.frames and not before.labels:
            raise DataError(f"nothing of {demos} can be read: {'; '.join(map(str, before.cut))}")
        after = log.scan(part)
        if (after.frames, after.labels) != (before.frames, before.labels) or after.cut:
            raise DataError(
                f"{folder} could not be read back: {after.frames} of {before.frames} frames; check the disk"
            )
    said = [str(cut) for cut in before.cut] or ["nothing was cut"]
    return "\n".join([f"{after.frames} frames and {after.labels} labels in {folder}, read back", *said])


def mark(demos: str, episode: int, said: Mark) -> str:
    """Keep, discard or undo: say something of an episode."""
    return _said(_open(demos, said), episode, said)


def relabel(demos: str, episode: int, success: bool) -> str:
    """Say that an episode succeeded, or did not."""
    return _said(_open(demos, "relabel"), episode, Mark.SUCCESS if success else Mark.FAILURE)


def merge(demos: Sequence[str], out: str) -> str:
    """All complete episodes of several sets as a new one, with what was said of them."""
    if len(demos) < 2:
        raise ConfigError("demos merge needs demos=FOLDER and more=[FOLDER,...], the sets to put together")
    folder = _target(out, "merge")
    stores = [_open(path, "merge") for path in demos]
    episodes, steps = merge_sets(stores, folder)
    return "\n".join([f"{episodes} episodes, {steps} steps in {folder}", *_cuts(*stores)])


def split(demos: str, out: str, episodes: Sequence[int], share: float, seed: int) -> str:
    """Two new sets: the given episodes, or a share of all drawn by the seed, and the rest."""
    if bool(episodes) == bool(share):
        raise ConfigError("demos split needs either episodes=[0,2,...] or share=0.8, which is then drawn with seed=")
    store, folder = _open(demos, "split"), _target(out, "split")
    chosen, rest = split_set(store, set(episodes) or draw(store, share, seed), folder)
    return "\n".join([f"{chosen} episodes in {folder / 'chosen'}, {rest} in {folder / 'rest'}", *_cuts(store)])


def _open(demos: str, verb: str) -> DemoStore:
    if not demos:
        raise ConfigError(f"demos {verb} needs demos=FOLDER, recorded demonstrations")
    return DemoStore(demos)


def _target(out: str, verb: str) -> Path:
    if not out:
        raise ConfigError(f"demos {verb} needs out=FOLDER, a new folder to write into")
    return Path(out)


def _known(form: str, formats: Mapping[str, object]) -> str:
    if form not in formats:
        raise ConfigError(f"format={form!r}{nearest(form, formats)}" if form else f"say format={'|'.join(formats)}")
    return form


def _said(store: DemoStore, episode: int, said: Mark) -> str:
    return f"episode {episode}: {_outcome(store.mark(episode, said))}"


def _headline(store: DemoStore) -> str:
    facts = store.facts
    return f"{store.folder}: {facts.task or 'unknown task'} on {facts.robot or 'unknown robot'}, {facts.hz:g} Hz"


def _line(row: Row) -> str:
    shares = [f"{100 * row.sources[source]:5.0f}%" if row.sources else "" for source in Source]
    flags = " ".join(row.flags)
    time = f"{row.duration_s:5.1f} s"
    return (
        f"{row.number:4} {row.steps:6} {time}  {_outcome(row):10} {shares[0]:>6} {shares[1]:>6} {shares[2]:>6}  {flags}"
    )


def _outcome(row: Row) -> str:
    if not row.complete:
        return "cut short"
    outcome = "success" if row.success else "failure"
    return f"{outcome}{'*' if row.success is not row.recorded_success else ''}{'' if row.kept else ', discarded'}"


def _counts(rows: Sequence[Row]) -> str:
    usable, cut = sum(row.usable for row in rows), sum(not row.complete for row in rows)
    discarded = sum(row.complete and not row.kept for row in rows)
    failed = len(rows) - usable - cut - discarded
    return f"{len(rows)} episodes: {usable} to learn from, {failed} failed, {discarded} discarded, {cut} cut short"


def _cuts(*stores: DemoStore) -> list[str]:
    cuts = [f"not readable: {cut}" for store in stores for cut in store.cut]
    return cuts + ["`demos repair` writes what is good"] * bool(cuts)

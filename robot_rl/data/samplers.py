"""Which transitions a batch is made of. Each sampler draws from its own generator, without repeats in a batch."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from robot_rl.data.rows import NONE, Rows, RowSet
from robot_rl.errors import ConfigError
from robot_rl.suggest import nearest
from robot_rl.types import Frame

Places = NDArray[np.integer]
"""(utd, batch) places in the buffer's array of drawable rows"""


class Sampler(Protocol):
    """Hears of every row that a transition enters or leaves, and draws."""

    def add(self, row: int, after: Frame) -> None:
        """The transition that led to `after` can be drawn from now on."""

    def discard(self, row: int) -> None:
        """It cannot any more."""

    def draw(self, drawable: RowSet, utd: int, batch: int) -> Places:
        """`utd` batches; with repeats only where fewer than `batch` rows are drawable."""

    def get_state(self) -> dict[str, Any]:
        """What draws depend on beyond the rows: values are JSON or arrays."""

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue where `get_state` was taken, once the rows are those of then."""


class Uniform:
    """Every transition alike."""

    def __init__(self, capacity: int, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def add(self, row: int, after: Frame) -> None:
        pass

    def discard(self, row: int) -> None:
        pass

    def draw(self, drawable: RowSet, utd: int, batch: int) -> Places:
        size = len(drawable)
        if size < batch:
            return self._rng.integers(size, size=(utd, batch))
        return np.stack([self._rng.choice(size, batch, replace=False, shuffle=False) for _ in range(utd)])

    def get_state(self) -> dict[str, Any]:
        return {"generator": self._rng.bit_generator.state}

    def set_state(self, state: dict[str, Any]) -> None:
        self._rng.bit_generator.state = state["generator"]


class Reshuffle(Uniform):
    """Random reshuffling: every transition once before any twice.

    What this pass has still to draw lies in random order and is taken from the end. A new transition joins
    at a random place, so it waits no longer than the pass. A buffer smaller than the batch is drawn as by
    `Uniform`, and the pass waits.
    """

    def __init__(self, capacity: int, seed: int) -> None:
        super().__init__(capacity, seed)
        self._left = RowSet(capacity)

    def add(self, row: int, after: Frame) -> None:
        self._left.add(row)
        self._left.swap(int(self._rng.integers(len(self._left))), len(self._left) - 1)

    def discard(self, row: int) -> None:
        self._left.discard(row)

    def draw(self, drawable: RowSet, utd: int, batch: int) -> Places:
        if len(drawable) < batch:
            return super().draw(drawable, utd, batch)
        return np.stack([drawable.places(self._next(drawable, batch)) for _ in range(utd)])

    def _next(self, drawable: RowSet, batch: int) -> Rows:
        """The next batch; where the pass ends inside it, the next pass begins with rows that the batch lacks."""
        taken = self._left.pop(min(batch, len(self._left)))
        missing = batch - len(taken)
        if not missing:
            return taken
        lacking = np.ones(len(drawable), bool)
        lacking[drawable.places(taken)] = False
        fresh = self._rng.permutation(drawable.rows[lacking])
        self._left.extend(self._rng.permutation(np.append(fresh[missing:], taken)))
        return np.append(taken, fresh[:missing])

    def get_state(self) -> dict[str, Any]:
        return super().get_state() | {"left": self._left.rows.copy()}

    def set_state(self, state: dict[str, Any]) -> None:
        super().set_state(state)
        self._left.pop(len(self._left))
        self._left.extend(state["left"])


class ReturnWeighted(Uniform):
    """Transitions of episodes with high return more often (Hong et al. 2023, return weighting).

    The weight of a transition is exp(G / 0.1), where G is its episode's return, scaled to [0, 1] over the
    episodes in the buffer. It counts from the episode's end on: an unfinished episode gets the mean weight.
    The return is that of the steps this buffer was given.
    """

    TEMPERATURE = 0.1
    TRIES = 4
    """Weighted draws with repeats per row of a batch, before the rest is drawn in the slow way."""

    def __init__(self, capacity: int, seed: int) -> None:
        super().__init__(capacity, seed)
        self._return = np.full(capacity, np.nan, np.float32)
        self._episode: Rows = np.full(capacity, NONE, np.int32)
        self._running: dict[str, tuple[int, int, float]] = {}
        """By actor: its number of the episode, ours, and the return so far"""
        self._episodes = 0

    def add(self, row: int, after: Frame) -> None:
        assert after.transition is not None
        running = self._running.get(after.actor)
        if running is None or running[0] != after.episode:
            self._finish(after.actor)
            running = (after.episode, self._episodes, 0.0)
            self._episodes += 1
        self._running[after.actor] = (*running[:2], running[2] + after.transition.reward)
        self._episode[row], self._return[row] = running[1], np.nan
        if after.ends:
            self._finish(after.actor)

    def _finish(self, actor: str) -> None:
        """Its episode is over: the return is known."""
        if actor in self._running:
            _, episode, total = self._running.pop(actor)
            self._return[self._episode == episode] = total

    def draw(self, drawable: RowSet, utd: int, batch: int) -> Places:
        weights = self.weights(drawable.rows)
        sums = np.cumsum(weights)
        if len(weights) < batch:
            return self._repeating(sums, utd * batch).reshape(utd, batch)
        return np.stack([self._distinct(weights, sums, batch) for _ in range(utd)])

    def weights(self, rows: Rows) -> NDArray[np.float64]:
        """How often these rows are drawn, up to a factor."""
        total = self._return[rows].astype(np.float64)
        done = ~np.isnan(total)
        weights = np.ones(len(rows))
        if done.any():
            known = total[done]
            weights[done] = np.exp((known - known.min()) / (np.ptp(known) or 1.0) / self.TEMPERATURE)
            weights[~done] = weights[done].mean()
        return weights

    def _repeating(self, sums: NDArray[np.float64], count: int) -> Places:
        drawn = np.searchsorted(sums, self._rng.random(count) * sums[-1], side="right")
        return np.minimum(drawn, len(sums) - 1)

    def _distinct(self, weights: NDArray[np.float64], sums: NDArray[np.float64], batch: int) -> Places:
        """Successive draws, each among what is left: those with repeats, less the repeats, are just that.

        Where few rows hold most of the weight, what is missing is drawn by exponential keys (Efraimidis and
        Spirakis 2006), which has the same law and looks at every row.
        """
        drawn = self._repeating(sums, self.TRIES * batch)
        first = np.sort(np.unique(drawn, return_index=True)[1])[:batch]
        taken = drawn[first]
        missing = batch - len(taken)
        if not missing:
            return taken
        keys = self._rng.standard_exponential(len(weights)) / weights
        keys[taken] = np.inf
        return np.append(taken, np.argpartition(keys, missing - 1)[:missing])


SAMPLERS: dict[str, type[Uniform]] = {"uniform": Uniform, "reshuffle": Reshuffle, "return_weighted": ReturnWeighted}


def make_sampler(name: str, capacity: int, seed: int) -> Sampler:
    """The sampler of this name.

    Raises:
        ConfigError: there is none.
    """
    if name not in SAMPLERS:
        raise ConfigError(f"there is no sampler {name!r}{nearest(name, SAMPLERS)}")
    return SAMPLERS[name](capacity, seed)

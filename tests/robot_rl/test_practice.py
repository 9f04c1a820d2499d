"""Practice on a tiny environment: what is learnt from, counted and recorded."""

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

from robot_rl.actor import run_episode
from robot_rl.compose import load_config
from robot_rl.config import Config
from robot_rl.evaluate import EVALUATION_SEED, chooser, score_policy
from robot_rl.learner import Learner
from robot_rl.make import make_env
from robot_rl.practice import SEEDS_PER_RUN, Practice, record_demos
from robot_rl.progress import Progress
from robot_rl.specs import Field, StateSpec
from robot_rl.types import Source, Step

SMALL = [
    "task=reach",
    "learner.hidden=[16]",
    "learner.critics=2",
    "learner.batch_size=8",
    "learner.start_steps=5",
    "learner.bc_steps=0",
    "human=none",
]


class Line:
    """Walk along a line to 1; ends there, or is cut off after 12 steps. Remembers its seeds."""

    state_spec = StateSpec((Field("x", 1, "m", 1.0),))
    action_names = ("dx",)
    has_gripper = False
    has_success = True
    action_space = gymnasium.spaces.Box(-1, 1, (1,))

    def __init__(self) -> None:
        self.seeds: list[int] = []

    def reset(self, *, seed: int | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
        assert seed is not None
        self.seeds.append(seed)
        self.x, self.steps = 0.0, 0
        return {"state": np.zeros(1, np.float32)}, {}

    def step(self, action: np.ndarray) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        self.x += 0.2 * float(action[0])
        self.steps += 1
        won = self.x >= 1
        info = {"executed": action, "gripper_changed": False, "success": won, "duration_s": 0.1}
        return {"state": np.array([self.x], np.float32)}, float(won), won, not won and self.steps >= 12, info

    def render(self) -> None: ...

    def close(self) -> None: ...


def practise(*settings: str) -> tuple[Practice, Line]:
    config = load_config([*SMALL, *settings])
    env = Line()
    practice = Practice(env, Learner(config.learner, env, "line", config.seed), config, Progress(1, quiet=True))
    practice.run()
    return practice, env


@pytest.mark.parametrize("utd", [1, 3])
def test_every_step_after_the_start_has_exactly_its_share_of_updates(utd: int) -> None:
    practice, _ = practise("learner.env_steps=50", f"learner.utd={utd}")
    learner = practice.learner
    assert learner.gradient_steps == learner.agent.updates == utd * (learner.env_steps - 5 + 1)
    assert practice.rows[-1]["utd"] == pytest.approx(utd)
    assert practice.complete and learner.env_steps >= 50


def test_practice_and_scoring_never_share_a_seed_whatever_the_run_s_seed() -> None:
    for seed in (0, 1, 999, 2**31 - 1):
        practice, env = practise("learner.env_steps=30", f"seed={seed}")
        trained_on = set(env.seeds)
        env.seeds.clear()
        score_policy(env, practice.learner.policy(), 5)
        assert len(env.seeds) == 5 and not trained_on & set(env.seeds)
        assert min(env.seeds) == EVALUATION_SEED and max(env.seeds) < SEEDS_PER_RUN <= min(trained_on)


def test_corrections_go_into_both_halves_and_the_policy_s_own_steps_into_one() -> None:
    config = load_config(SMALL)
    learner = Learner(config.learner, Line(), "line", 0)
    state = np.zeros(1, np.float32)
    for source in (Source.POLICY, Source.HUMAN, Source.POLICY, Source.HUMAN, Source.HUMAN):
        learner.observe(Step(state, state, 0.0, False, False, state, source))
    assert (len(learner.practice), len(learner.demos)) == (5, 3)


def test_scoring_is_deterministic_and_summed_up_with_its_interval() -> None:
    practice, env = practise("learner.env_steps=30")
    policy = practice.learner.policy()
    first, again = score_policy(env, policy, 4), score_policy(env, policy, 4)
    assert first == again
    summary = first.summary()
    low, high = summary["success_ci95"]
    assert low <= summary["success_rate"] <= high and summary["episodes"] == 4
    a, b = (run_episode(env, 3, chooser(policy)) for _ in range(2))
    assert np.array_equal(a.actions, b.actions)


def test_an_interrupt_keeps_what_was_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    config = load_config([*SMALL, "learner.env_steps=1000"])
    env = Line()
    practice = Practice(env, Learner(config.learner, env, "line", 0), config, Progress(1, quiet=True))

    def stop_after_three(_: object) -> None:
        if len(practice.rows) == 3:
            raise KeyboardInterrupt

    practice.run(stop_after_three)
    assert not practice.complete and len(practice.rows) == 3
    assert practice.learner.policy().act(np.zeros(1, np.float32)).shape == (1,)


def test_demos_are_all_successes_saved_at_once_and_reproducible(tmp_path: Path) -> None:
    config: Config = load_config(["task=reach", "human.demos=3"])
    env = make_env(config)
    runs = [record_demos(env, config, tmp_path / name, Progress(1, quiet=True)) for name in ("a", "b")]
    assert all(episode.success for episode in runs[0].episodes) and runs[0].tried >= 3
    assert len(list((tmp_path / "a").glob("*.npz"))) == 3
    assert all(np.array_equal(x.actions, y.actions) for x, y in zip(runs[0].episodes, runs[1].episodes, strict=True))
    assert {int(source) for source in runs[0].episodes[0].sources} == {Source.SCRIPT}


def test_what_the_learner_chooses_is_what_is_done_and_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    config = load_config([*SMALL, "learner.env_steps=20"])
    env = Line()
    learner = Learner(config.learner, env, "line", 0)
    monkeypatch.setattr(learner, "act", lambda _: np.array([0.25], np.float32))
    episodes = []
    Practice(env, learner, config, Progress(1, quiet=True)).run(episodes.append)
    assert episodes and all((episode.actions == 0.25).all() for episode in episodes)


def test_a_few_cloning_steps_are_not_dropped() -> None:
    config = load_config(SMALL)
    learner = Learner(config.learner, Line(), "line", 0)
    state = np.ones(1, np.float32)
    for _ in range(10):
        learner.demos.add(Step(state, np.ones(1, np.float32), 1.0, True, False, state, Source.SCRIPT))
    before = learner.policy().actor[0][0].copy()
    learner.clone(7)
    assert not np.array_equal(before, learner.policy().actor[0][0])

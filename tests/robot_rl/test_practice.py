"""Practice on a tiny environment: what is learnt from, counted and recorded."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robot_rl.actor import Counter, run_episode
from robot_rl.compose import load_config
from robot_rl.data.demos import DemoStore
from robot_rl.data.log import EpisodeLog, read_frames
from robot_rl.env import RobotEnv
from robot_rl.evaluate import EVALUATION_SEED, chooser, score_policy
from robot_rl.expert import Expert
from robot_rl.learner import Learner
from robot_rl.lockstep import Lockstep
from robot_rl.make import make_env
from robot_rl.practice import SEEDS_PER_RUN, Practice, record_demos
from robot_rl.progress import Progress
from robot_rl.tasks.base import Reading
from robot_rl.tasks.reach import Reach
from robot_rl.training import Training
from robot_rl.types import Frame, Source
from tests.robot_rl.line import Line, new_learner, new_training, small

QUIET = Progress(1, quiet=True)


def practise(folder: Path, *settings: str) -> tuple[Training, Line, bool]:
    config = small(*settings)
    env, training = Line(), new_training(config, folder / "checkpoints")
    with EpisodeLog(folder / "log") as log:
        complete = Practice(env, Lockstep(training, log), config, QUIET, Counter(), 0).run()
    return training, env, complete


@pytest.mark.parametrize("utd", [1, 3])
def test_every_step_after_the_start_has_exactly_its_share_of_updates(tmp_path: Path, utd: int) -> None:
    training, _, complete = practise(tmp_path, "learner.env_steps=50", f"learner.utd={utd}")
    learner = training.learner
    assert learner.gradient_steps == learner.agent.updates == utd * (learner.env_steps - 5 + 1)
    assert training.curve.rows[-1]["utd"] == pytest.approx(utd)
    assert complete and learner.env_steps >= 50


def test_practice_and_scoring_never_share_a_seed_whatever_the_run_s_seed(tmp_path: Path) -> None:
    for seed in (0, 1, 999, 2**31 - 1):
        training, env, _ = practise(tmp_path / str(seed), "learner.env_steps=30", f"seed={seed}")
        trained_on = set(env.seeds)
        env.seeds.clear()
        score_policy(env, training.learner.policy(), 5)
        assert len(env.seeds) == 5 and not trained_on & set(env.seeds)
        assert min(env.seeds) == EVALUATION_SEED and max(env.seeds) < SEEDS_PER_RUN <= min(trained_on)


def test_all_that_is_learnt_from_is_in_the_log_in_the_same_order(tmp_path: Path) -> None:
    training, _, _ = practise(tmp_path, "learner.env_steps=40")
    again = new_learner(small())
    frames = list(read_frames(tmp_path / "log"))
    for frame in frames:
        again.insert(frame)
    assert again.practice.digest() == training.learner.practice.digest()
    assert [frame.sequence for frame in frames] == list(range(training.taken))


def test_scoring_is_deterministic_and_summed_up_with_its_interval(tmp_path: Path) -> None:
    training, env, _ = practise(tmp_path, "learner.env_steps=30")
    policy = training.learner.policy()
    first, again = score_policy(env, policy, 4), score_policy(env, policy, 4)
    assert first == again
    summary = first.summary()
    low, high = summary["success_ci95"]
    assert low <= summary["success_rate"] <= high and summary["episodes"] == 4
    a, b = (run_episode(env, 3, chooser(policy)) for _ in range(2))
    assert np.array_equal(a.actions, b.actions)


def test_an_interrupt_keeps_what_was_learnt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    take = Training.take

    def take_thirty(training: Training, frame: Frame) -> None:
        take(training, frame)
        if training.taken == 30:
            raise KeyboardInterrupt

    monkeypatch.setattr(Training, "take", take_thirty)
    training, _, complete = practise(tmp_path, "learner.env_steps=1000")
    assert not complete and training.curve.rows
    assert len(list(read_frames(tmp_path / "log"))) == 30
    assert training.learner.policy().act(np.zeros(1, np.float32)).shape == (1,)


def test_every_attempt_at_a_demo_is_logged_reproducible_and_not_repeated_later(tmp_path: Path) -> None:
    config = load_config(["task=reach", "human.demos=3"])
    env = make_env(config)
    for name in ("a", "b"):
        with EpisodeLog(tmp_path / name) as log:
            record_demos(env, config, log, 0, 0, QUIET)
    runs = [list(DemoStore(tmp_path / name).episodes()) for name in ("a", "b")]
    for one, other in zip(*runs, strict=True):
        assert np.array_equal(one.actions, other.actions) and set(one.sources) == {Source.SCRIPT}
    assert sum(episode.success for episode in runs[0]) == 3
    with EpisodeLog(tmp_path / "a") as log:
        record_demos(env, config, log, 3, len(runs[0]), QUIET)
    assert len(DemoStore(tmp_path / "a")) == len(runs[0])


class Shown:
    """A person who waits, then shows the task, with hands off in the middle."""

    def __init__(self, env: RobotEnv, away: Sequence[range]) -> None:
        self._env, self._away = env, away
        self._expert = Expert(env.scene.task, np.random.default_rng(0))
        self.asked, self.episodes = 0, 0
        self.states: list[tuple[bool, str, float]] = []
        """Of each look: hands off, what the authority says, and how far the tool is from where it was"""

    def new_episode(self) -> None:
        self.episodes += 1

    def choose(self, reading: Reading) -> np.ndarray | None:
        off = any(self.asked in away for away in self._away)
        moved_m = float(np.linalg.norm(self._env.arm.read().tcp.position_m - reading.arm.tcp.position_m))
        self.states.append((off, self._env.pilot._port.view().state.value, moved_m))
        self.asked += 1
        return None if off else self._expert.act(reading)


def shown(monkeypatch: pytest.MonkeyPatch, folder: Path, *away: range, wanted: int = 1, **more: int) -> Shown:
    config = load_config(["task=reach", f"human.demos={wanted}"])
    config.human.source = "teleop"
    env = make_env(replace(config, task=replace(config.task, **more)))
    person = Shown(env, away)
    monkeypatch.setattr("robot_rl.human.at_device", lambda *_: nullcontext(person))
    with EpisodeLog(folder) as log:
        record_demos(env, config, log, 0, 0, QUIET)
    return person


def test_a_person_s_demo_begins_with_the_first_motion_and_pauses_while_hands_are_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = shown(monkeypatch, tmp_path, range(0, 100), range(103, 150))
    store = DemoStore(tmp_path)
    (episode,) = store.kept()
    assert set(episode.sources) == {Source.HUMAN} and len(episode) == person.asked - 100 - 47
    assert np.abs(episode.actions[0]).max() > 0.1
    waits = np.diff([frame.stamp_s for frame in episode.frames]) > 2.0
    assert np.flatnonzero(waits).tolist() == [0, 3], "longer than a lease lasts, and it was kept"
    assert {state for off, state, _ in person.states[1:100] if off} <= {"hold", "reset"}
    assert max(moved_m for off, _, moved_m in person.states if off) < 0.01


def test_a_person_s_demo_without_success_is_kept_as_a_failure_and_another_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Reach, "succeeded", lambda task, reading: len(tries) > 2)
    tries: list[int] = []
    monkeypatch.setattr(Shown, "new_episode", lambda _: tries.append(1))
    shown(monkeypatch, tmp_path, max_steps=4)
    rows = DemoStore(tmp_path).rows
    assert [(row.complete, row.usable) for row in rows] == [(True, False), (True, False), (True, True)]


def test_a_person_may_fail_as_often_as_it_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[int] = []
    monkeypatch.setattr(Reach, "succeeded", lambda task, reading: len(tries) > 17)
    monkeypatch.setattr(Shown, "new_episode", lambda _: tries.append(1))
    shown(monkeypatch, tmp_path, max_steps=1)
    assert len(DemoStore(tmp_path)) == 18


def test_a_person_corrects_the_policy_and_gives_it_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = small("human=scripted", "human.demos=0", "learner.env_steps=12", "task.max_steps=6")
    config.human.source = "teleop"
    env = make_env(config)
    person = Shown(env, [range(0, 2), range(4, 100)])
    monkeypatch.setattr("robot_rl.human.at_device", lambda *_: nullcontext(person))
    monkeypatch.setattr(Lockstep, "act", lambda *_: np.zeros(3, np.float32))
    learner = Learner(config.learner, env.layout, "reach", config.seed)
    with EpisodeLog(tmp_path / "log") as log:
        training = Training(learner, True, tmp_path / "checkpoints", lambda: None)
        assert Practice(env, Lockstep(training, log), config, QUIET, Counter(), 0).run()
    sources = [f.transition.source for f in read_frames(tmp_path / "log") if f.transition]
    assert sources[:6] == [Source.POLICY] * 2 + [Source.HUMAN] * 2 + [Source.POLICY] * 2
    assert set(sources[6:]) == {Source.POLICY} and person.episodes == 2


def test_what_the_learner_chooses_is_what_is_done_and_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lockstep, "act", lambda *_: np.array([0.25], np.float32))
    practise(tmp_path, "learner.env_steps=20")
    actions = [f.transition.executed for f in read_frames(tmp_path / "log") if f.transition]
    assert len(actions) >= 20 and all(action == 0.25 for action in actions)

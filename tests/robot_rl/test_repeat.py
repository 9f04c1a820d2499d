"""Repeating a recorded episode, on a simulated arm in lockstep."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from controllers.pose import Pose
from robot_rl.compose import load_config
from robot_rl.config import Config
from robot_rl.data.demos import DemoStore
from robot_rl.data.log import EpisodeLog, read_frames
from robot_rl.env import RobotEnv
from robot_rl.errors import ConfigError, HardwareError
from robot_rl.jobs import repeat as module
from robot_rl.jobs.demonstrate import record
from robot_rl.jobs.repeat import START_M, RecordedScene, Seeded, repeat
from robot_rl.mover import Mover


def config(*overrides: str) -> Config:
    return load_config(["task=reach", *overrides])


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> DemoStore:
    folder = tmp_path_factory.mktemp("run") / "recorded"
    record(config("human.demos=2", f"out={folder}"))
    return DemoStore(folder / "demos")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[RobotEnv]:
    """Every environment that is opened"""
    made: list[RobotEnv] = []
    make_env = module.make_env

    def make(config: Config) -> RobotEnv:
        made.append(make_env(config))
        return made[-1]

    monkeypatch.setattr(module, "make_env", make)
    return made


@pytest.mark.parametrize("number", [0, 1])
def test_the_recorded_motion_is_repeated_and_measured(store: DemoStore, number: int) -> None:
    outcome = repeat(config(f"episode={number}"), store)
    steps = len(store.get(number))
    assert outcome.complete and f" of {steps} steps repeated, success; the gate changed 0;" in outcome.text
    largest_mm, rms_mm = float(outcome.text.split()[-5]), float(outcome.text.split()[-2])
    assert rms_mm <= largest_mm < 3.0


def test_it_is_repeated_at_the_rate_at_which_it_was_recorded(tmp_path: Path, opened: list[RobotEnv]) -> None:
    record(config("human.demos=1", "robot.policy_hz=5", f"out={tmp_path}/run"))
    assert "success" in repeat(config(), DemoStore(tmp_path / "run" / "demos")).text
    assert opened[0]._period_s == 0.2


def test_what_the_gate_changes_is_counted_and_a_motion_too_far_off_is_said_to_be(
    store: DemoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = RobotEnv.step

    def gated(self: RobotEnv, action: np.ndarray):
        *found, info = step(self, 0.3 * action)
        return (*found, info | {"reasons": ("box",)})

    monkeypatch.setattr(RobotEnv, "step", gated)
    text = repeat(config(), store).text
    steps = len(store.get(0))
    assert f"{steps} of {steps} steps repeated, no success, NOT the recorded motion (at most 20 mm apart)" in text
    assert f"the gate changed {steps};" in text


def test_an_interrupt_ends_it_with_an_arm_at_hold(
    store: DemoStore, monkeypatch: pytest.MonkeyPatch, opened: list[RobotEnv]
) -> None:
    step, done = RobotEnv.step, []

    def interrupted(self: RobotEnv, action: np.ndarray):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(action)
        return step(self, action)

    monkeypatch.setattr(RobotEnv, "step", interrupted)
    outcome = repeat(config(), store)
    steps = len(store.get(0))
    assert not outcome.complete and outcome.text == f"3 of {steps} steps repeated, then interrupted; the arm holds"
    assert opened[0].pilot._port.view().state == "hold"


def test_an_arm_that_cannot_be_told_any_more_does_not_hide_what_came_of_it(
    store: DemoStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def gone(self: RobotEnv) -> None:
        raise HardwareError("nobody answers")

    monkeypatch.setattr(RobotEnv, "close", gone)
    assert "success" in repeat(config(), store).text
    assert "nobody answers" in caplog.text


def test_a_tool_that_is_not_at_its_recorded_start_repeats_nothing(
    store: DemoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Mover, "move_to", lambda self, goal: None)
    monkeypatch.setattr(RobotEnv, "step", None)
    with pytest.raises(HardwareError, match=r"the tool is \d+\.\d mm and .* from its recorded start .*5 mm and 3 deg"):
        repeat(config(), store)


def test_a_tool_that_goes_another_way_is_repeated_no_further(
    store: DemoStore, monkeypatch: pytest.MonkeyPatch, opened: list[RobotEnv]
) -> None:
    step = RobotEnv.step
    monkeypatch.setattr(RobotEnv, "step", lambda self, action: step(self, -action))
    with pytest.raises(HardwareError, match=r"tool is \d+ mm from the record after step \d+ of \d+ \(at most 50\)"):
        repeat(config(), store)
    assert opened[0].pilot._port.view().state == "hold"


def test_an_arm_that_stops_itself_is_an_error_with_the_step(store: DemoStore, monkeypatch: pytest.MonkeyPatch) -> None:
    step = RobotEnv.step

    def stopped(self: RobotEnv, action: np.ndarray):
        *found, info = step(self, action)
        return (*found, info | {"stopped": "force"})

    monkeypatch.setattr(RobotEnv, "step", stopped)
    with pytest.raises(HardwareError, match=r"stopped itself at step 1 of .*: force"):
        repeat(config(), store)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["task=pick_cube"], "recorded with task=reach, this is task=pick_cube"),
        (["robot=ur5e"], "recorded with robot.model=panda, this is robot.model=ur5e"),
        (["episode=7"], "episodes 0 to 1"),
    ],
)
def test_a_record_of_something_else_opens_no_arm(
    store: DemoStore, opened: list[RobotEnv], overrides: list[str], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        repeat(config(*overrides), store)
    assert not opened


def test_an_arm_with_other_joints_than_the_recorded_one_is_not_moved(
    store: DemoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_env = module.make_env
    monkeypatch.setattr(module, "make_env", lambda _: make_env(config("robot=ur5e")))
    monkeypatch.setattr(RobotEnv, "reset", None)
    with pytest.raises(ConfigError, match="the arm has 6 joints, the recorded one 7"):
        repeat(config(), store)


@pytest.mark.parametrize("change", [{"arm": None}, {"step": 0}])
def test_a_record_without_steps_or_readings_of_the_arm_is_refused(
    tmp_path: Path, store: DemoStore, change: dict[str, object]
) -> None:
    frames = list(read_frames(store.folder))[: 1 if "step" in change else 3]
    with EpisodeLog(tmp_path / "log") as log:
        for frame in frames:
            log.append(dataclasses.replace(frame, **change))
        log.commit(10.0)
    with pytest.raises(ConfigError, match=r"this episode has \d steps and \d readings"):
        repeat(config(), DemoStore(tmp_path / "log"))


class Drawn:
    """A scene that draws a start as those behind topics do: from a number drawn by whoever asks for it."""

    task = None

    def __init__(self) -> None:
        self.seeds: list[int] = []

    def reset(self, rng: np.random.Generator) -> Pose:
        self.seeds.append(int(rng.integers(2**31)))
        return self.start(self.seeds[-1])

    @staticmethod
    def start(seed: int) -> Pose:
        return Pose.of(np.random.default_rng(seed).uniform(-0.02, 0.02, 3), [1.0, 0.0, 0.0, 0.0])


def off(start: Pose, by_m: float) -> Pose:
    return start.moved(np.array([0.0, 0.0, by_m]), np.zeros(3))


@pytest.mark.parametrize("behind_topics", [False, True])
def test_a_simulated_scene_is_the_recorded_one_however_it_was_recorded(behind_topics: bool) -> None:
    for seed in range(20):
        own = int(np.random.default_rng(seed).integers(2**31)) if behind_topics else seed
        recorded, scene = off(Drawn.start(own), 0.001), Drawn()
        start = RecordedScene(scene, seed, recorded, simulated=True).reset(np.random.default_rng(seed))
        assert start is recorded and scene.seeds[-1] == own


def test_a_simulated_scene_that_starts_elsewhere_than_the_record_is_refused() -> None:
    recorded = off(Drawn.start(3), 2 * START_M + 0.04)
    with pytest.raises(ConfigError, match=r"mm from where the record does \(at most 5 mm\)"):
        RecordedScene(Drawn(), 3, recorded, simulated=True).reset(np.random.default_rng(3))


def test_in_a_real_cell_the_tool_goes_to_the_recorded_start() -> None:
    recorded, scene = off(Drawn.start(3), 0.1), Drawn()
    assert RecordedScene(scene, 3, recorded, simulated=False).reset(np.random.default_rng(3)) is recorded
    assert len(scene.seeds) == 1


def test_a_seeded_generator_draws_its_seed_and_else_what_the_seed_s_own_draws() -> None:
    assert Seeded(5).integers(2**31) == 5
    assert Seeded(5).uniform() == np.random.default_rng(5).uniform()

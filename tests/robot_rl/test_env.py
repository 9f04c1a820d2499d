import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium
import mujoco
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.pose import rotation_between_rad
from controllers.records import Verdict
from robot_rl.actor import Choice, run_episode
from robot_rl.compose import load_config
from robot_rl.env import RobotEnv
from robot_rl.errors import ConfigError, HardwareError, NonFiniteError
from robot_rl.expert import Expert
from robot_rl.make import make_env
from robot_rl.types import Source

ROOT = Path(__file__).parents[2]
TASKS = ("reach", "peg_insertion", "pick_cube")


def make(task: str, *more: str) -> RobotEnv:
    return make_env(load_config([f"task={task}", *more]))


@pytest.fixture(scope="module")
def peg() -> RobotEnv:
    return make("peg_insertion", "task.max_steps=20")


@pytest.mark.filterwarnings("ignore:.*WARN.*")
@pytest.mark.parametrize("task", TASKS)
def test_gymnasium_finds_nothing_wrong(task: str) -> None:
    check_env(make(task), skip_render_check=True)


def test_images_are_part_of_the_observation_when_asked_for() -> None:
    env = make("reach", "robot.cameras=[wrist,side]", "robot.image_size=32")
    observation, _ = env.reset(seed=0)
    assert observation["wrist"].shape == observation["side"].shape == (32, 32, 3)
    assert env.observation_space.contains(observation)
    assert observation["side"].std() > 5


@pytest.mark.parametrize("task", TASKS)
def test_the_same_seed_and_actions_give_the_same_episode_bit_for_bit(task: str) -> None:
    runs = []
    for _ in range(2):
        env, rng = make(task), np.random.default_rng(0)
        states = [env.reset(seed=7)[0]["state"]]
        for _ in range(15):
            states.append(env.step(rng.uniform(-1, 1, env.action_space.shape).astype(np.float32))[0]["state"])
        runs.append(np.stack(states))
    assert np.array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0][0], make(task).reset(seed=8)[0]["state"])


def test_an_episode_does_not_depend_on_the_one_before(peg: RobotEnv) -> None:
    peg.reset(seed=3)
    for _ in range(5):
        peg.step(np.ones(3, np.float32))
    again, _ = peg.reset(seed=4)
    fresh, _ = make("peg_insertion").reset(seed=4)
    assert np.allclose(again["state"], fresh["state"], atol=1e-5)


def test_the_time_limit_truncates_and_success_terminates() -> None:
    env = make("reach", "task.max_steps=3")
    env.reset(seed=0)
    ends = [env.step(np.zeros(3, np.float32))[2:4] for _ in range(3)]
    assert ends == [(False, False), (False, False), (False, True)]
    env = make("reach")
    expert = Expert(env.scene.task, np.random.default_rng(0))
    episode = run_episode(env, 0, lambda _: Choice(expert.act(env.reading), Source.SCRIPT))
    assert episode.terminated and not episode.truncated and episode.success and episode.rewards[-1] == 1.0


@pytest.mark.parametrize(
    ("action", "error"),
    [
        (np.array([np.nan, 0, 0], np.float32), NonFiniteError),
        (np.array([np.inf, 0, 0], np.float32), NonFiniteError),
        (np.zeros(2, np.float32), ValueError),
        (np.zeros((1, 3), np.float32), ValueError),
    ],
)
def test_an_action_that_is_none_is_refused_before_anything_moves(
    peg: RobotEnv, action: np.ndarray, error: type[Exception]
) -> None:
    peg.reset(seed=0)
    now_s = peg.clock.now_s()
    with pytest.raises(error):
        peg.step(action)
    assert peg.clock.now_s() == now_s


def test_stepping_without_an_episode_says_to_reset() -> None:
    env = make("reach")
    with pytest.raises(HardwareError, match="reset"):
        env.step(np.zeros(3, np.float32))


def test_an_action_moves_the_tool_along_its_own_axes(peg: RobotEnv) -> None:
    peg.reset(seed=0)
    start = peg.arm.read().tcp
    for _ in range(3):
        peg.step(np.array([1.0, 0.0, 0.0], np.float32))
    moved = (start.inverse() @ peg.arm.read().tcp).position_m
    assert moved[0] > 0.012 and abs(moved[1]) < 0.004


def test_axes_that_are_not_driven_stay_where_they_were_at_reset(peg: RobotEnv) -> None:
    peg.reset(seed=0)
    start = peg.arm.read().tcp
    rng = np.random.default_rng(0)
    for _ in range(15):
        peg.step(rng.uniform(-1, 0, 3).astype(np.float32))
    assert rotation_between_rad(start.quat_wxyz, peg.arm.read().tcp.quat_wxyz) < 0.02


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(-1, 1, width=32), min_size=3, max_size=3))
def test_the_executed_action_is_in_range_and_equals_the_request_unless_a_limit_acted(
    peg: RobotEnv, values: list[float]
) -> None:
    peg.reset(seed=1)
    action = np.array(values, np.float32)
    info = peg.step(action)[4]
    assert np.all(np.abs(info["executed"]) <= 1)
    assert info["reasons"] or np.array_equal(info["executed"], action)


def test_at_the_wall_of_the_workspace_the_executed_action_shows_what_happened() -> None:
    peg = make("peg_insertion")
    peg.reset(seed=0)
    for _ in range(35):
        info = peg.step(np.array([0.0, 0.0, -1.0], np.float32))[4]
    assert "workspace_box" in info["reasons"]
    assert abs(info["executed"][2]) < 0.2
    top = peg.scene.task.workspace.high_m[2]
    assert peg.arm.read().tcp.position_m[2] < top + 0.005


def test_a_plane_of_the_settings_stops_the_tool() -> None:
    env = make_env(load_config(["task=reach", "safety.planes=[[-1,0,0,-0.5]]"]))
    env.reset(seed=3)
    along_x = np.array([1.0, 0.0, 0.0], np.float32)
    reasons = [env.step(along_x)[4]["reasons"] for _ in range(12)]
    assert "planes" not in reasons[0] and "planes" in reasons[-1]
    assert 0.49 < env.reading.arm.tcp.position_m[0] < 0.502


def test_a_gripper_change_takes_time_to_settle_and_is_reported() -> None:
    env = make("pick_cube")
    env.reset(seed=0)
    close = np.array([0, 0, 0, -1], np.float32)
    first, second = env.step(close)[4], env.step(close)[4]
    assert first["gripper_changed"] and not second["gripper_changed"]
    assert first["duration_s"] > second["duration_s"]
    assert env.reading.gripper is not None and env.reading.gripper.width_m < 0.045


def test_replaying_the_executed_actions_repeats_the_motion_exactly() -> None:
    env = make("peg_insertion")
    expert = Expert(env.scene.task, np.random.default_rng(1))
    episode = run_episode(env, 5, lambda _: Choice(expert.act(env.reading), Source.SCRIPT))
    env.reset(seed=5)
    replayed = [env.step(action)[0]["state"] for action in episode.actions]
    assert np.abs(np.stack(replayed) - episode.observations[1:]).max() < 1e-4


@pytest.mark.parametrize(
    ("words", "places"),
    [
        ("arm.command(", ["robot_rl/mover.py", "sim2real/faults.py"]),
        ("PoseCommand(", ["robot_rl/cell/codec.py", "robot_rl/mover.py"]),
        ("loop.command(", ["robot_rl/cell/server.py", "robot_rl/drivers/sim.py"]),
        ("loop.tick(", ["robot_rl/cell/server.py", "robot_rl/drivers/sim_world.py"]),
    ],
)
def test_commands_are_made_in_one_place_and_judged_where_an_arm_s_loop_runs(words: str, places: list[str]) -> None:
    """The gate has one customer. (A command from another process is unpacked in
    `cell/codec.py`; `sim2real/faults.py` hands on what it is given.)"""
    rooms = ("robot_rl", "sim2real", "web_ui")
    files = (path for room in rooms for path in (ROOT / room).rglob("*.py") if "drills" not in path.parts)
    found = sorted(str(path.relative_to(ROOT)) for path in files if words in path.read_text())
    assert found == places


def test_every_torque_that_reaches_a_motor_comes_from_the_loop_one_for_each_step_of_physics(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Counted over demos, corrections, policy and resets: nobody else writes to the motors."""
    env = make("pick_cube")
    world = env.scene.world
    given: list[np.ndarray] = []
    applied: list[np.ndarray] = []
    tick, step = world.loop.tick, mujoco.mj_step

    def counted(*args: Any) -> np.ndarray:
        given.append(np.array(tick(*args)))
        return given[-1]

    def watched(model: Any, data: Any, substeps: int) -> None:
        applied.append(np.array(data.ctrl[:7]))
        step(model, data, substeps)

    monkeypatch.setattr(world.loop, "tick", counted)
    monkeypatch.setattr(mujoco, "mj_step", watched)
    turns = itertools.cycle(Source)
    rng = np.random.default_rng(0)
    run_episode(env, 0, lambda _: Choice(rng.uniform(-1, 1, 4).astype(np.float32), next(turns)))
    assert len(given) == len(applied) > 1000
    assert all(np.array_equal(a, b) for a, b in zip(given, applied, strict=True))


def test_what_the_gate_slowed_is_recorded_as_what_the_arm_did(monkeypatch: pytest.MonkeyPatch) -> None:
    env = make("reach")
    env.reset(seed=0)
    command = env.arm.command
    monkeypatch.setattr(
        env.arm,
        "command",
        lambda c: replace(command(replace(c, target=env.reading.arm.tcp)), reasons=("x",), speed=0.1),
    )
    *_, info = env.step(np.ones(3, np.float32))
    assert np.abs(info["executed"]).max() < 0.2


def test_a_gripper_that_was_told_nothing_because_the_gate_refused_is_recorded_as_staying(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    env = make("pick_cube")
    env.reset(seed=0)
    refusal = Verdict(env.reading.arm.tcp, ("x",), refused=True, why="x: no")
    monkeypatch.setattr(env.arm, "command", lambda _: refusal)
    *_, info = env.step(np.array([0, 0, 0, -1], np.float32))
    assert not info["gripper_changed"] and info["executed"][-1] == 0


def test_a_stopped_arm_s_gripper_does_not_open_at_a_reset() -> None:
    env = make("pick_cube")
    env.reset(seed=0)
    told: list[bool] = []
    assert env.gripper is not None
    env.gripper.command = told.append  # type: ignore[method-assign]
    env.pilot._simulated = False

    def looked(deadline_s: float) -> None:
        raise TimeoutError

    env.pilot._clock.sleep_until = looked  # type: ignore[method-assign]
    env.scene.world.guard.authority.stop("Ada", "no")
    with pytest.raises(TimeoutError):
        env.reset(seed=1)
    assert told == []


def test_the_environment_runs_as_a_gymnasium_environment() -> None:
    env = gymnasium.wrappers.TimeLimit(make("reach"), 5)
    env.reset(seed=0)
    assert [env.step(env.action_space.sample() * 0)[3] for _ in range(5)][-1]


@pytest.mark.parametrize(("asked", "executed"), [(-0.4, -1), (0.4, 1), (0.2, 0), (-0.3, 0)])
def test_the_record_shows_what_the_gripper_was_told(asked: float, executed: int) -> None:
    env = make("pick_cube")
    env.reset(seed=0)
    info = env.step(np.array([0, 0, 0, asked], np.float32))[4]
    assert info["executed"][-1] == executed
    assert info["gripper_changed"] == (executed == -1)


def test_after_success_the_episode_is_over() -> None:
    env = make("reach")
    expert = Expert(env.scene.task, np.random.default_rng(0))
    run_episode(env, 0, lambda _: Choice(expert.act(env.reading), Source.SCRIPT))
    with pytest.raises(HardwareError, match="reset"):
        env.step(np.zeros(3, np.float32))


def test_a_start_outside_the_workspace_is_refused_as_a_setting() -> None:
    with pytest.raises(ConfigError, match="outside its workspace"):
        make("peg_insertion", "task.params.start_range_m=0.9").reset(seed=0)

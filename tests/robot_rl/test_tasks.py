from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest

import controllers.models
from robot_rl.actor import Choice, run_episode
from robot_rl.compose import load_config
from robot_rl.config import HumanConfig, TaskConfig
from robot_rl.errors import ConfigError
from robot_rl.expert import Expert, ScriptedHuman
from robot_rl.make import make_env
from robot_rl.tasks import TASKS, make_task
from robot_rl.tasks.gymnasium_task import GymnasiumEnv
from robot_rl.types import Source


@pytest.mark.parametrize(("task", "least"), [("reach", 8), ("peg_insertion", 6), ("pick_cube", 6)])
@pytest.mark.parametrize("robot", ["panda", "ur5e"])
def test_the_expert_mostly_succeeds_without_breaching_a_limit(task: str, robot: str, least: int) -> None:
    env = make_env(load_config([f"task={task}", f"robot={robot}", "task.max_steps=150"]))
    expert = Expert(env.scene.task, np.random.default_rng(0))
    done = 0
    for seed in range(8):
        expert.new_episode()
        done += run_episode(env, seed, lambda _: Choice(expert.act(env.reading), Source.SCRIPT)).success
    assert done >= least
    assert env.scene.world.breaches == {}


def test_doing_nothing_succeeds_at_nothing() -> None:
    for task in ("reach", "peg_insertion", "pick_cube"):
        env = make_env(load_config([f"task={task}", "task.max_steps=10"]))
        nothing = np.zeros(env.action_space.shape, np.float32)
        assert not any(run_episode(env, s, lambda _, a=nothing: Choice(a, Source.POLICY)).success for s in range(3))


def test_pushing_the_cube_does_not_bring_it_onto_the_platform() -> None:
    env = make_env(load_config(["task=pick_cube"]))
    env.reset(seed=0)
    task, world = env.scene.task, env.scene.world
    beside = task._platform_m + [0.0, -0.07, 0.02]
    world.place("cube", beside)
    env.step(np.zeros(4, np.float32))
    assert not task.succeeded(env.reading)
    world.place("cube", task._goal_m() + [0, 0, 0.001])
    env.step(np.array([0, 0, 0, 1], np.float32))
    assert task.succeeded(env.reading)


def test_the_peg_counts_as_in_only_when_it_is_deep_in_the_hole() -> None:
    env = make_env(load_config(["task=peg_insertion"]))
    env.reset(seed=0)
    task = env.scene.task
    assert not task.succeeded(env.reading)
    shallow = task.waypoint(env.reading).remaining_m
    assert shallow > 0.02


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"clearence_m": 0.001}, "clearance_m"),
        ({"clearance_m": "wide"}, "number"),
        ({"clearance_m": -1}, "0 to 100"),
    ],
)
def test_wrong_task_parameters_are_named(params: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_task(TaskConfig(name="peg_insertion", params=params))


def test_an_unknown_task_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="peg_insertion"):
        make_task(TaskConfig(name="peg_insert"))


def human_for(task: str) -> tuple:
    env = make_env(load_config([f"task={task}"]))
    env.reset(seed=0)
    config = HumanConfig()
    return env, ScriptedHuman(env.scene.task, config, 0.1, np.random.default_rng(0)), config


def test_the_human_leaves_a_policy_alone_that_makes_progress() -> None:
    env, human, _ = human_for("peg_insertion")
    expert = Expert(env.scene.task, np.random.default_rng(0))
    for _ in range(8):
        assert human.choose(env.reading) is None
        env.step(expert.act(env.reading))


def test_the_human_leaves_a_policy_alone_that_lifts_the_peg_over_the_wall() -> None:
    env = make_env(load_config(["task=peg_insertion", "task.params.wall_m=0.05"]))
    env.reset(seed=0)
    human = ScriptedHuman(env.scene.task, HumanConfig(), 0.1, np.random.default_rng(0))
    expert, start_m = Expert(env.scene.task, np.random.default_rng(0)), env.reading.arm.tcp.position_m
    for _ in range(25):
        assert human.choose(env.reading) is None
        env.step(expert.act(env.reading))
    assert (env.reading.arm.tcp.position_m - start_m)[2] > 0.05


def test_the_human_takes_over_a_stuck_policy_after_patience_and_reaction_and_lets_go() -> None:
    env, human, config = human_for("peg_insertion")
    held = []
    for _ in range(60):
        action = human.choose(env.reading)
        held.append(action is not None)
        env.step(np.zeros(3, np.float32) if action is None else action)
    first = held.index(True)
    wait_s = first * 0.1
    assert config.patience_s + config.reaction_s[0] <= wait_s <= config.patience_s + config.reaction_s[1] + 0.2
    longest = max(len(run) for run in "".join("x" if h else " " for h in held).split())
    assert longest <= round(config.max_takeover_s / 0.1)


def test_the_human_takes_over_a_policy_that_strays() -> None:
    env, human, config = human_for("peg_insertion")
    away = np.array([1, 0, 0], np.float32)
    for step in range(40):
        if human.choose(env.reading) is not None:
            assert step * 0.1 < config.patience_s + config.reaction_s[1]
            return
        env.step(away)
    pytest.fail("a policy that leaves the path was never corrected")


def test_any_continuous_gymnasium_environment_is_a_task() -> None:
    env = GymnasiumEnv(TaskConfig(name="gymnasium", id="Pendulum-v1", max_steps=7))
    episode = run_episode(env, 0, lambda _: Choice(np.zeros(1, np.float32), Source.POLICY))
    assert len(episode) == 7 and episode.truncated and not episode.terminated
    assert episode.observations.shape == (8, 3)


@pytest.mark.parametrize("name", ["CartPole-v1", "NoSuchThing-v3"])
def test_an_environment_the_learner_cannot_use_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        GymnasiumEnv(TaskConfig(name="gymnasium", id=name))


def test_the_task_of_the_example_trains_by_name_as_the_docs_say(monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(__file__).parents[2] / "examples" / "03_own_task.py"
    spec = spec_from_file_location("own_task", path)
    assert spec and spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setitem(TASKS, "press_button", module.PressButton)
    config = load_config([])
    env = make_env(replace(config, task=TaskConfig(name="press_button")))
    expert = Expert(env.scene.task, np.random.default_rng(0))
    assert run_episode(env, 0, lambda _: Choice(expert.act(env.reading), Source.SCRIPT)).success


def own_arm(folder: Path, xml: tuple[str, str] = ("", ""), toml: tuple[str, str] = ("", "")) -> str:
    """A copy of the UR5e with one text replaced in each file."""
    models = Path(controllers.models.__file__).parent
    (folder / "arm.xml").write_text((models / "ur5e.xml").read_text().replace(*xml))
    (folder / "arm.toml").write_text((models / "ur5e.toml").read_text().replace(*toml))
    return str(folder / "arm.xml")


def test_an_arm_of_one_s_own_is_its_model_and_its_limits(tmp_path: Path) -> None:
    env = make_env(load_config(["task=reach", f"robot.model={own_arm(tmp_path)}"]))
    assert env.reset(seed=0)[0]["state"].shape == (6,)


def test_an_arm_that_does_not_fit_is_refused_with_what_is_wrong(tmp_path: Path) -> None:
    servo = own_arm(tmp_path, xml=("<motor ", '<position kp="2000" '))
    with pytest.raises(ConfigError, match="not a torque motor"):
        make_env(load_config(["task=reach", f"robot.model={servo}"]))
    no_home = own_arm(tmp_path, toml=("q_home_rad", "q_house_rad"))
    with pytest.raises(ConfigError, match="q_home_rad"):
        make_env(load_config(["task=reach", f"robot.model={no_home}"]))
    (tmp_path / "arm.toml").unlink()
    with pytest.raises(ConfigError, match=r"arm\.toml"):
        make_env(load_config(["task=reach", f"robot.model={no_home}"]))

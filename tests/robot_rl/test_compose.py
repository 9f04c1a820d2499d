"""A command line becomes a checked configuration, or one line that says what to change."""

from pathlib import Path

import pytest
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from robot_rl.compose import groups, load_config, resolved, save_config
from robot_rl.config import Config, RobotConfig, VendorConfig
from robot_rl.errors import ConfigError
from robot_rl.validate import validate


def complaint(*overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(list(overrides))
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_without_overrides_the_configuration_is_the_records_defaults_for_a_panda() -> None:
    config = load_config([])
    assert config.safety.vendor.speed_m_s == 1.7
    config.safety.vendor = VendorConfig()
    assert config == Config()


@pytest.mark.parametrize("group, choice", [(g, c) for g, choices in groups().items() for c in choices])
def test_every_choice_of_every_group_loads(group: str, choice: str) -> None:
    overrides = [f"{group}={choice}"]
    if (group, choice) == ("human", "none"):
        overrides.append("learner=rlpd")
    if (group, choice) == ("human", "teleop"):
        overrides.append("robot=ros")
    assert isinstance(load_config(overrides), Config)


def test_values_keep_the_types_of_the_records() -> None:
    config = load_config(["seed=3", "robot.policy_hz=20", "robot.cameras=[wrist]", "learner.hidden=[64,64]"])
    assert (config.seed, config.robot.policy_hz) == (3, 20.0)
    assert isinstance(config.robot.policy_hz, float)
    assert config.robot.cameras == ["wrist"]
    assert config.learner.hidden == [64, 64]


def test_a_single_value_wins_over_its_group_in_any_order() -> None:
    assert load_config(["task.max_steps=7", "task=reach"]).task.max_steps == 7
    assert load_config(["task=reach", "task.max_steps=7"]).task.name == "reach"


def test_the_tasks_own_numbers_are_free() -> None:
    assert load_config(["task.params.clearance_m=0.0005"]).task.params == {"clearance_m": 0.0005}
    assert "task.params.clearance_m=VALUE" in complaint("task.clearance_m=0.0005")


def test_gymnasium_brings_its_own_start() -> None:
    config = load_config(["task=gymnasium", "task.id=CartPole-v1"])
    assert config.task.id == "CartPole-v1"
    assert (config.human.demos, config.learner.demo_ratio) == (0, 0.0)
    assert config.learner.random_steps > 0


@pytest.mark.parametrize(
    "override, words",
    [
        ("learner.bach_size=2", "Did you mean learner.batch_size?"),
        ("clip_m=0.01", "Did you mean safety.clip_m?"),
        ("tsk=reach", "Did you mean task?"),
        ("human.demo=5", "Valid here: source, demos, corrections"),
        ("hydra.run.dir=x", "unknown setting"),
        ("task=peg", "Did you mean peg_insertion?"),
        ("robot=null", "Choose from: panda, ros, ur5e"),
        ("seed=abc", "not a whole number"),
        ("seed=null", "not a whole number"),
        ("headless=maybe", "not true or false"),
        ("robot.cameras=wrist", "list"),
        ("task.params=3", "mapping"),
        ("safety.planes=5", "a list in which each entry is a list"),
        ("seed=1,2", "several values"),
        ("seed", "KEY=VALUE"),
        ("~seed", "cannot delete"),
        ("out=${nowhere}", "nowhere"),
    ],
)
def test_a_mistake_of_writing_is_explained(override: str, words: str) -> None:
    assert words in complaint(override)


@pytest.mark.parametrize(
    "override, words",
    [
        ("learner.demo_ratio=1.5", "from 0 to 1"),
        ("learner.batch_size=0", "1 or more"),
        ("learner.utd=0", "1 or more"),
        ("learner.discount=1", "between 0 and 1"),
        ("learner.tau=nan", "not a finite number"),
        ("learner.target_subset=11", "learner.critics=4"),
        ("learner.hidden=[]", "layer widths"),
        ("robot.policy_hz=0", "above 0"),
        ("robot.policy_hz=7", "robot.control_hz=497"),
        ("robot.control_hz=190", "200 or more with robot.driver=sim, whose arm is moved by torque"),
        ("robot.control_hz=nan", "not a finite number"),
        ("human.patience_s=-1", "above 0"),
        ("human.reaction_s=[0.5,0.3]", "in order"),
        ("safety.clip_m=15", "metres?"),
        ("safety.clip_rad=90", "radians?"),
        ("safety.max_speed_m_s=250", "metres per second?"),
        ("task.params.clearance_m=5", "metres?"),
        ("task.params.clearance_m=inf", "not a finite number"),
        ("safety.planes=[[0,0,2,0.1]]", "the normal of length 1"),
        ("safety.planes=[[0,0,1]]", "four numbers nx, ny, nz, offset_m"),
        ("safety.planes=[[0,0,1,.nan]]", "four numbers"),
        ("seed=-1", "0 or more"),
        ("learner.name=ppo", "rlpd or bc"),
    ],
)
def test_a_value_out_of_range_is_refused(override: str, words: str) -> None:
    assert words in complaint(override)


@pytest.mark.parametrize("driver", ["ros", "franka", "ur", "ros2_control"])
def test_only_an_arm_that_takes_joint_positions_may_have_a_loop_of_100_hz(driver: str) -> None:
    for hz in (100.0, 125.0):
        validate(Config(robot=RobotConfig(driver=driver, control_hz=hz)))
        with pytest.raises(ConfigError, match=r"200 or more .* \(ur, franka, ros2_control\) may have 100"):
            validate(Config(robot=RobotConfig(control_hz=hz)))
    with pytest.raises(ConfigError, match=r"control_hz=90.* 100 or more$"):
        validate(Config(robot=RobotConfig(driver=driver, control_hz=90.0)))
    with pytest.raises(ConfigError, match="not a multiple"):
        validate(Config(robot=RobotConfig(driver=driver, control_hz=100.0, policy_hz=101.0)))


def test_the_force_budget_shows_its_numbers() -> None:
    assert "2000 x 0.03 = 60 N, more than task.force_budget_n=40" in complaint("safety.clip_m=0.03")
    assert load_config(["safety.clip_m=0.02"]).safety.clip_m == 0.02


def test_a_stop_below_what_the_task_may_press_with_is_refused() -> None:
    assert "above task.force_budget_n=40 and safety.contact_n=20" in complaint("task.force_stop_n=40")
    assert "above task.force_budget_n=10 and safety.contact_n=20" in complaint(
        "task.force_budget_n=10", "safety.clip_m=0.005", "task.force_stop_n=15"
    )


@pytest.mark.parametrize("robot", ["panda", "ur5e"])
def test_each_robot_brings_its_vendor_s_limits(robot: str) -> None:
    assert load_config([f"robot={robot}"]).safety == load_config([f"robot={robot}", f"safety={robot}"]).safety


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("safety.max_speed_m_s=1.0", "safety.max_speed_m_s=1.0 is out of range; allowed: at most 0.981"),
        ("safety.max_acceleration_m_s2=8", "at most 7.51"),
        ("safety.max_rotation_rad_s=2", "at most 1.44"),
        ("safety.max_rotation_acceleration_rad_s2=15", "at most 14.4"),
    ],
)
def test_three_axes_together_stay_within_the_vendor_s_limit(override: str, words: str) -> None:
    assert words in complaint(override)


def test_cloning_without_demos_is_refused() -> None:
    assert "human.demos" in complaint("learner=bc", "human=none")
    assert "of a batch of 256 is none" in complaint("learner=bc", "learner.demo_ratio=0.001")


def test_a_person_s_device_needs_a_robot_behind_topics() -> None:
    assert "use robot=ros" in complaint("human=teleop")
    assert "use robot=ros" in complaint("human=teleop", "robot=ur5e")
    assert "scripted, teleop" in complaint("human.source=telop")
    assert load_config(["human=teleop", "robot=ros"]).human.source == "teleop"


def test_a_saved_configuration_reads_back_the_same(tmp_path: Path) -> None:
    config = load_config(["task=pick_cube", "seed=4", "task.params.cube_m=0.04"])
    save_config(config, tmp_path / "config.yaml")
    assert OmegaConf.to_container(OmegaConf.load(tmp_path / "config.yaml")) == resolved(config)


def test_loading_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    load_config(["task=reach"])
    assert not GlobalHydra.instance().is_initialized()
    assert not list(tmp_path.iterdir())

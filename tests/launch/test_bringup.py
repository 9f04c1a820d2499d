"""What is started, and with which settings."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from hypothesis import given as drawn
from hypothesis import strategies as st

from robot_rl.arguments import ARGUMENTS
from robot_rl.bringup import Part, config_folder, parts
from robot_rl.compose import load_config
from robot_rl.config import Config
from robot_rl.errors import ConfigError
from robot_rl.validate import leaves
from tests.launch.record import record

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "launch" / "config"
SCRIPTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
FULL = {
    "sim": {"cameras": "wrist,front", "teleop": "gamepad", "record": "runs/record", "seed": "3", "task": "reach"},
    "robot": {
        "robot": "ur",
        "address": "192.168.1.10",
        "cameras": "wrist=realsense:0123, side=opencv:/dev/video2",
        "teleop": "spacemouse",
        "record": "runs/record",
        "namespace": "left",
    },
    "calibrate": {
        "robot": "franka",
        "address": "172.16.0.2",
        "cameras": "wrist=realsense:0123, side=realsense:4567",
        "camera": "side",
        "mounted": "world",
        "teleop": "gamepad",
    },
    "learner": {"task": "reach", "robot": "ur5e", "address": "127.0.0.1:50052", "out": "runs/l", "settings": "seed=1"},
    "replay": {"demos": "", "episode": "0", "robot": "franka", "address": "172.16.0.2", "namespace": "left"},
}
"""Everything that a kind may start. The record of a replay is written before the tests (`conftest.py`)."""
ARMS = {"sim.yaml": [], "franka.yaml": [], "ur.yaml": ["robot=ur5e"], "ros2_control.yaml": []}
"""Parameter files with settings of the configuration, and the choices they are of."""


def flat(tree: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Parameters by their full names."""
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def parameters(file: str) -> dict[str, Any]:
    tree = yaml.safe_load((CONFIG / file).read_text())
    assert list(tree) == ["/**"] and list(tree["/**"]) == ["ros__parameters"], "only wildcards give way to arguments"
    return dict(flat(tree["/**"]["ros__parameters"]))


def by_name(kind: str, **given: str) -> dict[str, Part]:
    return {part.name: part for part in parts(kind, given)}


@pytest.mark.parametrize("kind", ARGUMENTS)
def test_every_part_is_an_entry_point_with_parameter_files_that_load(kind: str) -> None:
    for part in parts(kind, FULL[kind]):
        assert SCRIPTS[part.executable] == f"{part.module}:main"
        for file in part.files:
            assert parameters(file)


def test_every_parameter_file_is_used() -> None:
    used = {file for kind in ARGUMENTS for part in parts(kind, FULL[kind]) for file in part.files}
    used |= {
        by_name("robot", robot=robot, address="x", model="panda")["arm"].files[0]
        for robot in ("franka", "ros2_control")
    }
    assert used == {path.name for path in CONFIG.glob("*.yaml")}


@pytest.mark.parametrize("file", ARMS)
def test_parameters_are_those_of_the_configuration_and_have_its_values(file: str) -> None:
    config = dict(leaves(load_config(ARMS[file])))
    found = parameters(file)
    assert found.pop("robot.driver", "sim") in ("sim", "franka", "ur", "ros2_control")
    if file == "franka.yaml":  # as its page says
        assert found.pop("robot.control_hz") == 250.0
    for name, value in found.items():
        assert (type(value), value) == (type(config[name]), config[name]), name


@pytest.mark.parametrize("kind", ["sim", "robot"])
def test_arguments_set_parameters_of_the_configuration_by_their_names(kind: str) -> None:
    known = {**dict(leaves(Config())), **dict.fromkeys(("cell", "address", "name", "driver", "device"))}
    for part in parts(kind, FULL[kind]):
        assert {name for name, _ in part.parameters} <= set(known)


def test_what_moves_an_arm_is_never_started_again_and_its_end_ends_everything() -> None:
    every = [part for kind in ARGUMENTS for part in parts(kind, FULL[kind])]
    moving = [part for part in every if part.moves]
    assert [part.name for part in moving] == ["sim", "arm", "arm", "hand", "arm", "replay"]
    assert all(part.essential and not part.respawn for part in moving)
    assert not [part for part in every if part.essential and part.respawn]


def test_cameras_are_started_again() -> None:
    cameras = [part for part in parts("robot", FULL["robot"]) if part.executable == "camera_node"]
    assert [part.name for part in cameras] == ["wrist_camera", "side_camera"]
    assert all(part.respawn and not part.essential for part in cameras)


def test_only_what_is_asked_for_runs_beside_the_arm() -> None:
    assert list(by_name("sim")) == ["sim"]
    assert list(by_name("robot", robot="franka", address="172.16.0.2")) == ["arm", "gripper"]
    assert list(by_name("robot", robot="ros2_control", model="panda")) == ["arm"]
    assert list(by_name("robot", robot="ur", address="x", gripper="none")) == ["arm"]


def test_a_rehearsal_takes_the_same_arguments_and_simulates_every_device() -> None:
    rehearsal = by_name("robot", **FULL["robot"] | {"robot": "sim"})
    assert list(rehearsal) == ["sim", "teleop", "recorder"]
    assert dict(rehearsal["sim"].parameters)["robot.cameras"] == ("wrist", "side")


def test_calibration_watches_one_camera_of_a_robot_and_may_end_without_the_arm() -> None:
    found = by_name("calibrate", **FULL["calibrate"])
    assert list(found) == ["arm", "gripper", "wrist_camera", "side_camera", "teleop", "hand", "calibration"]
    watcher = found["calibration"]
    assert not (watcher.essential or watcher.respawn or watcher.moves)
    said = dict(watcher.parameters)
    assert (said["camera"], said["mounted"], said["poses"]) == ("side", "world", 15)
    assert Path(str(said["out"])).is_absolute()
    assert dict(found["arm"].parameters)["task.name"] == "board"


def test_calibration_with_a_device_also_starts_what_moves_the_arm_with_it() -> None:
    without = {name: value for name, value in FULL["calibrate"].items() if name != "teleop"}
    assert not {"teleop", "hand"} & by_name("calibrate", **without).keys()
    verb, *settings = by_name("calibrate", **FULL["calibrate"], namespace="left")["hand"].words(CONFIG)
    config = load_config(settings)
    assert (verb, config.robot.driver, config.robot.namespace, config.task.name) == ("teleop", "ros", "left", "board")
    verb, *settings = by_name("calibrate", **FULL["calibrate"] | {"task": "reach"})["hand"].words(CONFIG)
    assert load_config(settings).task.name == "reach", "the steps that the arm's gate knows"


def test_a_rehearsal_of_calibration_has_the_board_that_was_asked_for_in_the_scene() -> None:
    given = {"robot": "sim", "cameras": "wrist", "board": "6x5:0.04:0.03:DICT_4X4_50", "task": "reach"}
    found = by_name("calibrate", **given)
    assert list(found) == ["sim", "calibration"]
    scene = dict(found["sim"].parameters)
    assert (scene["task.name"], scene["task.params.board"]) == ("board", given["board"])
    assert dict(found["calibration"].parameters)["board"] == given["board"]


def test_the_address_goes_to_the_arms_own_process() -> None:
    arm = by_name("robot", robot="franka", address="172.16.0.2")["arm"]
    assert 'address:="172.16.0.2"' in arm.words(CONFIG)
    arm = by_name("robot", robot="ros2_control", model="panda", controller="crisp")["arm"]
    assert 'address:="crisp"' in arm.words(CONFIG)


@pytest.mark.parametrize("robot", ["franka", "ur", "ros2_control"])
def test_no_argument_puts_a_parameter_file_s_settings_of_the_arm_s_process_aside(robot: str) -> None:
    arm = by_name("robot", robot=robot, address="x", model="panda", task="reach")["arm"]
    assert "cell" not in dict(arm.parameters)


def test_two_arms_are_two_namespaces() -> None:
    left, right = (parts("sim", {"namespace": name}) for name in ("left", "right"))
    assert "__ns:=/left" in left[0].words(CONFIG) and "__ns:=/right" in right[0].words(CONFIG)


def test_a_serial_number_stays_a_text() -> None:
    words = by_name("robot", **FULL["robot"])["wrist_camera"].words(CONFIG)
    assert 'address:="0123"' in words


@drawn(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1))
def test_any_text_reaches_the_node_as_it_was_said(text: str) -> None:
    words = by_name("sim", model=text)["sim"].words(CONFIG)
    said = words[words.index("-p") + 1].removeprefix("robot.model:=")
    assert yaml.safe_load(said) == text


def test_a_file_of_ones_own_comes_after_ours_and_arguments_after_both(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("/**:\n  ros__parameters:\n    seed: 4\n")
    words = by_name("sim", parameters=str(own), seed="5")["sim"].words(CONFIG)
    assert words.index(str(CONFIG / "sim.yaml")) < words.index(str(own)) < words.index("seed:=5")


@pytest.mark.parametrize(
    ("section", "namespace"),
    [
        ("/**", ""), ("/**", "left"), ("sim", ""), ("/sim", ""), ("/left/sim", "left"), ("left/sim", "left"),
        ("/*/sim", "left"), ("/**/sim", ""), ("/**/sim", "a/b"), ("/left/*", "left"), ("/a/**", "a/b"),
    ],
)  # fmt: skip
def test_a_section_of_a_file_of_ones_own_may_be_written_as_ros_takes_it(
    tmp_path: Path, section: str, namespace: str
) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(f"{section}:\n  ros__parameters:\n    seed: 4\n")
    assert parts("sim", {"parameters": str(own), "namespace": namespace})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/left/sim_node: {ros__parameters: {}}", "no node is started as 'left/sim_node'; did you mean left/sim?"),
        ("/right/sim: {ros__parameters: {seed: 4}}", "'right/sim'; did you mean left/sim?"),
        ("sim: {ros__parameters: {seed: 4}}", "'sim'; did you mean left/sim?"),
        ("/*: {ros__parameters: {seed: 4}}", "'*'"),
        ("left:\n  smi: {ros__parameters: {seed: 4}}", "'left/smi'; did you mean left/sim?"),
        ("/**: {ros__parameters: {}}\narm: {ros__parameters: {}}", "'arm'"),
        ("/**:\n  seed: 4", "'**/seed' has no ros__parameters"),
        ("/**:\n  ros__paramters: {seed: 4}", "'**/ros__paramters/seed' has no ros__parameters"),
        ("seed: 4", "'seed' has no ros__parameters"),
        ("/**: {ros__parameters: 4}", "'**': ros__parameters is 4"),
        ("- sim", "sections"),
        ("", "sections"),
        ("/**:\n  ros__parameters: {seed: 4", "line 2"),
        ("/**:\n\tros__parameters: 4", "line 2"),
        ("\x00", "YAML"),
        (b"\xff\xfe\x00", "YAML"),
    ],
)
def test_a_parameter_file_that_would_not_hold_is_refused_in_one_line(
    tmp_path: Path, text: str | bytes, said: str
) -> None:
    own = tmp_path / "own.yaml"
    own.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as error:
        parts("sim", {"parameters": str(own), "namespace": "left"})
    assert f"parameters:={own}" in str(error.value) and "\n" not in str(error.value)
    assert said in str(error.value)


def test_the_learner_is_a_command_that_its_verb_understands() -> None:
    (learner,) = parts("learner", FULL["learner"])
    verb, *settings = learner.words(CONFIG)
    config = load_config(settings)
    assert (verb, config.task.name, config.robot.model, config.seed) == ("learner", "reach", "ur5e", 1)


def test_a_replay_is_an_arm_and_a_command_that_its_verb_understands() -> None:
    arm, gripper, replay = parts("replay", FULL["replay"])
    assert (arm.name, gripper.name) == ("arm", "gripper")
    verb, *settings = replay.words(CONFIG)
    config = load_config(settings)
    assert (verb, config.robot.driver, config.robot.namespace, config.episode) == ("replay", "ros", "left", 0)
    assert config.demos == FULL["replay"]["demos"] and replay.essential and replay.moves


def test_a_replay_is_simulated_unless_a_robot_is_given_with_the_task_and_the_arm_of_the_record(tmp_path: Path) -> None:
    folder = record(tmp_path / "it's a log", "pick_cube", "ur5e")
    sim, replay = parts("replay", {"demos": str(folder)})
    assert dict(sim.parameters) == {"robot.model": "ur5e", "task.name": "pick_cube"}
    config = load_config(list(replay.words(CONFIG)[1:]))
    assert (config.task.name, config.robot.model, config.demos) == ("pick_cube", "ur5e", str(folder))


def test_a_replay_of_a_record_that_does_not_say_its_task_needs_it(tmp_path: Path) -> None:
    folder = str(record(tmp_path, "", ""))
    with pytest.raises(ConfigError, match="task:="):
        parts("replay", {"demos": folder})
    assert parts("replay", {"demos": folder, "task": "reach"})


def test_without_what_reads_records_a_replay_needs_its_task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "robot_rl.data.demos", None)
    with pytest.raises(ConfigError, match="task:="):
        parts("replay", FULL["replay"])
    assert parts("replay", FULL["replay"] | {"task": "reach"})


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"task": "pick_cube"}, "task:=pick_cube, but"),
        ({"model": "ur5e"}, "model:=ur5e, but"),
        ({"episode": "-1"}, "episode:=-1"),
        ({"episode": "one"}, "episode:=one"),
        ({"episode": "7000"}, "episode=7000"),
        ({"demos": ""}, "there is no such folder"),
        ({"demos": "/not/there"}, "/not/there"),
        ({"demos": str(ROOT / "launch")}, "launch"),
        ({"robot": "ur"}, "robot:=ur, but"),
        ({"address": ""}, "needs address:="),
    ],
)
def test_a_replay_that_cannot_be_is_refused_in_one_line(given: dict[str, str], text: str) -> None:
    with pytest.raises(ConfigError) as error:
        parts("replay", FULL["replay"] | given)
    assert text in str(error.value) and "\n" not in str(error.value)


def test_the_files_are_found_beside_the_source() -> None:
    assert config_folder() == CONFIG


def test_package_xml_names_every_package_of_ros_that_is_imported() -> None:
    trees = [ast.parse(path.read_text()) for path in (ROOT / "robot_rl").rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    modules = {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}
    modules |= {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    of_ros = re.compile(r"rclpy|launch|launch_ros|\w+_(msgs|srvs|interfaces)")
    imported = {top for top in (module.split(".")[0] for module in modules) if of_ros.fullmatch(top)}
    named = {str(depend.text) for depend in ElementTree.parse(ROOT / "package.xml").iter("exec_depend")}
    assert {"launch", "launch_ros"} <= imported <= named


@pytest.mark.parametrize(
    ("kind", "given", "text"),
    [
        ("simm", {}, "did you mean sim"),
        ("robot", {}, "robot:=franka|ur|ros2_control|sim"),
        ("replay", {}, "replay needs demos:=..."),
        ("robot", {"robot": "kuka"}, "robot:=kuka is none of franka, ur, ros2_control, sim"),
        ("robot", {"robot": "ur"}, "needs address:="),
        ("robot", {"robot": "ros2_control"}, "needs model:="),
        ("robot", {"robot": "ur", "address": "x", "cameras": "wrist=kinect:1"}, "wrist=realsense:SERIAL"),
        ("robot", {"robot": "ur", "address": "x", "cameras": "wrist=opencv:"}, "wrist=opencv:DEVICE"),
        ("robot", {"robot": "ur", "address": "x", "cameras": "a b=opencv:0"}, "camera 'a b'"),
        ("sim", {"cameras": "a__b"}, "camera 'a__b'"),
        ("sim", {"cameras": "a_"}, "camera 'a_'"),
        ("sim", {"namespace": "a__b"}, "namespace:=a__b"),
        ("sim", {"cameras": "wrist,wrist"}, "each name once"),
        ("sim", {"modle": "panda"}, "did you mean model"),
        ("sim", {"web": "true"}, "no operator's page yet"),
        ("sim", {"seed": "-1"}, "no whole number"),
        ("sim", {"seed": "1.5"}, "no whole number"),
        ("sim", {"namespace": "left arm"}, "namespace:=left arm"),
        ("sim", {"namespace": "left/"}, "namespace:=left/"),
        ("sim", {"parameters": "not/there.yaml"}, "no such file"),
        ("sim", {"teleop": "keyboard"}, "none, spacemouse, gamepad"),
        ("calibrate", {"robot": "sim"}, "wrist=realsense:SERIAL"),
        ("calibrate", {"robot": "sim", "cameras": "wrist,side"}, "camera:= is none of cameras:=wrist,side"),
        ("calibrate", {"robot": "sim", "cameras": "wrist", "camera": "wirst"}, "camera:=wirst is none"),
        ("calibrate", {"robot": "sim", "cameras": "wrist", "poses": "many"}, "poses:=many"),
        ("calibrate", {"robot": "sim", "cameras": "wrist", "poses": "5"}, "from 6 to 60"),
        ("calibrate", {"robot": "sim", "cameras": "wrist", "poses": "9" * 30}, "from 6 to 60"),
        ("calibrate", {"robot": "sim", "cameras": "wrist", "out": ""}, "out:= is empty"),
        ("calibrate", {"robot": "sim", "cameras": "wrist", "mounted": "head"}, "none of hand, world"),
    ],
)
def test_a_request_that_cannot_be_is_refused_in_one_line(kind: str, given: dict[str, str], text: str) -> None:
    with pytest.raises(ConfigError) as error:
        parts(kind, given)
    assert text in str(error.value) and "\n" not in str(error.value)

"""What runs at a robot, and with which settings: the one description behind `ros2 launch` and `robot-rl up`.

Nothing is started here, and neither ROS nor its launch library is needed.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from robot_rl.arguments import POSES, Given, settled
from robot_rl.errors import ConfigError
from robot_rl.parameter_file import check_file
from robot_rl.suggest import nearest

Value = str | int | tuple[str, ...]

PROFILE = "FASTRTPS_DEFAULT_PROFILES_FILE"
"""Where Fast DDS 2 looks for its profile, `fastdds.xml` in `config_folder()`."""
PATIENCE_S = 20.0
"""How long a part may take to end once it is asked to; a node gives up after 15 s. Then it is killed."""
UNUSABLE = 2
"""Exit code of a part whose settings cannot be used: it would say the same again, so everything ends."""
NAME = re.compile(r"[A-Za-z](_?[A-Za-z0-9])*")
"""Of a camera; ROS takes no two _ in a row, and one follows it"""
NAMESPACE = re.compile(r"/?[A-Za-z](_?[A-Za-z0-9])*(/[A-Za-z](_?[A-Za-z0-9])*)*")
USUAL = {"franka": "franka", "ur": "robotiq"}
"""The gripper that goes with an arm"""
MODELS = {"franka": "panda", "ur": "ur5e"}
"""The model of ours that is this maker's; other models are files"""
CAMERAS = ("realsense", "opencv")


@dataclass(frozen=True, slots=True)
class Part:
    """One process."""

    name: str
    """Of the node, its own within its namespace"""
    executable: str
    """Console script, as `ros2 run` knows it"""
    module: str
    """The same for `python -m`"""
    files: tuple[str, ...] = ()
    """Parameter files; relative ones are in `config_folder()`. Later ones win."""
    parameters: tuple[tuple[str, Value], ...] = ()
    """What was given as arguments; wins over the files."""
    namespace: str = ""
    log_level: str = "info"
    arguments: tuple[str, ...] | None = None
    """The whole command line of a part that is not a node; the fields from `files` on are then not used."""
    respawn: bool = False
    """Start it again when it has ended. Never what moves an arm: a person arms it anew."""
    essential: bool = False
    """When it ends, everything ends. What is neither this nor `respawn` may go; the others are in order without it."""
    moves: bool = False
    """Moves the arm: told to stop before any other part"""

    @property
    def full_name(self) -> str:
        """With its namespace, without the first `/`"""
        return f"{self.namespace.strip('/')}/{self.name}".removeprefix("/")

    def words(self, folder: Path) -> tuple[str, ...]:
        """Its command line after the executable; `folder` is `config_folder()`."""
        if self.arguments is not None:
            return self.arguments
        words = ["--ros-args", "-r", f"__node:={self.name}"]
        words += ["-r", f"__ns:=/{self.namespace.strip('/')}"] if self.namespace else []
        for file in self.files:
            words += ["--params-file", str(folder / file)]
        for name, value in self.parameters:
            words += ["-p", f"{name}:={_yaml(value)}"]
        return (*words, "--log-level", self.log_level)


WIDTH, HEIGHT = 640, 480
"""Pixels of a simulated camera that is calibrated"""


def parts(kind: str, given: Given) -> tuple[Part, ...]:
    """What runs for `kind`, the arm first. Raises ConfigError, one line, for a request that cannot be."""
    builders: Mapping[str, Callable[[Given], tuple[Part, ...]]] = {
        "sim": _sim,
        "robot": _robot,
        "calibrate": _calibrate,
        "learner": _learner,
        "replay": _replay,
    }
    if kind not in builders:
        raise ConfigError(f"nothing to start is called {kind!r}{nearest(kind, builders)}")
    values = settled(kind, given)
    found = builders[kind](values)
    if own := values.get("parameters"):
        check_file(Path(own), [part.full_name for part in found])
    return found


def config_folder() -> Path:
    """Where parameter files and the Fast DDS profile are: beside the source, or where they are installed.

    Raises ConfigError when they are in neither place.
    """
    package = Path(__file__).resolve().parent
    places = [package.parent / "launch" / "config"]
    places += [folder / "share" / "robot_rl" / "launch" / "config" for folder in package.parents]
    for place in places:
        if (place / "fastdds.xml").is_file():
            return place
    raise ConfigError(f"no launch/config beside {package} and no share/robot_rl above it; install robot_rl anew")


def _sim(values: Given) -> tuple[Part, ...]:
    said = _said(values, model="robot.model", task="task.name")
    if names := tuple(_cameras(values)):
        said["robot.cameras"] = names
    if seed := values.get("seed"):
        if not (seed.isascii() and seed.isdecimal()):
            raise ConfigError(f"seed:={seed} is no whole number from 0 on")
        said["seed"] = int(seed)
    world = replace(_node("sim", values, "sim.yaml", said), essential=True, moves=True)
    return (world, *_beside(values))


def _robot(values: Given) -> tuple[Part, ...]:
    robot, gripper = values["robot"], values["gripper"]
    if robot == "sim":
        return _sim(values)
    if robot in ("franka", "ur") and not values["address"]:
        raise ConfigError(f"robot:={robot} needs address:=, that of the robot's controller, such as 172.16.0.2")
    if robot == "ros2_control" and not values["model"]:
        raise ConfigError("robot:=ros2_control needs model:=panda, ur5e or the path of an MJCF file")
    said = _said(values, model="robot.model", task="task.name")
    address = values["controller"] if robot == "ros2_control" else values["address"]
    said["address"] = address
    arm = replace(_node("arm", values, f"{robot}.yaml", said), essential=True, moves=True)
    driver = USUAL.get(robot, "none") if gripper == "usual" else gripper
    held = {"driver": driver, **_said(values, address="address")}
    hand = replace(_node("gripper", values, "gripper.yaml", held), essential=True)
    cameras = (_camera(name, device, values) for name, device in _cameras(values).items())
    return (arm, *((hand,) if driver != "none" else ()), *cameras, *_beside(values))


def _calibrate(values: Given) -> tuple[Part, ...]:
    """A robot with cameras, and who watches one of them; simulated, the scene is that of a board."""
    names = list(_cameras(values))
    camera = values["camera"] or (names[0] if len(names) == 1 else "")
    if not names:
        raise ConfigError("calibrate needs cameras:=, such as wrist=realsense:SERIAL, or wrist with robot:=sim")
    if camera not in names:
        raise ConfigError(f"camera:={camera} is none of cameras:={','.join(names)}; name one of them")
    poses, (fewest, most) = values["poses"], POSES
    if not (poses.isascii() and poses.isdecimal() and fewest <= int(poses[:9]) <= most):
        raise ConfigError(f"poses:={poses} is no whole number from {fewest} to {most}")
    if not values["out"]:
        raise ConfigError("out:= is empty; give a folder for the samples and what is found")
    simulated = values["robot"] == "sim"
    task = "board" if simulated else values["task"] or "board"
    others = _robot({**values, "task": task})
    if simulated:
        scene = (("task.params.board", values["board"]), ("task.params.mounted", values["mounted"]))
        size = (("image_width", WIDTH), ("image_height", HEIGHT))
        others = (replace(others[0], parameters=(*others[0].parameters, *scene, *size)), *others[1:])
    said = _said(values, mounted="mounted", board="board")
    said.update(camera=camera, poses=int(poses), out=str(Path(values["out"]).absolute()))
    return (*others, *_hand({**values, "task": task}), _node("calibration", values, "calibration.yaml", said))


def _hand(values: Given) -> tuple[Part, ...]:
    """Who moves the arm as the device asks."""
    if values["teleop"] == "none":
        return ()
    settings = _said(values, task="task", namespace="robot.namespace")
    words = ("teleop", "robot=ros", *(f"{key}={value}" for key, value in settings.items()))
    return (Part("hand", "robot-rl", "robot_rl.cli", arguments=words, essential=True, moves=True),)


def _learner(values: Given) -> tuple[Part, ...]:
    said = _said(values, task="task", robot="robot", address="link.address", out="out")
    words = ("learner", *(f"{key}={value}" for key, value in said.items()), *values["settings"].split())
    return (Part("learner", "robot-rl", "robot_rl.cli", arguments=words, essential=True),)


def _replay(values: Given) -> tuple[Part, ...]:
    folder, episode = Path(values["demos"]).absolute(), values["episode"]
    if not (episode.isascii() and episode.isdecimal()):
        raise ConfigError(f"episode:={episode} is no whole number from 0 on")
    if not (values["demos"] and folder.is_dir()):
        raise ConfigError(f"demos:={values['demos']}: there is no such folder")
    if "${" in str(folder) or "\\" in str(folder):
        raise ConfigError(f"demos:={values['demos']}: the way there has ${{ or a backslash in it; rename the folder")
    for name, recorded in zip(("task", "model"), _recorded(folder, int(episode)), strict=True):
        if recorded and values[name] not in ("", recorded):
            raise ConfigError(f"{name}:={values[name]}, but {folder} was recorded with {recorded}; leave it out")
        values = {**values, name: values[name] or recorded}
    robot, model = values["robot"], values["model"]
    if model in MODELS.values() and MODELS.get(robot, model) != model:
        raise ConfigError(f"robot:={robot}, but {folder} is of a {model}; give the arm it was recorded with")
    if not values["task"]:
        raise ConfigError(f"replay needs task:=, whose scene it was: {folder} cannot be asked here, or does not say")
    said = _said(values, task="task", model="robot.model", namespace="robot.namespace")
    quoted = str(folder).replace("'", "\\'")
    words = ("replay", "robot=ros", *(f"{key}={value}" for key, value in said.items()), f"demos='{quoted}'")
    words = (*words, f"episode={episode}")
    return (*_robot(values), Part("replay", "robot-rl", "robot_rl.cli", arguments=words, essential=True, moves=True))


def _recorded(folder: Path, episode: int) -> tuple[str, str]:
    """Task and arm of a record; empty where it does not say, and under a Python that reads no records, such as that
    of `ros2 launch`. Raises ConfigError for an episode that it has not."""
    try:
        from robot_rl.data.demos import DemoStore
    except ModuleNotFoundError:
        return "", ""
    store = DemoStore(folder)
    store.row(episode)
    return store.facts.task, store.facts.robot


def _beside(values: Given) -> tuple[Part, ...]:
    """What may run beside an arm, as asked for."""
    if values["web"] == "true":
        raise ConfigError("web:=true: there is no operator's page yet; leave it out, and use teleop:=")
    parts = []
    if values["teleop"] != "none":
        parts.append(_node("teleop", values, "teleop.yaml", {"device": values["teleop"]}))
    if values["record"]:
        folder = str(Path(values["record"]).absolute())
        parts.append(replace(_node("recorder", values, "recorder.yaml", {"out": folder}), respawn=True))
    return tuple(parts)


def _cameras(values: Given) -> dict[str, str]:
    """Name and device of each; the device is empty where only a name was given."""
    cameras: dict[str, str] = {}
    for text in filter(None, (word.strip() for word in values["cameras"].split(","))):
        name, _, device = text.partition("=")
        if not NAME.fullmatch(name) or name in cameras:
            raise ConfigError(f"camera {name!r}: letters, digits and single _, a letter first, and each name once")
        cameras[name] = device
    return cameras


def _camera(name: str, device: str, values: Given) -> Part:
    driver, _, address = device.partition(":")
    if driver not in CAMERAS or not address:
        raise ConfigError(f"camera {name}={device}: write {name}=realsense:SERIAL or {name}=opencv:DEVICE")
    said: dict[str, Value] = {"name": name, "driver": driver, "address": address}
    return replace(_node("camera", values, "camera.yaml", said, f"{name}_camera"), respawn=True)


def _node(kind: str, values: Given, file: str, said: Mapping[str, Value], name: str = "") -> Part:
    """`KIND_node` under the name `name`, or `kind`."""
    namespace, own = values["namespace"], values["parameters"]
    if namespace and not NAMESPACE.fullmatch(namespace):
        raise ConfigError(f"namespace:={namespace} is no name; letters, digits and single _ in it, such as left")
    if own and not Path(own).is_file():
        raise ConfigError(f"parameters:={own}: there is no such file")
    return Part(
        name or kind,
        f"{kind}_node",
        f"robot_rl.ros.{kind}_node",
        (file, str(Path(own).absolute())) if own else (file,),
        tuple(said.items()),
        namespace,
        values["log_level"],
    )


def _yaml(value: Value) -> str:
    """As JSON, which is YAML in which a text of digits stays a text."""
    return json.dumps(value, ensure_ascii=False)


def _said(values: Given, **names: str) -> dict[str, Value]:
    """Parameters by their names, of the arguments that were given."""
    return {names[argument]: values[argument] for argument in names if values.get(argument)}

"""What may be said at a start, for each kind of it: the same in `ros2 launch` and `robot-rl up`."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from robot_rl.errors import ConfigError
from robot_rl.suggest import nearest

Given = Mapping[str, str]
ROBOTS = ("franka", "ur", "ros2_control", "sim")
GRIPPERS = ("usual", "none", "franka", "robotiq")
POSES = (6, 60)
"""Fewest and most of a calibration; the most are solved within 10 s, in which the node cannot be ended"""


@dataclass(frozen=True, slots=True)
class Argument:
    """What may be said as `NAME:=VALUE`."""

    name: str
    help: str
    default: str | None = ""
    """Empty: nothing, or as the parameter file has it. None: it must be given."""
    allowed: tuple[str, ...] = ()
    """Empty: any text"""


CONTROLLER = "forward_position_controller"
NODES = (
    Argument("namespace", "of all nodes and topics: a second arm is a second start with a namespace of its own"),
    Argument("record", "folder for a record of all topics; empty: none"),
    Argument("teleop", "what a person moves the arm with", "none", ("none", "spacemouse", "gamepad")),
    Argument("web", "the operator's page", "false", ("false", "true")),
    Argument("parameters", "parameter file of your own, ROS YAML; wins over the ones shipped"),
    Argument("log_level", "of the nodes", "info", ("debug", "info", "warn", "error")),
)
ROBOT = (
    Argument("robot", "the arm; sim rehearses with all devices simulated", None, ROBOTS),
    Argument("model", "arm: panda, ur5e, or the path of an MJCF file with a site `flange`"),
    Argument("address", "of the robot's controller in the network, for franka and ur"),
    Argument("controller", "for ros2_control: the running controller that takes joint positions", CONTROLLER),
    Argument("gripper", "usual: franka with a franka, robotiq with a ur", "usual", GRIPPERS),
    Argument("cameras", "NAME=realsense:SERIAL or NAME=opencv:DEVICE, separated by commas"),
    Argument("task", "what is to be learnt, for its forces: reach, peg_insertion, pick_cube"),
    *NODES,
)
MOUNTED = ("hand", ("hand", "world"))
BOARD = "8x6:0.030:0.022:DICT_5X5_100"
ARGUMENTS: Mapping[str, tuple[Argument, ...]] = MappingProxyType(
    {
        "sim": (
            Argument("model", "arm: panda, ur5e, or the path of an MJCF file with a site `flange`"),
            Argument("task", "whose scene it is: reach, peg_insertion, pick_cube"),
            Argument("cameras", "names of the scene's cameras to publish, separated by commas"),
            Argument("seed", "of the first scene"),
            *NODES,
        ),
        "robot": ROBOT,
        "calibrate": (
            *ROBOT,
            Argument("camera", "which one of the cameras; empty: the only one"),
            Argument("mounted", "hand: the camera on the tool; world: beside the arm, the board on the tool", *MOUNTED),
            Argument("board", "squares, square in m, marker in m, OpenCV dictionary", BOARD),
            Argument("poses", "how many to take", "15"),
            Argument("out", "folder for the samples and what is found", "runs/calibration"),
        ),
        "learner": (
            Argument("task", "what is to be learnt: reach, peg_insertion, pick_cube"),
            Argument("robot", "the actors' arm: panda, ur5e"),
            Argument("address", "where to listen, HOST:PORT; anything but loopback needs a token and TLS"),
            Argument("out", "folder of the run; an existing one is gone on with by settings:=resume=true"),
            Argument("settings", "any others of `robot-rl learner`, KEY=VALUE, separated by blanks"),
        ),
        "replay": (
            Argument("demos", "folder of the record, whose task and arm are the defaults here", None),
            Argument("episode", "which one of the record", "0"),
            replace(ROBOT[0], default="sim"),
            *ROBOT[1:],
        ),
    }
)
"""What each kind of start takes."""


def settled(kind: str, given: Given) -> Given:
    """Every argument of `kind` with its value. Raises ConfigError for an unknown, wrong or missing one."""
    arguments = {argument.name: argument for argument in ARGUMENTS[kind]}
    for name, value in given.items():
        if name not in arguments:
            raise ConfigError(f"{kind} takes no argument {name!r}{nearest(name, arguments)}")
        allowed = arguments[name].allowed
        if allowed and value not in allowed:
            raise ConfigError(f"{name}:={value} is none of {', '.join(allowed)}")
    values = {argument.name: argument.default for argument in arguments.values() if argument.default is not None}
    values |= given
    for name in arguments.keys() - values.keys():
        choice = "|".join(arguments[name].allowed) or f"..., {arguments[name].help}"
        raise ConfigError(f"{kind} needs {name}:={choice}")
    return values

"""A launch description out of what `robot_rl/bringup.py` says. Needs ROS 2's own library `launch`."""

from difflib import get_close_matches

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    LogInfo,
    OpaqueFunction,
    SetEnvironmentVariable,
    Shutdown,
)
from launch.events.process import ProcessExited
from launch.substitutions import EnvironmentVariable
from launch_ros.actions import Node
from launch_ros.substitutions import ExecutableInPackage

from robot_rl.arguments import ARGUMENTS, Argument
from robot_rl.bringup import PATIENCE_S, PROFILE, UNUSABLE, Part, config_folder, parts
from robot_rl.processes import TIED

RESPAWN_S = 2.0
"""Before a part is started again."""


def describe(kind: str) -> LaunchDescription:
    """The arguments of `kind`, the Fast DDS profile unless one is set, and the parts that the arguments ask for."""
    profile = EnvironmentVariable(PROFILE, default_value=str(config_folder() / "fastdds.xml"))
    return LaunchDescription(
        [
            *(declared(argument) for argument in ARGUMENTS[kind]),
            SetEnvironmentVariable(PROFILE, profile),
            OpaqueFunction(function=started, args=[kind]),
        ]
    )


def declared(argument: Argument) -> DeclareLaunchArgument:
    """For `ros2 launch --show-args`, and for files that include this one."""
    return DeclareLaunchArgument(
        argument.name,
        default_value=argument.default,
        description=argument.help,
        choices=list(argument.allowed) or None,
    )


def started(context: LaunchContext, kind: str) -> list[LaunchDescriptionEntity]:
    """The processes. Raises ConfigError for a request that cannot be.

    Other names than ours may belong to a file that includes this one; those that look misspelt are told.
    """
    said = context.launch_configurations
    names = [argument.name for argument in ARGUMENTS[kind]]
    strange = {name: get_close_matches(name, names, n=1, cutoff=0.75) for name in said if name not in names}
    told = [
        LogInfo(msg=f"argument {name} is not used; did you mean {near[0]}?") for name, near in strange.items() if near
    ]
    return [*told, *(process(part) for part in parts(kind, {name: said[name] for name in names}))]


def process(part: Part) -> ExecuteProcess:
    """Tied to launch by its standard input: launch itself leaves its children alone when SIGTERM ends it."""

    def ended(event: ProcessExited, _: LaunchContext) -> Shutdown | None:
        over = part.essential or event.returncode == UNUSABLE
        return Shutdown(reason=f"{part.name} has ended") if over else None

    settings = {
        "output": "both",
        "additional_env": {TIED: "1"},
        "respawn": part.respawn,
        "respawn_delay": RESPAWN_S,
        "sigterm_timeout": str(PATIENCE_S),  # from SIGINT on
        "on_exit": ended,
    }
    words = list(part.words(config_folder()))
    if part.arguments is not None:
        return ExecuteProcess(
            cmd=[ExecutableInPackage(part.executable, "robot_rl"), *words], name=part.name, **settings
        )
    return Node(package="robot_rl", executable=part.executable, arguments=words, exec_name=part.name, **settings)

"""Parameters with the names of the settings in config.py; what is not one of them is refused."""

from collections.abc import Iterable, Mapping
from typing import Any

from rclpy.exceptions import InvalidParameterTypeException
from rclpy.node import Node
from rclpy.parameter import Parameter

from robot_rl.compose import groups, load_config
from robot_rl.config import Config
from robot_rl.errors import ConfigError
from robot_rl.suggest import nearest
from robot_rl.validate import leaves

FREE = "task.params."
"""Numbers of a task, which knows their names."""
OF_ROS = ("use_sim_time", "start_type_description_service", "qos_overrides")
"""Declared by rclpy itself."""
WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text", list: "a list of one type"}


def config_parameters(prefixes: Iterable[str]) -> dict[str, Any]:
    """The settings below these prefixes (`robot`, `safety`, ...) with their defaults, for `DeviceNode`."""
    wanted = tuple(prefixes)
    return {
        name: value
        for name, value in leaves(Config())
        if name.partition(".")[0] in wanted and not isinstance(value, dict)
    }


def config_from(node: Node) -> Config:
    """The configuration with what this node was given.

    `robot.model`, `task.name` and `learner.name` choose their group's file first, as `robot=panda` does on a command
    line. Raises ConfigError, one line, for values out of range.
    """
    known, values = dict(leaves(Config())), {}
    for name, parameter in node.get_parameters_by_prefix("").items():
        if (name in known and (name in node.given or parameter.value != known[name])) or name.startswith(FREE):
            values[name] = parameter.value
    choices = {"robot": values.get("robot.model"), "task": values.get("task.name")}
    chosen = [f"{group}={choice}" for group, choice in choices.items() if choice in groups()[group]]
    if choices["robot"] in groups()["safety"]:
        chosen.append(f"safety={choices['robot']}")
    return load_config(chosen + [f"{name}={_text(value)}" for name, value in values.items()])


def declare(node: Node, parameters: Mapping[str, Any]) -> frozenset[str]:
    """Declare exactly these, and what a task's own numbers are called; the names of those that were given.

    Settings of config.py that this node does not use may be given too: one file serves several nodes. Raises
    ConfigError for any other name and for a value of another type.
    """
    given: dict[str, Parameter] = node._parameter_overrides  # what rclpy was given and has not declared yet
    others = dict(leaves(Config()))
    for name in given:
        if name in parameters or name in others or name.startswith(FREE) or name.startswith(OF_ROS):
            continue
        raise ConfigError(f"{node.get_name()} has no parameter {name!r}{nearest(name, parameters)}")
    for name, default in parameters.items():
        _declare(node, name, default, given)
    if any(name.startswith("task.") for name in parameters):
        for name in given:
            if name.startswith(FREE):
                node.declare_parameter(name, given[name].value)
    return frozenset(given)


def _declare(node: Node, name: str, default: Any, given: dict[str, Parameter]) -> None:
    value = given[name].value if name in given else default
    if isinstance(default, float) and type(value) is int:
        given[name] = Parameter(name, value=float(value))
    if isinstance(default, list) and (value is None or value == []):  # ROS has no type for an empty list
        given.pop(name, None)
        node.declare_parameter(name, Parameter.Type.STRING_ARRAY)
        node.set_parameters([Parameter(name, Parameter.Type.STRING_ARRAY, [])])
        return
    try:
        node.declare_parameter(name, Parameter.Type.STRING_ARRAY if default == [] else default)
    except InvalidParameterTypeException:
        raise ConfigError(
            f"{node.get_name()}: {name}={value!r} is not {WORDS[type(default)]}; for example {name}:={default}"
        ) from None


def _text(value: Any) -> str:
    """A value as `load_config` reads it."""
    if isinstance(value, (list, tuple)) or hasattr(value, "tolist"):
        return "[" + ",".join(_text(part) for part in value) + "]"
    if isinstance(value, str):
        return "'" + value.replace("'", "\\'") + "'"
    return str(value)

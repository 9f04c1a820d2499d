"""Parameter files of ROS 2, read before a node is started: ROS ignores the sections of nodes that do not exist."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from robot_rl.errors import ConfigError
from robot_rl.suggest import nearest

INNER = "ros__parameters"
SHAPE = f"sections, each NODE: {{{INNER}: {{NAME: VALUE}}}}; `/**` is every node"


def check_file(path: Path, nodes: Sequence[str]) -> None:
    """Whether every section is of at least one of `nodes`, their names with namespace and without the first `/`.

    Raises ConfigError, one line, for a section of no node, and for a file that is none of parameters.
    """
    try:
        tree = yaml.safe_load(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"parameters:={path} cannot be read ({error.strerror})") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date or a number that is none
        raise ConfigError(f"parameters:={path} is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(tree, dict) or not tree:
        raise ConfigError(f"parameters:={path} must hold {SHAPE}")
    for names, parameters in _sections(tree, ()):
        section = "/".join(names)
        if parameters is None:
            raise ConfigError(f"parameters:={path}: {section!r} has no {INNER}; write {SHAPE}")
        if not isinstance(parameters, dict):
            raise ConfigError(f"parameters:={path}: {section!r}: {INNER} is {parameters!r}; write {SHAPE}")
        if not any(_matches(names, node.split("/")) for node in nodes):
            raise ConfigError(f"parameters:={path}: no node is started as {section!r}{nearest(section, nodes)}")


def _sections(tree: Mapping[Any, Any], above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Each section's name in its parts, and its parameters; None where there are none. Namespaces may be nested."""
    for key, value in tree.items():
        if key == INNER:
            continue
        names = (*above, *filter(None, str(key).split("/")))
        inner = isinstance(value, dict) and value
        if not inner or INNER in inner:
            yield names, inner[INNER] if inner else None
        if inner:
            yield from _sections(inner, names)


def _matches(section: Sequence[str], node: Sequence[str]) -> bool:
    """`*` stands for one name, `**` for any number of them."""
    if not section:
        return not node
    first, *rest = section
    if first == "**":
        return any(_matches(rest, node[start:]) for start in range(len(node) + 1))
    return bool(node) and first in ("*", node[0]) and _matches(rest, node[1:])

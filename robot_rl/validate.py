"""The ranges that configuration values must keep, and the relations between them."""

import dataclasses
import math
import re
from collections.abc import Iterator
from typing import Any

from robot_rl.config import Config, RobotConfig, SafetyConfig
from robot_rl.errors import ConfigError

ABOVE_ZERO = (
    "robot.control_hz",
    "robot.policy_hz",
    "safety.max_speed_m_s",
    "safety.max_acceleration_m_s2",
    "safety.max_rotation_rad_s",
    "safety.max_rotation_acceleration_rad_s2",
    "safety.contact_n",
    "task.force_budget_n",
    "safety.stiffness_n_m",
    "safety.rotational_stiffness_nm_rad",
    "safety.damping_ns_m",
    "safety.rotational_damping_nms_rad",
    "safety.clip_m",
    "safety.clip_rad",
    "learner.learning_rate",
    "learner.initial_temperature",
    "learner.imitation_half_life",
    "human.patience_s",
    "human.max_takeover_s",
)
AT_LEAST = {
    "robot.image_size": 16,
    "robot.policy_hz": 4,
    "safety.joint_margin_rad": 0,
    "task.max_steps": 0,
    "learner.critics": 1,
    "learner.target_subset": 1,
    "learner.batch_size": 1,
    "learner.utd": 1,
    "learner.actor_every": 1,
    "learner.gripper_penalty": 0,
    "learner.gripper_margin": 0,
    "learner.imitation_weight": 0,
    "learner.head_start": 0,
    "learner.bc_steps": 0,
    "learner.random_steps": 0,
    "learner.start_steps": 0,
    "learner.env_steps": 0,
    "learner.capacity": 2,
    "learner.checkpoint_every": 0,
    "learner.publish_every": 1,
    "learner.max_lag": 0,
    "learner.threads": 1,
    "human.demos": 0,
    "seed": 0,
    "episode": -1,
    "eval_episodes": 0,
}
SHARES = ("learner.demo_ratio", "learner.gripper_epsilon", "human.help_until", "share")
AT_MOST = {
    "robot.image_size": 2048,
    "robot.control_hz": 1000,
    "learner.capacity": 10_000_000,
    "learner.batch_size": 65_536,
    "learner.critics": 100,
    "learner.threads": 256,
    "seed": 2**31 - 1,
    "eval_episodes": 999_999,
    "safety.max_rotation_rad_s": 2 * math.pi,
    "task.force_stop_n": 1000.0,
    "safety.clip_m": 0.1,
    "safety.clip_rad": math.pi,
    "safety.max_speed_m_s": 3.0,
    "safety.joint_margin_rad": 1.0,
}
"""Larger values are a mistake, of unit often, more than a wish. What the arm itself allows is in `safety.vendor`."""
TORQUE_HZ, POSITION_HZ = 200, 100
"""Slowest loop of an arm that is moved by torque, and of one that takes joint positions."""
TORQUE_DRIVERS = ("sim",)
DRIVERS = ("sim", "ros", "franka", "ur", "ros2_control")
HUMANS = ("scripted", "teleop")
SAMPLERS = ("uniform", "reshuffle", "return_weighted")
ACTOR = re.compile(r"[A-Za-z0-9_.-]{1,64}")
LARGEST_PARAM_M = 2.0
"""No length on a table top is longer."""


def validate(config: Config) -> None:
    """Check every value that has a range. Raises ConfigError with the value and what is allowed."""
    _check_ranges(dict(leaves(config)))
    _check_units(config)
    _check_relations(config)


def leaves(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted key and value of every setting below a config record."""
    for f in dataclasses.fields(node):
        value = getattr(node, f.name)
        if dataclasses.is_dataclass(value):
            yield from leaves(value, f"{prefix}{f.name}.")
        else:
            yield prefix + f.name, value


def _check_ranges(values: dict[str, Any]) -> None:
    params = {f"task.params.{name}": value for name, value in values["task.params"].items()}
    for key, value in (values | params).items():
        numbers = [v for v in (value if isinstance(value, list) else [value]) if isinstance(v, float)]
        if not all(map(math.isfinite, numbers)):
            raise ConfigError(f"{key}={value} is not a finite number")
    for key in ABOVE_ZERO:
        _require(values[key] > 0, key, values[key], "above 0")
    for key, low in AT_LEAST.items():
        _require(values[key] >= low, key, values[key], f"{low} or more")
    for key in SHARES:
        _require(0 <= values[key] <= 1, key, values[key], "from 0 to 1")
    for plane in values["safety.planes"]:
        four = isinstance(plane, list) and len(plane) == 4 and all(isinstance(n, int | float) for n in plane)
        unit = four and math.isfinite(plane[3]) and abs(math.hypot(*plane[:3]) - 1.0) < 1e-6
        _require(unit, "safety.planes", plane, "four numbers nx, ny, nz, offset_m, the normal of length 1")
    _require(0 < values["learner.discount"] < 1, "learner.discount", values["learner.discount"], "between 0 and 1")
    for rate in ("learner.tau", "learner.average_rate"):
        _require(0 < values[rate] <= 1, rate, values[rate], "above 0, at most 1")
    _require(values["learner.name"] in ("rlpd", "bc"), "learner.name", values["learner.name"], "rlpd or bc")
    sampler = values["learner.sampler"]
    _require(sampler in SAMPLERS, "learner.sampler", sampler, ", ".join(SAMPLERS))
    actor = values["link.actor"]
    _require(ACTOR.fullmatch(actor), "link.actor", repr(actor), "1 to 64 letters, digits, `-`, `_` or `.`")
    hidden = values["learner.hidden"]
    good = hidden and min(hidden) >= 1 and max(hidden) <= 4096
    _require(good, "learner.hidden", hidden, "layer widths from 1 to 4096, such as [256,256]")
    cameras = values["robot.cameras"]
    _require(len(set(cameras)) == len(cameras), "robot.cameras", cameras, "each name once")
    driver, source = values["robot.driver"], values["human.source"]
    _require(driver in DRIVERS, "robot.driver", driver, ", ".join(DRIVERS))
    _require(source in HUMANS, "human.source", source, ", ".join(HUMANS))


def _check_units(config: Config) -> None:
    values = dict(leaves(config))
    for key, high in AT_MOST.items():
        unit = _unit(key)
        _require(values[key] <= high, key, values[key], f"at most {high:g}" + (f" ({unit}?)" if unit else ""))
    for name, value in config.task.params.items():
        if isinstance(value, (int, float)) and name.endswith("_m"):
            _require(
                abs(value) <= LARGEST_PARAM_M,
                f"task.params.{name}",
                value,
                f"at most {LARGEST_PARAM_M:g} (metres?)",
            )


def _unit(key: str) -> str:
    units = {"_rad_s": "radians per second", "_rad": "radians", "_m_s": "metres per second", "_m": "metres"}
    return next((unit for end, unit in units.items() if key.endswith(end)), "")


def _check_relations(config: Config) -> None:
    robot, safety, learner, human = config.robot, config.safety, config.learner, config.human
    _check_rate(robot)
    ratio = robot.control_hz / robot.policy_hz
    lockstep = robot.driver == "sim"  # elsewhere the loop keeps time in a process of its own
    if ratio < 1 or (lockstep and abs(ratio - round(ratio)) > 1e-9):
        raise ConfigError(
            f"robot.control_hz={robot.control_hz:g} is not a multiple of "
            f"robot.policy_hz={robot.policy_hz:g}; the nearest is "
            f"robot.control_hz={max(1, round(ratio)) * robot.policy_hz:g}"
        )
    task = config.task
    force_n = safety.stiffness_n_m * safety.clip_m
    if force_n > task.force_budget_n:
        raise ConfigError(
            f"contact force could reach safety.stiffness_n_m x safety.clip_m = {safety.stiffness_n_m:g} x "
            f"{safety.clip_m:g} = {force_n:g} N, more than task.force_budget_n={task.force_budget_n:g}; "
            "lower the stiffness or the clip"
        )
    _require(
        task.force_stop_n > max(task.force_budget_n, safety.contact_n),
        "task.force_stop_n",
        task.force_stop_n,
        f"above task.force_budget_n={task.force_budget_n:g} and safety.contact_n={safety.contact_n:g}",
    )
    _check_vendor(safety)
    _require(
        learner.target_subset <= learner.critics,
        "learner.target_subset",
        learner.target_subset,
        f"at most learner.critics={learner.critics}",
    )
    low_high = human.reaction_s
    _require(
        len(low_high) == 2 and 0 <= low_high[0] <= low_high[1],
        "human.reaction_s",
        low_high,
        "two times in order, such as [0.3,0.5]",
    )
    if human.source == "teleop" and robot.driver != "ros":
        raise ConfigError(
            f"human.source=teleop with robot.driver={robot.driver}: a person's device is a node beside the robot's; "
            "use robot=ros, or human=scripted"
        )
    gymnasium = config.task.name == "gymnasium"
    if gymnasium and (human.demos or human.corrections or learner.name == "bc"):
        raise ConfigError("task=gymnasium has nobody who demonstrates or corrects; use human=none learner=rlpd")
    _require(config.task.max_steps >= 1 or gymnasium, "task.max_steps", config.task.max_steps, "1 or more")
    if learner.name == "bc" and not round(learner.demo_ratio * learner.batch_size):
        raise ConfigError(
            f"learner=bc learns from demos only, but learner.demo_ratio={learner.demo_ratio:g} of a batch of "
            f"{learner.batch_size} is none; set learner.demo_ratio=0.5"
        )
    if learner.name == "bc" and human.demos == 0:
        raise ConfigError("learner=bc learns from demos only, but human.demos=0; set human.demos=20")
    if config.task.name == "gymnasium" and not config.task.id:
        raise ConfigError("task=gymnasium needs an environment, for example task.id=Pendulum-v1")


def _check_rate(robot: RobotConfig) -> None:
    by_torque = robot.driver in TORQUE_DRIVERS
    least_hz = TORQUE_HZ if by_torque else POSITION_HZ
    allowed = f"{least_hz} or more"
    if by_torque:
        allowed += (
            f" with robot.driver={robot.driver}, whose arm is moved by torque: a slower impedance loop shakes; arms "
            f"that take joint positions (ur, franka, ros2_control) may have {POSITION_HZ}"
        )
    _require(robot.control_hz >= least_hz, "robot.control_hz", robot.control_hz, allowed)


def _check_vendor(safety: SafetyConfig) -> None:
    """Three axes at their limits together are a vector longer by the root of three."""
    motion = {
        "speed_m_s": safety.max_speed_m_s,
        "acceleration_m_s2": safety.max_acceleration_m_s2,
        "rotation_rad_s": safety.max_rotation_rad_s,
        "rotation_acceleration_rad_s2": safety.max_rotation_acceleration_rad_s2,
    }
    for name, value in motion.items():
        allowed = getattr(safety.vendor, name) / math.sqrt(3.0)
        _require(not allowed or value <= allowed, f"safety.max_{name}", value, f"at most {allowed:.3g} (the vendor's)")


def _require(good: Any, key: str, value: Any, allowed: str) -> None:
    if not good:
        raise ConfigError(f"{key}={value} is out of range; allowed: {allowed}")

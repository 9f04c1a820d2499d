"""What a report says of a run: the score, what it took, and what it ran on."""

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from robot_rl import __version__
from robot_rl.actor import PracticeEnv
from robot_rl.compose import resolved
from robot_rl.config import Config
from robot_rl.env import RobotEnv
from robot_rl.evaluate import Score
from robot_rl.make import SimScene
from robot_rl.practice import Demos

REPORTED_PACKAGES = ("mujoco", "torch", "numpy", "gymnasium", "ruckig", "hydra-core")


def scored(score: Score, env: PracticeEnv) -> dict[str, Any]:
    """The score; without success figures for an environment that has only returns."""
    summary = score.summary()
    if not env.layout.has_success:
        summary |= dict.fromkeys(("success_rate", "success_ci95", "cycle_time_s"))
    return summary


def rows_of(score: Score, env: PracticeEnv) -> list[dict[str, Any]]:
    """The scored episodes; without success where there is none."""
    return [{k: v for k, v in row.items() if env.layout.has_success or k != "success"} for row in score.rows]


def headline(report: dict[str, Any]) -> str:
    """The result in a line, or nothing where nothing was scored."""
    if not report["episodes"]:
        return ""
    if report["success_rate"] is None:
        return f"mean return {report['return_mean']:.4g} over {report['episodes']} episodes\n"
    low, high = report["success_ci95"]
    time_s, expert_s = report["cycle_time_s"], report.get("expert_cycle_time_s")
    cycle = f", cycle time {time_s:.1f} s" if time_s else ""
    against = f" (expert {expert_s:.1f} s)" if expert_s and time_s else ""
    rate = f"success {report['success_rate']:.0%} of {report['episodes']} episodes [{low:.0%}, {high:.0%}]"
    return f"{rate}{cycle}{against}\n"


def facts(config: Config, env: PracticeEnv) -> dict[str, Any]:
    """What was run, on what, and what the limits and the physics saw."""
    found: dict[str, Any] = {
        "task": config.task.name,
        "seed": config.seed,
        "config": resolved(config),
        "versions": {"robot_rl": __version__, "python": platform.python_version(), **_versions()},
    }
    if isinstance(env, RobotEnv) and isinstance(env.scene, SimScene):
        world = env.scene.world
        found["limit_breaches"] = sum(world.breaches.values())
        found["limit_breaches_by_kind"] = dict(world.breaches)
        found["max_contact_force_n"] = round(world.max_force_n, 1)
        found["protective_stops"] = world.guard.stops
        found["mujoco_warnings"] = int(world.data.warning.number.sum())
        found["gate_actions"] = dict(world.loop.gate.counts)
    return found


def demo_facts(demos: Demos) -> dict[str, Any]:
    """What was shown."""
    return {
        "expert_cycle_time_s": demos.cycle_time_s,
        "collection": {"demos": len(demos.episodes), "demos_tried": demos.tried},
    }


def _versions() -> dict[str, str]:
    found = {}
    for name in REPORTED_PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found

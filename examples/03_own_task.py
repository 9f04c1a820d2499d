"""A task of your own is one class: press a button that stands somewhere on the table.

Here the scripted expert does it. docs/own_task.md says how to train it by name.
"""

import numpy as np

from controllers.pose import Pose
from robot_rl.specs import ActionSpec, Field
from robot_rl.tasks.base import TOOL_DOWN, Task, Waypoint, Workspace, add_box, add_floor_and_light, around, in_tool

TOP_M = 0.03


class PressButton(Task):
    """Success: the closed fingertips push on the button with at least 5 N."""

    name = "press_button"
    action = ActionSpec(("x", "y", "z"), step_m=0.01, step_rad=0.1, gripper=False)
    workspace = Workspace((0.35, -0.15, 0.03), (0.60, 0.15, 0.25))
    home = Pose.of([0.47, 0.0, 0.12], TOOL_DOWN)
    opening_m = 0.0
    robot_fields = ("tcp_velocity", "force")
    fields = (Field("button", 3, "m", 0.05),)

    def __init__(self, params=None):
        """`params` are the numbers under `task.params`; this task has none."""

    def build(self, spec):
        add_floor_and_light(spec)
        button = spec.worldbody.add_body(name="button")
        add_box(button, (0.02, 0.02, TOP_M / 2), (0, 0, TOP_M / 2), (0.8, 0.2, 0.2, 1.0))

    def reset(self, world, rng):
        self._top_m = np.array([0.47, 0.0, TOP_M]) + around(rng, (0.04, 0.06, 0.0))
        world.move_fixed("button", self._top_m - [0.0, 0.0, TOP_M])
        return self.home

    def observe(self, reading):
        return {"button": in_tool(reading.arm, self._top_m)}

    def succeeded(self, reading):
        near = np.linalg.norm((self._top_m - reading.arm.tcp.position_m)[:2]) < 0.02
        return bool(near and -reading.arm.force_n[2] > 5.0)

    def waypoint(self, reading):
        off = self._top_m - reading.arm.tcp.position_m
        above = np.linalg.norm(off[:2]) > 0.01
        goal = self._top_m + [0.0, 0.0, 0.04 if above else -0.01]
        return Waypoint(Pose.of(goal, TOOL_DOWN), float(np.linalg.norm(off)))


if __name__ == "__main__":
    from robot_rl import load_config, make_env
    from robot_rl.actor import Choice, run_episode
    from robot_rl.expert import Expert
    from robot_rl.types import Source

    env = make_env(load_config(["task=reach"]), task=PressButton())
    expert = Expert(env.scene.task, np.random.default_rng(0))
    for seed in range(5):
        expert.new_episode()
        episode = run_episode(env, seed, lambda _: Choice(expert.act(env.reading), Source.SCRIPT))
        print(f"episode {seed}: {'pressed' if episode.success else 'not pressed'} after {episode.duration_s:.1f} s")
    env.close()

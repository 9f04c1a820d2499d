"""Another arm is an MJCF file with a site `flange`; here the UR5e that comes along does the Panda's task.

For an arm of your own: `robot.model=path/to/arm.xml`, with its limits and home pose in a TOML file of the
same name beside it (see controllers/models/ur5e.toml).
"""

import numpy as np

from robot_rl import load_config, make_env
from robot_rl.actor import Choice, run_episode
from robot_rl.expert import Expert
from robot_rl.types import Source

env = make_env(load_config(["task=pick_cube", "robot=ur5e"]))
expert = Expert(env.scene.task, np.random.default_rng(0))
for seed in range(3):
    expert.new_episode()
    episode = run_episode(env, seed, lambda _: Choice(expert.act(env.reading), Source.SCRIPT))
    print(f"episode {seed}: {'placed' if episode.success else 'not placed'} after {episode.duration_s:.1f} s")
env.close()

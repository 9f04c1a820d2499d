"""Use a saved policy from Python: load it, check that it fits, act.

    python examples/02_evaluate.py [FOLDER_OF_A_POLICY] [KEY=VALUE ...]

Without a folder it trains a small one first.
"""

import sys
from pathlib import Path
from tempfile import mkdtemp

from robot_rl import load_config, load_policy, make_env
from robot_rl.cli import main

if len(sys.argv) > 1:
    folder, settings = Path(sys.argv[1]), sys.argv[2:]
else:
    folder, settings = Path(mkdtemp(prefix="robot_rl_")) / "policy", ["task=reach"]
    main(
        [
            "train",
            "task=reach",
            f"out={folder.parent}",
            "human.demos=10",
            "learner.env_steps=1",
            "learner.bc_steps=1000",
        ]
    )

env = make_env(load_config(settings))
policy = load_policy(folder)
policy.check_fits(env.layout.state.names, env.layout.action_names)

for seed in range(5):
    observation, _ = env.reset(seed=seed)
    done, seconds = False, 0.0
    while not done:
        observation, reward, terminated, truncated, info = env.step(policy.act(observation["state"]))
        seconds += info["duration_s"]
        done = terminated or truncated
    print(f"episode {seed}: {'success' if info['success'] else 'no success'} after {seconds:.1f} s")
env.close()

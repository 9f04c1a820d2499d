"""Train `reach` from five demonstrations; a few seconds instead of the minutes of a real run."""

import sys
from tempfile import mkdtemp

from robot_rl.cli import main

folder = mkdtemp(prefix="robot_rl_")
small = ["human.demos=5", "learner.env_steps=60", "learner.start_steps=20", "learner.bc_steps=400", "learner.critics=2"]
sys.exit(main(["train", "task=reach", f"out={folder}", *small]))

"""Behaviour cloning on another run's demos and corrections, scored like any policy.

python -m benchmarks.cloning SOURCE_FOLDER OUT_FOLDER
"""

import json
import sys
from dataclasses import replace
from pathlib import Path

from robot_rl.compose import read_config, resolved
from robot_rl.data.log import read_frames
from robot_rl.evaluate import score_policy
from robot_rl.learner import Learner
from robot_rl.make import make_env

STEPS = 10_000


def main() -> None:
    """Clone, score, write the report."""
    source, out = Path(sys.argv[1]), Path(sys.argv[2])
    config = read_config(source / "config.yaml")
    config = replace(config, learner=replace(config.learner, name="bc"))
    env = make_env(config)
    learner = Learner(config.learner, env.layout, config.task.name, config.seed)
    for frame in read_frames(source / "practice"):
        learner.insert(frame)
    shown = sum(f.transition is not None and f.demo_set > 0 for f in read_frames(source / "practice"))
    corrections = len(learner.demos) - shown
    learner.clone(STEPS)
    score = score_policy(env, learner.policy(), config.eval_episodes)
    original = json.loads((source / "report.json").read_text())
    report = {
        **score.summary(),
        "seed": config.seed,
        "complete": len(score.rows) == config.eval_episodes,
        "expert_cycle_time_s": original["expert_cycle_time_s"],
        "corrections": corrections,
        "config": resolved(config),
    }
    (out / "report.json").write_text(json.dumps(report))


if __name__ == "__main__":
    main()

"""Behaviour cloning on another run's demos and corrections, scored like any policy.

python -m benchmarks.cloning SOURCE_FOLDER OUT_FOLDER
"""

import json
import sys
from dataclasses import replace
from pathlib import Path

from omegaconf import OmegaConf

from robot_rl.compose import resolved
from robot_rl.config import Config
from robot_rl.data.episodes import load_episode
from robot_rl.evaluate import score_policy
from robot_rl.learner import Learner
from robot_rl.make import make_env
from robot_rl.types import Source

STEPS = 10_000


def main() -> None:
    """Clone, score, write the report."""
    source, out = Path(sys.argv[1]), Path(sys.argv[2])
    saved = OmegaConf.merge(OmegaConf.structured(Config), OmegaConf.load(source / "config.yaml"))
    config = OmegaConf.to_object(saved)
    assert isinstance(config, Config)
    config = replace(config, learner=replace(config.learner, name="bc"))
    env = make_env(config)
    learner = Learner(config.learner, env, config.task.name, config.seed)
    for path in sorted(source.glob("demos/*.npz")):
        learner.add_demo(load_episode(path))
    corrections = 0
    for path in sorted(source.glob("practice/*.npz")):
        for step in load_episode(path).steps():
            if step.source is Source.HUMAN:
                learner.demos.add(step)
                corrections += 1
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

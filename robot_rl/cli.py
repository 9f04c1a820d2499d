"""`robot-rl VERB [KEY=VALUE ...]`: the command line, where everything is put together."""

import logging
import os
import signal
import sys
from importlib import import_module
from pathlib import Path

from rich.console import Console

from robot_rl.compose import load_config, read_config
from robot_rl.config import Config
from robot_rl.errors import ConfigError, RobotRLError
from robot_rl.processes import tie_to_parent
from robot_rl.suggest import nearest

OUT = Console(highlight=False, soft_wrap=True)
ERR = Console(stderr=True, highlight=False, soft_wrap=True)

USAGE = """robot-rl VERB [KEY=VALUE ...]

  dry-run        demos, training with corrections, evaluation and a report, all in simulation
  demos record   record demonstrations of the scripted expert
  demos ...      list, show, keep, discard, relabel, undo, merge, split, export, import, repair: docs/demos.md
  train          demos and training in two processes, actor and learner, for a task or any Gymnasium environment
  actor          the robot's side of training; frames go to the learner at link.address
  learner        the other side: learns from what actors send
  evaluate       score a policy: policy=FOLDER
  replay         repeat a recorded episode: demos=FOLDER episode=0; with robot=ros on a robot that runs
  up             start a robot on ROS 2 and all that goes with it: up sim, up robot robot:=franka ...: docs/ros.md
  check          what this machine can do
  faults         faults made on purpose, and what comes of each: faults --list, faults --out DIR [--only 22,24]

  task=reach|peg_insertion|pick_cube|gymnasium   robot=panda|ur5e   learner=rlpd|bc   human=scripted|none
  seed=0  out=DIR  eval_episodes=100  learner.env_steps=8000  task.params.NAME=VALUE  ...
"""


VERBS = {
    "dry-run": "dry_run.dry_run",
    "demos record": "demonstrate.record",
    "demos list": "look_after.listing",
    "demos show": "look_after.show",
    "demos keep": "look_after.keep",
    "demos discard": "look_after.discard",
    "demos relabel": "look_after.relabel",
    "demos undo": "look_after.undo",
    "demos merge": "look_after.merge",
    "demos split": "look_after.split",
    "demos export": "look_after.export",
    "demos import": "look_after.import_set",
    "demos repair": "look_after.repair",
    "train": "train.train",
    "actor": "act.actor",
    "learner": "learn.learner",
    "evaluate": "judge.evaluate",
    "replay": "show.replay",
    "up": "up.up",
    "check": "show.check",
    "faults": "faults.faults",
    "faults --list": "faults.listing",
}
"""Verb and the function of `robot_rl.jobs` that does it."""
WITHOUT_CONFIG = ("faults", "faults --list", "up")
"""Verbs that are about no run: they read their arguments themselves."""


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 done, 1 failed, 2 the request was wrong, 130 interrupted."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    # Before NumPy is imported: threads that fight over cores make small products hundreds of times slower.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("robot_rl").setLevel(logging.INFO)
    for stop in (signal.SIGINT, signal.SIGTERM):  # also where a script's `&` has made SIGINT ignored
        signal.signal(stop, signal.default_int_handler)
    if not arguments or {"-h", "--help", "help"} & set(arguments):
        OUT.print(USAGE, markup=False)
        return 0
    try:
        verb, rest = _verb(arguments)
        request = rest if verb in WITHOUT_CONFIG else _config(rest)
        tie_to_parent()
        module, _, function = VERBS[verb].partition(".")
        # Imported now: torch and MuJoCo load only for a request that is right.
        outcome = getattr(import_module(f"robot_rl.jobs.{module}"), function)(request)
        OUT.print(outcome.text, markup=False)
        return 0 if outcome.complete else 130
    except ConfigError as error:
        ERR.print(f"robot-rl: {error}", markup=False)
        return 2
    except (RobotRLError, OSError) as error:
        ERR.print(f"robot-rl: {error}", markup=False)
        return 1
    except KeyboardInterrupt:
        ERR.print("robot-rl: interrupted; what was recorded so far is kept")
        return 130


def _config(overrides: list[str]) -> Config:
    """From `KEY=VALUE ...`, or from a file that a run has saved: `config=FILE`, alone."""
    if len(overrides) == 1 and overrides[0].startswith("config="):
        return read_config(Path(overrides[0].removeprefix("config=")))
    return load_config(overrides)


def _verb(arguments: list[str]) -> tuple[str, list[str]]:
    for words in (2, 1):
        verb = " ".join(arguments[:words])
        if verb in VERBS:
            return verb, arguments[words:]
    if arguments[0] == "demos":
        raise ConfigError(
            f"demos needs one of: {', '.join(v.removeprefix('demos ') for v in VERBS if v.startswith('demos '))}"
        )
    raise ConfigError(f"no verb {arguments[0]!r}{nearest(arguments[0], VERBS)}")


if __name__ == "__main__":
    sys.exit(main())

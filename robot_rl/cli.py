"""`robot-rl VERB [KEY=VALUE ...]`: the command line, where everything is put together."""

import os
import signal
import sys
from collections.abc import Callable
from importlib import import_module
from types import FrameType
from typing import Any

from robot_rl.errors import ConfigError, RobotRLError

# Nothing else is imported here: until `main` listens to signals, the interpreter answers them with a traceback.

USAGE = """robot-rl VERB [KEY=VALUE ...]

  dry-run        demos, training with corrections, evaluation and a report, all in simulation
  demos record   record demonstrations, by the scripted expert or, with robot=ros human=teleop, by a person
  demos ...      list, show, keep, discard, relabel, undo, merge, split, export, import, repair: docs/demos.md
  train          demos and training in two processes, actor and learner, for a task or any Gymnasium environment
  actor          the robot's side of training; frames go to the learner at link.address
  learner        the other side: learns from what actors send
  evaluate       score a policy: policy=FOLDER
  replay         repeat a recorded episode: demos=FOLDER episode=0; with robot=ros on a robot that runs
  teleop         move the arm by hand, with robot=ros: no episodes, no records
  up             start a robot on ROS 2 and all that goes with it: up sim, up robot robot:=franka ...: docs/ros.md
  check          what this machine can do
  faults         faults made on purpose, and what comes of each: faults --list, faults --out DIR [--only 22,24]

  task=reach|peg_insertion|pick_cube|gymnasium   robot=panda|ur5e   learner=rlpd|bc   human=scripted|teleop|none
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
    "teleop": "teleoperate.teleop",
    "up": "up.up",
    "check": "show.check",
    "faults": "faults.faults",
    "faults --list": "faults.listing",
}
"""Verb and the function of `robot_rl.jobs` that does it."""
WITHOUT_CONFIG = ("faults", "faults --list", "up")
"""Verbs that are about no run: they read their arguments themselves."""


STOPS = (signal.SIGINT, signal.SIGTERM)
Handler = Callable[[int, FrameType | None], object]


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 done, 1 failed, 2 the request was wrong, 130 interrupted."""
    _listen(_leave)
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    # Before NumPy is imported: threads that fight over cores make small products hundreds of times slower.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if not arguments or {"-h", "--help", "help"} & set(arguments):
        sys.stdout.write(USAGE)
        return 0
    try:
        job, request = _prepared(arguments)
        _listen(signal.default_int_handler)
        outcome = job(request)
        sys.stdout.write(f"{outcome.text}\n")
        return 0 if outcome.complete else 130
    except ConfigError as error:
        return _failed(str(error), 2)
    except (RobotRLError, OSError) as error:
        return _failed(str(error), 1)
    except KeyboardInterrupt:
        # What comes from here on waits: CPython 3.11 sends itself another one where the first came within an `exec`.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
        return _failed("interrupted; what was recorded so far is kept", 130)


def _prepared(arguments: list[str]) -> tuple[Callable[[Any], Any], Any]:
    """The function that does the verb, and what it is asked to do. Raises ConfigError for a wrong request."""
    import logging

    from robot_rl.processes import tie_to_parent

    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("robot_rl").setLevel(logging.INFO)
    verb, rest = _verb(arguments)
    request = rest if verb in WITHOUT_CONFIG else _config(rest)
    tie_to_parent()
    _check_renderer()
    module, _, function = VERBS[verb].partition(".")
    # Imported now: torch and MuJoCo load only for a request that is right.
    return getattr(import_module(f"robot_rl.jobs.{module}"), function), request


def _check_renderer() -> None:
    """Raises ConfigError for a renderer with which MuJoCo cannot even be imported, as most verbs do."""
    renderer = os.environ.get("MUJOCO_GL", "")
    if not renderer:
        return
    try:
        import_module("mujoco")
    except (RuntimeError, AttributeError, ImportError) as error:
        raise ConfigError(
            f"MUJOCO_GL={renderer}: MuJoCo cannot be loaded with it ({str(error).partition(chr(10))[0]}); set "
            "MUJOCO_GL=egl (needs libegl1), or leave it unset"
        ) from error


def _listen(handler: Handler) -> None:
    """To both, also where a script's `&` has made SIGINT ignored, or `up` has held them back for the start."""
    for stop in STOPS:
        signal.signal(stop, handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)


def _leave(number: int, frame: FrameType | None) -> None:
    """Here and now: nothing is open yet, and what is half imported would answer an exception with tracebacks."""
    os.write(2, b"robot-rl: interrupted before it has begun\n")
    os._exit(130)


def _failed(why: str, code: int) -> int:
    sys.stderr.write(f"robot-rl: {why}\n")
    return code


def _config(overrides: list[str]) -> Any:
    """From `KEY=VALUE ...`, or from a file that a run has saved: `config=FILE`, alone."""
    from pathlib import Path

    from robot_rl.compose import load_config, read_config

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
    from robot_rl.suggest import nearest

    raise ConfigError(f"no verb {arguments[0]!r}{nearest(arguments[0], VERBS)}")


if __name__ == "__main__":
    sys.exit(main())

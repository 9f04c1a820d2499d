"""Training in two processes on this machine."""

import contextlib
import dataclasses
import json
import logging
import signal
import subprocess
from pathlib import Path

from robot_rl.compose import resolved, save_config
from robot_rl.config import Config
from robot_rl.data.demos import DemoStore
from robot_rl.errors import RobotRLError
from robot_rl.jobs.folder import FIGURES, Outcome, open_folder
from robot_rl.jobs.judge import open_env
from robot_rl.learn.policy_file import load_policy, save_policy
from robot_rl.processes import free_port, start
from robot_rl.report import write_report

log = logging.getLogger(__name__)
RESTARTS = 3
"""Times that a learner which dies is started again. An actor never is: only a person knows how the robot stands."""
END_S, LOOK_S = 60.0, 0.5
REFUSED = 2
"""Exit code for a request that cannot be carried out: trying again does not help"""


def train(config: Config) -> Outcome:
    """A learner and an actor on this machine; scoring is left to `evaluate`."""
    check_request(config)
    folder = open_folder(config, "train")
    link = dataclasses.replace(
        config.link, address=f"127.0.0.1:{free_port()}", token_file="", tls_certificate="", tls_key=""
    )
    config = dataclasses.replace(config, link=link)
    learning, acting = Part("learner", config, folder), Part("actor", config, folder)
    try:
        complete = _supervise(learning, acting)
    finally:
        acting.end()
        learning.end()
    return _report(config, folder, complete)


def check_request(config: Config) -> None:
    """Raises ConfigError, before any process starts, for what cannot be built or does not fit."""
    env = open_env(config)
    try:
        if config.demos:
            store = DemoStore(Path(config.demos))
            store.check_fits(env.layout.state.names, env.layout.action_names)
            store.kept()
    finally:
        env.close()


class Part:
    """One of the two processes of `train`, in a folder of its own below the run's."""

    def __init__(self, verb: str, config: Config, folder: Path) -> None:
        self.verb, self.folder = verb, folder / verb
        self._config, self._file = config, folder / f"{verb}.yaml"
        self.starts = 0
        self.start()

    def start(self) -> None:
        """Begin, or go on."""
        resume = (self.folder / "config.yaml").exists()
        save_config(dataclasses.replace(self._config, out=str(self.folder), resume=resume), self._file)
        self.process = start(self.verb, self._file)
        self.starts += 1

    def end(self) -> None:
        """Ask it to end, and see that it does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            log.warning("the %s does not end after %g s: killed; its log is kept", self.verb, END_S)
            self.process.kill()
            self.process.wait()


def _supervise(learning: Part, acting: Part) -> bool:
    """Until the actor ends; False when it was interrupted. A learner that dies is started again."""
    try:
        while acting.process.poll() is None:
            code = learning.process.poll()
            if code == REFUSED or (code and learning.starts > RESTARTS):
                raise RobotRLError(f"the learner ended with code {code}; its message is above")
            if code:
                log.warning("the learner ended with code %d; starting it again, nothing is lost", code)
                learning.start()
            with contextlib.suppress(subprocess.TimeoutExpired):
                acting.process.wait(LOOK_S)
        if acting.process.returncode not in (0, 130):
            raise RobotRLError(f"the actor ended with code {acting.process.returncode}; its message is above")
        learning.process.wait(END_S)
        return acting.process.returncode == 0 and learning.process.returncode == 0
    except (KeyboardInterrupt, subprocess.TimeoutExpired):
        return False


def _report(config: Config, folder: Path, complete: bool) -> Outcome:
    if not all((folder / part / FIGURES).exists() for part in ("learner", "actor")):
        return Outcome(f"ended before practice; what was recorded is kept: resume=true out={folder} goes on", False)
    learnt, acted = (json.loads((folder / part / FIGURES).read_text()) for part in ("learner", "actor"))
    rows = learnt.pop("rows")
    report = {**acted, **learnt, "config": resolved(config), "complete": complete}
    save_policy(load_policy(folder / "learner" / "policy"), folder / "policy")
    page = write_report(folder, report, rows, [], [])
    return Outcome(f"policy: {folder / 'policy'}\nreport: {page}", complete)

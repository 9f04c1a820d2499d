"""The commands as a user runs them: real processes, real files."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from robot_rl import load_policy
from robot_rl.data.log import read_frames

ROOT = Path(__file__).parents[2]
SMALL = [
    "task=reach",
    "human.demos=5",
    "learner.hidden=[32,32]",
    "learner.critics=2",
    "learner.batch_size=64",
    "learner.utd=1",
    "learner.actor_every=1",
    "learner.bc_steps=200",
    "learner.start_steps=20",
    "learner.env_steps=80",
    "eval_episodes=5",
]


def robot_rl(*arguments: str, timeout_s: float = 200.0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "robot_rl.cli", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout_s)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dry_run")
    result = robot_rl("dry-run", *SMALL, f"out={folder}")
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip().endswith(f"report: {folder}/report.html")
    return folder


def test_a_dry_run_leaves_report_page_policy_and_data(done: Path) -> None:
    report = json.loads((done / "report.json").read_text())
    for key in [
        "success_rate",
        "success_ci95",
        "episodes",
        "cycle_time_s",
        "expert_cycle_time_s",
        "env_steps",
        "gradient_steps",
        "wall_s",
        "intervention_share",
        "limit_breaches",
        "mujoco_warnings",
        "config",
        "versions",
    ]:
        assert key in report, key
    assert report["complete"] and report["episodes"] == 5 and report["env_steps"] >= 80
    assert report["limit_breaches"] == 0 and report["mujoco_warnings"] == 0
    assert report["gradient_steps"] == report["env_steps"] - 19
    page = (done / "report.html").read_text()
    assert "<script src" not in page and "http://" not in page.split("</script>")[-1]
    assert sum(f.ends and f.transition.success for f in read_frames(done / "demos")) == 5
    practised = [f for f in read_frames(done / "practice") if f.transition and not f.demo_set]
    assert len(practised) == report["env_steps"] == sum(row["length"] for row in report["metrics"])
    assert load_policy(done / "policy").meta.task == "reach"
    assert (done / "config.yaml").exists()


def test_evaluate_scores_the_saved_policy_the_same_again(done: Path, tmp_path: Path) -> None:
    result = robot_rl("evaluate", "task=reach", f"policy={done}/policy", "eval_episodes=5", f"out={tmp_path}")
    assert result.returncode == 0, result.stderr
    first, again = (json.loads((d / "report.json").read_text())["evaluation"] for d in (done, tmp_path))
    assert first == again


def test_the_same_seed_gives_the_same_curve_and_weights_bit_for_bit(done: Path, tmp_path: Path) -> None:
    assert robot_rl("dry-run", *SMALL, "eval_episodes=0", f"out={tmp_path}").returncode == 0
    first, again = (json.loads((d / "report.json").read_text())["metrics"] for d in (done, tmp_path))
    assert [{**row, "wall_s": 0} for row in first] == [{**row, "wall_s": 0} for row in again]
    weights = [(d / "policy" / "weights.safetensors").read_bytes() for d in (done, tmp_path)]
    assert weights[0] == weights[1]


def test_replay_repeats_a_recorded_episode(done: Path) -> None:
    result = robot_rl("replay", "task=reach", f"demos={done}/demos", "episode=1")
    assert result.returncode == 0, result.stderr
    assert "success" in result.stdout
    assert float(result.stdout.split()[-1]) < 1e-4


def test_another_robot_than_the_recorded_one_is_noticed(done: Path, tmp_path: Path) -> None:
    scored = robot_rl(
        "evaluate", "task=reach", "robot=ur5e", f"policy={done}/policy", "eval_episodes=1", f"out={tmp_path}/e"
    )
    assert scored.returncode == 0 and "trained on panda, it is scored on ur5e" in scored.stderr
    replayed = robot_rl("replay", "task=reach", "robot=ur5e", f"demos={done}/demos", "episode=1")
    assert "NOT the recorded motion" in replayed.stdout


def test_demos_are_recorded_alone_too(tmp_path: Path) -> None:
    result = robot_rl("demos", "record", "task=reach", "human.demos=3", f"out={tmp_path}")
    assert result.returncode == 0, result.stderr
    assert sum(f.ends and f.transition.success for f in read_frames(tmp_path / "demos")) == 3
    assert (tmp_path / "config.yaml").exists()


def test_any_gymnasium_environment_trains_with_the_same_learner(tmp_path: Path) -> None:
    small = [word for word in SMALL if word.startswith("learner") and "bc_steps" not in word]
    result = robot_rl("train", "task=gymnasium", "task.id=Pendulum-v1", *small, f"out={tmp_path}")
    assert result.returncode == 0, result.stderr
    assert load_policy(tmp_path / "policy").act(np.zeros(3, np.float32)).shape == (1,)
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["metrics"] and all("success" not in row for row in report["metrics"])
    scored = robot_rl(
        "evaluate", "task=gymnasium", f"policy={tmp_path}/policy", "eval_episodes=2", f"out={tmp_path}/scored"
    )
    assert scored.stdout.startswith("mean return -")
    assert "Mean return" in (tmp_path / "scored" / "report.html").read_text()


@pytest.mark.parametrize("verb", ["dry-run", "train"])
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_control_c_and_terminate_end_cleanly_with_what_there_is_and_it_can_go_on(
    tmp_path: Path, verb: str, stop: signal.Signals
) -> None:
    out = tmp_path / "run"
    long = [word for word in SMALL if "env_steps" not in word] + ["human.demos=2", "eval_episodes=1"]
    command = [sys.executable, "-m", "robot_rl.cli", verb, *long, "learner.env_steps=100000", f"out={out}"]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        _await_practice(out, 60)
        child.send_signal(stop)
        said, err = child.communicate(timeout=120)
    finally:
        child.kill()
    assert child.returncode == 130, err
    assert "Traceback" not in err
    report = json.loads((out / "report.json").read_text())
    assert report["complete"] is False and report["metrics"]
    load_policy(out / "policy")
    assert f"report: {out}/report.html" in said
    steps = report["env_steps"]
    more = robot_rl(verb, *long, f"learner.env_steps={steps + 30}", f"out={out}", "resume=true")
    assert more.returncode == 0, more.stderr
    report = json.loads((out / "report.json").read_text())
    assert report["complete"] and report["env_steps"] >= steps + 30


def _await_practice(run: Path, steps: int) -> None:
    """Until the log of a running process holds that many steps of practice."""
    deadline_s = time.monotonic() + 120
    while time.monotonic() < deadline_s:
        for folder in (run / "practice", run / "actor" / "practice"):
            if list(folder.glob("*.mcap")) and sum(f.demo_set == 0 for f in read_frames(folder)) >= steps:
                return
        time.sleep(0.3)
    raise AssertionError("practice did not begin")


WRONG = {
    "unknown key": (["train", "learner.batchsize=3"], "batch_size"),
    "unknown verb": (["trian"], "train"),
    "unknown task": (["train", "task=raech"], "reach"),
    "wrong type": (["train", "seed=abc"], "whole number"),
    "wrong unit": (["train", "safety.clip_m=15"], "metres"),
    "unknown camera": (["train", "task=reach", "robot.cameras=[fornt]"], "side, wrist"),
    "unwritable folder": (["train", "task=reach", "out=/proc/nothing/here"], "choose a folder"),
    "no policy": (["evaluate", "task=reach", "policy=/nowhere"], "no policy at"),
    "policy forgotten": (["evaluate", "task=reach"], "policy=FOLDER"),
    "unknown parameter": (["train", "task.params.clearence_m=1"], "clearance_m"),
    "negative damping": (["train", "safety.damping_ns_m=-500"], "above 0"),
    "slow control": (["train", "robot.control_hz=10"], "200 or more"),
    "rate below the validity of commands": (["train", "robot.policy_hz=2"], "4 or more"),
    "other driver": (["train", "robot.driver=franka"], "sim"),
    "infinity in a list": (["train", "human.reaction_s=[0,inf]"], "finite"),
    "half life of zero": (["train", "learner.imitation_half_life=0"], "above 0"),
    "far too large": (["train", "learner.hidden=[1000000,1000000]"], "4096"),
    "camera twice": (["train", "robot.cameras=[wrist,wrist]"], "once"),
    "peg of no width": (["train", "task.params.peg_width_m=0"], "task.params"),
    "demos of gymnasium": (["train", "task=gymnasium", "human.demos=3"], "human=none"),
    "person without a device": (["demos", "record", "task=reach", "human=teleop"], "use robot=ros"),
    "device without topics": (["teleop", "task=reach"], "use robot=ros"),
    "no log to replay": (["replay", "demos=/nowhere"], "/nowhere"),
    "resume of nothing": (["train", "resume=true"], "resume=true needs"),
    "unknown sampler": (["train", "learner.sampler=best"], "uniform"),
    "nameless actor": (["train", "link.actor=''"], "link.actor"),
    "open to all": (["learner", "task=reach", "link.address=0.0.0.0:0"], "token"),
    "no screen": (["train", "task=reach", "headless=false"], "headless=true"),
    "unknown robot file": (["train", "robot.model=pandra"], "panda"),
    "millimetres for metres": (["train", "task.params.clearance_m=1"], "0.001"),
    "a settings file of random bytes": (["train", "config=/usr/bin/env"], "not a saved configuration"),
}


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str, str]]:
    """Exit code, output and error of each wrong request."""
    out = [f"out={tmp_path_factory.mktemp('refused')}/run"]
    asked = {
        name: [*words, *([] if any(word.startswith(("out=", "config=")) for word in words) else out)]
        for name, (words, _) in WRONG.items()
    }
    command = [sys.executable, "-m", "tests.e2e.asked"]
    done = subprocess.run(command, cwd=ROOT, input=json.dumps(asked), capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_request_gets_one_clear_line_and_exit_code_2(name: str, refused) -> None:
    code, output, error = refused[name]
    lines = error.strip().splitlines()
    assert code == 2, error
    assert len(lines) == 1 and lines[0].startswith("robot-rl: ") and WRONG[name][1] in lines[0]
    assert output == ""


def test_a_wrong_request_in_a_process_started_for_it_gets_the_same_line(refused, tmp_path: Path) -> None:
    result = robot_rl(*WRONG["unknown key"][0], f"out={tmp_path}/run")
    assert (result.returncode, result.stdout, result.stderr) == tuple(refused["unknown key"])


def test_a_foreign_policy_file_is_refused_before_anything_moves(tmp_path: Path) -> None:
    (tmp_path / "policy.json").write_text("{}")
    result = robot_rl("evaluate", "task=reach", f"policy={tmp_path}")
    assert result.returncode == 2 and len(result.stderr.strip().splitlines()) == 1


def test_a_folder_that_holds_a_run_is_refused_and_left_alone(done: Path) -> None:
    before = sorted(done.rglob("*"))
    result = robot_rl("dry-run", *SMALL, f"out={done}")
    assert result.returncode == 2 and "holds a run already" in result.stderr
    assert sorted(done.rglob("*")) == before


def test_a_policy_of_another_task_is_refused(done: Path) -> None:
    result = robot_rl("evaluate", "task=pick_cube", f"policy={done}/policy")
    assert result.returncode == 2 and "reach" in result.stderr


def test_check_tells_what_the_machine_can_do() -> None:
    result = robot_rl("check", "task=reach")
    assert result.returncode == 0, result.stderr
    assert "simulation" in result.stdout and "one step done" in result.stdout


def test_without_a_renderer_the_dry_run_goes_on_and_names_the_package(tmp_path: Path) -> None:
    environment = {**os.environ, "MUJOCO_GL": "disabled"}
    command = [sys.executable, "-m", "robot_rl.cli", "dry-run", *SMALL, f"out={tmp_path}"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment, timeout=200)
    assert result.returncode == 0, result.stderr
    assert "libegl1" in result.stderr
    assert json.loads((tmp_path / "report.json").read_text())["complete"]


NO_EGL = """
import ctypes, sys
load = ctypes.CDLL.__init__
def refuse(self, name, *more, **options):
    if "EGL" in str(name):
        raise OSError(f"no {name}")
    load(self, name, *more, **options)
ctypes.CDLL.__init__ = refuse
from robot_rl.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_without_the_egl_library_everything_but_pictures_works() -> None:
    environment = {key: value for key, value in os.environ.items() if key not in ("MUJOCO_GL", "DISPLAY")}
    command = [sys.executable, "-c", NO_EGL, "check", "task=reach"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment, timeout=100)
    assert result.returncode == 0, result.stderr
    assert "one step done" in result.stdout and "libegl1" in result.stdout


def test_a_renderer_that_mujoco_does_not_know_is_refused_in_one_line() -> None:
    environment = {**os.environ, "MUJOCO_GL": "nonsense"}
    command = [sys.executable, "-m", "robot_rl.cli", "dry-run", *SMALL]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment, timeout=100)
    assert result.returncode == 2 and result.stderr.count("\n") == 1, result.stderr
    assert result.stderr.startswith("robot-rl: MUJOCO_GL=nonsense: ") and "MUJOCO_GL=egl" in result.stderr

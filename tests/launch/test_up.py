"""`robot-rl up` with processes in place of nodes."""

import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

import pytest

from robot_rl.bringup import Part
from robot_rl.errors import ConfigError
from robot_rl.jobs.crew import Child, Crew
from robot_rl.jobs.up import given, show_arguments, up

ROOT = Path(__file__).parents[2]
WAIT_S = 60.0


def until(true: Callable[[], object]) -> None:
    """Wait for it, bounded."""
    end_s = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < end_s, "it has not come"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Whether it runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def waiting(pipe: int) -> int:
    """Bytes in it"""
    return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0\0\0\0"))[0]


class Up:
    """`up` with stand-ins, in a process group of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "noted").touch()

    def start(self, *parts: str, output: TextIO | None = None) -> None:
        command = [sys.executable, "-m", "tests.launch.stand_in", "up", str(self.folder), *parts]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        with (self.folder / "output").open("w") as file:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=output or file, stderr=subprocess.PIPE, text=True,
                start_new_session=True,
            )  # fmt: skip

    def noted(self) -> list[str]:
        return (self.folder / "noted").read_text().splitlines()

    def said(self) -> list[str]:
        return (self.folder / "output").read_text().splitlines()

    def pids(self) -> list[int]:
        return [int(line.split()[2]) for line in self.noted() if " pid " in line]

    def ready(self, count: int) -> None:
        until(lambda: len(self.pids()) >= count)

    def end(self) -> int:
        """Its exit code. Nothing may run any more then."""
        _, self.errors = self.process.communicate(timeout=WAIT_S)
        assert not [pid for pid in self.pids() if alive(pid)]
        return self.process.returncode


@pytest.fixture
def crew(tmp_path: Path) -> Iterator[Up]:
    running = Up(tmp_path)
    yield running
    if running.process.poll() is None:
        running.process.kill()
        running.process.communicate()
    until(lambda: not [pid for pid in running.pids() if alive(pid)])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_ends_everything_arm_first_with_code_0(crew: Up, number: signal.Signals) -> None:
    crew.start("camera=good", "arm=slow", "teleop=good")
    crew.ready(3)
    crew.process.send_signal(number)
    assert crew.end() == 0
    told = [line.split()[0] for line in crew.noted() if line.endswith("SIGINT")]
    assert told[0] == "arm" and sorted(told) == ["arm", "camera", "teleop"]
    assert crew.noted().index("arm ended") < crew.noted().index("camera SIGINT")


def test_a_ctrl_c_in_a_terminal_reaches_every_part_once(crew: Up) -> None:
    crew.start("arm=slow", "camera=good")
    crew.ready(2)
    os.killpg(crew.process.pid, signal.SIGINT)
    until(lambda: "arm SIGINT" in crew.noted())
    os.killpg(crew.process.pid, signal.SIGINT)
    assert crew.end() == 0
    assert crew.noted().count("arm SIGINT") == crew.noted().count("camera SIGINT") == 1


def test_parts_end_by_themselves_when_up_is_killed(crew: Up) -> None:
    crew.start("arm=good", "camera=good")
    crew.ready(2)
    crew.process.kill()
    until(lambda: not [pid for pid in crew.pids() if alive(pid)])
    assert {"arm ended", "camera ended"} <= set(crew.noted())
    assert crew.end() == -signal.SIGKILL


def test_a_failed_essential_part_ends_everything_with_its_name_and_last_lines(crew: Up) -> None:
    crew.start("camera=good", "arm=failing")
    assert crew.end() == 1
    assert re.search(r"arm ended \(exit code 3\).*\n  about to fail\n  the device is not there", crew.errors)
    assert "[arm] about to fail" in crew.said()


def test_an_essential_part_that_is_killed_is_said_to_be(crew: Up) -> None:
    crew.start("arm=good")
    crew.ready(1)
    os.kill(crew.pids()[0], signal.SIGKILL)
    assert crew.end() == 1
    assert "arm ended (SIGKILL)" in crew.errors


def test_an_essential_part_that_has_done_its_work_ends_everything_in_order(crew: Up) -> None:
    crew.start("camera=good", "arm=finished")
    assert crew.end() == 0


def test_a_part_that_may_go_leaves_the_rest_alone(crew: Up) -> None:
    crew.start("arm=good", "teleop=failing")
    until(lambda: "[teleop] ended (exit code 3); the rest goes on" in crew.said())
    crew.ready(1)
    crew.process.send_signal(signal.SIGINT)
    assert crew.end() == 0
    assert sum("[teleop] started" in line for line in crew.said()) == 1


def test_a_killed_camera_comes_back(crew: Up) -> None:
    crew.start("arm=good", "camera=good")
    crew.ready(2)
    camera = next(int(line.split()[2]) for line in crew.noted() if line.startswith("camera pid"))
    os.kill(camera, signal.SIGKILL)
    crew.ready(3)
    crew.process.send_signal(signal.SIGTERM)
    assert crew.end() == 0


def test_a_part_that_keeps_failing_is_started_at_longer_and_longer_intervals(crew: Up) -> None:
    crew.start("arm=good", "camera=failing")
    until(lambda: sum("[camera] started" in line for line in crew.said()) >= 3)
    crew.ready(1)
    crew.process.send_signal(signal.SIGTERM)
    assert crew.end() == 0
    delays = [line.split()[-2] for line in crew.said() if "started again in" in line]
    assert delays[:2] == ["0.5", "1"]


@pytest.mark.parametrize("name", ["camera", "teleop", "arm"])
def test_a_part_whose_settings_cannot_be_used_ends_everything_with_its_line(crew: Up, name: str) -> None:
    crew.start(*{"arm": "arm=good", name: f"{name}=unusable"}.values())
    assert crew.end() == 2
    assert f"{name} ended (exit code 2)" in crew.errors and "out=/proc/nope" in crew.errors
    assert sum(f"[{name}] started" in line for line in crew.said()) == 1


@pytest.mark.parametrize("manner", ["deaf", "late failure"])
def test_an_arm_that_does_not_end_in_order_is_named_with_code_1(crew: Up, manner: str) -> None:
    crew.start(f"arm={manner}", "camera=good")
    crew.ready(2)
    crew.process.send_signal(signal.SIGINT)
    assert crew.end() == 1
    how = {"deaf": "SIGKILL", "late failure": "exit code 3"}[manner]
    assert f"not ended in order: arm ({how})" in crew.errors and crew.errors.count("\n") == 1


def test_an_arm_that_does_not_end_after_a_part_has_done_its_work_is_named_with_code_1(crew: Up) -> None:
    crew.start("arm=deaf", "replay=finished later")
    crew.ready(2)
    (crew.folder / "finish").touch()
    assert crew.end() == 1
    assert "not ended in order: arm (SIGKILL)" in crew.errors


def test_a_part_that_does_not_end_is_killed(crew: Up) -> None:
    crew.start("arm=good", "camera=deaf")
    crew.ready(2)
    crew.process.send_signal(signal.SIGTERM)
    assert crew.end() == 0
    assert "[camera] has not ended within 3 s: killed" in crew.said()
    assert "[camera] ended (SIGKILL)" in crew.said()


@pytest.mark.parametrize(("manner", "code"), [("finished", 0), ("unusable", 2), ("failing", 1)])
def test_a_replay_ends_everything_with_what_came_of_it(crew: Up, manner: str, code: int) -> None:
    crew.start("arm=good", f"replay={manner}")
    assert crew.end() == code


def test_a_replay_that_is_interrupted_has_ended_in_order(crew: Up) -> None:
    crew.start("arm=slow", "replay=interrupted")
    crew.ready(2)
    crew.process.send_signal(signal.SIGINT)
    assert crew.end() == 0
    assert "[replay] ended (exit code 130)" in crew.said()


def test_who_sends_commands_is_told_to_end_before_who_obeys_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("robot_rl.jobs.crew.PATIENCE_S", 0.0)
    told: list[str] = []

    class Deaf(Child):
        def __init__(self, name: str, moves: bool) -> None:
            super().__init__(Part(name, "", "", moves=moves), [])
            self.process = subprocess.Popen(["true"])

        def signal(self, number: int) -> None:
            told.append(self.label)

    children = [Deaf("arm", True), Deaf("camera", False), Deaf("replay", True)]
    Crew(children, {}, lambda line: None).end()
    for child in children:
        child.process.wait()
    assert told == ["replay", "arm"] * 2 + ["camera"] * 2


def test_what_a_part_leaves_behind_in_its_group_is_ended(crew: Up) -> None:
    crew.start("arm=parent")
    crew.ready(2)
    crew.process.send_signal(signal.SIGINT)
    assert crew.end() == 0


def test_everything_ends_when_nobody_reads_the_output_any_more(crew: Up) -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as file:
        crew.start("arm=good", "camera=failing", output=file)
    crew.ready(1)
    os.close(reader)  # the next line is the camera's
    assert crew.end() == 1
    assert "arm ended" in crew.noted()


def test_a_stop_does_not_wait_for_whoever_should_read_the_output(crew: Up) -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as file:
        crew.start("arm=chatty", output=file)
    crew.ready(1)
    capacity = fcntl.fcntl(reader, fcntl.F_GETPIPE_SZ)
    until(lambda: waiting(reader) > capacity - 2 * select.PIPE_BUF)  # its last page is begun, and full by that
    crew.process.send_signal(signal.SIGINT)
    until(lambda: not alive(crew.pids()[0]))
    with os.fdopen(reader, "rb") as output:
        said = output.read()  # the verb's own last word waits for this
    assert crew.end() == 0
    assert said.startswith(b"[arm] started") and b"[arm] all is well" in said


def test_words_are_read_with_and_without_the_colon_of_ros() -> None:
    assert given(["robot:=ur", "cameras=wrist=realsense:0123"]) == {"robot": "ur", "cameras": "wrist=realsense:0123"}


@pytest.mark.parametrize("words", [["robot"], ["=ur"], [":=ur"], ["a=1", "a:=2"]])
def test_words_that_are_no_settings_are_refused(words: list[str]) -> None:
    with pytest.raises(ConfigError, match="cannot use"):
        given(words)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], "sim|robot|calibrate|learner|replay"),
        (["simm"], "did you mean sim"),
        (["sim", "web:=true"], "no operator's page"),
        (["robot", "robot:=kuka"], "none of franka"),
    ],
)
def test_a_wrong_request_starts_nothing_and_says_why(words: list[str], text: str) -> None:
    with pytest.raises(ConfigError) as error:
        up(words)
    assert text in str(error.value) and "\n" not in str(error.value)


def test_the_arguments_are_shown() -> None:
    assert up(["robot", "--show-args"]).text == show_arguments("robot")
    assert "franka|ur|ros2_control|sim" in show_arguments("robot")

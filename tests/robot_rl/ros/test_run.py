import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.node import Node

from robot_rl.bringup import Part
from robot_rl.jobs.crew import Child
from robot_rl.processes import TIED
from tests.robot_rl.ros.graph import Process, graph, spun, until

RECORDER = ("-m", "robot_rl.ros.recorder_node")
STOPPED = """
import os, signal
from robot_rl.ros.run import run
from tests.robot_rl.ros.toy import Toy

def make():
    os.kill(os.getpid(), signal.SIGINT)
    return Toy()

raise SystemExit(run(make))
"""
"""A toy that is told to end while it is made"""
MIDWAY = """
import os, signal, threading
from robot_rl.ros.run import run
from tests.robot_rl.ros.toy import Toy
wait = threading.Condition.wait

def interrupted(condition, timeout=None):
    found = wait(condition, timeout)
    if timeout and threading.current_thread() is threading.main_thread():
        os.kill(os.getpid(), signal.SIGINT)
    return found

threading.Condition.wait = interrupted
raise SystemExit(run(Toy))
"""
"""A toy that is told to end at the moments at which its main thread holds the lock of what it waits for"""
TOY = ("-m", "tests.robot_rl.ros.toy", "--ros-args")
PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, *sys.argv[1:]], stdout=sys.stdout, start_new_session=True)
print("child", child.pid, flush=True)
sys.stdin.read()
"""


pytestmark = pytest.mark.usefixtures("domain")


def started(*parameters: str) -> Process:
    """A toy that is active."""
    toy = Process(*TOY, *(part for parameter in parameters for part in ("-p", parameter)))
    assert toy.child.stdout
    lines = iter(toy.child.stdout.readline, "")
    assert any(line == "did start\n" for line in lines)
    return toy


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("times", [1, 2])
def test_a_signal_pauses_and_releases_once_however_often_it_comes(number: signal.Signals, times: int) -> None:
    toy = started()
    for _ in range(times):
        toy.tell(number)
    assert toy.end() == (0, "did pause\ndid release\n")


def test_a_signal_at_any_moment_of_the_wait_for_it_ends_the_node() -> None:
    code, output = Process("-c", MIDWAY).end()
    assert code == 0 and output.endswith("did release\n"), output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_node_that_is_told_to_end_while_it_is_imported_ends_without_a_word(number: signal.Signals) -> None:
    node = Process(*RECORDER)
    assert until(lambda: "rclpy" in Path(f"/proc/{node.child.pid}/maps").read_text())
    node.tell(number)
    assert node.end() == (0, "")


def test_a_part_of_up_that_is_told_to_end_at_once_ends_without_a_word() -> None:
    child = Child(Part("recorder", "recorder_node", RECORDER[1]), [sys.executable, *RECORDER])
    child.start(os.environ, 0.0)
    child.signal(signal.SIGINT)
    assert until(child.ended)
    assert (child.last_words(), child.bury()) == ([], 0)


def test_nothing_is_opened_once_a_node_is_told_to_end() -> None:
    assert Process("-c", STOPPED).end() == (0, "did release\n")


@pytest.mark.parametrize("breaks", ["pause", "pause!", "release"])
def test_a_stop_that_fails_is_no_good_end(breaks: str) -> None:
    code, output = started(f"breaks:={breaks}").stop()
    assert code == 1 and breaks.rstrip("!") in output and "did release" in output


@pytest.mark.parametrize(
    ("parameter", "code", "said"),
    [
        ("rate_hzz:=1.0", 2, "error: toy has no parameter 'rate_hzz'; did you mean rate_hz?"),
        ("rate_hz:=fast", 2, "error: toy: rate_hz='fast' is not a number"),
        ("breaks:=open?", 2, "open: bad setting"),
        ("breaks:=open", 1, "cannot open"),
        ("breaks:=start!", 1, "ValueError: a bug in start"),
        ("breaks:=timer!", 1, "ValueError: a bug in timer"),
        ("breaks:=later", 1, "the toy is lost"),
    ],
)
def test_what_cannot_go_on_says_why_in_one_line_and_ends_with_a_code(parameter: str, code: int, said: str) -> None:
    found, output = Process(*TOY, "-p", parameter).end()
    assert found == code and output.count(said) == 1 and "Traceback" not in output
    if "did start" in output:
        assert "did release" in output


def test_an_error_of_a_callback_is_said_and_the_node_goes_on() -> None:
    toy = started("breaks:=timer")
    assert toy.child.stdout
    assert any("cannot timer" in line for line in iter(toy.child.stdout.readline, ""))
    code, output = toy.stop()
    assert code == 0 and "did release" in output


def test_a_shutdown_that_somebody_asks_for_ends_the_process(domain: int) -> None:
    toy = started()
    with graph(domain) as context:
        other = Node("other", context=context)
        client = other.create_client(ChangeState, "/toy/change_state")
        with spun(other):
            assert client.wait_for_service(timeout_sec=10.0)
            client.call_async(ChangeState.Request(transition=Transition(label="shutdown")))
            assert toy.end() == (0, "did pause\ndid release\n")


def test_words_that_are_not_for_ros_are_refused() -> None:
    code, output = Process("-m", "tests.robot_rl.ros.toy", "rate_hz=3").end()
    assert code == 2 and "'rate_hz=3' is not an argument" in output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("-r __ns:=/left-arm", "__ns:=/left-arm"),
        ("-r __node:=a__b", "__node:=a__b"),
        (f"-r __ns:=/{'a' * 240}", "length should not exceed"),
        ("--log-level loud", "--log-level loud"),
        ("--params-file /not/there.yaml", "/not/there.yaml"),
    ],
)
def test_words_that_ros_cannot_read_are_refused_in_one_line(words: str, said: str) -> None:
    code, output = Process(*RECORDER, "--ros-args", *words.split()).end()
    assert code == 2 and output.startswith("error: ") and output.count("\n") == 1
    assert said in output and ".c:" not in output


def test_a_log_level_that_was_asked_for_holds() -> None:
    assert "[DEBUG]" in Process(*TOY, "--log-level", "rcl:=debug", "-p", "breaks:=open").end()[1]


def test_it_ends_when_the_process_that_started_it_is_gone() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, *TOY], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert parent.stdin and parent.stdout
    lines = iter(parent.stdout.readline, b"")
    assert any(line == b"did start\n" for line in lines)
    parent.kill()
    parent.wait()
    assert [line for line in lines] == [b"did pause\n", b"did release\n"]
    parent.stdin.close()
    parent.stdout.close()


def test_a_child_that_is_tied_ends_when_its_standard_input_does() -> None:
    environment = os.environ | {TIED: "1"}
    toy = subprocess.Popen(
        [sys.executable, *TOY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, start_new_session=True
    )
    assert toy.stdin and toy.stdout
    assert any(line == b"did start\n" for line in iter(toy.stdout.readline, b""))
    toy.stdin.close()
    assert until(lambda: toy.poll() is not None) and toy.returncode == 0
    toy.stdout.close()

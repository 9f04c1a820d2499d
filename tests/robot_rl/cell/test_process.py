"""The arm's process as others meet it: a child, its socket, its signals."""

import contextlib
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from controllers.records import PoseCommand
from robot_rl.cell import cell_pb2 as pb
from robot_rl.cell.client import CellClient
from robot_rl.cell.codec import encode_command
from robot_rl.cell.process import build, load
from robot_rl.cell.remote import RemoteArm, RemoteAuthority
from robot_rl.cell.sockets import LONGEST_PATH, PER_CLIENT
from robot_rl.cell.spawn import spawn
from robot_rl.cell.trace import read_trace
from robot_rl.clock import MonotonicClock
from robot_rl.errors import ConfigError, HardwareError, StaleError
from robot_rl.operator import Pilot, State

pytestmark = pytest.mark.real_time
STREAM = """
import sys
from pathlib import Path
from tests.robot_rl.cell.test_process import Cell
actor = Cell(Path(sys.argv[1])).actor("ann")
print("moving", flush=True)
while True:
    actor.step()
"""
"""An actor process that moves the arm until it is killed."""
PARENT = """
import sys
from robot_rl.cell.spawn import spawn
child = spawn(sys.argv[1:])
print(child.pid, flush=True)
sys.stdin.read()
"""


class Actor:
    """A client that moves the arm, from wherever it is to and fro."""

    def __init__(self, path: Path, name: str) -> None:
        self.client = CellClient(path, 10.0)
        self.arm, self.clock = RemoteArm(self.client, name), MonotonicClock()
        self.authority = RemoteAuthority(self.client)
        self.pilot = Pilot(self.authority, self.clock, name, simulated=True)
        self.sequence = 0
        self.pilot.begin()
        self.pilot.enter(State.POLICY)

    def step(self, wait_s: float = 0.05):
        self.authority.renew(self.pilot.fence)
        self.sequence += 1
        side = 0.05 if self.sequence // 20 % 2 else -0.05
        target = self.arm.read().tcp.moved(np.array([0.0, side, 0.0]), np.zeros(3))
        verdict = self.arm.command(PoseCommand(target, self.sequence, 0.2, self.pilot.fence, "policy"))
        self.clock.sleep_until(self.clock.now_s() + wait_s)
        return verdict


class Cell:
    """A running arm process: its socket and its trace."""

    def __init__(self, folder: Path) -> None:
        self.path, self.trace = folder / "arm", folder / "trace.npy"
        self.settings = [f"socket={self.path}", f"trace={self.trace}"]

    def actor(self, name: str) -> Actor:
        return Actor(self.path, name)

    def rows(self):
        return read_trace(self.trace)

    def view(self):
        client = CellClient(self.path, 10.0)
        view = RemoteAuthority(client).view()
        client.close()
        return view


@pytest.fixture
def cell(tmp_path: Path) -> Iterator[Cell]:
    cell = Cell(tmp_path)
    child = spawn(cell.settings)
    cell.child = child
    yield cell
    child.kill()
    child.wait()
    child.stdin.close()
    child.stdout.close()


def start_actor(cell: Cell) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", STREAM, str(cell.path.parent)]
    actor = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert actor.stdout and actor.stdout.readline() == b"moving\n"
    time.sleep(0.3)
    return actor


def end_actor(actor: "subprocess.Popen[bytes]") -> None:
    actor.kill()
    actor.wait()
    actor.stdout.close()


def test_a_killed_client_leaves_the_arm_holding_before_its_command_has_run_out_and_the_lease_free(cell: Cell) -> None:
    actor = start_actor(cell)
    assert cell.view().holder == "ann"
    end_actor(actor)
    time.sleep(0.4)
    view, rows = cell.view(), cell.rows()
    assert (view.state, view.holder) == (State.HOLD, "") and "closed" in view.why
    last = rows[-1]
    moving = rows[rows["braking"] == 0]
    assert moving["time_s"][-1] < last["arrived_s"] + last["valid_for_s"] - 0.05


def test_a_stopped_client_s_command_ends_with_its_validity(cell: Cell) -> None:
    actor = start_actor(cell)
    actor.send_signal(signal.SIGSTOP)
    time.sleep(0.5)
    rows = cell.rows()
    end_actor(actor)
    end_s = rows[-1]["arrived_s"] + rows[-1]["valid_for_s"]
    after = rows[rows["time_s"] >= end_s]
    assert len(after) > 10 and (after["braking"] == 1).all()
    before = rows[(rows["time_s"] < end_s - 0.01) & (rows["time_s"] > rows[-1]["arrived_s"] + 0.01)]
    assert (before["braking"] == 0).all()


def test_stop_over_another_connection_latches_while_commands_come_at_full_rate(cell: Cell) -> None:
    actor = cell.actor("ann")
    for _ in range(20):
        actor.step(0.0)
    button = CellClient(cell.path, 10.0)
    assert RemoteAuthority(button).stop("eve", "smoke").view.state is State.STOPPED
    assert all(actor.step(0.0).reasons == ("authority",) for _ in range(20))
    assert cell.view().why == "smoke" and cell.rows()[-1]["braking"] == 1
    button.close()
    actor.client.close()


def processor_s(pid: int) -> float:
    """Processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_garbage_and_a_crowd_end_neither_the_process_nor_the_motion(cell: Cell) -> None:
    actor, ends = cell.actor("ann"), []
    for i in range(60):
        end = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        end.setblocking(False)
        with contextlib.suppress(OSError):
            end.connect(str(cell.path))
            end.send(b"\xff" * (1 + 300 * i))
        ends.append(end)
        assert not actor.step(0.0).refused
    assert cell.child.poll() is None
    for end in ends:
        end.close()
    actor.client.close()


def test_ten_thousand_commands_at_once_leave_every_period_its_time_and_a_stop_its_way(cell: Cell) -> None:
    actor = cell.actor("ann")
    target, fence, end = actor.arm.read().tcp, actor.pilot.fence, actor.client._end
    before, used_s = len(cell.rows()), processor_s(cell.child.pid)
    answered = 0
    for sequence in range(1, 10_001):
        command = encode_command(PoseCommand(target, sequence, 0.2, fence, "policy"))
        renew = {"renew": pb.Lease(fence=fence)} if sequence % 500 == 0 else {"command": command}
        end.settimeout(5.0)
        end.send(pb.Request(id=10**6, **renew).SerializeToString())
        end.settimeout(0.0)
        with contextlib.suppress(BlockingIOError):
            while end.recv(65536):
                answered += 1
    button = CellClient(cell.path, 10.0)
    assert RemoteAuthority(button).stop("eve", "smoke").view.state is State.STOPPED
    periods = len(cell.rows()) - before
    assert answered > 9000 and periods >= answered / PER_CLIENT
    assert processor_s(cell.child.pid) - used_s < periods * 0.002
    button.close()
    actor.client.close()


def test_a_process_that_stood_still_brakes_and_obeys_nothing_that_waited(cell: Cell) -> None:
    actor = cell.actor("ann")
    for _ in range(5):
        actor.step()
    target = actor.arm.read().tcp.moved(np.array([0.05, 0.0, 0.0]), np.zeros(3))
    cell.child.send_signal(signal.SIGSTOP)
    actor.client._timeout_s = 0.05
    for later in range(1, 9):
        with pytest.raises(StaleError):
            actor.arm.command(PoseCommand(target, actor.sequence + later, 0.5, actor.pilot.fence, "policy"))
    cell.child.send_signal(signal.SIGCONT)
    time.sleep(0.3)
    rows = cell.rows()
    gap = int(np.argmax(np.diff(rows["time_s"]))) + 1
    assert rows["time_s"][gap] - rows["time_s"][gap - 1] > 0.3
    assert (rows["braking"][gap:] == 1).all() and (rows["sequence"][gap:] == actor.sequence).all()
    assert cell.view().state is State.STOPPED
    actor.client.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_brakes_and_ends_at_rest_in_good_order(cell: Cell, number: signal.Signals) -> None:
    actor = start_actor(cell)
    cell.child.send_signal(number)
    cell.child.send_signal(number)
    assert cell.child.wait(timeout=30) == 0
    end_actor(actor)
    rows = cell.rows()
    assert np.abs(rows["reference_m_s"]).max() > 0.1
    assert rows[-1]["braking"] == 1 and np.abs(rows[-1]["reference_m_s"]).max() < 1e-9
    assert not cell.path.exists()


def test_without_its_parent_it_brakes_and_ends(tmp_path: Path) -> None:
    cell = Cell(tmp_path)
    command = [sys.executable, "-c", PARENT, *cell.settings]
    parent = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert parent.stdin and parent.stdout and int(parent.stdout.readline())
    actor = start_actor(cell)
    parent.kill()
    parent.wait()
    deadline_s = time.monotonic() + 30
    while cell.path.exists() and time.monotonic() < deadline_s:
        time.sleep(0.05)
    end_actor(actor)
    rows = cell.rows()
    assert not cell.path.exists() and rows[-1]["braking"] == 1
    assert np.abs(rows[-1]["reference_m_s"]).max() < 1e-9
    parent.stdin.close()
    parent.stdout.close()


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "robot_rl.cell", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_a_second_process_at_the_same_path_is_refused_with_the_pid_of_the_first(cell: Cell) -> None:
    second = run(*cell.settings)
    assert second.returncode == 2 and second.stderr.count("\n") == 1
    assert f"process {cell.child.pid}," in second.stderr and cell.view().holder == ""
    assert len(cell.rows()) > 10, "the trace of the first goes on"


def test_the_socket_of_a_killed_process_stops_nobody(cell: Cell) -> None:
    cell.child.kill()
    cell.child.wait()
    assert cell.path.exists()
    successor = spawn(cell.settings)
    assert cell.view().holder == ""
    successor.terminate()
    assert successor.wait(timeout=30) == 0
    successor.stdin.close()
    successor.stdout.close()


def test_a_standard_error_that_nobody_reads_does_not_hold_up_the_arm(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while os.write(writer, b"x" * 4096):
            pass
    os.set_blocking(writer, True)
    command = [sys.executable, "-m", "robot_rl.cell", f"socket={tmp_path / 'arm'}"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=writer)
    assert child.stdout and child.stdout.readline() == b"ready\n"
    client = CellClient(tmp_path / "arm", 10.0)
    assert RemoteAuthority(client).stop("eve", "smoke").refused == ""
    assert RemoteAuthority(client).view().state is State.STOPPED
    client.close()
    child.terminate()
    assert child.wait(timeout=30) == 0
    child.stdout.close()
    os.close(reader)
    os.close(writer)


def test_only_this_user_may_connect(cell: Cell) -> None:
    assert stat.S_IMODE(cell.path.stat().st_mode) == 0o600


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "arm"
    path.write_text("a letter")
    with pytest.raises(ConfigError, match="exit code 2"):
        spawn([f"socket={path}"])
    assert path.read_text() == "a letter"


def test_a_robot_that_is_not_there_is_told_from_settings_that_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in = tmp_path / "python"
    stand_in.write_text("#!/bin/sh\nexec >&-\nexit 1\n")
    stand_in.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(stand_in))
    with pytest.raises(HardwareError, match=r"ended by itself .*exit code 1"):
        spawn([f"socket={tmp_path / 'arm'}"])


def test_a_process_that_says_nothing_is_ended_and_told_from_one_that_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in = tmp_path / "python"
    stand_in.write_text("#!/bin/sh\nexec sleep 60\n")
    stand_in.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(stand_in))
    with pytest.raises(HardwareError, match=r"did not listen within 0\.2 s"):
        spawn([f"socket={tmp_path / 'arm'}"], timeout_s=0.2)


def test_a_misspelt_setting_is_named_without_all_the_others() -> None:
    right = [f"robot.model={'x' * 500}", "socket=s"]
    for wrong in ("robot.contrl_hz=250", "task.force_stop_nn=1", "low_m=[0.1", "spede=1"):
        with pytest.raises(ConfigError) as caught:
            load([*right, wrong])
        assert wrong.partition("=")[0].rpartition(".")[2] in str(caught.value)
        assert "xxx" not in str(caught.value) and len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "socket"),
        (["socket=/nowhere/at/all"], "/nowhere/at/all"),
        (["socket=s", "safety.clip_m=0.05"], "force_budget_n"),
        (["socket=s", "robot.control_hz=50"], "control_hz=50"),
        (["socket=s", "robot.model=pandda"], "panda"),
        (["socket=s", "speed=1"], "speed"),
        (["socket=s", "low_m=[0.1"], "low_m"),
        (["socket"], "socket"),
        (["socket=s", "step_m=nan"], "step_m=nan"),
        (["socket=s", "low_m=[0.1]"], "three"),
        (["socket=s", "low_m=[0.9,0.9,0.9]"], "below"),
    ],
)
def test_bad_settings_are_answered_with_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str], named: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=named) as caught:
        build(load(arguments), MonotonicClock())
    assert "\n" not in str(caught.value)


def test_a_path_that_is_too_long_for_the_kernel_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=str(LONGEST_PATH)):
        build(load([f"socket={tmp_path / ('x' * 120)}"]), MonotonicClock())

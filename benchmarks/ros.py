"""Pictures and commands over ROS 2: what is lost, how late it comes, and how steady the arm's loop is beside them.

    python -m benchmarks.ros [--quick] [--json FILE] [--seconds 60] [--commands 100]

Real nodes in processes of their own, real DDS on this machine. Two `camera_node` read 640 x 480 at 30 Hz from a network
camera (benchmarks/network_camera.py); a reader counts what arrives, with the shipped Fast DDS profile and without. An
`arm_node` with simulated drives takes small steps one by one; its trace says when the reference began to move. Then its
loop runs at three rates beside the cameras; at the slowest the arm is one behind ros2_control, whose controller is
another process (tests/robot_rl/ros/controller.py): arms that are moved by torque have no loop so slow.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import Image

from benchmarks.network_camera import HEIGHT, RATE_HZ, WIDTH
from controllers.pose import frozen
from controllers.records import PoseCommand
from robot_rl.cell.remote import RemoteArm, RemoteAuthority
from robot_rl.cell.trace import read_trace
from robot_rl.clock import MonotonicClock
from robot_rl.operator import Pilot, State
from robot_rl.processes import free_port
from robot_rl.ros import qos
from robot_rl.ros.convert import to_picture
from robot_rl.validate import TORQUE_HZ
from tests.robot_rl.ros.graph import ROOMY, Process, arm_node, graph, parameters, ready_client, spun, until
from tests.robot_rl.ros.listening import Listener, listener

PROFILE = Path(__file__).parents[1] / "launch" / "config" / "fastdds.xml"
CAMERAS = ("wrist", "side")
RATES_HZ = (100.0, 250.0, 500.0)
CONTROLLER = "forward_position_controller"
DOMAINS = count(os.getpid())
STEP_M, PAUSE_S = 0.004, 0.5
QUICK_SHARE = 0.5
"""Of what is lost without the profile, where the machine is shared with other tests."""


def main() -> int:
    """Measure, print the tables and the verdict."""
    parser = argparse.ArgumentParser(description="Pictures and commands over ROS 2.")
    parser.add_argument("--quick", action="store_true", help="5 s of pictures, 10 commands, one rate")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--commands", type=int, default=100)
    arguments = parser.parse_args()
    quick = arguments.quick
    seconds, commands = (5.0, 10) if quick else (arguments.seconds, arguments.commands)
    pictures = [pictures_with(profile, seconds) for profile in (True, False)]
    moves = commands_over_topics(commands)
    loops = [loop_beside_cameras(rate_hz, min(seconds, 20.0)) for rate_hz in (RATES_HZ[-1:] if quick else RATES_HZ)]
    show(pictures, moves, loops)
    targets = verdict(pictures, moves, loops, quick)
    for name, value, target, passed in targets:
        print("PASS" if passed else "FAIL", name, value, target)
    if arguments.json:
        report = {"pictures": pictures, "commands": moves, "loops": loops, "targets": targets}
        arguments.json.write_text(json.dumps(report, indent=2))
    return int(not all(passed for *_, passed in targets))


# Pictures


@contextmanager
def cameras() -> Iterator[None]:
    """Both cameras' nodes, while the block lasts."""
    with ExitStack() as opened:
        port = free_port()
        opened.callback(Process("-m", "benchmarks.network_camera", str(port)).stop)
        for name in CAMERAS:
            address = f"http://127.0.0.1:{port}/{name}.mjpg"
            given = (f"name:={name}", f"address:={address}", f"rate_hz:={RATE_HZ}")
            line = (*parameters(*given), "-r", f"__node:={name}")
            process = Process("-m", "robot_rl.ros.camera_node", *line)
            opened.callback(process.stop)
        yield


class Reader:
    """Counts pictures of one camera and how old each is once it is an array."""

    def __init__(self, node: Node, camera: str) -> None:
        self._node, self.ages_s, self.stamps_s = node, list[float](), list[float]()
        node.create_subscription(Image, f"{camera}/color/image_raw", self._take, qos.LATEST)

    def _take(self, message: Image) -> None:
        to_picture(message).sum()
        stamp_ns = message.header.stamp.sec * 10**9 + message.header.stamp.nanosec
        self.ages_s.append((self._node.get_clock().now().nanoseconds - stamp_ns) * 1e-9)
        self.stamps_s.append(stamp_ns * 1e-9)


def pictures_with(profile: bool, seconds: float) -> dict[str, Any]:
    """Loss and age, with the profile on the cameras' side or not."""
    if profile:
        os.environ["FASTRTPS_DEFAULT_PROFILES_FILE"] = str(PROFILE)
    else:
        os.environ.pop("FASTRTPS_DEFAULT_PROFILES_FILE", None)
    with fresh_domain() as domain, listener(domain) as node, cameras():
        readers = [Reader(node, name) for name in CAMERAS]
        if not until(lambda: all(len(reader.stamps_s) > RATE_HZ for reader in readers), 30.0):
            raise SystemExit("no pictures arrive")
        first = [published(node, name) for name in CAMERAS]
        since = [len(reader.stamps_s) for reader in readers]
        time.sleep(seconds)
        last = [published(node, name) for name in CAMERAS]
        came = [len(reader.stamps_s) - start for reader, start in zip(readers, since, strict=True)]
    sent = sum(last) - sum(first)
    ages_ms = 1e3 * np.array([age for reader in readers for age in reader.ages_s])
    p50, p99 = np.percentile(ages_ms, [50, 99])
    return {
        "profile": profile,
        "sent": int(sent),
        "arrived": sum(came),
        "lost": max(0.0, 1.0 - sum(came) / sent),
        "p50_ms": float(p50),
        "p99_ms": float(p99),
    }


def published(node: Listener, camera: str) -> float:
    """A count that was told just now: it comes once a second, so that two of them are whole seconds apart."""
    heard = len(node.heard["diagnostics"])
    until(lambda: any(camera in s.name for m in node.heard["diagnostics"][heard:] for s in m.status), 5.0)
    return node.number(camera, "published")


# Commands


def commands_over_topics(times: int) -> dict[str, Any]:
    """Small steps from rest: time to the verdict, and to the first period in which the reference moves."""
    os.environ["FASTRTPS_DEFAULT_PROFILES_FILE"] = str(PROFILE)
    with TemporaryDirectory() as folder, fresh_domain() as domain:
        trace = Path(folder) / "trace.npy"
        sent_s, answered_s = [], []
        arm_of = traced_arm(trace, 500.0, 60.0 + times * (2 * PAUSE_S))
        with arm_of, graph(domain) as context, spun(node := Node("bench", context=context)):
            client = ready_client(node)
            arm, clock = RemoteArm(client, "bench"), MonotonicClock()
            pilot = Pilot(RemoteAuthority(client), clock, "bench", simulated=True)
            pilot.begin()
            for number in range(times):
                pilot.enter(State.POLICY)
                target = arm.read().tcp.moved(frozen([0.0, 0.0, STEP_M * (-1) ** number]), np.zeros(3))
                sent_s.append(clock.now_s())
                arm.command(PoseCommand(target, number + 1, 0.2, pilot.fence, pilot.mode))
                answered_s.append(clock.now_s())
                while clock.now_s() < sent_s[-1] + PAUSE_S:  # at rest again, and still there
                    time.sleep(0.1)
                    pilot.enter(State.POLICY)
            pilot.close()
        rows = read_trace(trace)
    moving_s = rows["time_s"][np.abs(rows["reference_m_s"]).max(axis=1) > 1e-9]
    begun = [moving_s[np.searchsorted(moving_s, s)] - s for s in sent_s if s < moving_s[-1]]
    began = 1e3 * np.array([wait for wait in begun if wait < PAUSE_S])
    told = 1e3 * (np.array(answered_s) - np.array(sent_s))
    figures = {"commands": times, "moved": len(began)}
    for name, values in (("verdict", told), ("motion", began)):
        figures |= {f"{name}_p50_ms": float(np.median(values)), f"{name}_p99_ms": float(np.percentile(values, 99))}
    return figures


def loop_beside_cameras(rate_hz: float, seconds: float) -> dict[str, Any]:
    """Periods of the arm's loop while both cameras stream, and somebody reads them."""
    with TemporaryDirectory() as folder, fresh_domain() as domain, listener(domain) as node, cameras():
        readers = [Reader(node, name) for name in CAMERAS]
        until(lambda: all(len(reader.stamps_s) > RATE_HZ for reader in readers), 30.0)
        trace = Path(folder) / "trace.npy"
        with traced_arm(trace, rate_hz, seconds + 30.0):
            ready_client(node)
            start_s = time.monotonic()
            time.sleep(seconds)
        times_s = read_trace(trace)["time_s"]
    times_s = times_s[(times_s > start_s) & (times_s < start_s + seconds)]
    p50, p99 = np.percentile(1e3 * np.diff(times_s), [50, 99])
    drives = "joint positions" if rate_hz < TORQUE_HZ else "torque"
    return {"rate_hz": rate_hz, "drives": drives, "periods": len(times_s), "p50_ms": float(p50), "p99_ms": float(p99)}


@contextmanager
def traced_arm(trace: Path, rate_hz: float, seconds: float) -> Iterator[None]:
    """An arm's node whose loop notes every period, while the block lasts."""
    with ExitStack() as opened:
        cell = ROOMY.replace("]'", f"]', 'trace={trace}', 'trace_s={seconds:.0f}'", 1)
        given = [cell, f"robot.control_hz:={rate_hz}"]
        if rate_hz < TORQUE_HZ:
            controller = Process("-m", "tests.robot_rl.ros.controller", CONTROLLER)
            opened.callback(controller.end)  # its standard input is closed
            given += ["robot.driver:=ros2_control", "robot.model:=ur5e", f"address:={CONTROLLER}"]
        opened.callback(arm_node(*given).stop)
        yield


@contextmanager
def fresh_domain() -> Iterator[int]:
    """A ROS domain that no earlier part has used, here and in the processes started."""
    domain = 1 + next(DOMAINS) % 100
    os.environ["ROS_DOMAIN_ID"] = str(domain)
    yield domain


def show(pictures: list[dict[str, Any]], moves: dict[str, Any], loops: list[dict[str, Any]]) -> None:
    print(f"\n2 cameras {WIDTH} x {HEIGHT}, {RATE_HZ:g} Hz      sent  arrived    lost  stamp to array p50 / p99 ms")
    for row in pictures:
        name = "with the profile" if row["profile"] else "Fast DDS's defaults"
        print(
            f"{name:30}{row['sent']:6}{row['arrived']:9}{row['lost']:8.1%}{row['p50_ms']:12.1f} /{row['p99_ms']:6.1f}"
        )
    print(f"\n{moves['commands']} commands                       p50 ms   p99 ms")
    for name, words in (("verdict", "command to verdict"), ("motion", "command to motion")):
        print(f"{words:30}{moves[f'{name}_p50_ms']:9.2f}{moves[f'{name}_p99_ms']:9.2f}")
    print("\nloop beside two cameras           periods   p50 ms   p99 ms")
    for row in loops:
        print(
            f"{row['rate_hz']:6.0f} Hz, {row['drives']:16}{row['periods']:14}{row['p50_ms']:9.2f}{row['p99_ms']:9.2f}"
        )


def verdict(
    pictures: list[dict[str, Any]], moves: dict[str, Any], loops: list[dict[str, Any]], quick: bool
) -> list[tuple[str, str, str, bool]]:
    """Name, value, target, met."""
    lost, without = pictures[0]["lost"], pictures[1]["lost"]
    allowed = QUICK_SHARE * without if quick else 0.0
    return [
        ("pictures lost with the profile", f"{lost:.2%}", f"<= {allowed:.0%}", lost <= allowed),
        (
            "commands that moved the arm",
            str(moves["moved"]),
            str(moves["commands"]),
            moves["moved"] == moves["commands"],
        ),
        *(
            (f"periods at {row['rate_hz']:g} Hz", str(row["periods"]), "any", row["periods"] > row["rate_hz"])
            for row in loops
        ),
    ]


if __name__ == "__main__":
    sys.exit(main())

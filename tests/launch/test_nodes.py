"""What bring-up gives to the nodes is what they take, and what Fast DDS takes."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from robot_rl.bringup import PROFILE, Part, config_folder, parts
from robot_rl.processes import TIED
from tests.launch.test_bringup import FULL
from tests.robot_rl.ros.domains import taken

pytest.importorskip("rclpy", reason="ROS 2 is not installed: pip install 'robot_rl[ros]'")

ROOT = Path(__file__).parents[2]
NODES = {
    f"{part.executable} {part.files[0]}": part
    for kind, robot in (("sim", {}), *(("robot", {"robot": name}) for name in ("ur", "franka", "ros2_control")))
    for part in parts(kind, FULL[kind] | robot | ({"model": "panda"} if robot else {}))
}
SEGMENT = """
import os, re, sys, rclpy
rclpy.init()
node = rclpy.create_node("segments")
mapped = set(re.findall("/dev/shm/fastrtps_[0-9a-f]+$", open("/proc/self/maps").read(), re.MULTILINE))
sys.stdout.write(str(max(os.stat(path).st_size for path in mapped)))
node.destroy_node()
rclpy.shutdown()
"""
"""Tells the size of its own shared memory, in bytes"""


def ros(*command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run to its end, without a parent to wait for."""
    alone = {"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST", "PYTHONPATH": str(ROOT)}
    surroundings = {name: value for name, value in os.environ.items() if name != PROFILE} | alone | environment
    words = [sys.executable, *command]
    pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
    with taken() as number:
        surroundings["ROS_DOMAIN_ID"] = str(number)
        return subprocess.run(
            words, cwd=ROOT, env=surroundings, stdin=nothing, stdout=pipe, stderr=pipe, text=True, timeout=100
        )


@pytest.mark.parametrize("part", NODES.values(), ids=NODES)
def test_a_node_takes_every_parameter_it_is_given(part: Part) -> None:
    if find_spec("robot_rl.ros") is None or find_spec(part.module) is None:
        pytest.skip(f"{part.module} is not there")
    done = ros("-m", part.module, *part.words(config_folder()), "-p", "autostart:=false", **{TIED: "1"})
    assert done.returncode == 0, done.stderr


def test_fast_dds_takes_the_profile() -> None:
    assert int(ros("-c", SEGMENT).stdout) < 1e6
    assert int(ros("-c", SEGMENT, **{PROFILE: str(config_folder() / "fastdds.xml")}).stdout) > 32e6

"""A cell whose devices are ROS nodes, as an environment needs it: `robot=ros`."""

import contextlib
import time
from functools import partial

from robot_rl.cell.remote import RemoteArm, RemoteAuthority
from robot_rl.clock import MonotonicClock
from robot_rl.config import Config
from robot_rl.devices import Devices
from robot_rl.errors import StaleError
from robot_rl.make import ACTOR
from robot_rl.ros.ask import Asker
from robot_rl.ros.port import RosCellClient
from robot_rl.ros.remote import RosCamera, RosGripper
from robot_rl.ros.scenes import HandScene, RosScene
from robot_rl.ros.session import Session
from robot_rl.ros.tracker import Tracker
from robot_rl.tasks.base import Task

READY_S = 15.0
"""Longest wait for each device"""
SCENE_S = 1.0
"""How much later than its arm a simulation's scene may be found"""


def open_devices(config: Config, task: Task) -> Devices:
    """Find arm, gripper, cameras and scene of `robot.namespace`.

    Raises HardwareError, one line, naming what is missing.
    """
    with contextlib.ExitStack() as opened:
        session = Session("actor", config.robot.namespace)
        opened.callback(session.close)
        node = session.node
        client, scene, tracker = RosCellClient(node), Asker(node, "scene"), Tracker(node)
        gripper = RosGripper(node) if task.action.gripper else None
        cameras = tuple(RosCamera(node, name) for name in config.robot.cameras)
        _wait_for_arm(session, client)
        if gripper:
            session.wait_for("no gripper answers on gripper/joint_states", partial(_ready, gripper), READY_S)
            # an actor that was killed counts for a while
            session.wait_for("another one publishes on gripper/command, still", partial(_alone, gripper), READY_S)
        for camera in cameras:
            session.wait_for(f"no picture on {camera.topic}", partial(_ready, camera), READY_S)
        simulated = _found(scene)
        opened.pop_all()
    return Devices(
        RemoteArm(client, ACTOR),
        gripper,
        cameras,
        MonotonicClock(),
        RemoteAuthority(client),
        RosScene(task, scene, tracker) if simulated else HandScene(task, tracker),
        simulated=simulated,
        close=session.close,
    )


def _wait_for_arm(session: Session, client: RosCellClient) -> None:
    """Until it answers: the first replies may be lost while the topics find each other."""
    session.wait_for("no arm answers on arm/request", lambda: client.answered, READY_S)

    def answers() -> bool:
        with contextlib.suppress(StaleError):
            client.fault()
            return True
        return False

    session.wait_for("the arm's node does not answer on arm/reply", answers, READY_S)


def _ready(device: RosGripper | RosCamera) -> bool:
    return device.ready


def _alone(gripper: RosGripper) -> bool:
    return gripper.masters == 1


def _found(scene: Asker) -> bool:
    """Whether somebody lays out scenes."""
    deadline_s = time.monotonic() + SCENE_S
    while not scene.answered and time.monotonic() < deadline_s:
        time.sleep(0.02)
    return scene.answered

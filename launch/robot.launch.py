"""A real robot: the arm in a process of its own, its gripper, and a process for each camera.

ros2 launch robot_rl robot.launch.py robot:=ur address:=192.168.1.10 cameras:=wrist=realsense:012345678901
"""

from launch import LaunchDescription

from robot_rl.launching import describe


def generate_launch_description() -> LaunchDescription:
    """What `robot-rl up robot` starts."""
    return describe("robot")

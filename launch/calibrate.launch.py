"""A robot, and a node that finds where one of its cameras is while a person moves the arm.

ros2 launch robot_rl calibrate.launch.py robot:=ur address:=192.168.1.10 cameras:=wrist=realsense:012345678901
"""

from launch import LaunchDescription

from robot_rl.launching import describe


def generate_launch_description() -> LaunchDescription:
    """What `robot-rl up calibrate` starts."""
    return describe("calibrate")

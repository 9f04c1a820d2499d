"""A simulated robot on the topics of a real one: arm, gripper and cameras in one world.

ros2 launch robot_rl sim.launch.py --show-args
"""

from launch import LaunchDescription

from robot_rl.launching import describe


def generate_launch_description() -> LaunchDescription:
    """What `robot-rl up sim` starts."""
    return describe("sim")

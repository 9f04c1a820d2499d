"""A recorded episode repeated on a robot, simulated or real, until it is over.

ros2 launch robot_rl replay.launch.py demos:=runs/demos/demos episode:=3
"""

from launch import LaunchDescription

from robot_rl.launching import describe


def generate_launch_description() -> LaunchDescription:
    """What `robot-rl up replay` starts."""
    return describe("replay")

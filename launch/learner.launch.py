"""The learner, which needs no ROS: on the machine with the GPU.

ros2 launch robot_rl learner.launch.py task:=reach address:=127.0.0.1:50051
"""

from launch import LaunchDescription

from robot_rl.launching import describe


def generate_launch_description() -> LaunchDescription:
    """What `robot-rl up learner` starts."""
    return describe("learner")

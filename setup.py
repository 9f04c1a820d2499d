"""What colcon needs and pyproject.toml cannot say; everything else is in pyproject.toml."""

from glob import glob

from setuptools import setup

setup(
    python_requires=">=3.11",
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/robot_rl"]),
        ("share/robot_rl", ["package.xml"]),
        ("share/robot_rl/launch", sorted(glob("launch/*.launch.py"))),
        ("share/robot_rl/launch/config", sorted(glob("launch/config/*"))),
    ],
)

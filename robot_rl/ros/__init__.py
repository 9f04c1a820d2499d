"""Nodes of ROS 2 and the devices behind them: the only place that knows rclpy.

Every node is thin: the work is done by an object of another room, which knows nothing of ROS.
"""

import os
import signal
import sys
from pathlib import Path

STOPS = (signal.SIGINT, signal.SIGTERM)
_started = Path(sys.argv[0] if sys.argv else "").name

if _started == "-m" or _started.endswith("_node"):
    # This process is a node (`python -m robot_rl.ros.arm_node`, or the script `arm_node`) whose imports take seconds.
    # Until `run` listens to signals nothing is open: it just ends.
    for number in STOPS:
        signal.signal(number, lambda *_: os._exit(0))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)  # `robot-rl up` starts its nodes with both held back

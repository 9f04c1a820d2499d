"""Nodes of ROS 2 and the devices behind them: the only place that knows rclpy.

Every node is thin: the work is done by an object of another room, which knows nothing of ROS.
"""

"""The arm's own process: motors, arm loop, gate and authority behind one local socket.

`python -m robot_rl.cell` runs it; `spawn` starts it as a child; `remote` is what other processes use.
Not a certified safety function: the robot's own rated functions, its emergency stop and its enabling device are.
"""

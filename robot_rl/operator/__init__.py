"""Who may move the arm: states, one lease, stop. Pure objects on a clock, without threads; they live beside the gate.

Not a certified safety function: the robot's own rated functions, its emergency stop and its enabling device are.
"""

from robot_rl.operator.authority import Authority
from robot_rl.operator.pilot import Pilot, Port
from robot_rl.operator.preflight import CHECKS, Check, Finding
from robot_rl.operator.states import MOVING, TABLE, Answer, Event, State, View

__all__ = [
    "CHECKS",
    "MOVING",
    "TABLE",
    "Answer",
    "Authority",
    "Check",
    "Event",
    "Finding",
    "Pilot",
    "Port",
    "State",
    "View",
]

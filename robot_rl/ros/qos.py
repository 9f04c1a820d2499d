"""Qualities of service, as REP-2003 has it: drivers publish reliably, readers of pictures take what comes."""

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy


def _profile(depth: int, reliability: ReliabilityPolicy, durability: DurabilityPolicy) -> QoSProfile:
    return QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=depth, reliability=reliability, durability=durability)


STATE = _profile(10, ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE)
"""Measured states and diagnostics: the system's default."""
LATEST = _profile(1, ReliabilityPolicy.BEST_EFFORT, DurabilityPolicy.VOLATILE)
"""For readers: the newest message or none."""
LATCHED = _profile(1, ReliabilityPolicy.RELIABLE, DurabilityPolicy.TRANSIENT_LOCAL)
"""What changes seldom: who comes late gets the last value."""
COMMAND = _profile(1, ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE)
"""The last command counts; none is kept for later."""
REQUEST = _profile(50, ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE)
"""Questions and answers (ask.py)."""
PICTURE = _profile(2, ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE)
"""For cameras: a reader may ask for either reliability; two pictures are kept at most."""

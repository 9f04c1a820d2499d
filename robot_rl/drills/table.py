"""Every fault there is an expectation for: what goes wrong, what must come of it, what a drill of it still needs."""

from dataclasses import dataclass

GROUPS = {
    "A": "numbers",
    "B": "time and sensors",
    "C": "processes and link",
    "D": "operator",
    "E": "robot and world",
    "F": "learning",
    "G": "storage",
    "H": "web",
}
WEB, GAMEPAD, MOUSE = "the web UI", "a gamepad", "a SpaceMouse"
CLASSIFIER = "a reward classifier"
SERIALS = "cameras with serial numbers"


@dataclass(frozen=True, slots=True)
class Row:
    """One fault of the table."""

    number: int
    group: str
    """Key of `GROUPS`"""
    fault: str
    expected: str
    needs: str = ""
    """What must exist before it can be drilled; empty: it is drilled"""


ROWS = (
    Row(1, "A", "NaN in one entry of an action", "refused; hold when no valid one follows in time"),
    Row(2, "A", "infinite or enormous numbers in an action", "refused"),
    Row(3, "A", "action of another length, type or shape", "refused, the shape is named"),
    Row(4, "A", "legal but huge jumps at every step", "speed and jerk stay bounded; chatter is reported"),
    Row(5, "A", "quaternion not of length one, zero, or of flipped sign", "made one or refused; no spin"),
    Row(6, "A", "rotation matrix that is none", "refused"),
    Row(7, "A", "NaN in the measured joints", "latched stop"),
    Row(8, "A", "measured joints out of range, or jumping", "latched stop"),
    Row(9, "A", "gripper told nonsense, or to and fro at 20 Hz", "clamped, debounced"),
    Row(10, "A", "a limiter is given a time step of zero or less", "refused; the command before stays"),
    Row(11, "B", "camera repeats one frame", "no transition from it; hold after 0.2 s"),
    Row(12, "B", "frozen picture under new numbers", "noticed within 10 frames; the episode is suspect"),
    Row(13, "B", "camera unplugged during an episode", "hold; episode ends as aborted; a person re-arms"),
    Row(14, "B", "frame rate falls to 3 Hz", "reported; hold beyond the age limit"),
    Row(15, "B", "two cameras exchanged", "refused at the start", SERIALS),
    Row(16, "B", "picture of wrong size or colours, black, or white", "refused"),
    Row(17, "B", "arm reading 100 ms old beside fresh pictures", "hold; the age is reported"),
    Row(18, "B", "wall clock steps by an hour", "no effect"),
    Row(19, "B", "stamp 10 s in the future", "refused, not fresh for ever"),
    Row(20, "B", "control period overrun fivefold", "counted; hold when it lasts"),
    Row(21, "B", "actor stands still for 1 s", "the arm holds by itself"),
    Row(22, "C", "learner killed", "actor goes on collecting; afterwards every frame once"),
    Row(23, "C", "learner frozen", "the same; nothing in the actor waits for it"),
    Row(24, "C", "actor killed during an episode", "arm holds; the episode counts as cut short, not as a demo"),
    Row(25, "C", "the arm's process killed", "others are told; nothing starts again alone"),
    Row(26, "C", "operator's server killed while a person drives", "hold within 0.3 s and a period", WEB),
    Row(27, "C", "messages doubled, replayed, overtaken or lost", "dropped by number; replay is the same"),
    Row(28, "C", "network parted for 1 s and 10 s", "collected meanwhile; merged exactly"),
    Row(29, "C", "one byte changed on the way", "refused by checksum; a new connection; nothing lost"),
    Row(30, "C", "other side of another protocol or settings", "refused at once, with both values"),
    Row(31, "C", "message of 1 GiB, or one that says so", "refused before memory is taken for it"),
    Row(32, "C", "learner slower than the actor", "data waits on the disk; memory stays flat"),
    Row(33, "C", "weights cut, of another shape, or not finite", "the actor keeps those it has, and says so"),
    Row(34, "D", "two operators take over at once", "one lease; the other is told whose"),
    Row(35, "D", "operator's browser closed or frozen while driving", "hold within 0.3 s and a period", WEB),
    Row(36, "D", "release of the key is lost: no input comes any more", "hold within 0.3 s and a period"),
    Row(37, "D", "gamepad unplugged with its stick deflected", "zero at once; hold", GAMEPAD),
    Row(38, "D", "driver of the SpaceMouse dies", "its last value is not used", MOUSE),
    Row(39, "D", "SpaceMouse drifts", "dead zone; arming needs it at rest", MOUSE),
    Row(40, "D", "take-over during a fast move of the policy", "velocity continuous, jerk bounded"),
    Row(41, "D", "policy gets back an arm far from where it left it", "starts from the present pose, no jump"),
    Row(42, "D", "success key pressed twice, or too late", "counts once; asks when late", WEB),
    Row(43, "D", "STOP while learning, resetting or saving", "latched; saving ends; nothing starts again"),
    Row(44, "D", "operator's session ends while driving", "hold; STOP is still heard"),
    Row(45, "E", "full speed into every joint limit", "stops before its margin"),
    Row(46, "E", "through a singularity", "slows, stays bounded, can leave"),
    Row(47, "E", "path through the arm itself, table or fixture", "distance kept"),
    Row(48, "E", "target 2 m outside the workspace", "stops at the wall, no bounce"),
    Row(49, "E", "payload 1.5 kg above what is set, then dropped", "no false stop; pose error bounded"),
    Row(50, "E", "unexpected contact of 30 N", "stop; no push afterwards"),
    Row(51, "E", "object jammed in the gripper at reset", "a bounded number of tries, then a person is asked"),
    Row(52, "E", "way to the start blocked, or start out of reach", "given up in time; hold; a person is asked"),
    Row(53, "E", "robot's own protective stop", "latched here too, never cleared by itself"),
    Row(54, "E", "arm not where it is thought to be at the start", "first command equals the measured pose"),
    Row(55, "F", "NaN in a recorded reward, state or action", "refused with the record's name; buffer unchanged"),
    Row(56, "F", "loss or gradient not finite", "step left out and noted; weights unchanged; 3 in a row pause"),
    Row(57, "F", "values run away", "alarm; no such policy is published; last sound weights kept"),
    Row(58, "F", "reward classifier wrong in one of five", "several votes, then a person", CLASSIFIER),
    Row(59, "F", "reward classifier in unknown light", "unsure, says so, a person labels", CLASSIFIER),
    Row(60, "F", "demonstrations without motion, or none", "refused at the start, with counts"),
    Row(61, "F", "time limit reached", "truncated, not failed: the value beyond counts"),
    Row(62, "G", "disk full or failing at any write", "pause in time; all is written later; no half checkpoint"),
    Row(63, "G", "demonstrations cut at any byte", "the longest good part is kept; what was cut is told"),
    Row(64, "G", "one bit flipped in log, demonstrations or checkpoint", "seen; that part is refused"),
    Row(65, "G", "killed at any step of a checkpoint", "the old one or the new one is whole"),
    Row(66, "G", "two learners in one folder", "the second is refused; process and host are named"),
    Row(67, "G", "pickle, archive or link given as demonstrations", "refused; nothing of it is run"),
    Row(68, "G", "run's folder moved away during the run", "pause with the reason; goes on afterwards"),
    Row(69, "H", "requests without token, or from elsewhere", "refused; nothing changes; noted", WEB),
    Row(70, "H", "paths that lead out of the folder", "not found; nothing outside is read", WEB),
    Row(71, "H", "uploads, logins, sockets without measure", "refused; the control period is unchanged", WEB),
    Row(72, "H", "markup or line breaks in names", "shown as text; one line each", WEB),
)

"""The first motion of an arm: the pre-flight list, item by item, then 2 cm up and back.

    python examples/05_first_motion.py [SOCKET_OF_THE_ARM_PROCESS]

Without a socket it starts a simulated arm, and answers for the person. docs/hardware-ur.md and docs/hardware-franka.md
say what comes before.
"""

import sys
import time
from pathlib import Path
from tempfile import mkdtemp

import numpy as np

from controllers.pose import quat_rotate
from controllers.records import PoseCommand
from robot_rl.cell.client import CellClient
from robot_rl.cell.remote import RemoteArm, RemoteAuthority
from robot_rl.cell.spawn import spawn
from robot_rl.operator import CHECKS, Finding

UP_M, ZERO_N, PUSH_N, STEPS, REFUSALS = 0.02, 5.0, 8.0, 100, 5
real = len(sys.argv) > 1
socket = Path(sys.argv[1]) if real else Path(mkdtemp(prefix="robot_rl_")) / "arm"
child = None if real else spawn([f"socket={socket}"])
client = CellClient(socket, 1.0)
arm, authority = RemoteArm(client, "bring-up"), RemoteAuthority(client)


def asked(question: str) -> bool:
    """A person's answer."""
    return not real or input(f"{question}? yes or no: ").strip() == "yes"


def force_n(seconds: float) -> np.ndarray:
    """(T, 3) contact force on the tool in the base frame."""
    forces = []
    for _ in range(max(1, round(seconds / 0.02))):
        state = arm.read()
        forces.append(quat_rotate(state.tcp.quat_wxyz, state.force_n))
        time.sleep(0.02)
    return np.array(forces)


def finding(name: str, asks: str) -> Finding:
    """One item; the last two are measured."""
    passed, by, detail = True, person, ""
    if name == "force_zero":
        mean_n = float(np.linalg.norm(force_n(0.5).mean(axis=0)))
        passed, by, detail = mean_n <= ZERO_N, "example", f"{mean_n:.1f} N on the free tool, at most {ZERO_N} N"
    elif name == "first_command":  # the arm's process holds the measured joints: nothing moves
        before_m = arm.read().tcp.position_m
        time.sleep(0.2)
        moved_m = float(np.linalg.norm(arm.read().tcp.position_m - before_m))
        passed, by, detail = moved_m <= 1e-3, "example", f"moved by {moved_m * 1e3:.1f} mm while held"
    else:
        passed = asked(asks)
    print(f"{name}: {'passed' if passed else 'FAILED'} {detail}")
    return Finding(name, passed, time.monotonic(), by, detail)


person = input("Your name: ") if real else "nobody, this is a simulation"
if real:
    print("Push the tool UP by hand, with the force of a full bottle, for the next 5 seconds.")
    highest_n = float(force_n(5.0)[:, 2].max())
    print(f"largest force upwards: {highest_n:.1f} N")
    if not highest_n >= PUSH_N:
        sys.exit(f"no {PUSH_N} N upwards felt: sign or frame of the force is wrong, or nobody pushed. Do not go on.")
    print("Let go of the tool.")
    time.sleep(3.0)
findings = [finding(check.name, check.asks) for check in CHECKS]
view = authority.take("bring-up").view
for answer in (
    authority.arm(view.fence, authority.view().revision, person, findings),
    authority.policy(view.fence, authority.view().revision),
):
    if answer.refused:
        sys.exit(f"refused: {answer.refused}")

start, refusals = arm.read().tcp, 0
for step in range(2 * STEPS):
    height_m = UP_M * min(step + 1, 2 * STEPS - step - 1) / STEPS
    target = type(start)(start.position_m + np.array([0.0, 0.0, height_m]), start.quat_wxyz)
    authority.renew(view.fence)
    verdict = arm.command(PoseCommand(target, step + 1, 0.2, view.fence, "policy"))
    refusals = refusals + 1 if verdict.refused else 0
    if refusals == REFUSALS:  # one that a busy machine brought late does not count, the next one does
        sys.exit(f"refused: {verdict.why}")
    if step == STEPS - 1:
        print(f"up by {(arm.read().tcp.position_m - start.position_m)[2] * 1e3:.1f} mm")
    time.sleep(0.02)
time.sleep(0.3)
print(f"back within {np.linalg.norm(arm.read().tcp.position_m - start.position_m) * 1e3:.1f} mm")
authority.disarm(view.fence, authority.view().revision)
arm.close()
if child is not None:
    child.terminate()
    child.wait()

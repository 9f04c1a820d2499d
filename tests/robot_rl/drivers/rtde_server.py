"""A UR controller for the real ur_rtde client, on a loopback address: RTDE, dashboard and script ports.

`python rtde_server.py ADDRESS` prints `ready`, moves six joints as it is told, and takes lines on standard input:
`safety N`, `mode N`, `payload KG`, `force FX FY FZ`, `freeze`, `report`. All numbers of RTDE are big-endian; a packet
is u16 size, u8 type, body.
"""

import json
import selectors
import socket
import struct
import sys
import time

import numpy as np

from controllers.kinematics import ArmModel
from controllers.models import arm_spec, home_q

RTDE, DASHBOARD, SCRIPT, SECONDARY = 30004, 29999, 30003, 30002
PERIOD_S = 0.002
VECTORS = {
    "actual_q", "actual_qd", "target_q", "target_qd", "target_qdd", "target_current", "target_moment", "actual_current",
    "joint_control_output", "actual_TCP_pose", "actual_TCP_speed", "actual_TCP_force", "target_TCP_pose",
    "target_TCP_speed", "joint_temperatures", "actual_joint_voltage", "ft_raw_wrench",
}  # fmt: skip
INTEGERS = {"robot_mode", "safety_mode", "tool_analog_input_types"}
UNSIGNED = {"robot_status_bits", "safety_status_bits", "runtime_state"}
LONG = {"actual_digital_input_bits", "actual_digital_output_bits"}
TRIPLE = {"actual_tool_accelerometer", "payload_cog", "elbow_position", "elbow_velocity"}
FORMATS = {"DOUBLE": "d", "VECTOR6D": "6d", "VECTOR3D": "3d", "INT32": "i", "UINT32": "I", "UINT64": "Q", "UINT8": "B",
           "VECTOR6INT32": "6i", "VECTOR6UINT32": "6I", "BOOL": "?"}  # fmt: skip


def type_of(name: str) -> str:
    """RTDE's type of a field."""
    if name in VECTORS:
        return "VECTOR6D"
    if name in TRIPLE:
        return "VECTOR3D"
    if name == "joint_mode":
        return "VECTOR6INT32"
    if name in INTEGERS or "int_register" in name:
        return "INT32"
    if name in UNSIGNED or "bit_registers" in name or name == "speed_slider_mask":
        return "UINT32"
    if name in LONG:
        return "UINT64"
    if "digital_output" in name or "mask" in name or "analog_output_type" in name:
        return "UINT8"
    return "DOUBLE"


class Robot:
    """Six joints that follow `servoj` within a period, and what the controller says of itself."""

    def __init__(self) -> None:
        self.q, self.dq, self.target = home_q("ur5e").copy(), np.zeros(6), home_q("ur5e").copy()
        self.model = ArmModel(arm_spec("ur5e").compile(), 6)
        self.mode, self.safety, self.payload_kg, self.force = 7, 1, 1.2, np.zeros(3)
        self.playing = self.frozen = False
        self.command, self.servos, self.stops, self.largest, self.first = 0, 0, 0, 0.0, None
        self.stamps: list[float] = []
        self.time_s = 1.0
        self._posed, self._pose = np.full(6, np.nan), [0.0] * 6

    def tick(self) -> None:
        self.time_s += PERIOD_S
        if self.playing and self.safety in (1, 2):
            self.dq = (self.target - self.q) / PERIOD_S
            self.q = self.target.copy()
        else:
            self.dq = np.zeros(6)

    def take(self, values: dict) -> None:
        """One set of input registers."""
        command = values.get("input_int_register_0")
        if command is None:
            return
        self.command = command
        if command == 11:
            joints = np.array([values[f"input_double_register_{i}"] for i in range(6)])
            self.first = joints if self.first is None else self.first
            self.largest = max(self.largest, float(np.abs(joints - self.target).max()))
            self.target = joints
            self.servos += 1
            self.stamps.append(time.monotonic())
        elif command == 255:
            self.stops += 1
            self.playing = False

    def fields(self) -> dict[str, list[float]]:
        """The numbers of those outputs that are not zero."""
        if not np.array_equal(self.q, self._posed):  # not at every period: it takes a tenth of it
            self.model.update(self.q, self.dq)
            pose, self._posed = self.model.tcp(), self.q.copy()
            self._pose = [*pose.position_m.tolist(), *pose.rotvec_rad().tolist()]
        q, dq, force = self.q.tolist(), self.dq.tolist(), self.force.tolist()
        return {
            "timestamp": [self.time_s],
            "actual_q": q,
            "target_q": q,
            "actual_qd": dq,
            "target_qd": dq,
            "actual_TCP_pose": self._pose,
            "actual_TCP_force": [*force, 0.0, 0.0, 0.0],
            "robot_mode": [self.mode],
            "safety_mode": [self.safety],
            "payload": [self.payload_kg],
            "robot_status_bits": [1 | (2 if self.playing else 0)],
            "runtime_state": [2 if self.playing else 1],
            "safety_status_bits": [1 if self.safety == 1 else 4],
            "output_int_register_0": [self.ready()],
            "speed_scaling": [1.0],
            "target_speed_fraction": [1.0],
        }

    def ready(self) -> int:
        """How the control program answers: 1 ready, 2 done."""
        return 0 if not self.playing else (2 if self.command not in (0, 11) else 1)

    def report(self) -> dict:
        gaps = np.diff(self.stamps) * 1e3 if len(self.stamps) > 2 else np.zeros(1)
        return {
            "servos": self.servos,
            "stops": self.stops,
            "playing": self.playing,
            "largest_rad": self.largest,
            "first_rad": None if self.first is None else list(self.first),
            "q_rad": list(self.q),
            "p50_ms": float(np.percentile(gaps, 50)),
            "p99_ms": float(np.percentile(gaps, 99)),
        }


class Rtde:
    """One client of the RTDE port."""

    def __init__(self, end: socket.socket, robot: Robot) -> None:
        self.end, self.robot, self.data = end, robot, b""
        self.outputs: list[str] = []
        self.inputs: dict[int, list[str]] = {}
        self.started, self.every = False, 1

    def received(self, data: bytes) -> None:
        self.data += data
        while len(self.data) >= 3 and len(self.data) >= (size := struct.unpack(">H", self.data[:2])[0]):
            kind, body, self.data = chr(self.data[2]), self.data[3:size], self.data[size:]
            answer = self.answer(kind, body)
            if answer is not None:
                self.send(kind, answer)

    def send(self, kind: str, body: bytes) -> None:
        self.end.sendall(struct.pack(">HB", len(body) + 3, ord(kind)) + body)

    def answer(self, kind: str, body: bytes) -> bytes | None:
        if kind == "V":
            return b"\x01"
        if kind == "v":
            return struct.pack(">4I", 5, 11, 0, 0)
        if kind == "O":
            (rate_hz,) = struct.unpack(">d", body[:8])
            self.outputs = [name for name in body[8:].decode().split(",") if name]
            self.every = max(1, round(1.0 / PERIOD_S / rate_hz))
            forms = [FORMATS[type_of(name)] for name in self.outputs]
            self.form = struct.Struct(">" + "".join(forms))
            self.sizes = [int(form[:-1] or 1) for form in forms]
            return b"\x01" + ",".join(type_of(name) for name in self.outputs).encode()
        if kind == "I":
            names = [name for name in body.decode().split(",") if name]
            recipe = len(self.inputs) + 1
            self.inputs[recipe] = names
            return bytes([recipe]) + ",".join(type_of(name) for name in names).encode()
        if kind in "SP":
            self.started = kind == "S"
            return b"\x01"
        if kind == "U":
            self.unpack(body)
        return None

    def unpack(self, body: bytes) -> None:
        names, at, values = self.inputs[body[0]], 1, {}
        for name in names:
            form = ">" + FORMATS[type_of(name)]
            got = struct.unpack_from(form, body, at)
            at += struct.calcsize(form)
            values[name] = got[0] if len(got) == 1 else got
        self.robot.take(values)

    def tick(self, period: int) -> None:
        if self.started and not self.robot.frozen and period % self.every == 0:
            told, values = self.robot.fields(), []
            for name, size in zip(self.outputs, self.sizes, strict=True):
                values += told.get(name) or [0] * size
            self.send("U", b"\x01" + self.form.pack(*values))


class Lines:
    """One client of the dashboard."""

    def __init__(self, end: socket.socket, robot: Robot) -> None:
        self.end, self.robot = end, robot
        end.sendall(b"Connected: Universal Robots Dashboard Server\n")

    def received(self, data: bytes) -> None:
        for line in data.decode().splitlines():
            word = line.strip().lower()
            answers = {
                "polyscopeversion": "URSoftware 5.11.0.108249 (Dec 01 2021)",
                "get serial number": "20225500001",
                "is in remote control": "true",
                "robotmode": "Robotmode: RUNNING",
                "safetystatus": "Safetystatus: NORMAL",
                "running": f"Program running: {'true' if self.robot.playing else 'false'}",
                "stop": "Stopped",
                "quit": "Disconnected",
            }
            if word == "stop":
                self.robot.playing = False
            self.end.sendall((answers.get(word, "could not understand: " + line) + "\n").encode())


class Script:
    """One client that sends the control program."""

    def __init__(self, end: socket.socket, robot: Robot) -> None:
        self.end, self.robot = end, robot

    def received(self, data: bytes) -> None:
        if self.robot.safety in (1, 2) and self.robot.mode == 7:
            self.robot.playing, self.robot.target, self.robot.command = True, self.robot.q.copy(), 0


def order(robot: Robot, line: str) -> None:
    """One line of the test."""
    word, *values = line.split()
    if word == "safety":
        robot.safety = int(values[0])
        robot.playing = robot.playing and robot.safety in (1, 2)
    elif word == "mode":
        robot.mode = int(values[0])
    elif word == "payload":
        robot.payload_kg = float(values[0])
    elif word == "force":
        robot.force = np.array([float(value) for value in values])
    elif word == "freeze":
        robot.frozen = True
    elif word == "report":
        sys.stdout.write(json.dumps(robot.report()) + "\n")
        sys.stdout.flush()


def main(address: str) -> None:
    robot, clients, picker = Robot(), [], selectors.DefaultSelector()
    for port, kind in ((RTDE, Rtde), (DASHBOARD, Lines), (SCRIPT, Script), (SECONDARY, Script)):
        door = socket.create_server((address, port))
        picker.register(door, selectors.EVENT_READ, kind)
    picker.register(sys.stdin, selectors.EVENT_READ, "orders")
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    period, deadline_s = 0, time.monotonic()
    while True:
        for key, _ in picker.select(max(0.0, deadline_s - time.monotonic())):
            if key.data == "orders":
                line = sys.stdin.readline()
                if not line:
                    return
                order(robot, line)
            elif isinstance(key.data, type):
                end, _ = key.fileobj.accept()
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                client = key.data(end, robot)
                clients.append(client)
                picker.register(end, selectors.EVENT_READ, client)
            else:
                serve(key.data, clients, picker)
        if time.monotonic() >= deadline_s:
            robot.tick()
            for client in [client for client in clients if isinstance(client, Rtde)]:
                try:
                    client.tick(period)
                except OSError:
                    leave(client, clients, picker)
            period += 1
            deadline_s = max(deadline_s + PERIOD_S, time.monotonic() - 0.05)


def serve(client, clients, picker) -> None:
    try:
        data = client.end.recv(65536)
        if data:
            client.received(data)
    except OSError:
        data = b""
    if not data:
        leave(client, clients, picker)


def leave(client, clients, picker) -> None:
    picker.unregister(client.end)
    clients.remove(client)
    client.end.close()


if __name__ == "__main__":
    main(sys.argv[1])

"""The robot's own fields of the state, relative to the tool's pose at reset, in the tool's frame."""

from collections.abc import Mapping

from controllers.pose import Array, Pose, quat_conj, quat_rotate
from robot_rl.specs import Field, Layout, StateSpec
from robot_rl.tasks.base import Reading, Task

ROBOT_FIELDS = {
    field.name: field
    for field in (
        Field("tcp_position", 3, "m from the reset pose, its frame", 0.05),
        Field("tcp_rotation", 3, "rad from the reset pose, its frame", 0.2),
        Field("tcp_velocity", 3, "m/s, tool frame", 0.1),
        Field("tcp_angular_velocity", 3, "rad/s, tool frame", 0.5),
        Field("force", 3, "N on the tool, tool frame", 10.0),
        Field("torque", 3, "Nm on the tool, tool frame", 1.0),
        Field("gripper_width", 1, "m", 0.04),
        Field("gripper_closing", 1, "1 when told to close", 1.0),
    )
}


def layout(task: Task) -> Layout:
    """The layout of a task on a robot; no device is opened."""
    state = StateSpec((*(ROBOT_FIELDS[name] for name in task.robot_fields), *task.fields))
    return Layout(state, task.action.names, task.action.gripper)


def robot_fields(reading: Reading, origin: Pose) -> Mapping[str, Array | float]:
    """The values of ROBOT_FIELDS; `origin` is T_base_tcp at reset. Those of a gripper only where there is one."""
    arm, gripper = reading.arm, reading.gripper
    to_tool = quat_conj(arm.tcp.quat_wxyz)
    moved = origin.inverse() @ arm.tcp
    fields: dict[str, Array | float] = {
        "tcp_position": moved.position_m,
        "tcp_rotation": moved.rotvec_rad(),
        "tcp_velocity": quat_rotate(to_tool, arm.linear_m_s),
        "tcp_angular_velocity": quat_rotate(to_tool, arm.angular_rad_s),
        "force": arm.force_n,
        "torque": arm.torque_nm,
    }
    if gripper:
        fields |= {"gripper_width": gripper.width_m, "gripper_closing": float(gripper.closing)}
    return fields

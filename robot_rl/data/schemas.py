"""Message definitions of a log, as ROS 2 would have them. Their text is part of every file."""

from rosbags.typesys import Stores, get_types_from_msg, get_typestore

TRANSITION = "robot_rl_msgs/msg/Transition"
ARM_STATE = "robot_rl_msgs/msg/ArmState"
LABEL = "robot_rl_msgs/msg/Label"
IMAGE = "sensor_msgs/msg/Image"
JOINT_STATE = "sensor_msgs/msg/JointState"
POSE = "geometry_msgs/msg/PoseStamped"
WRENCH = "geometry_msgs/msg/WrenchStamped"

_OWN = {
    ARM_STATE: """\
# One reading of an arm, in float64 as it was read. Base frame unless said.
float64 stamp_s                  # monotonic clock of the process that owns the arm
float64[] q_rad                  # joint positions
float64[] dq_rad_s               # joint velocities
float64[3] position_m            # of the tool: T_base_tcp
float64[4] quat_xyzw             # of the tool: T_base_tcp
float64[3] linear_m_s            # velocity of the tool
float64[3] angular_rad_s         # angular velocity of the tool
float64[3] force_n               # contact force on the tool, tool frame
float64[3] torque_nm             # contact torque about the tool, tool frame
""",
    TRANSITION: """\
# One observation with the transition that led to it. With the images of its cameras it is the whole record; the
# other topics only repeat parts of it for viewers.
std_msgs/Header header           # stamp: stamp_s in whole nanoseconds
string actor                     # who recorded it
int64 sequence                   # counts this actor's frames from 0, without gaps, across episodes and restarts
int64 episode                    # counts this actor's episodes from 0
int64 step                       # 0 for the first observation of an episode
int64 seed                       # of the episode's reset
float64 stamp_s                  # monotonic clock of the actor: for differences within one run, never a date
float32[] state                  # SI units, fields as named by the environment
string[] cameras                 # whose images belong to this frame
robot_rl_msgs/ArmState[] arm     # the reading the state was made from: one, or none
int64 demo_set                   # demonstrations: number of episodes of the set; 0: practice
# At step 0 no action led here: all that follows is zero or empty.
float32[] requested              # action asked for, in [-1, 1]
float32[] executed               # action that the gate let through, same scale
uint8 source                     # who chose: 0 policy, 1 human, 2 script
float64 reward                   # of this step
bool terminated                  # the task ended here
bool truncated                   # the time limit ended the episode
bool success                     # the task was done
float64 duration_s               # on the robot's clock
bool gripper_changed             # the action changed the gripper's command
string[] reasons                 # limits of the gate that acted
int64 policy_version             # of the policy in force, whoever chose
float64[] success_probability    # the reward classifier's: one, or none
""",
    LABEL: """\
# What a person says of a recorded episode. Later labels win; the frames never change.
string actor                     # who recorded the episode
int64 episode                    # as that actor counts
string mark                      # keep, discard, success, failure, undo
string note                      # free text
""",
}

STORE = get_typestore(Stores.ROS2_JAZZY)
for _name, _text in _OWN.items():
    STORE.register(get_types_from_msg(_text, _name))

_SEPARATOR = "=" * 80 + "\n"


def definition(type_name: str) -> bytes:
    """A message's definition with all it is made of, as the schema encoding `ros2msg` wants it."""
    first, *others = STORE.generate_msgdef(type_name, ros_version=2)[0].split(_SEPARATOR)
    return _SEPARATOR.join([_OWN.get(type_name, first), *others]).encode()

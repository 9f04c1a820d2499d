"""What a run is made of: typed, frozen after loading, with the unit in every name.

The YAML groups under `conf/` fill these records; `load` lives in `robot_rl/compose.py`.
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class RobotConfig:
    """One arm with its gripper and cameras."""

    driver: str = "sim"
    """Who drives it: `sim` (here), `ros` (the nodes of `namespace`); for an arm's own process `sim`, `franka`, `ur` or
    `ros2_control`."""
    namespace: str = ""
    """Of the ROS nodes of this arm; empty: none."""
    model: str = "panda"
    """`panda`, `ur5e`, or the path of an MJCF file with a site `flange`."""
    control_hz: float = 500.0
    """Rate of gate and impedance loop."""
    policy_hz: float = 10.0
    """Rate of env.step."""
    realtime: bool = False
    """Pace the simulation with the wall clock; otherwise lockstep, as fast as it computes."""
    cameras: list[str] = field(default_factory=list)
    """Names of cameras whose images enter the environment's observation. The learner uses the state only."""
    image_size: int = 128
    """Height and width of images in pixels."""


@dataclass
class VendorConfig:
    """What the arm's vendor allows of the tool's motion, as the length of the vector; 0: not published."""

    speed_m_s: float = 0.0
    acceleration_m_s2: float = 0.0
    jerk_m_s3: float = 0.0
    rotation_rad_s: float = 0.0
    rotation_acceleration_rad_s2: float = 0.0
    rotation_jerk_rad_s3: float = 0.0


@dataclass
class SafetyConfig:
    """Limits of the gate; the arm's own joint limits come from its table in `controllers/models`."""

    vendor: VendorConfig = field(default_factory=VendorConfig)
    max_speed_m_s: float = 0.25
    """Speed and accelerations are those of the reference, per axis of the base frame."""
    max_acceleration_m_s2: float = 2.5
    """At most; less where the joints cannot give it (1.2 for a Panda at its home pose)."""
    max_rotation_rad_s: float = 1.0
    max_rotation_acceleration_rad_s2: float = 10.0
    joint_margin_rad: float = 0.05
    """Distance kept from each joint limit."""
    planes: list[Any] = field(default_factory=list)
    """Half-spaces for the tool point, each [nx, ny, nz, offset_m]: normal @ x >= offset, the normal of length 1."""
    contact_n: float = 20.0
    """Measured force on the tool from which the record says `contact`."""
    stiffness_n_m: float = 2000.0
    rotational_stiffness_nm_rad: float = 100.0
    damping_ns_m: float = 200.0
    rotational_damping_nms_rad: float = 12.0
    clip_m: float = 0.015
    """Largest distance between reference and measured position that the impedance law acts on."""
    clip_rad: float = 0.15


@dataclass
class TaskConfig:
    """What is to be learnt. Fields that a task does not use must keep their defaults."""

    name: str = "peg_insertion"
    """As in robot_rl/tasks; the YAML file of a task must say it."""
    id: str = ""
    """For `gymnasium` only: the environment's registered id."""
    max_steps: int = 100
    """Episode time limit in policy steps (truncation, never failure)."""
    force_budget_n: float = 40.0
    """What the task may need to press with: largest force of the impedance law; stiffness x clip must stay below it.
    Impacts add the arm's momentum: the report shows the largest force measured."""
    force_stop_n: float = 150.0
    """Measured force on the tool beyond which the arm stops itself, until somebody has looked."""
    params: dict[str, Any] = field(default_factory=dict)
    """Numbers of the task itself, with units in their names; each task lists its own."""


@dataclass
class LearnerConfig:
    """RLPD (Ball et al. 2023): SAC with a LayerNorm critic ensemble and demos in half of every batch."""

    name: str = "rlpd"
    """`rlpd` or `bc`."""
    hidden: list[int] = field(default_factory=lambda: [128, 128])
    critics: int = 4
    target_subset: int = 2
    """Critics drawn without replacement for each target."""
    batch_size: int = 256
    demo_ratio: float = 0.5
    """Share of each batch taken from demos and corrections."""
    utd: int = 4
    """Critic updates per environment step."""
    actor_every: int = 4
    """Critic updates per actor and temperature update."""
    discount: float = 0.97
    tau: float = 0.005
    learning_rate: float = 3e-4
    average_rate: float = 0.005
    """Of the moving average of the actor's weights that is saved and scored, per actor update: 200 updates back."""
    initial_temperature: float = 0.002
    target_entropy_per_dim: float = -2.0
    """Low: what practice does by noise, the scored policy, which has none, would not learn to do."""
    backup_entropy: bool = False
    gripper_epsilon: float = 0.01
    """Probability of a random gripper choice while training."""
    gripper_penalty: float = 0.02
    """Cost of each change of the gripper's state, in the gripper critic's reward only."""
    gripper_margin: float = 0.1
    """By how much a demonstrated gripper choice must be worth more than the others (0: no such term)."""
    bc_steps: int = 2000
    """Cloning steps on the demos before reinforcement learning (0: none); all steps for `bc`."""
    head_start: int = 1000
    """Critic updates before the actor's first: untrained critics would lead it away from what it has cloned."""
    imitation_weight: float = 0.5
    """How strongly the actor is held to demos and corrections at first, against Q of order 1 (0: not at all)."""
    imitation_half_life: float = 8000.0
    """Critic updates after which that hold has halved."""
    random_steps: int = 0
    """Uniformly random actions before the policy acts (for tasks without demos)."""
    start_steps: int = 200
    """Environment steps before the first update."""
    env_steps: int = 8000
    """Budget of online environment steps."""
    capacity: int = 200000
    """Frames that each of the two replay buffers holds."""
    sampler: str = "uniform"
    """How practice is drawn: `uniform`, `reshuffle` (every transition once before any twice) or `return_weighted`
    (episodes by their return)."""
    replay_folder: str = ""
    """Where replay keeps its columns as memory-mapped files, for buffers larger than memory. Empty: in memory."""
    checkpoint_every: int = 500
    """Environment steps between two checkpoints (0: none)."""
    publish_every: int = 10
    """Environment steps between two versions of the policy given to actors."""
    max_lag: int = 100
    """Frames that an actor may be ahead of the learner before it waits (0: it never waits, the lag is
    only shown). The learner always waits for data: the update-to-data ratio holds either way."""
    threads: int = 1
    """Torch threads, set on purpose: contention makes small updates hundreds of times slower."""


@dataclass
class HumanConfig:
    """Who shows the task and corrects the policy."""

    source: str = "scripted"
    """`scripted`: a stand-in for a person; `teleop`: a person at a hand-held device, with `robot=ros`."""
    demos: int = 20
    corrections: bool = True
    reaction_s: list[float] = field(default_factory=lambda: [0.3, 0.5])
    """Range of the scripted human's delay between seeing trouble and taking over."""
    patience_s: float = 1.5
    """Time without progress after which the policy counts as stuck."""
    max_takeover_s: float = 1.5
    """Longest single correction."""
    help_until: float = 1.0
    """Share of practice after which nobody, of either kind, corrects any more: the policy finishes learning alone."""


@dataclass
class LinkConfig:
    """The link between actors and a learner in another process or on another machine."""

    address: str = "127.0.0.1:50051"
    """Where the learner listens. Anything but loopback needs `token_file` and TLS."""
    actor: str = "actor"
    """Name of this actor, its own among all that feed one learner."""
    token_file: str = ""
    """File with the secret that both sides share."""
    tls_certificate: str = ""
    """PEM file: of the learner, which shows it; of its issuer (or the same file), for actors."""
    tls_key: str = ""
    """PEM file of the learner's private key; for the learner only."""


@dataclass
class Config:
    """One run, complete. Stored with its results."""

    robot: RobotConfig = field(default_factory=RobotConfig)
    safety: SafetyConfig = field(default_factory=SafetyConfig)
    task: TaskConfig = field(default_factory=TaskConfig)
    learner: LearnerConfig = field(default_factory=LearnerConfig)
    human: HumanConfig = field(default_factory=HumanConfig)
    link: LinkConfig = field(default_factory=LinkConfig)
    seed: int = 0
    out: str = ""
    """Folder for results; empty: `runs/<verb>-<task>-<seed>`."""
    headless: bool = True
    """No window; pictures are still drawn where EGL works."""
    eval_episodes: int = 100
    policy: str = ""
    """Folder of a saved policy (evaluate)."""
    resume: bool = False
    """Go on with the run in `out` where it stopped."""
    demos: str = ""
    """Folder of recorded demonstrations to learn from, and of the `demos` verbs; empty: record some first."""
    episode: int = -1
    """Which one of `demos` (replay and the `demos` verbs). -1: not said."""
    episodes: list[int] = field(default_factory=list)
    """Which ones (demos split)."""
    share: float = 0.0
    """How much of `demos`, drawn by `seed` (demos split)."""
    more: list[str] = field(default_factory=list)
    """Folders to put together with `demos` (demos merge)."""
    format: str = ""
    """`lerobot`, `robomimic` or `serl` (demos export and import)."""
    success: str = ""
    """`true` or `false`: what the episode was after all (demos relabel)."""

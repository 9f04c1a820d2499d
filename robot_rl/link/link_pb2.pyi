from collections.abc import Iterable as _Iterable
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar

from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from google.protobuf.internal import containers as _containers

DESCRIPTOR: _descriptor.FileDescriptor

class HelloRequest(_message.Message):
    __slots__ = ("actor", "config_hash", "courier", "package_version", "protocol")
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    PACKAGE_VERSION_FIELD_NUMBER: _ClassVar[int]
    CONFIG_HASH_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    COURIER_FIELD_NUMBER: _ClassVar[int]
    protocol: int
    package_version: str
    config_hash: str
    actor: str
    courier: str
    def __init__(self, protocol: int | None = ..., package_version: str | None = ..., config_hash: str | None = ..., actor: str | None = ..., courier: str | None = ...) -> None: ...

class HelloReply(_message.Message):
    __slots__ = ("learner", "package_version", "watermark")
    LEARNER_FIELD_NUMBER: _ClassVar[int]
    PACKAGE_VERSION_FIELD_NUMBER: _ClassVar[int]
    WATERMARK_FIELD_NUMBER: _ClassVar[int]
    learner: str
    package_version: str
    watermark: int
    def __init__(self, learner: str | None = ..., package_version: str | None = ..., watermark: int | None = ...) -> None: ...

class AppendRequest(_message.Message):
    __slots__ = ("actor", "courier", "frames")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    COURIER_FIELD_NUMBER: _ClassVar[int]
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    actor: str
    courier: str
    frames: _containers.RepeatedCompositeFieldContainer[Frame]
    def __init__(self, actor: str | None = ..., courier: str | None = ..., frames: _Iterable[Frame | _Mapping] | None = ...) -> None: ...

class AppendReply(_message.Message):
    __slots__ = ("env_steps", "gradient_steps", "held", "watermark", "weights_version")
    WATERMARK_FIELD_NUMBER: _ClassVar[int]
    ENV_STEPS_FIELD_NUMBER: _ClassVar[int]
    GRADIENT_STEPS_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_VERSION_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    watermark: int
    env_steps: int
    gradient_steps: int
    weights_version: int
    held: str
    def __init__(self, watermark: int | None = ..., env_steps: int | None = ..., gradient_steps: int | None = ..., weights_version: int | None = ..., held: str | None = ...) -> None: ...

class WeightsRequest(_message.Message):
    __slots__ = ("actor", "courier", "offset")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    COURIER_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    actor: str
    courier: str
    offset: int
    def __init__(self, actor: str | None = ..., courier: str | None = ..., offset: int | None = ...) -> None: ...

class WeightsReply(_message.Message):
    __slots__ = ("piece", "sha256", "size_bytes", "version")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    PIECE_FIELD_NUMBER: _ClassVar[int]
    version: int
    size_bytes: int
    sha256: bytes
    piece: bytes
    def __init__(self, version: int | None = ..., size_bytes: int | None = ..., sha256: bytes | None = ..., piece: bytes | None = ...) -> None: ...

class Frame(_message.Message):
    __slots__ = ("actor", "arm", "demo_set", "episode", "images", "seed", "sequence", "stamp_s", "state", "step", "transition")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    EPISODE_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    STAMP_S_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    TRANSITION_FIELD_NUMBER: _ClassVar[int]
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    ARM_FIELD_NUMBER: _ClassVar[int]
    DEMO_SET_FIELD_NUMBER: _ClassVar[int]
    actor: str
    sequence: int
    episode: int
    step: int
    seed: int
    stamp_s: float
    state: _containers.RepeatedScalarFieldContainer[float]
    transition: Transition
    images: _containers.RepeatedCompositeFieldContainer[Image]
    arm: ArmState
    demo_set: int
    def __init__(self, actor: str | None = ..., sequence: int | None = ..., episode: int | None = ..., step: int | None = ..., seed: int | None = ..., stamp_s: float | None = ..., state: _Iterable[float] | None = ..., transition: Transition | _Mapping | None = ..., images: _Iterable[Image | _Mapping] | None = ..., arm: ArmState | _Mapping | None = ..., demo_set: int | None = ...) -> None: ...

class Transition(_message.Message):
    __slots__ = ("duration_s", "executed", "gripper_changed", "policy_version", "reasons", "requested", "reward", "source", "success", "success_probability", "terminated", "truncated")
    REQUESTED_FIELD_NUMBER: _ClassVar[int]
    EXECUTED_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    REWARD_FIELD_NUMBER: _ClassVar[int]
    TERMINATED_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    DURATION_S_FIELD_NUMBER: _ClassVar[int]
    GRIPPER_CHANGED_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    POLICY_VERSION_FIELD_NUMBER: _ClassVar[int]
    SUCCESS_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    requested: _containers.RepeatedScalarFieldContainer[float]
    executed: _containers.RepeatedScalarFieldContainer[float]
    source: int
    reward: float
    terminated: bool
    truncated: bool
    success: bool
    duration_s: float
    gripper_changed: bool
    reasons: _containers.RepeatedScalarFieldContainer[str]
    policy_version: int
    success_probability: float
    def __init__(self, requested: _Iterable[float] | None = ..., executed: _Iterable[float] | None = ..., source: int | None = ..., reward: float | None = ..., terminated: bool = ..., truncated: bool = ..., success: bool = ..., duration_s: float | None = ..., gripper_changed: bool = ..., reasons: _Iterable[str] | None = ..., policy_version: int | None = ..., success_probability: float | None = ...) -> None: ...

class Image(_message.Message):
    __slots__ = ("camera", "height", "rgb", "width")
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    RGB_FIELD_NUMBER: _ClassVar[int]
    camera: str
    height: int
    width: int
    rgb: bytes
    def __init__(self, camera: str | None = ..., height: int | None = ..., width: int | None = ..., rgb: bytes | None = ...) -> None: ...

class ArmState(_message.Message):
    __slots__ = ("angular_rad_s", "dq_rad_s", "force_n", "linear_m_s", "q_rad", "stamp_s", "tcp_position_m", "tcp_quat_wxyz", "torque_nm")
    STAMP_S_FIELD_NUMBER: _ClassVar[int]
    Q_RAD_FIELD_NUMBER: _ClassVar[int]
    DQ_RAD_S_FIELD_NUMBER: _ClassVar[int]
    TCP_POSITION_M_FIELD_NUMBER: _ClassVar[int]
    TCP_QUAT_WXYZ_FIELD_NUMBER: _ClassVar[int]
    LINEAR_M_S_FIELD_NUMBER: _ClassVar[int]
    ANGULAR_RAD_S_FIELD_NUMBER: _ClassVar[int]
    FORCE_N_FIELD_NUMBER: _ClassVar[int]
    TORQUE_NM_FIELD_NUMBER: _ClassVar[int]
    stamp_s: float
    q_rad: _containers.RepeatedScalarFieldContainer[float]
    dq_rad_s: _containers.RepeatedScalarFieldContainer[float]
    tcp_position_m: _containers.RepeatedScalarFieldContainer[float]
    tcp_quat_wxyz: _containers.RepeatedScalarFieldContainer[float]
    linear_m_s: _containers.RepeatedScalarFieldContainer[float]
    angular_rad_s: _containers.RepeatedScalarFieldContainer[float]
    force_n: _containers.RepeatedScalarFieldContainer[float]
    torque_nm: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, stamp_s: float | None = ..., q_rad: _Iterable[float] | None = ..., dq_rad_s: _Iterable[float] | None = ..., tcp_position_m: _Iterable[float] | None = ..., tcp_quat_wxyz: _Iterable[float] | None = ..., linear_m_s: _Iterable[float] | None = ..., angular_rad_s: _Iterable[float] | None = ..., force_n: _Iterable[float] | None = ..., torque_nm: _Iterable[float] | None = ...) -> None: ...

from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class HelloRequest(_message.Message):
    __slots__ = ("protocol", "package_version", "agreement", "actor", "courier")
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    PACKAGE_VERSION_FIELD_NUMBER: _ClassVar[int]
    AGREEMENT_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    COURIER_FIELD_NUMBER: _ClassVar[int]
    protocol: int
    package_version: str
    agreement: str
    actor: str
    courier: str
    def __init__(self, protocol: _Optional[int] = ..., package_version: _Optional[str] = ..., agreement: _Optional[str] = ..., actor: _Optional[str] = ..., courier: _Optional[str] = ...) -> None: ...

class HelloReply(_message.Message):
    __slots__ = ("learner", "package_version", "watermark")
    LEARNER_FIELD_NUMBER: _ClassVar[int]
    PACKAGE_VERSION_FIELD_NUMBER: _ClassVar[int]
    WATERMARK_FIELD_NUMBER: _ClassVar[int]
    learner: str
    package_version: str
    watermark: int
    def __init__(self, learner: _Optional[str] = ..., package_version: _Optional[str] = ..., watermark: _Optional[int] = ...) -> None: ...

class AppendRequest(_message.Message):
    __slots__ = ("actor", "courier", "frames")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    COURIER_FIELD_NUMBER: _ClassVar[int]
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    actor: str
    courier: str
    frames: _containers.RepeatedCompositeFieldContainer[Frame]
    def __init__(self, actor: _Optional[str] = ..., courier: _Optional[str] = ..., frames: _Optional[_Iterable[_Union[Frame, _Mapping]]] = ...) -> None: ...

class AppendReply(_message.Message):
    __slots__ = ("watermark", "env_steps", "gradient_steps", "weights_version", "held", "waiting")
    WATERMARK_FIELD_NUMBER: _ClassVar[int]
    ENV_STEPS_FIELD_NUMBER: _ClassVar[int]
    GRADIENT_STEPS_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_VERSION_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    watermark: int
    env_steps: int
    gradient_steps: int
    weights_version: int
    held: str
    waiting: int
    def __init__(self, watermark: _Optional[int] = ..., env_steps: _Optional[int] = ..., gradient_steps: _Optional[int] = ..., weights_version: _Optional[int] = ..., held: _Optional[str] = ..., waiting: _Optional[int] = ...) -> None: ...

class WeightsRequest(_message.Message):
    __slots__ = ("actor", "courier", "offset")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    COURIER_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    actor: str
    courier: str
    offset: int
    def __init__(self, actor: _Optional[str] = ..., courier: _Optional[str] = ..., offset: _Optional[int] = ...) -> None: ...

class WeightsReply(_message.Message):
    __slots__ = ("version", "size_bytes", "sha256", "piece")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    PIECE_FIELD_NUMBER: _ClassVar[int]
    version: int
    size_bytes: int
    sha256: bytes
    piece: bytes
    def __init__(self, version: _Optional[int] = ..., size_bytes: _Optional[int] = ..., sha256: _Optional[bytes] = ..., piece: _Optional[bytes] = ...) -> None: ...

class Frame(_message.Message):
    __slots__ = ("actor", "sequence", "episode", "step", "seed", "stamp_s", "state", "transition", "images", "arm", "demo_set")
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
    def __init__(self, actor: _Optional[str] = ..., sequence: _Optional[int] = ..., episode: _Optional[int] = ..., step: _Optional[int] = ..., seed: _Optional[int] = ..., stamp_s: _Optional[float] = ..., state: _Optional[_Iterable[float]] = ..., transition: _Optional[_Union[Transition, _Mapping]] = ..., images: _Optional[_Iterable[_Union[Image, _Mapping]]] = ..., arm: _Optional[_Union[ArmState, _Mapping]] = ..., demo_set: _Optional[int] = ...) -> None: ...

class Transition(_message.Message):
    __slots__ = ("requested", "executed", "source", "reward", "terminated", "truncated", "success", "duration_s", "gripper_changed", "reasons", "policy_version", "success_probability")
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
    def __init__(self, requested: _Optional[_Iterable[float]] = ..., executed: _Optional[_Iterable[float]] = ..., source: _Optional[int] = ..., reward: _Optional[float] = ..., terminated: bool = ..., truncated: bool = ..., success: bool = ..., duration_s: _Optional[float] = ..., gripper_changed: bool = ..., reasons: _Optional[_Iterable[str]] = ..., policy_version: _Optional[int] = ..., success_probability: _Optional[float] = ...) -> None: ...

class Image(_message.Message):
    __slots__ = ("camera", "height", "width", "rgb")
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    RGB_FIELD_NUMBER: _ClassVar[int]
    camera: str
    height: int
    width: int
    rgb: bytes
    def __init__(self, camera: _Optional[str] = ..., height: _Optional[int] = ..., width: _Optional[int] = ..., rgb: _Optional[bytes] = ...) -> None: ...

class ArmState(_message.Message):
    __slots__ = ("stamp_s", "q_rad", "dq_rad_s", "tcp_position_m", "tcp_quat_wxyz", "linear_m_s", "angular_rad_s", "force_n", "torque_nm")
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
    def __init__(self, stamp_s: _Optional[float] = ..., q_rad: _Optional[_Iterable[float]] = ..., dq_rad_s: _Optional[_Iterable[float]] = ..., tcp_position_m: _Optional[_Iterable[float]] = ..., tcp_quat_wxyz: _Optional[_Iterable[float]] = ..., linear_m_s: _Optional[_Iterable[float]] = ..., angular_rad_s: _Optional[_Iterable[float]] = ..., force_n: _Optional[_Iterable[float]] = ..., torque_nm: _Optional[_Iterable[float]] = ...) -> None: ...

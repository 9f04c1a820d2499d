from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Request(_message.Message):
    __slots__ = ("id", "read", "command", "view", "stop", "hold", "take", "renew", "release", "hand_over", "arm", "clear", "disarm", "policy", "reset", "human", "input", "beat", "trouble", "watch")
    ID_FIELD_NUMBER: _ClassVar[int]
    READ_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    STOP_FIELD_NUMBER: _ClassVar[int]
    HOLD_FIELD_NUMBER: _ClassVar[int]
    TAKE_FIELD_NUMBER: _ClassVar[int]
    RENEW_FIELD_NUMBER: _ClassVar[int]
    RELEASE_FIELD_NUMBER: _ClassVar[int]
    HAND_OVER_FIELD_NUMBER: _ClassVar[int]
    ARM_FIELD_NUMBER: _ClassVar[int]
    CLEAR_FIELD_NUMBER: _ClassVar[int]
    DISARM_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    RESET_FIELD_NUMBER: _ClassVar[int]
    HUMAN_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    BEAT_FIELD_NUMBER: _ClassVar[int]
    TROUBLE_FIELD_NUMBER: _ClassVar[int]
    WATCH_FIELD_NUMBER: _ClassVar[int]
    id: int
    read: Nothing
    command: Command
    view: Nothing
    stop: Cause
    hold: Cause
    take: Lease
    renew: Lease
    release: Lease
    hand_over: Lease
    arm: Start
    clear: Start
    disarm: Start
    policy: Start
    reset: Start
    human: Start
    input: Start
    beat: Part
    trouble: Part
    watch: Part
    def __init__(self, id: _Optional[int] = ..., read: _Optional[_Union[Nothing, _Mapping]] = ..., command: _Optional[_Union[Command, _Mapping]] = ..., view: _Optional[_Union[Nothing, _Mapping]] = ..., stop: _Optional[_Union[Cause, _Mapping]] = ..., hold: _Optional[_Union[Cause, _Mapping]] = ..., take: _Optional[_Union[Lease, _Mapping]] = ..., renew: _Optional[_Union[Lease, _Mapping]] = ..., release: _Optional[_Union[Lease, _Mapping]] = ..., hand_over: _Optional[_Union[Lease, _Mapping]] = ..., arm: _Optional[_Union[Start, _Mapping]] = ..., clear: _Optional[_Union[Start, _Mapping]] = ..., disarm: _Optional[_Union[Start, _Mapping]] = ..., policy: _Optional[_Union[Start, _Mapping]] = ..., reset: _Optional[_Union[Start, _Mapping]] = ..., human: _Optional[_Union[Start, _Mapping]] = ..., input: _Optional[_Union[Start, _Mapping]] = ..., beat: _Optional[_Union[Part, _Mapping]] = ..., trouble: _Optional[_Union[Part, _Mapping]] = ..., watch: _Optional[_Union[Part, _Mapping]] = ...) -> None: ...

class Nothing(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Command(_message.Message):
    __slots__ = ("position_m", "quat_wxyz", "sequence", "valid_for_s", "fence", "mode")
    POSITION_M_FIELD_NUMBER: _ClassVar[int]
    QUAT_WXYZ_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    VALID_FOR_S_FIELD_NUMBER: _ClassVar[int]
    FENCE_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    position_m: _containers.RepeatedScalarFieldContainer[float]
    quat_wxyz: _containers.RepeatedScalarFieldContainer[float]
    sequence: int
    valid_for_s: float
    fence: int
    mode: str
    def __init__(self, position_m: _Optional[_Iterable[float]] = ..., quat_wxyz: _Optional[_Iterable[float]] = ..., sequence: _Optional[int] = ..., valid_for_s: _Optional[float] = ..., fence: _Optional[int] = ..., mode: _Optional[str] = ...) -> None: ...

class Cause(_message.Message):
    __slots__ = ("by", "why")
    BY_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    by: str
    why: str
    def __init__(self, by: _Optional[str] = ..., why: _Optional[str] = ...) -> None: ...

class Lease(_message.Message):
    __slots__ = ("client", "fence")
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    FENCE_FIELD_NUMBER: _ClassVar[int]
    client: str
    fence: int
    def __init__(self, client: _Optional[str] = ..., fence: _Optional[int] = ...) -> None: ...

class Start(_message.Message):
    __slots__ = ("fence", "seen", "person", "number", "findings")
    FENCE_FIELD_NUMBER: _ClassVar[int]
    SEEN_FIELD_NUMBER: _ClassVar[int]
    PERSON_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    fence: int
    seen: int
    person: str
    number: int
    findings: _containers.RepeatedCompositeFieldContainer[Finding]
    def __init__(self, fence: _Optional[int] = ..., seen: _Optional[int] = ..., person: _Optional[str] = ..., number: _Optional[int] = ..., findings: _Optional[_Iterable[_Union[Finding, _Mapping]]] = ...) -> None: ...

class Finding(_message.Message):
    __slots__ = ("check", "passed", "stamp_s", "by", "detail")
    CHECK_FIELD_NUMBER: _ClassVar[int]
    PASSED_FIELD_NUMBER: _ClassVar[int]
    STAMP_S_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    check: str
    passed: bool
    stamp_s: float
    by: str
    detail: str
    def __init__(self, check: _Optional[str] = ..., passed: bool = ..., stamp_s: _Optional[float] = ..., by: _Optional[str] = ..., detail: _Optional[str] = ...) -> None: ...

class Part(_message.Message):
    __slots__ = ("part", "sequence", "text", "kind", "period_s")
    PART_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    PERIOD_S_FIELD_NUMBER: _ClassVar[int]
    part: str
    sequence: int
    text: str
    kind: str
    period_s: float
    def __init__(self, part: _Optional[str] = ..., sequence: _Optional[int] = ..., text: _Optional[str] = ..., kind: _Optional[str] = ..., period_s: _Optional[float] = ...) -> None: ...

class Reply(_message.Message):
    __slots__ = ("id", "fault", "state", "verdict", "answer", "unknown")
    ID_FIELD_NUMBER: _ClassVar[int]
    FAULT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_FIELD_NUMBER: _ClassVar[int]
    id: int
    fault: str
    state: State
    verdict: Verdict
    answer: Answer
    unknown: str
    def __init__(self, id: _Optional[int] = ..., fault: _Optional[str] = ..., state: _Optional[_Union[State, _Mapping]] = ..., verdict: _Optional[_Union[Verdict, _Mapping]] = ..., answer: _Optional[_Union[Answer, _Mapping]] = ..., unknown: _Optional[str] = ...) -> None: ...

class State(_message.Message):
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

class Verdict(_message.Message):
    __slots__ = ("position_m", "quat_wxyz", "reasons", "refused", "speed", "why")
    POSITION_M_FIELD_NUMBER: _ClassVar[int]
    QUAT_WXYZ_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    SPEED_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    position_m: _containers.RepeatedScalarFieldContainer[float]
    quat_wxyz: _containers.RepeatedScalarFieldContainer[float]
    reasons: _containers.RepeatedScalarFieldContainer[str]
    refused: bool
    speed: float
    why: str
    def __init__(self, position_m: _Optional[_Iterable[float]] = ..., quat_wxyz: _Optional[_Iterable[float]] = ..., reasons: _Optional[_Iterable[str]] = ..., refused: bool = ..., speed: _Optional[float] = ..., why: _Optional[str] = ...) -> None: ...

class Answer(_message.Message):
    __slots__ = ("refused", "view")
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    refused: str
    view: View
    def __init__(self, refused: _Optional[str] = ..., view: _Optional[_Union[View, _Mapping]] = ...) -> None: ...

class View(_message.Message):
    __slots__ = ("state", "revision", "holder", "fence", "lease_left_s", "faults", "by", "why")
    STATE_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    HOLDER_FIELD_NUMBER: _ClassVar[int]
    FENCE_FIELD_NUMBER: _ClassVar[int]
    LEASE_LEFT_S_FIELD_NUMBER: _ClassVar[int]
    FAULTS_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    state: str
    revision: int
    holder: str
    fence: int
    lease_left_s: float
    faults: _containers.RepeatedScalarFieldContainer[str]
    by: str
    why: str
    def __init__(self, state: _Optional[str] = ..., revision: _Optional[int] = ..., holder: _Optional[str] = ..., fence: _Optional[int] = ..., lease_left_s: _Optional[float] = ..., faults: _Optional[_Iterable[str]] = ..., by: _Optional[str] = ..., why: _Optional[str] = ...) -> None: ...

from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Array(_message.Message):
    __slots__ = ("shape", "data")
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    shape: _containers.RepeatedScalarFieldContainer[int]
    data: bytes
    def __init__(self, shape: _Optional[_Iterable[int]] = ..., data: _Optional[bytes] = ...) -> None: ...

class Moment(_message.Message):
    __slots__ = ("time",)
    TIME_FIELD_NUMBER: _ClassVar[int]
    time: float
    def __init__(self, time: _Optional[float] = ...) -> None: ...

class StatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StatusReply(_message.Message):
    __slots__ = ("json",)
    JSON_FIELD_NUMBER: _ClassVar[int]
    json: str
    def __init__(self, json: _Optional[str] = ...) -> None: ...

class GetStateRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class State(_message.Message):
    __slots__ = ("data",)
    DATA_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    def __init__(self, data: _Optional[bytes] = ...) -> None: ...

class CheckpointRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class PauseRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ResumeRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StopRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StepRequest(_message.Message):
    __slots__ = ("steps",)
    STEPS_FIELD_NUMBER: _ClassVar[int]
    steps: int
    def __init__(self, steps: _Optional[int] = ...) -> None: ...

class JointCommand(_message.Message):
    __slots__ = ("articulation", "positions", "velocities", "efforts")
    ARTICULATION_FIELD_NUMBER: _ClassVar[int]
    POSITIONS_FIELD_NUMBER: _ClassVar[int]
    VELOCITIES_FIELD_NUMBER: _ClassVar[int]
    EFFORTS_FIELD_NUMBER: _ClassVar[int]
    articulation: str
    positions: Array
    velocities: Array
    efforts: Array
    def __init__(self, articulation: _Optional[str] = ..., positions: _Optional[_Union[Array, _Mapping]] = ..., velocities: _Optional[_Union[Array, _Mapping]] = ..., efforts: _Optional[_Union[Array, _Mapping]] = ...) -> None: ...

class Input(_message.Message):
    __slots__ = ("address", "value")
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    address: str
    value: float
    def __init__(self, address: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...

class ObservationRequest(_message.Message):
    __slots__ = ("path",)
    PATH_FIELD_NUMBER: _ClassVar[int]
    path: str
    def __init__(self, path: _Optional[str] = ...) -> None: ...

class Observation(_message.Message):
    __slots__ = ("path", "time", "data")
    class DataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Array
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Array, _Mapping]] = ...) -> None: ...
    PATH_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    path: str
    time: float
    data: _containers.MessageMap[str, Array]
    def __init__(self, path: _Optional[str] = ..., time: _Optional[float] = ..., data: _Optional[_Mapping[str, Array]] = ...) -> None: ...

class ReadRequest(_message.Message):
    __slots__ = ("addresses",)
    ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    addresses: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, addresses: _Optional[_Iterable[str]] = ...) -> None: ...

class Values(_message.Message):
    __slots__ = ("time", "values")
    TIME_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    time: float
    values: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, time: _Optional[float] = ..., values: _Optional[_Iterable[float]] = ...) -> None: ...

class ListParametersRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ParameterRequest(_message.Message):
    __slots__ = ("address",)
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    address: str
    def __init__(self, address: _Optional[str] = ...) -> None: ...

class Parameter(_message.Message):
    __slots__ = ("address", "value", "unit")
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    address: str
    value: float
    unit: str
    def __init__(self, address: _Optional[str] = ..., value: _Optional[float] = ..., unit: _Optional[str] = ...) -> None: ...

class Parameters(_message.Message):
    __slots__ = ("parameters",)
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    parameters: _containers.RepeatedCompositeFieldContainer[Parameter]
    def __init__(self, parameters: _Optional[_Iterable[_Union[Parameter, _Mapping]]] = ...) -> None: ...

class ParameterWrite(_message.Message):
    __slots__ = ("address", "value", "cause")
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    address: str
    value: float
    cause: str
    def __init__(self, address: _Optional[str] = ..., value: _Optional[float] = ..., cause: _Optional[str] = ...) -> None: ...

class ParameterChange(_message.Message):
    __slots__ = ("time", "address", "before", "after", "cause")
    TIME_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    time: float
    address: str
    before: float
    after: float
    cause: str
    def __init__(self, time: _Optional[float] = ..., address: _Optional[str] = ..., before: _Optional[float] = ..., after: _Optional[float] = ..., cause: _Optional[str] = ...) -> None: ...

class PredictRequest(_message.Message):
    __slots__ = ("horizon_s", "addresses", "interval_s")
    HORIZON_S_FIELD_NUMBER: _ClassVar[int]
    ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_S_FIELD_NUMBER: _ClassVar[int]
    horizon_s: float
    addresses: _containers.RepeatedScalarFieldContainer[str]
    interval_s: float
    def __init__(self, horizon_s: _Optional[float] = ..., addresses: _Optional[_Iterable[str]] = ..., interval_s: _Optional[float] = ...) -> None: ...

class Trajectory(_message.Message):
    __slots__ = ("addresses", "times", "values", "units")
    ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    TIMES_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    UNITS_FIELD_NUMBER: _ClassVar[int]
    addresses: _containers.RepeatedScalarFieldContainer[str]
    times: Array
    values: Array
    units: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, addresses: _Optional[_Iterable[str]] = ..., times: _Optional[_Union[Array, _Mapping]] = ..., values: _Optional[_Union[Array, _Mapping]] = ..., units: _Optional[_Iterable[str]] = ...) -> None: ...

class CompareRequest(_message.Message):
    __slots__ = ("own_state", "state", "horizon_s", "addresses", "interval_s")
    OWN_STATE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    HORIZON_S_FIELD_NUMBER: _ClassVar[int]
    ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_S_FIELD_NUMBER: _ClassVar[int]
    own_state: bytes
    state: bytes
    horizon_s: float
    addresses: _containers.RepeatedScalarFieldContainer[str]
    interval_s: float
    def __init__(self, own_state: _Optional[bytes] = ..., state: _Optional[bytes] = ..., horizon_s: _Optional[float] = ..., addresses: _Optional[_Iterable[str]] = ..., interval_s: _Optional[float] = ...) -> None: ...

class Comparison(_message.Message):
    __slots__ = ("own", "other")
    OWN_FIELD_NUMBER: _ClassVar[int]
    OTHER_FIELD_NUMBER: _ClassVar[int]
    own: Trajectory
    other: Trajectory
    def __init__(self, own: _Optional[_Union[Trajectory, _Mapping]] = ..., other: _Optional[_Union[Trajectory, _Mapping]] = ...) -> None: ...

class EventsRequest(_message.Message):
    __slots__ = ("limit", "follow", "after")
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    FOLLOW_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    limit: int
    follow: bool
    after: int
    def __init__(self, limit: _Optional[int] = ..., follow: _Optional[bool] = ..., after: _Optional[int] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("number", "wall", "time", "kind", "message", "detail_json")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    WALL_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_JSON_FIELD_NUMBER: _ClassVar[int]
    number: int
    wall: float
    time: float
    kind: str
    message: str
    detail_json: str
    def __init__(self, number: _Optional[int] = ..., wall: _Optional[float] = ..., time: _Optional[float] = ..., kind: _Optional[str] = ..., message: _Optional[str] = ..., detail_json: _Optional[str] = ...) -> None: ...

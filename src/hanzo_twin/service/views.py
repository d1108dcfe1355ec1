"""What the service answers: the bodies of the REST API, and what the clients return."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from hanzo_twin.service.problems import DiagnosisView

_ID = "7f3b5c52-9b0a-4a39-8d1e-0c5b1f6a2d11"
_TIME = "2026-03-01T09:30:00Z"
_JOINT = "/World/arm/joint_1"

T = TypeVar("T")


def _example(**fields: Any) -> ConfigDict:
    return ConfigDict(frozen=True, json_schema_extra={"examples": [fields]})


def _of(view: type[BaseModel]) -> Any:
    """The example of another view."""
    extra: Any = view.model_config["json_schema_extra"]
    return extra["examples"][0]


class Page(BaseModel, Generic[T]):
    """One page of a list. Pass `next_cursor` as `cursor` to get the next one; null on the last."""

    model_config = ConfigDict(frozen=True)

    items: list[T]
    next_cursor: Annotated[str | None, Field(description="Opaque; null on the last page.")] = None


class TwinSummary(BaseModel):
    """A twin as it stands in a list."""

    model_config = _example(
        id=_ID, name="arm-1", organization="default", tags=["cell-4"], type="physical", engine="mujoco",
        desired="running", phase="running", message="", parent=None, expires_at=None, revision=3,
        created_at=_TIME, updated_at=_TIME,
    )  # fmt: skip

    id: UUID
    name: Annotated[str, Field(description="Unique in the organization; stands for the id wherever one is asked for.")]
    organization: str
    tags: list[str]
    type: Annotated[str, Field(description="`physical` or `infrastructure`.")]
    engine: Annotated[str | None, Field(description="Name of the engine; null for infrastructure.")]
    desired: Annotated[str, Field(description="What was asked for: `running` or `stopped`.")]
    phase: Annotated[
        str,
        Field(
            description="What is: `created`, `starting`, `running`, `degraded` (it runs, see `message`), `failed`, "
            "`stopping` or `stopped`."
        ),
    ]
    message: Annotated[str, Field(description="Why it is in that phase; empty when all is well.")]
    parent: Annotated[UUID | None, Field(description="The twin that this one was forked from.")]
    expires_at: Annotated[datetime | None, Field(description="When an ephemeral fork is deleted.")]
    revision: Annotated[int, Field(description="Counts the changes of the definition; it is the ETag.")]
    created_at: datetime
    updated_at: datetime


class TwinView(TwinSummary):
    """A twin with its whole definition."""

    model_config = _example(
        id=_ID, name="arm-1", organization="default", tags=["cell-4"], type="physical", engine="mujoco",
        desired="running", phase="running", message="", parent=None, expires_at=None, revision=3,
        created_at=_TIME, updated_at=_TIME, metadata={"site": "Riga"}, started_at=_TIME, restarts=0,
        definition={
            "name": "arm-1", "scene": {"uri": "scene:///arm/1"}, "engine": {"type": "mujoco"},
            "sync": {"mode": "standalone"},
        },
    )  # fmt: skip

    metadata: dict[str, JsonValue]
    started_at: datetime | None
    restarts: Annotated[int, Field(description="How often its process was started again after it had died.")]
    definition: dict[str, JsonValue]


class PoseView(BaseModel):
    """Where a body is, in the world frame."""

    model_config = _example(position=[0.0, 0.0, 0.5], orientation=[1.0, 0.0, 0.0, 0.0])

    position: Annotated[list[float], Field(description="[3] m.")]
    orientation: Annotated[list[float], Field(description="[4] quaternion (w, x, y, z).")]
    linear_velocity: Annotated[list[float], Field(description="[3] m/s.")]
    angular_velocity: Annotated[list[float], Field(description="[3] rad/s.")]


class JointStateView(BaseModel):
    """What a joint does and what it was told to do; rad or m, rad/s or m/s, N·m or N."""

    model_config = _example(
        position=0.3, velocity=-0.1, target_position=0.25, target_velocity=0.0, commanded_effort=0.0
    )

    position: float
    velocity: float
    target_position: float
    target_velocity: float
    commanded_effort: float


class AttributeView(BaseModel):
    """A quantity that no engine computes, such as a temperature."""

    model_config = _example(value=41.5, time=1772357400.0, origin="measured")

    value: float
    time: Annotated[float, Field(description="Device time, s since 1970.")]
    origin: Annotated[str, Field(description="`authored`, `measured`, `predicted` or `input`.")]


class StateView(BaseModel):
    """The state of a twin at one moment. `application/octet-stream` gives it exactly, to be restored."""

    model_config = _example(
        twin=_ID, time=1772357400.0, simulated_seconds=12.5, engine="mujoco",
        joints={_JOINT: {"position": 0.3, "velocity": -0.1, "target_position": 0.25, "target_velocity": 0.0,
                         "commanded_effort": 0.0}},
        bodies={"/World/arm/link_1": {"position": [0.0, 0.0, 0.5], "orientation": [1.0, 0.0, 0.0, 0.0],
                                      "linear_velocity": [0.0, 0.0, 0.0], "angular_velocity": [0.0, 0.0, -0.1]}},
        parameters={f"{_JOINT}.damping": 0.12},
        attributes={"/World/motor.temperature": {"value": 41.5, "time": 1772357400.0, "origin": "measured"}},
    )  # fmt: skip

    twin: UUID
    time: Annotated[float, Field(description="Device time, s since 1970.")]
    simulated_seconds: float
    engine: str
    joints: Annotated[dict[str, JointStateView], Field(description="By prim path.")]
    bodies: Annotated[dict[str, PoseView], Field(description="By prim path.")]
    parameters: Annotated[dict[str, float], Field(description="By address: those that differ from the scene's.")]
    attributes: Annotated[dict[str, AttributeView], Field(description="By address.")]


class ParameterView(BaseModel):
    """One parameter of a running twin."""

    model_config = _example(address=f"{_JOINT}.damping", value=0.12, unit="N·m·s/rad")

    address: str
    value: Annotated[float | None, Field(description="SI; null where it is unlimited.")]
    unit: str = ""


class ParametersView(BaseModel):
    """Parameters of a running twin."""

    model_config = _example(parameters=[{"address": f"{_JOINT}.damping", "value": 0.12, "unit": "N·m·s/rad"}])

    parameters: list[ParameterView]


class LinkView(BaseModel):
    """Health of one source or sink."""

    model_config = _example(
        name="mqtt://127.0.0.1:1883", state="connected", messages=1520, dropped=0, reconnects=0, last_error=""
    )

    name: str
    state: Annotated[str, Field(description="`connecting`, `connected`, `reconnecting`, `finished` or `failed`.")]
    messages: int
    dropped: int
    reconnects: int
    last_error: str


class QuantilesView(BaseModel):
    """Quantiles of a duration in ms over the latest ticks; null before the first."""

    model_config = _example(p50=1.8, p99=6.1, max=9.7)

    p50: float | None = None
    p99: float | None = None
    max: float | None = None


class DriftView(BaseModel):
    """How far the prediction of one attribute lies from what was measured."""

    model_config = _example(
        address=f"{_JOINT}.position", dimension="position", unit="rad", rms=0.012, threshold=0.05, drifting=False
    )

    address: str
    dimension: str
    unit: str
    rms: Annotated[float | None, Field(description="Root mean square over the window; null without readings.")]
    threshold: Annotated[float | None, Field(description="What it is judged by; null where nothing says.")]
    drifting: bool


class SyncStatusView(BaseModel):
    """Health of the link between a twin and its machine."""

    model_config = _example(
        twin=_ID, phase="running", health="synchronized", mode="realtime", trouble=[], device_time=1772357400.0,
        lag_s=0.01, ticks=1500, overruns=0, tick_ms={"p50": 1.8, "p99": 6.1, "max": 9.7},
        reading_ms={"p50": 20.1, "p99": 36.0, "max": 41.2}, readings={"received": 1520, "late": 0},
        published=1500, links=[_of(LinkView)],
        drift=[_of(DriftView)], recalibration={},
    )  # fmt: skip

    twin: UUID
    phase: str
    health: Annotated[
        str,
        Field(
            description="`starting`, `synchronized`, `drifting`, `degraded` (see `trouble`), `finished`, `stopped`, or "
            "`down` where no process runs."
        ),
    ]
    mode: Annotated[str | None, Field(description="`realtime`, `batch`, `replay` or `standalone`.")] = None
    trouble: Annotated[list[str], Field(description="What is wrong, one line each.")] = []
    device_time: Annotated[float | None, Field(description="Device time reached, s; null before a reading.")] = None
    lag_s: Annotated[float | None, Field(description="How far that is behind the device.")] = None
    ticks: int = 0
    overruns: Annotated[int, Field(description="Ticks that ended after the next one was due.")] = 0
    tick_ms: Annotated[QuantilesView, Field(description="From when a tick was due to its end.")] = QuantilesView()
    reading_ms: Annotated[QuantilesView, Field(description="From a reading's arrival to its use.")] = QuantilesView()
    readings: Annotated[dict[str, int], Field(description="Readings since the start, and what became of them.")] = {}
    published: Annotated[int, Field(description="Predictions that were published.")] = 0
    links: list[LinkView] = []
    drift: list[DriftView] = []
    recalibration: Annotated[dict[str, JsonValue], Field(description="The latest one, and its outcome.")] = {}


class EventView(BaseModel):
    """Something that happens to a running twin."""

    model_config = _example(
        id="19c0a8f3e11-17", time=1772357400.0, kind="drift-began",
        message=f"{_JOINT}.position drifts: 0.081 rad over 10 s.", detail={},
    )  # fmt: skip

    id: Annotated[str, Field(description="Where to go on after it (`Last-Event-ID`).")] = ""
    time: Annotated[float | None, Field(description="Device time, s since 1970; null before the first reading.")]
    kind: str
    message: str
    detail: dict[str, JsonValue] = {}


class RecordView(BaseModel):
    """One record of a twin's history."""

    model_config = _example(
        time=1772357400.0, received=1772357400.01, kind="drift", address=f"{_JOINT}.position", value=0.081,
        detail={"threshold": 0.05},
    )  # fmt: skip

    time: Annotated[float, Field(description="Device time, s since 1970.")]
    received: Annotated[float, Field(description="Wall time of arrival, s since 1970.")]
    kind: Annotated[str, Field(description="`drift`, `parameter`, `command`, `state` or `lifecycle`.")]
    address: str
    value: float | None = None
    detail: dict[str, JsonValue] = {}


class RecordsView(BaseModel):
    """Records of a twin's history, newest first."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={"examples": [{"records": [_of(RecordView)]}]},
    )

    records: list[RecordView]


class TableView(BaseModel):
    """Rows of a query."""

    model_config = _example(columns=["time", "value"], rows=[[1772357400.0, 0.3]], truncated=False)

    columns: list[str]
    rows: list[list[JsonValue]]
    truncated: Annotated[bool, Field(description="True if there were more rows than `limit`.")]


class VerificationView(BaseModel):
    """Whether a history is complete and unaltered."""

    model_config = _example(valid=True, rows=18_204, frames=812, head="812:9f2c…", problems=[])

    valid: bool
    rows: int
    frames: Annotated[int, Field(description="Links of the chain.")]
    head: Annotated[str, Field(description="The last link: its number and its hash. Note it elsewhere to prove more.")]
    problems: Annotated[list[str], Field(description="What was found, one line each.")]


class TrajectoriesView(BaseModel):
    """Two twins carried forward by the same time."""

    model_config = _example(
        twin=_ID, other="0b7f9a66-56a7-4c5e-9f55-4a6f3f1d2b22", started="fork", start_time=12.4, horizon_s=0.2,
        times=[0.0, 0.1, 0.2], addresses=[f"{_JOINT}.position"], units=["rad"], trajectories=[[0.3], [0.31], [0.33]],
        other_trajectories=[[0.3], [0.29], [0.27]],
        difference={f"{_JOINT}.position": {"rms": 0.037, "max": 0.06, "final": -0.06}},
    )  # fmt: skip

    twin: UUID
    other: UUID
    started: Annotated[
        Literal["fork", "now"],
        Field(description="`fork`: both where `other` was forked from `twin`; `now`: each from its own present."),
    ]
    start_time: Annotated[float, Field(description="Device time at which `twin` starts, s.")]
    horizon_s: float
    times: Annotated[list[float], Field(description="[n] s since the start.")]
    addresses: Annotated[list[str], Field(description="[m] what is compared.")]
    units: Annotated[list[str], Field(description="[m] of the values of each address.")]
    trajectories: Annotated[list[list[float]], Field(description="[n][m] of `twin`.")]
    other_trajectories: Annotated[list[list[float]], Field(description="[n][m] of `other`.")]
    difference: Annotated[
        dict[str, dict[str, float]],
        Field(description="By address: `rms`, `max` (largest absolute) and `final` of `other` − `twin`."),
    ]


class SceneView(BaseModel):
    """One version of a stored scene. Versions never change."""

    model_config = _example(
        id="5be0a3f1-9a7d-4f0f-8a38-5d9c7f7e1a10", name="arm", organization="default", version=3,
        uri="s3://hanzo-twin-scenes/arm/v3/root.usda", root="root.usda", size_bytes=18_221,
        sha256="b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9",
        summary={"bodies": 7, "joints": 6}, diagnoses=[], created_at=_TIME,
    )  # fmt: skip

    id: UUID
    name: str
    organization: str
    version: int
    uri: Annotated[str, Field(description="What `scene.uri` of a definition names to use it.")]
    root: Annotated[str, Field(description="The file that is opened.")]
    size_bytes: int
    sha256: str
    summary: dict[str, JsonValue]
    diagnoses: list[DiagnosisView]
    created_at: datetime


class ArticulationView(BaseModel):
    """One articulation and its joints in the order of commands."""

    path: str
    joints: list[str]
    fixed_base: bool


class SceneReportView(BaseModel):
    """Whether an engine can run a scene, and what loading it changed, guessed or lost."""

    model_config = _example(
        scene="arm", version=3, engine="mujoco", ok=True, counts={"bodies": 7, "joints": 6}, total_mass=12.4,
        articulations=[{"path": "/World/arm", "joints": [_JOINT], "fixed_base": True}], diagnoses=[],
    )  # fmt: skip

    scene: str
    version: int
    engine: str | None
    ok: Annotated[bool, Field(description="Nothing stops it from being simulated.")]
    counts: Annotated[dict[str, int], Field(description="How many of each kind of thing it has.")]
    total_mass: Annotated[float, Field(description="Of all bodies, kg.")]
    articulations: list[ArticulationView]
    diagnoses: list[DiagnosisView]


class DownloadView(BaseModel):
    """Where to get a scene, without any other credential, until `expires_at`."""

    model_config = _example(
        url="http://127.0.0.1:8082/v1/objects/scenes/arm/v3/arm-v3.zip?expires=1772358300&signature=…",
        filename="arm-v3.zip", size_bytes=18_221, expires_at=_TIME,
    )  # fmt: skip

    url: str
    filename: str
    size_bytes: int
    expires_at: datetime


class HealthView(BaseModel):
    """Whether the server is up."""

    model_config = _example(status="alive", version="0.1.0")

    status: Literal["alive"]
    version: str


class ReadinessView(BaseModel):
    """Whether the server can serve; `checks` holds `ok` or the reason why not, by part."""

    model_config = _example(ready=True, checks={"database": "ok", "migrations": "ok", "objects": "ok"})

    ready: bool
    checks: dict[str, str]


class JobView(BaseModel):
    """Long work: what was asked for, how far it is, and what came of it."""

    model_config = _example(
        id=_ID, organization="default", kind="train", spec={"task": "pendulum-swing-up", "algo": "ppo"},
        state="running", progress=0.42, message="210,000 of 500,000 steps", metrics={"reward_mean": -312.5},
        result=None, error=None, attempts=1, cancel_requested=False, worker="host:4711", created_at=_TIME,
        started_at=_TIME, finished_at=None,
    )  # fmt: skip

    id: UUID
    organization: str
    kind: str
    spec: Annotated[dict[str, Any], Field(description="With all defaults: what is done.")]
    state: Annotated[str, Field(description="`queued`, `running`, `succeeded`, `failed` or `cancelled`.")]
    progress: Annotated[float, Field(description="0…1.")]
    message: Annotated[str, Field(description="What it last said.")]
    metrics: Annotated[dict[str, float | None], Field(description="The latest value of each.")]
    result: Annotated[dict[str, Any] | None, Field(description="What came of it; of a cancelled job, what it had.")]
    error: Annotated[dict[str, Any] | None, Field(description="`code`, `message`, `hint` of a failed job.")]
    attempts: Annotated[int, Field(description="How often its process was started; it goes on from checkpoints.")]
    cancel_requested: bool
    worker: Annotated[str, Field(description="Who runs it, or ran it last: `host:pid`.")]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def finished(self) -> bool:
        return self.state in ("succeeded", "failed", "cancelled")


class JobLineView(BaseModel):
    """A line of a job's log."""

    model_config = _example(number=17, time=_TIME, text="Evaluated 20 episodes: return -180 ± 12")

    number: Annotated[int, Field(description="Counts from 1 without gaps.")]
    time: datetime
    text: str


class GymEnvView(BaseModel):
    """An environment that a process of its own serves."""

    model_config = _example(
        id=_ID, organization="default", environment={"twin_id": "arm-1", "task": "reach"}, num_envs=1,
        observation_space={"type": "box", "dtype": "float64", "shape": [2], "low": [None, None], "high": [None, None]},
        action_space={"type": "box", "dtype": "float64", "shape": [1], "low": [-1.0], "high": [1.0]},
        autoreset="Disabled", address="127.0.0.1:40613", token="…", idle_seconds=600.0, created_at=_TIME,
    )  # fmt: skip

    id: UUID
    organization: str
    environment: Annotated[dict[str, Any], Field(description="What was asked for.")]
    num_envs: int
    observation_space: Annotated[dict[str, Any], Field(description="Of one world; infinite bounds are null.")]
    action_space: Annotated[dict[str, Any], Field(description="Of one world.")]
    autoreset: Annotated[
        str, Field(description="As Gymnasium names it: `Disabled` (reset when done) for one world, else `NextStep`.")
    ]
    address: Annotated[str, Field(description="gRPC, for batched binary steps: service hanzo_twin.gym.v1.Gym.")]
    token: Annotated[str, Field(description="Bearer token of that service.")]
    idle_seconds: Annotated[float, Field(description="It ends when it was not used for so long.")]
    created_at: datetime


class GymResetView(BaseModel):
    """The first observation."""

    model_config = _example(observation=[0.1, 0.0], info={})

    observation: Annotated[Any, Field(description="Of one world; of several: arrays with a leading axis of worlds.")]
    info: dict[str, Any]


class GymStepView(BaseModel):
    """What came of an action; of several worlds, lists."""

    model_config = _example(
        observation=[0.1, 0.2], reward=-0.3, done=False, terminated=False, truncated=False, info={"reward_upright": 0.1}
    )  # fmt: skip

    observation: Any
    reward: float | list[float]
    done: Annotated[bool | list[bool], Field(description="`terminated` or `truncated`.")]
    terminated: bool | list[bool]
    truncated: bool | list[bool]
    info: dict[str, Any]

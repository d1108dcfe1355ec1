"""Every operation of the REST API: its arguments, the `Call` it becomes and what it returns.

`Client` and `AsyncClient` turn each of these into a method; this is the one place where they are written. A twin is
named by its name or id. Each method raises the errors of `hanzo_twin.errors` that the server raised.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from hanzo_twin.client.call import DEFAULT_TIMEOUT_S, Call, dump, into, nothing, raw, segment
from hanzo_twin.service.requests import (
    CompareRequest,
    ForkRequest,
    GymRequest,
    GymResetRequest,
    GymStepRequest,
    InputsRequest,
    JobRequest,
    ParametersPatch,
    ValidateRequest,
)
from hanzo_twin.service.views import (
    DownloadView,
    GymEnvView,
    GymResetView,
    GymStepView,
    HealthView,
    JobLineView,
    JobView,
    Page,
    ParametersView,
    ReadinessView,
    RecordsView,
    SceneReportView,
    SceneView,
    StateView,
    SyncStatusView,
    TableView,
    TrajectoriesView,
    TwinSummary,
    TwinView,
    VerificationView,
)

_SCENE_TIMEOUT_S = 90.0
"""For calls in which the server loads a scene, to which it gives 60 s."""


def list_twins(
    *,
    organization: str | None = None,
    tag: Sequence[str] = (),
    engine: str | None = None,
    name: str | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> Call[Page[TwinSummary]]:
    """Twins, oldest first, of ``organization``, with every ``tag``, on ``engine``, with ``name`` in theirs."""
    params = {"organization": organization, "engine": engine, "name": name, "limit": limit, "cursor": cursor}
    return Call(method="GET", path="/v1/twins", params={**params, "tag": list(tag)}, read=into(Page[TwinSummary]))


def create_twin(definition: Mapping[str, Any], *, scene_later: bool = False) -> Call[TwinView]:
    """Store a definition as a new twin; it does not start. With ``scene_later`` the scene is not looked at."""
    return Call(
        method="POST",
        path="/v1/twins",
        json=dict(definition),
        params=_later(scene_later),
        timeout_s=_SCENE_TIMEOUT_S,
        read=into(TwinView),
    )


def create_twin_from_yaml(text: str, *, scene_later: bool = False) -> Call[TwinView]:
    """As `create_twin`, from YAML."""
    return Call(
        method="POST",
        path="/v1/twins",
        content=text.encode(),
        headers={"content-type": "application/yaml"},
        params=_later(scene_later),
        timeout_s=_SCENE_TIMEOUT_S,
        read=into(TwinView),
    )


def get_twin(twin: str) -> Call[TwinView]:
    """A twin, its definition and its status."""
    return Call(method="GET", path=_twin(twin), read=into(TwinView))


def update_twin(
    twin: str, patch: Mapping[str, Any], *, revision: int | None = None, scene_later: bool = False
) -> Call[TwinView]:
    """Change the definition by a JSON merge patch (RFC 7396), if it still has that ``revision``."""
    headers = {"content-type": "application/merge-patch+json"}
    if revision is not None:
        headers["if-match"] = f'"{revision}"'
    return Call(
        method="PATCH",
        path=_twin(twin),
        json=dict(patch),
        headers=headers,
        params=_later(scene_later),
        timeout_s=_SCENE_TIMEOUT_S,
        read=into(TwinView),
    )


def delete_twin(twin: str) -> Call[None]:
    """Stop a twin and delete it with all that belongs to it, its history included."""
    return Call(method="DELETE", path=_twin(twin), read=nothing)


def start_twin(twin: str, *, wait_seconds: float = 0.0) -> Call[TwinView]:
    """Ask for the twin to run; with ``wait_seconds``, wait that long for it to do so."""
    return _desire(twin, "start", wait_seconds)


def stop_twin(twin: str, *, wait_seconds: float = 0.0) -> Call[TwinView]:
    """Ask for the twin to stop; with ``wait_seconds``, wait that long for it to do so."""
    return _desire(twin, "stop", wait_seconds)


def get_state(twin: str) -> Call[StateView]:
    """The state of a running twin as numbers."""
    return Call(method="GET", path=_twin(twin, "state"), read=into(StateView))


def get_state_bytes(twin: str) -> Call[bytes]:
    """The state of a running twin, exactly, to be given to `set_state_bytes`."""
    return Call(method="GET", path=_twin(twin, "state"), headers={"accept": "application/octet-stream"}, read=raw)


def set_state_bytes(twin: str, state: bytes) -> Call[None]:
    """Let a running twin continue from a state of the same scene."""
    headers = {"content-type": "application/octet-stream"}
    return Call(method="PUT", path=_twin(twin, "state"), content=state, headers=headers, read=nothing)


def fork_twin(
    twin: str,
    *,
    name: str | None = None,
    parameters: Mapping[str, float] | None = None,
    inputs: Mapping[str, float] | None = None,
    ttl_seconds: float = 3600.0,
    wait_seconds: float = 30.0,
) -> Call[TwinView]:
    """A new twin that goes on by itself from this one's present state, until it expires."""
    body = ForkRequest(
        name=name, parameters=dict(parameters or {}), inputs=dict(inputs or {}), ttl_seconds=float(ttl_seconds)
    )
    return Call(
        method="POST",
        path=_twin(twin, "fork"),
        json=dump(body),
        params={"wait_seconds": wait_seconds},
        timeout_s=DEFAULT_TIMEOUT_S + wait_seconds,
        read=into(TwinView),
    )


def compare_twins(
    twin: str,
    other: str,
    *,
    start: Literal["fork", "now"] = "fork",
    horizon_s: float = 1.0,
    interval_s: float = 0.0,
    addresses: Sequence[str] = (),
) -> Call[TrajectoriesView]:
    """Carry copies of both twins forward and compare them; the twins themselves are left alone.

    A fork and its parent start where they parted, unless ``start`` is ``now``; other twins always start from now.
    """
    body = CompareRequest(
        other=other,
        start=start,
        horizon_s=float(horizon_s),
        interval_s=float(interval_s),
        addresses=list(addresses),
    )
    return Call(method="POST", path=_twin(twin, "compare"), json=dump(body), timeout_s=300, read=into(TrajectoriesView))


def get_parameters(twin: str, *, address: Sequence[str] = ()) -> Call[ParametersView]:
    """All parameters of a running twin, or those at the addresses."""
    params = {"address": list(address)}
    return Call(method="GET", path=_twin(twin, "parameters"), params=params, read=into(ParametersView))


def set_parameters(twin: str, parameters: Mapping[str, float]) -> Call[ParametersView]:
    """Write parameters of a running twin: all, or none where one cannot be."""
    body = ParametersPatch(parameters=dict(parameters))
    return Call(method="PATCH", path=_twin(twin, "parameters"), json=dump(body), read=into(ParametersView))


def set_inputs(twin: str, inputs: Mapping[str, float]) -> Call[None]:
    """Give inputs of a running twin new values, from now on."""
    body = InputsRequest(inputs=dict(inputs))
    return Call(method="POST", path=_twin(twin, "inputs"), json=dump(body), read=nothing)


def get_sync_status(twin: str) -> Call[SyncStatusView]:
    """Health of the link to the machine: latency, readings, drift."""
    return Call(method="GET", path=_twin(twin, "sync/status"), read=into(SyncStatusView))


def get_sync_history(twin: str, *, kind: Sequence[str] = (), limit: int | None = None) -> Call[RecordsView]:
    """What happened lately: drift, recalibrations, commands, starts and stops; newest first."""
    params = {"kind": list(kind), "limit": limit}
    return Call(method="GET", path=_twin(twin, "sync/history"), params=params, read=into(RecordsView))


def query_history(
    twin: str,
    *,
    sql: str | None = None,
    kind: Sequence[str] = (),
    address: Sequence[str] = (),
    since: float | None = None,
    until: float | None = None,
    limit: int | None = None,
) -> Call[TableView]:
    """Rows of the history: by a filter (times in s since 1970), or by one SQL query over the table ``history``."""
    params = _history(sql=sql, kind=kind, address=address, since=since, until=until, limit=limit)
    return Call(method="GET", path=_twin(twin, "history"), params=params, timeout_s=120, read=into(TableView))


def export_history(
    twin: str,
    *,
    format: Literal["csv", "parquet"],  # noqa: A002  the name that the API has
    kind: Sequence[str] = (),
    address: Sequence[str] = (),
    since: float | None = None,
    until: float | None = None,
) -> Call[bytes]:
    """The history, or the part that the filter keeps, as one file."""
    params = _history(kind=kind, address=address, since=since, until=until)
    return Call(method="GET", path=_twin(twin, "history"), params={**params, "format": format}, timeout_s=600, read=raw)


def verify_history(twin: str) -> Call[VerificationView]:
    """Whether the history is complete and unaltered."""
    return Call(method="GET", path=_twin(twin, "history/verify"), timeout_s=600, read=into(VerificationView))


def list_scenes(
    *, organization: str | None = None, name: str | None = None, limit: int | None = None, cursor: str | None = None
) -> Call[Page[SceneView]]:
    """The newest version of each stored scene; ``name`` is a part of it."""
    params = {"organization": organization, "name": name, "limit": limit, "cursor": cursor}
    return Call(method="GET", path="/v1/scenes", params=params, read=into(Page[SceneView]))


def upload_scene(
    name: str,
    path: str | Path,
    *,
    root: str | None = None,
    floating_base: bool | None = None,
    organization: str | None = None,
) -> Call[SceneView]:
    """Store a file, an archive or a folder as a new version; refused, and nothing stored, if it cannot be loaded."""
    floats = None if floating_base is None else str(floating_base).lower()
    data = {"name": name, "root": root, "organization": organization, "floating_base": floats}
    return Call(
        method="POST",
        path="/v1/scenes",
        upload=Path(path),
        data={field: value for field, value in data.items() if value is not None},
        timeout_s=600,
        read=into(SceneView),
    )


def get_scene(scene: str, *, version: int | None = None) -> Call[SceneView]:
    """A stored scene by name or id; the newest version unless one is given."""
    return Call(method="GET", path=_scene(scene), params={"version": version}, read=into(SceneView))


def validate_scene(scene: str, *, engine: str | None = None, version: int | None = None) -> Call[SceneReportView]:
    """Whether an engine can run a stored scene."""
    body = ValidateRequest(engine=engine, version=version)
    return Call(
        method="POST", path=_scene(scene, "validate"), json=dump(body), timeout_s=300, read=into(SceneReportView)
    )


def sign_scene_download(scene: str, *, version: int | None = None) -> Call[DownloadView]:
    """A link from which anyone can get the scene for a while; `Client.download_scene` follows it."""
    params = {"version": version}
    return Call(method="GET", path=_scene(scene, "download"), params=params, read=into(DownloadView))


def list_scene_versions(scene: str) -> Call[list[SceneView]]:
    """All versions of a scene, the newest first."""
    return Call(method="GET", path=_scene(scene, "versions"), read=into(list[SceneView]))


def delete_scene(scene: str) -> Call[None]:
    """Delete a scene with all its versions; refused while a twin uses one."""
    return Call(method="DELETE", path=_scene(scene), read=nothing)


def create_gym_env(**environment: Any) -> Call[GymEnvView]:
    """Make an environment of a twin; the arguments are those of `hanzo_twin.make_vec`."""
    body = GymRequest(**environment)
    return Call(method="POST", path="/v1/gym/envs", json=dump(body), read=into(GymEnvView), timeout_s=150.0)


def list_gym_envs(*, organization: str | None = None) -> Call[list[GymEnvView]]:
    """Environments that serve, oldest first."""
    return Call(method="GET", path="/v1/gym/envs", params={"organization": organization}, read=into(list[GymEnvView]))


def get_gym_env(env: UUID | str) -> Call[GymEnvView]:
    """The spaces of an environment, and where its binary interface answers."""
    return Call(method="GET", path=f"/v1/gym/envs/{segment(env)}", read=into(GymEnvView))


def reset_gym_env(
    env: UUID | str, *, seed: int | None = None, options: Mapping[str, Any] | None = None
) -> Call[GymResetView]:
    """Begin an episode in each world."""
    body = GymResetRequest(seed=seed, options=None if options is None else dict(options))
    return Call(method="POST", path=f"/v1/gym/envs/{segment(env)}/reset", json=dump(body), read=into(GymResetView))


def step_gym_env(env: UUID | str, action: Sequence[float] | Sequence[Sequence[float]]) -> Call[GymStepView]:
    """Act in each world."""
    rows: Any = [list(row) if isinstance(row, Sequence) else float(row) for row in action]
    body = GymStepRequest(action=rows)
    return Call(method="POST", path=f"/v1/gym/envs/{segment(env)}/step", json=dump(body), read=into(GymStepView))


def close_gym_env(env: UUID | str) -> Call[None]:
    """End the process of an environment."""
    return Call(method="DELETE", path=f"/v1/gym/envs/{segment(env)}", read=nothing)


def list_jobs(
    *,
    organization: str | None = None,
    kind: str | None = None,
    state: str | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> Call[Page[JobView]]:
    """Jobs, newest first, of ``organization``, of ``kind``, in ``state``."""
    params = {"organization": organization, "kind": kind, "state": state, "limit": limit, "cursor": cursor}
    return Call(method="GET", path="/v1/jobs", params=params, read=into(Page[JobView]))


def submit_job(kind: str, spec: Mapping[str, Any], *, organization: str = "default") -> Call[JobView]:
    """Put long work into the queue."""
    body = JobRequest(kind=kind, spec=dict(spec), organization=organization)
    return Call(method="POST", path="/v1/jobs", json=dump(body), read=into(JobView))


def get_job(job: UUID | str) -> Call[JobView]:
    """Its state, progress, metrics and result."""
    return Call(method="GET", path=f"/v1/jobs/{segment(job)}", read=into(JobView))


def cancel_job(job: UUID | str) -> Call[JobView]:
    """Ask a job to save what it has and end."""
    return Call(method="POST", path=f"/v1/jobs/{segment(job)}/cancel", read=into(JobView))


def sign_policy_download(job: UUID | str) -> Call[DownloadView]:
    """A link from which the policy of a training job can be got, until it expires."""
    return Call(method="GET", path=f"/v1/jobs/{segment(job)}/policy", read=into(DownloadView))


def get_job_lines(job: UUID | str, *, after: int = 0, limit: int | None = None) -> Call[list[JobLineView]]:
    """Lines of a job's log after that number."""
    params = {"after": after, "limit": limit}
    return Call(method="GET", path=f"/v1/jobs/{segment(job)}/lines", params=params, read=into(list[JobLineView]))


def get_health() -> Call[HealthView]:
    """Whether the server is up, and its version."""
    return Call(method="GET", path="/alive", read=into(HealthView), timeout_s=5)


def get_readiness() -> Call[ReadinessView]:
    """Whether the server can serve. Raises UnavailableError, which says why, where it cannot."""
    return Call(method="GET", path="/ready", read=into(ReadinessView), timeout_s=10)


def _later(scene_later: bool) -> dict[str, str]:
    return {"scene_later": "true"} if scene_later else {}


def _twin(twin: str, rest: str = "") -> str:
    return f"/v1/twins/{segment(twin)}" + (f"/{rest}" if rest else "")


def _scene(scene: str, rest: str = "") -> str:
    return f"/v1/scenes/{segment(scene)}" + (f"/{rest}" if rest else "")


def _desire(twin: str, verb: str, wait_seconds: float) -> Call[TwinView]:
    return Call(
        method="POST",
        path=_twin(twin, verb),
        params={"wait_seconds": wait_seconds or None},
        timeout_s=DEFAULT_TIMEOUT_S + wait_seconds,
        read=into(TwinView),
    )


def _history(
    *,
    kind: Sequence[str],
    address: Sequence[str],
    since: float | None,
    until: float | None,
    sql: str | None = None,
    limit: int | None = None,
) -> dict[str, Any]:
    return {
        "sql": sql, "kind": list(kind), "address": list(address), "since": since, "until": until, "limit": limit,
    }  # fmt: skip

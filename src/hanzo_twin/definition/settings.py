"""The settings of the program: HIP-0082's ``config.yaml``, and ``HANZO_TWIN_*`` variables over it.

The file is the one given, else the one that ``HANZO_TWIN_CONFIG`` names, else ``/etc/hanzo-twin/config.yaml`` if it is
there. A variable names a setting by its path: ``HANZO_TWIN_DATABASE_URL`` is ``database.url``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from hanzo_twin.definition.base import Model, Name, Number, Text, Whole, problem
from hanzo_twin.definition.connection import KafkaBrokers
from hanzo_twin.definition.document import Document, Trouble, problem_lines, problem_message
from hanzo_twin.definition.environment import CONFIG_VARIABLE, overlay
from hanzo_twin.definition.problems import validate
from hanzo_twin.definition.reader import read_document, read_text
from hanzo_twin.definition.variables import expand
from hanzo_twin.errors import SettingsError

SYSTEM_FILE = Path("/etc/hanzo-twin/config.yaml")
LOOPBACK = ("127.0.0.1", "::1", "localhost")

Port = Annotated[Whole, Field(ge=1, le=65535)]


def _check_postgres(value: SecretStr) -> SecretStr:
    url = value.get_secret_value()
    if not url.startswith(("postgresql://", "postgres://", "postgresql+psycopg://")):
        raise problem("must be a URL such as postgresql://user:password@host:5432/hanzo_twin")
    return value


def _check_http(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.netloc or "@" in parts.netloc:
        raise problem("must be a URL such as https://host:9000, without user name and password")
    return value


HttpUrl = Annotated[str, AfterValidator(_check_http)]


class Server(Model):
    """The API's address."""

    host: Text = Field(default="127.0.0.1", description="Address to listen on.")
    port: Port = Field(default=8082, description="Port of the API.")
    workers: Whole = Field(default=1, ge=1, le=256, description="Processes that answer requests.")


class Database(Model):
    """Where metadata is kept."""

    url: Annotated[SecretStr, AfterValidator(_check_postgres)] | None = Field(
        default=None, description="`postgresql://…`; none starts a database of its own under `data_dir`."
    )


class Buckets(Model):
    """Names of the buckets."""

    scenes: Name = Field(default="hanzo-twin-scenes", description="Scene files.")
    datasets: Name = Field(default="hanzo-twin-datasets", description="Generated datasets; not used yet.")
    checkpoints: Name = Field(default="hanzo-twin-checkpoints", description="States and policies.")


class Storage(Model):
    """Where files are kept."""

    endpoint: HttpUrl | None = Field(
        default=None, description="URL of an S3 service; none keeps files under `data_dir`."
    )
    access_key: SecretStr | None = Field(default=None, description="S3 access key.")
    secret_key: SecretStr | None = Field(default=None, description="S3 secret key.")
    region: Text = Field(default="us-east-1", description="S3 region.")
    buckets: Buckets = Field(default=Buckets(), description="Names of the buckets.")

    @model_validator(mode="after")
    def _check(self) -> Storage:
        if (self.access_key is None) != (self.secret_key is None):
            raise problem("access_key and secret_key belong together; give both or none")
        return self


class Stream(Model):
    """Where events go."""

    brokers: KafkaBrokers | None = Field(default=None, description="`host:port[,host:port]`; not used yet.")
    topic_prefix: Name = Field(default="hanzo.twin", description="First part of the topics' names; not used yet.")


class Auth(Model):
    """Who may use the API."""

    iam_url: HttpUrl | None = Field(default=None, description="Issuer of the tokens; not used yet.")
    verify_tokens: bool = Field(
        default=False, description="Whether requests need a token; refused until they can be checked."
    )


class EngineSettings(Model):
    """What one engine may use."""

    enabled: bool = Field(default=True, description="Whether twins may use it.")
    max_instances: Whole = Field(default=32, ge=1, description="Most simulations at a time.")
    binary: Text | None = Field(
        default=None, description="Program of the engine, where it is not a Python package; not used yet."
    )
    nucleus_url: Text | None = Field(default=None, description="Nucleus server (omniverse); not used yet.")
    gpu_ids: tuple[Annotated[Whole, Field(ge=0)], ...] = Field(default=(), description="GPUs it may use; not used yet.")
    ros_distro: Text | None = Field(default=None, description="ROS distribution (gazebo); not used yet.")


class Scheduler(Model):
    """Where jobs run."""

    namespace: Name = Field(default="hanzo-twin", description="Kubernetes namespace; not used yet.")
    gpu_types: tuple[Text, ...] = Field(default=(), description="Kinds of GPU that jobs may ask for; not used yet.")
    max_concurrent_jobs: Whole = Field(default=16, ge=1, description="Most jobs at a time.")


class Gym(Model):
    """Environments that learners elsewhere use."""

    max_sessions: Whole = Field(default=16, ge=1, description="Most sessions of one organization at a time.")
    max_envs: Whole = Field(default=1024, ge=1, description="Most worlds of one session.")
    idle_seconds: Number = Field(default=600.0, gt=0, le=86_400, description="A session unused for so long ends.")


class Metrics(Model):
    """Prometheus metrics."""

    enabled: bool = Field(default=True, description="Whether they are served.")
    port: Port = Field(default=9090, description="Port they are served on, at the API's address.")
    path: str = Field(default="/metrics", pattern=r"^/\S*$", description="Path they are served at.")


class Logging(Model):
    """What the program says about its work."""

    level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="Least severity.")
    format: Literal["json", "text"] = Field(default="json", description="One JSON object a line, or text.")


class Runtime(Model):
    """Limits of the process that runs a twin."""

    memory_mib: Whole = Field(default=4096, ge=64, description="Most memory.")
    start_timeout_seconds: Number = Field(default=30.0, gt=0, description="Time to get ready in.")
    checkpoint_seconds: Number = Field(default=5.0, gt=0, description="Interval of the checkpoints.")


def _absolute(value: Path) -> Path:
    expanded = value.expanduser()
    if not expanded.is_absolute():
        raise problem("must be an absolute path, or one that begins with ~, got '{got}'", got=str(value))
    return expanded


class Settings(Model):
    """The settings of the program."""

    server: Server = Field(default=Server(), description="The API's address.")
    database: Database = Field(default=Database(), description="Where metadata is kept.")
    storage: Storage = Field(default=Storage(), description="Where files are kept.")
    stream: Stream = Field(default=Stream(), description="Where events go.")
    auth: Auth = Field(default=Auth(), description="Who may use the API.")
    engines: Mapping[str, EngineSettings] = Field(default={}, description="What each engine may use, by its name.")
    scheduler: Scheduler = Field(default=Scheduler(), description="Where jobs run.")
    gym: Gym = Field(default=Gym(), description="Environments that learners elsewhere use.")
    metrics: Metrics = Field(default=Metrics(), description="Prometheus metrics.")
    logging: Logging = Field(default=Logging(), description="What the program says about its work.")
    runtime: Runtime = Field(default=Runtime(), description="Limits of the process that runs a twin.")
    data_dir: Annotated[Path, AfterValidator(_absolute)] = Field(
        description="Folder of everything kept on this machine; `$XDG_DATA_HOME/hanzo-twin` or "
        "`~/.local/share/hanzo-twin` unless given."
    )

    def engine(self, name: str) -> EngineSettings:
        """What the engine ``name`` may use; the defaults where the settings do not mention it."""
        return self.engines.get(name, EngineSettings())


def load_settings(path: str | os.PathLike[str] | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings from file and environment.

    Raises:
        SettingsError: a file that was named is not there, or something is wrong; the message lists all of it.
    """
    named = path or environ.get(CONFIG_VARIABLE) or (SYSTEM_FILE if SYSTEM_FILE.is_file() else None)
    file = Path(named) if named else None
    document = read_document(read_text(file, SettingsError)) if file else Document(data={})
    if document.data is None and not document.troubles:
        document = Document(data={})  # a file with nothing but comments
    document = overlay(document, Settings.model_json_schema(), environ)
    expanded = expand(document, environ, keep=lambda location: location in document.origins)
    settings, troubles = _build(document, expanded, environ)
    if settings is None or troubles:
        problems = problem_lines(troubles, str(file or "settings"))
        raise SettingsError(problem_message("The settings have", problems))
    return settings


def _build(document: Document, expanded: Document, environ: Mapping[str, str]) -> tuple[Settings | None, list[Trouble]]:
    troubles = list(expanded.troubles)
    if not isinstance(expanded.data, dict):
        return None, troubles or [document.trouble((), "must be a mapping (name: value)")]
    data = {"data_dir": default_data_dir(environ), **expanded.data}
    settings, found = validate(Settings, document, replace(expanded, data=data), {})
    return settings, troubles + found


def default_data_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the XDG base directory specification wants a program's data."""
    base = Path(environ.get("XDG_DATA_HOME", ""))
    return (base if base.is_absolute() else Path("~/.local/share")).expanduser() / "hanzo-twin"


def check_bindable(settings: Settings) -> None:
    """Refuse to serve what nobody guards.

    This version does not check tokens, so only this machine may reach the API.

    Raises:
        SettingsError: ``server.host`` is not a loopback address, or tokens are asked for.
    """
    if settings.auth.verify_tokens:
        raise SettingsError(
            "auth.verify_tokens is true, but this version cannot check tokens yet.",
            hint="Set auth.verify_tokens to false and keep server.host at 127.0.0.1.",
        )
    if settings.server.host not in LOOPBACK:
        raise SettingsError(
            f"server.host is '{settings.server.host}', but without authentication the API may only be reached from "
            "this machine.",
            hint=f"Set server.host to one of {', '.join(LOOPBACK)}; reach it from elsewhere through a tunnel, such as "
            f"ssh -L {settings.server.port}:127.0.0.1:{settings.server.port}.",
        )

"""The twin definition: what a twin is, as a frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal
from uuid import UUID, uuid4

from pydantic import AwareDatetime, Field, JsonValue

from hanzo_twin.definition.base import Model, Name, Text
from hanzo_twin.definition.engine import EngineChoice, SceneReference
from hanzo_twin.definition.infrastructure import FailureInjection, Topology, Traffic
from hanzo_twin.definition.randomization import DomainRandomization
from hanzo_twin.definition.sync import Sync
from hanzo_twin.errors import UnsupportedError


class _Identity(Model):
    """What every twin has, whatever it is a twin of."""

    id: UUID = Field(default_factory=uuid4, description="Left out, a new one is drawn.")
    name: Name = Field(description="Name that people use, unique in its organization.")
    organization: Name = Field(default="default", description="Owning organization.")
    created_at: AwareDatetime | None = Field(default=None, description="Set by the platform.")
    updated_at: AwareDatetime | None = Field(default=None, description="Set by the platform.")
    metadata: Mapping[str, JsonValue] = Field(default={}, description="Whatever you want to keep with the twin.")
    tags: tuple[Annotated[Text, Field(max_length=128)], ...] = Field(
        default=(), max_length=100, description="Words to search by."
    )


class TwinDefinition(_Identity):
    """A twin of a physical system: a scene, an engine and how it is kept in step with the real thing."""

    type: Literal["physical"] = Field(default="physical", description="`physical`.")
    scene: SceneReference = Field(description="What is simulated.")
    engine: EngineChoice = Field(description="What simulates it.")
    sync: Sync = Field(default=Sync(), description="How it is kept in step.")
    task: Name | None = Field(
        default=None, description="Name of the task that agents are trained for in it, such as `pendulum`."
    )
    domain_randomization: DomainRandomization = Field(
        default=DomainRandomization(), description="How training varies it."
    )


class InfrastructureTwinDefinition(_Identity):
    """A twin of services and networks. It can be written, checked and kept; it cannot be started yet."""

    type: Literal["infrastructure"] = Field(description="`infrastructure`.")
    topology: Topology = Field(description="Services and their links.")
    traffic: Traffic | None = Field(default=None, description="The load that it is put under.")
    failure_injection: FailureInjection = Field(default=FailureInjection(), description="Faults to inject.")
    assertions: tuple[Text, ...] = Field(default=(), description="What must hold under them, in words.")


AnyDefinition = TwinDefinition | InfrastructureTwinDefinition


def require_physical(definition: AnyDefinition) -> TwinDefinition:
    """``definition`` itself if its twin can be simulated by an engine.

    Raises:
        UnsupportedError: it is an infrastructure twin.
    """
    if isinstance(definition, TwinDefinition):
        return definition
    raise UnsupportedError(
        f"Twin '{definition.name}' is an infrastructure twin, which this version keeps but cannot start.",
        hint="Twins of type physical can be started.",
    )

"""The description of the API, with the schemas that FastAPI cannot see."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter
from pydantic.json_schema import models_json_schema

from hanzo_twin.definition.models import InfrastructureTwinDefinition, TwinDefinition
from hanzo_twin.service.problems import Problem

DESCRIPTION = """
Digital twins and simulation. A twin is named by its name or its id. Quantities are SI with angles in rad; times are
seconds since 1970. Failures are `application/problem+json` with a stable `code` and, where something can be done, a
`hint`.
"""

TAGS = [
    {"name": "twins", "description": "What exists: definitions and their status."},
    {"name": "control", "description": "Running twins: start, stop, state, parameters, inputs."},
    {"name": "what-if", "description": "Forks, and how they differ."},
    {"name": "sync", "description": "The link between a twin and its machine."},
    {"name": "history", "description": "Everything that happened to a twin, append-only and hash-chained."},
    {"name": "scenes", "description": "Scenes: immutable versions, checked before they are stored."},
    {"name": "gym", "description": "Reinforcement learning: environments for learners elsewhere."},
    {"name": "jobs", "description": "Long work: progress, logs, cancellation; it survives restarts."},
    {"name": "health", "description": "Probes."},
]

_REF = "#/components/schemas/{model}"


def install(app: FastAPI) -> None:
    """Let ``app`` describe itself; built once, when it is first asked for."""

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _build(app)
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]  # the documented way


def _build(app: FastAPI) -> dict[str, Any]:
    schema = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes, tags=app.openapi_tags
    )
    schemas = schema["components"]["schemas"]
    _, definitions = models_json_schema(
        [(TwinDefinition, "validation"), (InfrastructureTwinDefinition, "validation")], ref_template=_REF
    )
    problem = TypeAdapter(Problem).json_schema(ref_template=_REF)
    for found in (definitions, problem):
        schemas |= {name: each for name, each in found.pop("$defs", {}).items() if name not in schemas}
    schemas["Problem"] = problem
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    return schema

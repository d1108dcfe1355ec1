"""Bodies that no model can describe: definitions in JSON or YAML, and merge patches."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import Request
from starlette.exceptions import HTTPException

from hanzo_twin.definition.models import AnyDefinition
from hanzo_twin.definition.reader import read_document
from hanzo_twin.definition.yaml_source import parse_definition, parse_definition_object, with_lines
from hanzo_twin.errors import DefinitionError, InvalidInputError

_JSON = ("application/json",)
_YAML = ("application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml")
_PATCH = ("application/merge-patch+json", "application/json")

_DEFINITION_EXAMPLE: dict[str, Any] = {
    "name": "arm-1",
    "tags": ["cell-4"],
    "scene": {"uri": "/srv/scenes/arm.usda"},
    "engine": {"type": "mujoco", "config": {"step_hz": 240}},
    "sync": {"mode": "standalone"},
}
_DEFINITION_YAML = """name: arm-1
tags: [cell-4]
scene:
  uri: /srv/scenes/arm.usda
engine:
  type: mujoco
  config: {step_hz: 240}
sync:
  mode: standalone
"""
_DEFINITION_SCHEMA = {
    "anyOf": [
        {"$ref": "#/components/schemas/TwinDefinition"},
        {"$ref": "#/components/schemas/InfrastructureTwinDefinition"},
    ]
}
DEFINITION_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": _DEFINITION_SCHEMA, "example": _DEFINITION_EXAMPLE},
            "application/yaml": {"schema": _DEFINITION_SCHEMA, "example": _DEFINITION_YAML},
        },
    }
}
PATCH_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            media_type: {
                "schema": {"type": "object", "description": "What changes; null removes a field."},
                "example": {"tags": ["cell-5"], "engine": {"config": {"step_hz": 480}}},
            }
            for media_type in _PATCH
        },
    }
}


async def read_definition(request: Request) -> AnyDefinition:
    """The definition in the body.

    Raises:
        DefinitionError: something in it is wrong. InvalidInputError: it is not text or not JSON.
        HTTPException: 415, another content type.
    """
    kind = _content_type(request, (*_JSON, *_YAML))
    if kind in _JSON:
        return parse_definition_object(_json(await request.body()), "body")
    try:
        text = (await request.body()).decode()
    except UnicodeDecodeError as error:
        raise InvalidInputError(f"The body is not UTF-8: byte {error.start} cannot be read.") from error
    # Variables of the server's environment are none of the sender's business.
    return parse_definition(text, "body", environ={})


def in_the_body(error: DefinitionError, request: Request, body: bytes) -> DefinitionError:
    """``error``, which names fields of the definition in ``body``, with their lines where that is YAML."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return with_lines(error, read_document(body.decode()), "body") if kind in _YAML else error


async def read_merge_patch(request: Request) -> dict[str, Any]:
    """The JSON object in the body.

    Raises:
        InvalidInputError: it is not a JSON object. HTTPException: 415, another content type.
    """
    _content_type(request, _PATCH)
    patch = _json(await request.body())
    if not isinstance(patch, dict):
        raise InvalidInputError("A merge patch is a JSON object.", hint='Such as {"tags": ["cell-5"]}.')
    return patch


def _content_type(request: Request, allowed: tuple[str, ...]) -> str:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in allowed:
        raise HTTPException(
            415, f"The content type '{kind[:80] or '(none)'}' is not taken here; send {' or '.join(allowed)}."
        )
    return kind


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidInputError(f"The body is not valid JSON: {error}.") from error

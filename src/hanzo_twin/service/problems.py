"""Errors on the wire: `HanzoTwinError` ⇄ ``application/problem+json`` (RFC 9457), by ``code``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from hanzo_twin.errors import DefinitionError, HanzoTwinError, NotIdentifiableError, SceneError
from hanzo_twin.scene.diagnostics import Diagnosis

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:hanzo-twin:problem:"


class DiagnosisView(BaseModel):
    """One finding about a scene."""

    severity: Annotated[str, Field(description="`error`, `warning` or `info`.", examples=["error"])]
    code: Annotated[str, Field(description="Stable name of the finding.", examples=["mesh-lost"])]
    path: Annotated[str, Field(description="Prim path or file that it is about.", examples=["/World/arm/link_3"])]
    message: Annotated[str, Field(description="What was found, with the value.")]
    remedy: Annotated[str, Field(description="What can be done.")] = ""


class Problem(BaseModel):
    """An error. `code` is stable and meant for programs, `detail` and `hint` are meant for people."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": f"{TYPE_PREFIX}not-found",
                    "title": "Not found",
                    "status": 404,
                    "detail": "No twin is named 'arm-7'.",
                    "hint": "Did you mean 'arm-1'?",
                    "code": "not-found",
                }
            ]
        }
    )

    type: Annotated[str, Field(description="URN of the kind of error.")]
    title: Annotated[str, Field(description="The kind of error in words.")]
    status: Annotated[int, Field(description="HTTP status.")]
    detail: Annotated[str, Field(description="What failed, where, and what was given.")]
    hint: Annotated[str, Field(description="What can be done.")] = ""
    code: Annotated[str, Field(description="The kind of error, stable.")]
    instance: Annotated[str | None, Field(description="Identifies this occurrence in the server's log.")] = None
    problems: Annotated[list[str] | None, Field(description="Single problems, one line each.")] = None
    diagnoses: Annotated[list[DiagnosisView] | None, Field(description="Findings about a scene.")] = None
    addresses: Annotated[list[str] | None, Field(description="Addresses that it is about.")] = None


def to_problem(error: HanzoTwinError) -> Problem:
    """``error`` as it is sent."""
    return Problem(
        type=f"{TYPE_PREFIX}{error.code}",
        title=error.code.replace("-", " ").capitalize(),
        status=error.http_status,
        detail=error.message,
        hint=error.hint,
        code=error.code,
        problems=list(error.problems) if isinstance(error, DefinitionError) else None,
        diagnoses=(
            [DiagnosisView(**each.to_dict()) for each in error.diagnoses] if isinstance(error, SceneError) else None
        ),
        addresses=list(error.addresses) if isinstance(error, NotIdentifiableError) else None,
    )


def from_problem(body: Mapping[str, Any]) -> HanzoTwinError:
    """The error that was sent as ``body``; an unknown ``code`` gives a plain `HanzoTwinError`."""
    kind = _kinds().get(str(body.get("code", "")), HanzoTwinError)
    message, hint = str(body.get("detail") or body.get("title") or "The server failed."), str(body.get("hint") or "")
    if issubclass(kind, SceneError):
        return kind(message, hint=hint, diagnoses=[Diagnosis(**each) for each in body.get("diagnoses") or ()])
    if issubclass(kind, DefinitionError):
        return kind(message, hint=hint, problems=body.get("problems") or ())
    if issubclass(kind, NotIdentifiableError):
        return kind(message, hint=hint, addresses=body.get("addresses") or ())
    return kind(message, hint=hint)


def _kinds() -> dict[str, type[HanzoTwinError]]:
    return {kind.code: kind for kind in _subclasses(HanzoTwinError)}


def _subclasses(kind: type[HanzoTwinError]) -> Iterator[type[HanzoTwinError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from _subclasses(each)

"""What routes ask for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import Depends, Header, Path, Query, Request

from hanzo_twin.errors import InvalidInputError, nearest
from hanzo_twin.service.context import Platform


def _platform(request: Request) -> Platform:
    platform: Platform = request.app.state.platform
    return platform


def refuse_unknown_parameters(request: Request) -> None:
    """A misspelt filter must not quietly select everything.

    Raises:
        InvalidInputError: the query has a parameter that the operation does not know.
    """
    route = request.scope["route"]
    known = set(_query_parameters(route.dependant))
    for name in request.query_params:
        if name not in known:
            raise InvalidInputError(f"Unknown query parameter '{name[:80]}'.", hint=nearest(name[:80], known))


def _query_parameters(dependant: Any) -> Iterator[str]:
    """Of an operation and of all that it depends on."""
    yield from (parameter.alias for parameter in dependant.query_params)
    for each in dependant.dependencies:
        yield from _query_parameters(each)


NO_FILTER: list[str] = []
"""Default of a repeated query parameter; never changed."""

PlatformDep = Annotated[Platform, Depends(_platform)]

TwinRef = Annotated[
    str, Path(description="Name or id of the twin.", max_length=200, openapi_examples={"name": {"value": "arm-1"}})
]
SceneRef = Annotated[
    str, Path(description="Name or id of the scene.", max_length=200, openapi_examples={"name": {"value": "arm"}})
]
Wait = Annotated[
    float, Query(ge=0, le=300, allow_inf_nan=False, description="Wait so long for it to happen, s; 0 does not wait.")
]
SceneLater = Annotated[
    bool,
    Query(description="The scene comes later: do not look at it now. It is looked at when the twin starts."),
]
Limit = Annotated[int, Query(ge=1, le=1000, description="Most items to return.")]
Cursor = Annotated[str | None, Query(max_length=500, description="`next_cursor` of the page before.")]
Organization = Annotated[str | None, Query(max_length=63, description="Only of this organization.")]
LastEventId = Annotated[
    str | None, Header(max_length=100, description="Id of the last event that arrived before a stream broke off.")
]
Version = Annotated[int | None, Query(ge=1, le=2**31 - 1, description="A version; none is the newest.")]
